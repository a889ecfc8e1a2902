// The pairs of `lock-loops.ts` in bursts, to be timed on several CPUs at the same time (`bench/host/c-comparison`).
//
// Between two bursts lies a gap of random length, because CPUs that do nothing but take and give back fall into step.

import { rcuPairs, refcountPairs, rwsemPairs, srcuPairs } from "./lock-loops";

export { heapBase, pairsBytes } from "./lock-loops";

/** Computes 0 to 15 steps of a generator of random numbers and returns its new state. */
function gap(random: u32): u32 {
  let next = random * 1_664_525 + 1_013_904_223;
  for (let left = next >> 28; left > 0; left--) next = next * 1_664_525 + 1_013_904_223;
  return next;
}

/** So many bursts of so many pairs. Returns the new state of the generator. */
export function rwsemBursts(memory: usize, bursts: u32, pairs: u32, random: u32): u32 {
  let next = random;
  for (let burst: u32 = 0; burst < bursts; burst++) {
    rwsemPairs(memory, pairs);
    next = gap(next);
  }
  return next;
}

export function refcountBursts(memory: usize, bursts: u32, pairs: u32, random: u32): u32 {
  let next = random;
  for (let burst: u32 = 0; burst < bursts; burst++) {
    refcountPairs(memory, pairs);
    next = gap(next);
  }
  return next;
}

export function srcuBursts(memory: usize, bursts: u32, pairs: u32, random: u32): u32 {
  let next = random;
  for (let burst: u32 = 0; burst < bursts; burst++) {
    srcuPairs(memory, pairs);
    next = gap(next);
  }
  return next;
}

export function rcuBursts(memory: usize, bursts: u32, pairs: u32, random: u32): u32 {
  let next = random;
  for (let burst: u32 = 0; burst < bursts; burst++) {
    rcuPairs(memory, pairs);
    next = gap(next);
  }
  return next;
}
