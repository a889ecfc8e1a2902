// The law of scalability of each variant.

import type { UslFit } from "../../statistics/usl.ts";
import { formatNumber } from "../format.ts";
import type { Table } from "../tables.ts";
import type { Curve } from "./model.ts";
import { cpusText } from "./places.ts";

const none = "–";

/** @param most the most CPUs that the law was fitted to */
function peakText({ peakCpus }: UslFit, most: number): string {
  if (peakCpus === null) return "none";
  if (peakCpus === 1) return cpusText(1);
  const beyond = peakCpus > most ? " (beyond what was fitted)" : "";
  return `${peakCpus.toFixed(peakCpus < 10 ? 1 : 0)} CPUs${beyond}`;
}

/** `+12 %`. */
function formatError(error: number): string {
  if (Math.abs(error) < 0.0005) return "0.0 %";
  return `${error < 0 ? "-" : "+"}${(100 * Math.abs(error)).toFixed(Math.abs(error) < 0.1 ? 1 : 0)} %`;
}

/** Parameters of the law, fractions of 1 that may be very small. */
function formatShare(value: number): string {
  if (value === 0) return "0";
  return value < 0.0001 ? value.toExponential(1) : value.toPrecision(2);
}

/** Residuals above this say that a law does not describe a variant. */
export const residualMax = 0.1;

/** Whether a law describes what it was fitted to. */
export function isDescribed({ rmsError, worst }: UslFit): boolean {
  return rmsError <= residualMax && Math.abs(worst.error) <= residualMax;
}

/** The Universal Scalability Law of each variant that has enough counts of CPUs. */
export function lawTable({ laws, fitted }: Curve): Table {
  const most = fitted.at(-1)!;
  return [
    [
      "variant",
      "gamma, per CPU",
      "alpha",
      "beta",
      "peak by the law",
      "best simulated",
      "RMS residual",
      "worst residual",
    ],
    ...laws.map(({ id, law, best }) => {
      const simulatedBest = cpusText(best);
      if (!law.fitted) return [id, none, none, none, none, simulatedBest, none, none];
      const { gamma, alpha, beta, rmsError, worst } = law;
      // Parameters of a law that does not describe the points would be taken for findings.
      const parameters = isDescribed(law)
        ? [formatNumber(gamma), formatShare(alpha), formatShare(beta), peakText(law, most)]
        : [none, none, none, none];
      return [
        id,
        ...parameters,
        simulatedBest,
        `${(100 * rmsError).toFixed(1)} %`,
        `${formatError(worst.error)} at ${worst.cpus}`,
      ];
    }),
  ];
}
