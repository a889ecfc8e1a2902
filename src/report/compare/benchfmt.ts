// A comparison in Go's benchmark format: a line for each process and side, a metric as a unit, so that
// `benchstat -col side FILE` compares base and head. Benchstat takes the sides for independent samples and tests them itself;
// verdicts, intervals, canaries and what the machine did are left out, but for comments, which it skips. Parameters that all
// rows share are configuration, those in which rows of the same name would differ part of the name, and the others left out.
// Benchstat wants both sides under one name: of variants that is the variant's, and the sides are named by whose they are.

import type { Comparison, NativeRow } from "../../compare/comparison.ts";
import { baseName, exactParts, oneWord, type RowName, RowNames } from "./names.ts";
import { oneLine, outcomeText } from "./words.ts";

/** A measured value of a side. */
interface Measured {
  readonly side: "base" | "head";
  readonly row: RowName;
  readonly iterations: number;
  readonly values: readonly (readonly [value: number, unit: string])[];
}

/** A text that may stand in a name: no white space, and no slash, which begins the next part. */
function part(text: string): string {
  return oneWord(text).replaceAll("/", "%2F");
}

/** A key of the configuration begins with a small letter and has no capitals, spaces or colons. */
function configKey(key: string): string {
  const plain = key.toLowerCase().replace(/[\s:]+/g, "-");
  return /^\p{Ll}/u.test(plain) ? plain : `x-${plain}`;
}

/** The pairs as they are written: their values hold no spaces. */
function pairsOf({ parameters }: Pick<RowName, "parameters">): string[] {
  return parameters.split(" ").filter((pair) => pair !== "");
}

function nameOf(row: RowName, names: RowNames): string {
  const [first = "", ...rest] = part(row.problem).split("-");
  const problem = [first, ...rest].map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join("");
  const parts = [`variant=${part(row.variant)}`, `workload=${part(row.workload)}`, ...names.own(row).map(part)];
  // The number at the end is that of the processors.
  return `Benchmark${problem}/${parts.join("/")}-${row.cpus}`;
}

function nativeValues(row: NativeRow, side: "base" | "head"): Measured[] {
  const unit = oneWord(row.metric);
  return row.processes.map((one) => ({ side, row, iterations: one.rounds, values: [[one[side], unit]] }));
}

/** Lines that say of units which way is better, and which values are exact: only where that is the same in all rows. */
function unitLines({ exact, native }: Comparison): string[] {
  const known = new Map<string, Set<string>>();
  const add = (metric: string, better: RowName["better"], assume: string): void => {
    const unit = oneWord(metric);
    known.set(unit, (known.get(unit) ?? new Set()).add(`${better === "" ? "" : ` better=${better}`}${assume}`));
  };
  for (const row of exact?.rows ?? []) {
    for (const { metric } of exactParts(row)) add(metric, row.better, " assume=exact");
  }
  for (const { metric, better, processes } of native?.rows ?? []) if (processes.length > 0) add(metric, better, "");
  return [...known].flatMap(([unit, [said = "", ...others]]) =>
    said === "" || others.length > 0 ? [] : [`Unit ${unit}${said}`],
  );
}

export function renderBenchfmt(comparison: Comparison): string {
  const { base, head, environment, exact, native } = comparison;
  const names = new RowNames(comparison);
  const measured = (["base", "head"] as const).flatMap((side): Measured[] => [
    ...(exact?.rows ?? []).flatMap((row): Measured[] => {
      const value = row[side];
      if (value === null) return [];
      const values = exactParts(row).map(({ metric, part }) => [value[part]!, oneWord(metric)] as const);
      return [{ side, row, iterations: 1, values }];
    }),
    ...(native?.rows ?? []).flatMap((row) => nativeValues(row, side)),
  ]);
  const pairs = [...new Set(measured.map(({ row }) => row.parameters))].map((parameters) => pairsOf({ parameters }));
  const common = (pairs[0] ?? []).filter((pair) => pairs.every((some) => some.includes(pair)));
  const config = (key: string, value: string): string[] =>
    value.trim() === "" ? [] : [`${configKey(key)}: ${oneLine(value)}`];
  const lines = (side: "base" | "head"): string[] =>
    measured
      .filter((one) => one.side === side)
      .map(
        ({ row, iterations, values }) =>
          `${nameOf(row, names)} ${iterations} ${values.map(([value, unit]) => `${value} ${unit}`).join(" ")}`,
      );
  return `${[
    `# ${outcomeText(comparison)}`,
    ...config("os", environment.os),
    ...config("arch", environment.arch),
    ...config("cpu", environment.cpuModel ?? ""),
    ...config("node", environment.node),
    ...config("comparison", comparison.id),
    ...config("base", `${base.label} ${base.commit}`.trim()),
    ...config("head", `${head.label} ${head.commit}`.trim()),
    ...common.flatMap((pair) => config(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1))),
    ...unitLines(comparison),
    "",
    `side: ${oneLine(baseName(comparison))}`,
    ...lines("base"),
    "",
    `side: ${comparison.kind === "variants" ? oneLine(head.label) : "head"}`,
    ...lines("head"),
  ].join("\n")}\n`;
}
