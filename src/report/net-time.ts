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

/** A median over blocks of rounds, and its ratio to the reference. Estimate and interval are of the same blocks. */
export interface BlockMedian {
  /** Sign-test interval; null with fewer than six blocks. */
  readonly low: number | null;
  readonly high: number | null;
  /** Median of the blocks' quotients by the reference's, of the rounds that both have. */
  readonly ratio: PairedRatio | null;
}

/** Something done per second. */
export interface Rate extends BlockMedian {
  readonly perSecond: number;
  readonly rounds: Rounds;
}

/** A time with the harness subtracted. */
export interface MedianTime extends BlockMedian {
  readonly ns: number;
}

/** Most blocks that rounds are put together into. */
const blocksMax = 10;

/** Blocks of consecutive rounds, as many rounds in each as can be; none is left out. Values are weighted by times. */
function blocksOf(values: Series, times: Series): Series {
  const rounds = [...values.keys()].sort((a, b) => a - b);
  const count = Math.min(rounds.length, blocksMax);
  const blocks: Series = new Map();
  for (let block = 0; block < count; block++) {
    const own = rounds.slice(
      Math.floor((block * rounds.length) / count),
      Math.floor(((block + 1) * rounds.length) / count),
    );
    const weights = own.map((round) => times.get(round) ?? 1);
    const all = sum(weights);
    // A mean of equal values is that value, without what rounding would add.
    const first = values.get(own[0]!)!;
    const isEven = all <= 0 || own.every((round) => values.get(round) === first);
    const weighted = isEven ? first : sum(own.map((round, index) => (values.get(round)! * weights[index]!) / all));
    blocks.set(block, weighted);
  }
  return blocks;
}

/** Null without rounds. */
export function rateOf(rounds: Rounds, reference: Rounds): Rate | null {
  const found = medianWithInterval([...blocksOf(rounds.rates, rounds.times).values()]);
  if (found === null) return null;
  const { median, low, high } = found;
  return { perSecond: median, low, high, ratio: compareRates(rounds, reference), rounds };
}

/** Ratio of two rates by their shared rounds; null when there are none, or the base did nothing. */
export function compareRates(rounds: Rounds, base: Rounds): PairedRatio | null {
  const own = blocksOf(sharedWith(rounds.rates, base.rates), rounds.times);
  const other = blocksOf(sharedWith(base.rates, rounds.rates), base.times);
  const ofBase = medianWithInterval([...other.values()]);
  return ofBase === null || ofBase.median <= 0 ? null : told(pairedRatio(own, other));
}

/** A ratio outside of its interval would say that the two are of different things; then there is no interval. */
function told(paired: PairedRatio | null): PairedRatio | null {
  if (paired === null) return null;
  const { ratio, low, high } = paired;
  const isTold = low !== null && high !== null && low <= ratio && ratio <= high;
  return isTold ? paired : { ...paired, low: null, high: null };
}

/** A variant's time above the floor's, at the median. Null as {@link netTime}. */
export function medianNetTime(raw: Series, floor: Series, reference: Series): MedianTime | null {
  const none: Series = new Map();
  const net = minus(raw, floor);
  const found = medianWithInterval([...blocksOf(net, none).values()]);
  if (found === null || found.median <= 0 || (found.low !== null && found.low <= 0)) return null;
  const base = minus(reference, floor);
  const other = blocksOf(sharedWith(base, net), none);
  const ofBase = medianWithInterval([...other.values()]);
  const paired =
    ofBase === null || ofBase.median <= 0 ? null : told(pairedRatio(blocksOf(sharedWith(net, base), none), other));
  return { ns: found.median, low: found.low, high: found.high, ratio: paired };
}
