// What a series of rounds says about a ratio.

/** Of one value per round. */
export interface Estimate {
  readonly median: number;
  /** Quartiles over rounds. */
  readonly lower: number;
  readonly upper: number;
  /** 95 % interval of the median, by ranks. */
  readonly medianLow: number;
  readonly medianHigh: number;
}

function at(sorted: readonly number[], position: number): number {
  const index = Math.min(sorted.length - 1, Math.max(0, position));
  const below = sorted[Math.floor(index)] as number;
  return below + ((sorted[Math.ceil(index)] as number) - below) * (index - Math.floor(index));
}

export function estimate(values: readonly number[]): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const last = sorted.length - 1;
  const half = 0.98 * Math.sqrt(sorted.length);
  return {
    median: at(sorted, last / 2),
    lower: at(sorted, last / 4),
    upper: at(sorted, (3 * last) / 4),
    medianLow: at(sorted, Math.floor(last / 2 - half)),
    medianHigh: at(sorted, Math.ceil(last / 2 + half)),
  };
}

/** Whether the 95 % interval of the median lies on one side of a bound. */
export function verdict(bound: number | undefined, ratio: Estimate): string {
  if (bound === undefined) return "";
  if (ratio.medianHigh <= bound) return "met";
  return ratio.medianLow > bound ? "missed" : "unclear";
}
