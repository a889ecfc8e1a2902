// @ts-check
// One CPU of a stress of the synchronisation primitives, in a thread of its own. Written in plain JavaScript because
// Node runs it as it is.

import { parentPort, workerData } from "node:worker_threads";

/** @typedef {{ readonly name: string, readonly args: readonly number[] }} Call */
/** @typedef {Record<string, (...args: readonly number[]) => number>} Exports */

/** @type {{ module: WebAssembly.Module, imports: WebAssembly.Imports, memory: WebAssembly.Memory, cpus: number, arrivals: number, calls: readonly Call[] }} */
const { module, imports, memory, cpus, arrivals, calls } = workerData;

function clockNs() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e9 + nanoseconds;
}

const instance = new WebAssembly.Instance(module, { ...imports, env: { memory }, access: { clockNs } });
const exports = /** @type {Exports} */ (instance.exports);

// All begin together, or the first one is done before the last one is there.
const cells = new Int32Array(memory.buffer);
if (Atomics.add(cells, arrivals / 4, 1) + 1 === cpus) Atomics.notify(cells, arrivals / 4);
for (;;) {
  const arrived = Atomics.load(cells, arrivals / 4);
  if (arrived === cpus) break;
  Atomics.wait(cells, arrivals / 4, arrived);
}

/** @param {Call} call */
const perform = ({ name, args }) => exports[name]?.(...args);
exports.begin?.();
const results = calls.map(perform);
exports.end?.();
parentPort?.postMessage(results);
