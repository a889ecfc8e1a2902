// What a described problem adds to its description for a report: what no variant should do, and what to show first.

import type { Latency } from "../latency.ts";

/** A variant's numbers on one instrument, under their native names. Null where it has none. */
export interface Source {
  /** A counter, a gauge at its end or most, a rate or a cost. */
  readonly value: (metric: string) => number | null;
  readonly latency: (metric: string) => Latency | null;
}

/** Something that a variant may break in any workload, on any instrument. */
export interface Constraint {
  /** As it heads a column: `nothing leaks`. */
  readonly name: string;
  /** What it asks, and from which number on it is broken: a sentence without its full stop. */
  readonly text: string;
  /**
   * How these numbers break it: `12 caches leaked`; null when they keep it, undefined when they cannot tell.
   *
   * @param reference the reference's of the same workload; null where they are not at hand, as simulated
   */
  readonly objectionOf: (numbers: Source, reference: Source | null) => string | null | undefined;
}

export interface Plan {
  readonly constraints: readonly Constraint[];
  /** Native names of metrics for the short table of a terminal, besides the measure of speed. */
  readonly overview: readonly string[];
  /** What a variant's numbers add up to, in words: a sentence without its full stop; null when there is nothing to tell. */
  readonly told?: (numbers: Source) => string | null;
  /** What was published of a workload, to hold the numbers against: sentences. */
  readonly published?: Readonly<Record<string, string>>;
}

/** A constraint on a number: broken by more than `most`. */
export function atMost(
  metric: string,
  most: number,
  about: Pick<Constraint, "name" | "text"> & { readonly broken: (value: number) => string },
): Constraint {
  const { name, text, broken } = about;
  return {
    name,
    text,
    objectionOf: (numbers) => {
      const value = numbers.value(metric);
      if (value === null) return undefined;
      return value > most ? broken(value) : null;
    },
  };
}

/** What the numbers of variants add up to, in words, under a heading; empty where there is nothing to tell. */
export function toldSection(
  head: string,
  variants: readonly { readonly id: string; readonly numbers: Source }[],
  { told = () => null }: Plan,
): string[] {
  const lines = variants.flatMap(({ id, numbers }) => {
    const text = told(numbers);
    return text === null ? [] : [`- \`${id}\`: ${text}.`];
  });
  return lines.length === 0 ? [] : [head, "", ...lines, ""];
}
