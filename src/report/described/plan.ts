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
  /** Kinds of what the checker finds that break it: a variant that is known for one is not said to keep it. */
  readonly kinds?: readonly string[];
  /**
   * How these numbers break it: `12 caches leaked`; null when they keep it, undefined when they cannot tell.
   *
   * @param reference the reference's of the same workload, simulated of the same place; null where it has none
   */
  readonly objectionOf: (numbers: Source, reference: Source | null) => string | null | undefined;
}

export interface Plan {
  readonly constraints: readonly Constraint[];
  /** Native names of metrics for the short table of a terminal, besides the measure of speed. */
  readonly overview: readonly string[];
  /** What a variant's numbers add up to, in words: a sentence without its full stop; null when there is nothing to tell. */
  readonly told?: (numbers: Source) => string | null;
}

/**
 * A constraint on a number: broken by more than `most`. Kept only where there was occasion to break it: of nothing that
 * happened nothing can go wrong.
 */
export function atMost(
  metric: string,
  most: number,
  about: Omit<Constraint, "objectionOf"> & {
    /** What must have happened for the number to say anything: `offlines`. */
    readonly occasions: string;
    readonly broken: (value: number) => string;
  },
): Constraint {
  const { occasions, broken, ...what } = about;
  return {
    ...what,
    objectionOf: (numbers) => {
      const value = numbers.value(metric);
      if (value === null) return undefined;
      if (value > most) return broken(value);
      return (numbers.value(occasions) ?? 0) > 0 ? null : undefined;
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
