// Times with the harness subtracted, and rates; both compared with the reference round by round.

import { mean, sum } from "simple-statistics";
import { medianWithInterval, type PairedRatio, pairedRatio } from "../statistics/paired.ts";
import { summarise } from "../statistics/summary.ts";
import { blockMeans, minus, type Series, sharedWith } from "./rows.ts";

/**
 * A time per operation with the harness subtracted, and its ratio to the reference. A mean, because what comes in
 * bursts, such as moving a full queue, would hide from a median of batches; its interval comes from blocks of
 * consecutive batches. There is none where it is not above nothing.
 */
export interface NetTime {
  /** Mean over rounds, in ns. The floor's time of the same round is subtracted. */
  readonly ns: number;
  /** Sign-test interval of the blocks' median; null with fewer than six blocks. */
  readonly low: number | null;
  readonly high: number | null;
  /** Mean over the reference's mean; its interval by blocks. Null for the floor and where the reference has no such time. */
  readonly ratio: PairedRatio | null;
  /** Relative margin of error of the raw times by tinybench, in percent; null with fewer than six rounds. */
  readonly marginPercent: number | null;
  /** 99th percentile of the raw batches by tinybench, harness included, in ns. */
  readonly rawP99Ns: number;
}

/** Fewer rounds than this say nothing of their spread. */
const roundsMin = 6;

/**
 * A variant's time above the floor's. Null where one of the two was not measured, or the time is not above nothing.
 *
 * @param raw by round, in ns, harness included; likewise those of the floor and of the reference
 */
export async function netTime(metric: string, raw: Series, floor: Series, reference: Series): Promise<NetTime | null> {
  const net = minus(raw, floor);
  if (net.size === 0) return null;
  const ns = mean([...net.values()]);
  const blocks = blockMeans(net);
  const { low, high } = medianWithInterval([...blocks.values()])!;
  if (ns <= 0 || (low !== null && low <= 0)) return null;
  const base = minus(reference, floor);
  const ofReference = base.size === 0 ? 0 : mean([...base.values()]);
  const paired = pairedRatio(blocks, blockMeans(base));
  const statistics = await summarise(metric, [...raw.values()]);
  return {
    ns,
    low,
    high,
    ratio: ofReference <= 0 || paired === null ? null : { ...paired, ratio: ns / ofReference },
    marginPercent: raw.size < roundsMin ? null : statistics.rme,
    rawP99Ns: statistics.p99 * 1e6,
  };
}

/** What was done per second in each round, and the rounds' times. */
export interface Rounds {
  readonly rates: Series;
  /** In ns; rounds without one count as equally long. */
  readonly times: Series;
}

/** Something done per second. */
export interface Rate {
  /** All that was done over all the time: the mean over rounds, weighted by their times. */
  readonly perSecond: number;
  /** Sign-test interval of the blocks' median; null with fewer than six blocks. */
  readonly low: number | null;
  readonly high: number | null;
  /** Its quotient by the reference's, of the rounds that both have; its interval by blocks. */
  readonly ratio: PairedRatio | null;
  readonly rounds: Rounds;
}

function overall({ rates, times }: Rounds): number {
  const weights = [...rates.keys()].map((round) => times.get(round) ?? 1);
  return sum([...rates.values()].map((rate, index) => rate * weights[index]!)) / sum(weights);
}

/** Null without rounds. */
export function rateOf(rounds: Rounds, reference: Rounds): Rate | null {
  if (rounds.rates.size === 0) return null;
  const { low, high } = medianWithInterval([...blockMeans(rounds.rates).values()])!;
  return { perSecond: overall(rounds), low, high, ratio: compareRates(rounds, reference), rounds };
}

/** Sums in different order may differ by so much. */
const rounding = 1 + 1e-9;

/** Ratio of two rates by their shared rounds; null when there are none, or the base did nothing. */
export function compareRates(rounds: Rounds, base: Rounds): PairedRatio | null {
  const own = sharedWith(rounds.rates, base.rates);
  const other = sharedWith(base.rates, rounds.rates);
  const paired = pairedRatio(blockMeans(own), blockMeans(other));
  if (paired === null) return null;
  const ofBase = overall({ rates: other, times: base.times });
  if (ofBase <= 0) return null;
  const ratio = overall({ rates: own, times: rounds.times }) / ofBase;
  const { low, high } = paired;
  // Where rounds are so unlike that a long one outweighs the others, their median says nothing of the whole.
  const isTold = low !== null && high !== null && low <= ratio * rounding && ratio <= high * rounding;
  return isTold ? { ...paired, ratio } : { ...paired, ratio, low: null, high: null };
}
