// How many steps of the machine's `compute` this machine makes in a microsecond, so that a workload's computing takes
// the time that it says.

import type { HarnessExports } from "../build/instance.ts";

/** Steps per microsecond that a module assumes when it is told nothing else. */
const assumed = 1000;
const microseconds = 2000;
const repetitions = 9;

let known: number | undefined;

/**
 * The machine's rate, measured once per process with a module that was started without one. The fastest of several
 * runs: the others were disturbed.
 */
export function spinsPerMicrosecond(start: () => Pick<HarnessExports, "computeFor">): number {
  if (known !== undefined) return known;
  const exports = start();
  let least = Number.POSITIVE_INFINITY;
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const begin = process.hrtime.bigint();
    exports.computeFor(microseconds * 1000);
    least = Math.min(least, Number(process.hrtime.bigint() - begin));
  }
  known = Math.max(1, Math.round((assumed * microseconds * 1000) / least));
  return known;
}
