// Summary of one series of batch times by tinybench, which gets each batch as a sample of its own.

import { Bench, type Statistics } from "tinybench";

/**
 * tinybench's statistics of durations that were measured elsewhere.
 *
 * @param samplesNs at least one duration, in ns
 * @returns its latency statistics; they are in ms, as tinybench has them
 */
export async function summarise(name: string, samplesNs: readonly number[]): Promise<Statistics> {
  let next = 0;
  const bench = new Bench({ name, time: 0, iterations: samplesNs.length, warmup: false, retainSamples: true });
  bench.add(name, () => ({ overriddenDuration: samplesNs[next++]! / 1e6 }), { async: false });
  const [task] = await bench.run();
  const result = task?.result;
  if (result === undefined || !("latency" in result)) {
    throw new Error(`tinybench gave no statistics for '${name}'`);
  }
  return result.latency;
}
