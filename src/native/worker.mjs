// @ts-check
// One CPU of a native case: a thread with an instance of the case's module. It performs what `crew.ts` posts.
//
// Plain JavaScript, because Node 20 cannot load TypeScript into a thread.

import { parentPort, workerData } from "node:worker_threads";

/** @typedef {import("./crew.ts").WorkerStart} WorkerStart */
/** @typedef {import("./crew.ts").WorkerOrder} WorkerOrder */
/** @typedef {import("./crew.ts").FinishOrder} FinishOrder */
/** @typedef {import("./crew.ts").CpuResult} CpuResult */

const { module, imports, originNs, idleCell } = /** @type {WorkerStart} */ (workerData);
const idle = new BigInt64Array(idleCell);

/** Time during which the case's rounds ran, in ns: what happens between them lets no timer expire. */
function clockNs() {
  return Number(process.hrtime.bigint() - originNs - /** @type {bigint} */ (idle[0]));
}

const instance = new WebAssembly.Instance(module, { ...imports, access: { clockNs } });
const exports = /** @type {import("./crew.ts").CrewExports} */ (/** @type {unknown} */ (instance.exports));

/**
 * @param {WorkerOrder} order
 * @returns {CpuResult}
 */
function perform({ round, segments, settles, untilNs, drains }) {
  const count = segments.length / 2;
  const ns = new Float64Array(count);
  const freed = new Float64Array(count);
  const deferredNs = new Float64Array(count);
  let status = 0;
  exports.enterRound(round);
  const beginNs = clockNs();
  for (let index = 0; index < count && status === 0; index++) {
    const first = /** @type {number} */ (segments[2 * index]);
    const end = /** @type {number} */ (segments[2 * index + 1]);
    const freedBefore = exports.freedCount?.() ?? 0;
    const begin = clockNs();
    status = untilNs === null ? exports.run(first, end) : exports.runUntil(first, end, beginNs + untilNs);
    const done = clockNs();
    ns[index] = done - begin;
    freed[index] = ((exports.freedCount?.() ?? 0) - freedBefore) >>> 0;
    if (settles) exports.settle?.(first, end);
    if ((exports.runDeferred?.(done) ?? 0) > 0) deferredNs[index] = clockNs() - done;
  }
  const endNs = clockNs();
  let drainedNs = 0;
  if (drains && (exports.runDeferred?.(Number.POSITIVE_INFINITY) ?? 0) > 0) drainedNs = clockNs() - endNs;
  exports.leaveRound(round);
  return { status, beginNs, endNs, ns, freed, deferredNs, drainedNs };
}

/**
 * @param {WorkerOrder | FinishOrder} order
 * @returns {{ readonly result: CpuResult } | { readonly ready: true }}
 */
function obey(order) {
  if (!("finishes" in order)) return { result: perform(order) };
  exports.drain?.();
  return { ready: true };
}

parentPort?.on("message", (/** @type {WorkerOrder | FinishOrder} */ order) => {
  try {
    parentPort?.postMessage(obey(order));
  } catch (error) {
    const isTrap = error instanceof WebAssembly.RuntimeError;
    parentPort?.postMessage({ failure: error instanceof Error ? error.message : String(error), isTrap });
  }
});
parentPort?.postMessage({ ready: true });
