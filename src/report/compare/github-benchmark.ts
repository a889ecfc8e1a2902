// A comparison for github-action-benchmark, which keeps series of values by name and warns of a step: exact values of the head,
// and of times the ratio of head to base, as times of different machines would not compare. Which way is better is said for a
// file, so there are two; metrics without a direction are in neither, nor is what is no value. Of several exact values there
// are the sum and the worst. The action refuses a file without values.

import type { Comparison } from "../../compare/comparison.ts";
import { baseName, exactParts, rowId } from "./names.ts";
import { countText, detectableText, nativeText } from "./words.ts";

/** What the action reads. */
interface Bench {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly range?: string;
  readonly extra?: string;
}

const partNames = { sum: "sum", max: "largest", min: "smallest" } as const;

/** Those of metrics whose better direction is the one given. */
export function benches(comparison: Comparison, better: "lower" | "higher"): Bench[] {
  const { exact, native } = comparison;
  return [
    ...(exact?.rows ?? []).flatMap((row): Bench[] => {
      const { head } = row;
      if (head === null || row.better !== better) return [];
      return exactParts(row).map(({ metric, part }) => {
        const of = head.samples === 1 ? [] : [`${partNames[part]} of ${head.samples}`];
        const extra = [row.parameters, ...of].join("\n");
        return { name: rowId({ ...row, metric }), unit: row.unit, value: head[part]!, extra };
      });
    }),
    ...(native?.rows ?? []).flatMap((row): Bench[] => {
      const { estimate } = row;
      if (estimate === null || row.better !== better) return [];
      const { ratio, low, high } = estimate;
      const range = low === null || high === null ? {} : { range: `${low.toFixed(4)} to ${high.toFixed(4)}` };
      const extra = [
        row.parameters,
        nativeText(row),
        `${countText(row.processes.length, "process", "processes")}; finds ${detectableText(estimate)}`,
      ];
      return [
        {
          name: `${rowId(row)} head/${baseName(comparison)}`,
          unit: "ratio",
          value: ratio,
          ...range,
          extra: extra.join("\n"),
        },
      ];
    }),
  ];
}

/** For `tool: customSmallerIsBetter`. */
export function renderGithubBenchmarkSmaller(comparison: Comparison): string {
  return `${JSON.stringify(benches(comparison, "lower"), null, 2)}\n`;
}

/** For `tool: customBiggerIsBetter`. */
export function renderGithubBenchmarkBigger(comparison: Comparison): string {
  return `${JSON.stringify(benches(comparison, "higher"), null, 2)}\n`;
}
