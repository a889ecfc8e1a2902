// Times functions in turns: epochs of the same number of calls each, in balanced order, so that what the machine does in a
// moment it does to all of them.

import { TurnOrder } from "../native/turn-order.ts";

export interface EpochOptions {
  /** Rounds that are kept; in each, every function has one epoch. */
  readonly rounds: number;
  /** Shortest time of an epoch, in ms. */
  readonly epochMs: number;
  /** Time for which each function is called before, in ms. */
  readonly warmupMs: number;
  /** Of the order of turns. */
  readonly seed: number;
}

export interface Epochs {
  /** Calls of an epoch, the same for all functions. */
  readonly calls: number;
  /** By function and round: ns of one call. */
  readonly ns: readonly (readonly number[])[];
}

type Loop = (calls: number) => unknown;

/**
 * A loop of its own around each function: the engine inlines into each what it learnt of that function alone, as it would
 * where the function is used. One loop for all would call whatever comes, and hide a part of the difference.
 */
function loopOf(timed: () => unknown): Loop {
  // What the calls give goes on to the caller, so that none of them can be left out.
  const make = new Function(
    "timed",
    "return (calls) => { let last; while (calls-- > 0) last = timed(); return last; }",
  );
  return make(timed) as Loop;
}

/** What loops gave last: somebody might look. */
const kept: { last: unknown } = { last: undefined };

function nsOf(loop: Loop, calls: number): number {
  const begin = process.hrtime.bigint();
  kept.last = loop(calls);
  return Number(process.hrtime.bigint() - begin);
}

/** Growth of an epoch at most, from one try to the next. */
const growthMax = 8;
/** What an epoch is made longer than it need be, because times vary. */
const reserve = 1.1;

/** Calls with which the fastest of the loops takes an epoch, confirmed twice. */
function calibrate(loops: readonly Loop[], epochNs: number): number {
  let calls = 1;
  for (let confirmed = 0; confirmed < 2; ) {
    const shortest = Math.min(...loops.map((loop) => nsOf(loop, calls)));
    if (shortest >= epochNs) {
      confirmed++;
      continue;
    }
    confirmed = 0;
    calls = Math.ceil(calls * Math.min(growthMax, Math.max(1.05, (reserve * epochNs) / Math.max(1, shortest))));
  }
  return calls;
}

/**
 * Times functions against each other.
 *
 * @param functions at least one; each is called without arguments, and what it gives is not looked at
 */
export function timeEpochs(functions: readonly (() => unknown)[], options: EpochOptions): Epochs {
  const { rounds, epochMs, warmupMs, seed } = options;
  const loops = functions.map(loopOf);
  // In turns, as they are timed: the engine sees all of them before it decides how to compile what they share.
  const warm = performance.now() + warmupMs * loops.length;
  for (let calls = 1; performance.now() < warm; calls = Math.min(2 * calls, 1024)) {
    for (const loop of loops) kept.last = loop(calls);
  }
  const calls = calibrate(loops, epochMs * 1e6);
  const order = new TurnOrder(loops.length, seed);
  const ns = loops.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const place of order.next()) ns[place]!.push(nsOf(loops[place]!, calls) / calls);
  }
  return { calls, ns };
}
