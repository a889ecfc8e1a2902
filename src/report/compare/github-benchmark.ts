// A comparison for github-action-benchmark, which keeps series of values by name and warns of a step: exact values of the head,
// and of times the ratio of head to base, as times of different machines would not compare. Which way is better is said for a
// file, so there are two; metrics without a direction are in neither, nor is what is no value. The action refuses a file
// without values.

import type { Comparison } from "../../compare/comparison.ts";
import { rowId } from "./names.ts";
import { countText, detectableText, nativeText } from "./words.ts";

/** What the action reads. */
interface Bench {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly range?: string;
  readonly extra?: string;
}

function benches({ exact, native }: Comparison, better: "lower" | "higher"): Bench[] {
  return [
    ...(exact?.rows ?? []).flatMap((row): Bench[] => {
      if (row.head === null || row.better !== better) return [];
      const { samples, max } = row.head;
      const extra = [row.parameters, ...(samples === 1 ? [] : [`sum of ${samples}, max ${max}`])];
      return [{ name: rowId(row), unit: row.unit, value: row.head.sum, extra: extra.join("\n") }];
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
      return [{ name: `${rowId(row)} head/base`, unit: "ratio", value: ratio, ...range, extra: extra.join("\n") }];
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
