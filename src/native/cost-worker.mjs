// @ts-check
// One of the threads of `machine-costs.ts`: runs loops of `src/kernel/litmus/machine-costs.ts`, sleeps, wakes and passes tokens.
//
// Plain JavaScript, because Node 20 cannot load TypeScript into a thread.

import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

/** @typedef {import("./cost-thread.ts").CostThreadStart} CostThreadStart */
/** @typedef {import("./cost-thread.ts").CostOrder} CostOrder */

const { module, memory, layout, cells } = /** @type {CostThreadStart} */ (workerData);
const words = new Int32Array(memory.buffer);
const stamps = new BigInt64Array(memory.buffer);
const instance = new WebAssembly.Instance(module, { env: { memory }, layout, access: { clockNs: () => 0 } });
const exports = /** @type {Record<string, (...args: readonly number[]) => number>} */ (
  /** @type {unknown} */ (instance.exports)
);

/** Fields of this thread's line in /proc behind its name, which may hold anything; null where there is no /proc. */
function statFields() {
  try {
    const text = readFileSync("/proc/thread-self/stat", "utf8");
    return { thread: Number.parseInt(text, 10), rest: text.slice(text.lastIndexOf(")") + 2).split(" ") };
  } catch {
    return null;
  }
}

/** The CPU that this thread runs on, field 39 of the line; null where the system does not tell. */
function currentCpu() {
  const field = statFields()?.rest[36];
  return field === undefined ? null : Number(field);
}

/** @param {readonly import("./cost-thread.ts").LoopCall[]} calls */
function runLoops(calls) {
  const before = currentCpu();
  const results = calls.map(({ name, args }) => {
    const begin = process.hrtime.bigint();
    const value = exports[name]?.(...args) ?? 0;
    return { ns: Number(process.hrtime.bigint() - begin), value: value >>> 0 };
  });
  const after = currentCpu();
  return { results, cpu: before === after ? before : null };
}

/** Longest wait for the other thread, in ms; then what was seen up to there is all. */
const patienceMs = 2000;

/** @param {number} count */
function answerWakes(count) {
  for (let turn = 1; turn <= count; turn++) {
    while (Atomics.load(words, cells.turn) < turn) {
      if (Atomics.wait(words, cells.turn, turn - 1, patienceMs) === "timed-out") return {};
    }
    stamps[cells.stamp] = process.hrtime.bigint();
    Atomics.store(words, cells.answer, turn);
  }
  return {};
}

/**
 * @param {number} count
 * @param {number} idleMs
 */
function wake(count, idleMs) {
  /** @type {number[]} */
  const wakeUpNs = [];
  /** @type {number[]} */
  const wakeIdleNs = [];
  for (let turn = 1; turn <= count; turn++) {
    // Nobody changes this cell: both threads sleep meanwhile.
    Atomics.wait(words, cells.never, 0, idleMs);
    const begin = process.hrtime.bigint();
    Atomics.store(words, cells.turn, turn);
    const woken = Atomics.notify(words, cells.turn, 1);
    const told = process.hrtime.bigint();
    while (Atomics.load(words, cells.answer) < turn) {
      if (process.hrtime.bigint() - told > BigInt(patienceMs * 1e6)) return { wakeUpNs, wakeIdleNs };
    }
    // Who was awake before the notification came was not woken by it.
    if (woken !== 1) continue;
    wakeUpNs.push(Number(told - begin));
    wakeIdleNs.push(Number(/** @type {bigint} */ (stamps[cells.stamp]) - begin));
  }
  return { wakeUpNs, wakeIdleNs };
}

/**
 * @param {import("./cost-thread.ts").TokenPipes} pipes
 * @param {number} count
 * @param {boolean} starts
 */
function passToken(pipes, count, starts) {
  // Both for reading and writing, or opening one would wait for the other thread.
  const [to, from] = [openSync(pipes.to, "r+"), openSync(pipes.from, "r+")];
  const token = new Uint8Array(1);
  const begin = process.hrtime.bigint();
  for (let turn = 0; turn < count; turn++) {
    if (starts) writeSync(to, token);
    readSync(from, token);
    if (!starts) writeSync(to, token);
  }
  const ns = Number(process.hrtime.bigint() - begin);
  closeSync(to);
  closeSync(from);
  return { ns };
}

/** @param {CostOrder} order */
function perform(order) {
  if (order.kind === "loops") return runLoops(order.calls);
  if (order.kind === "answer-wakes") return answerWakes(order.count);
  if (order.kind === "wake") return wake(order.count, order.idleMs);
  if (order.kind === "pass-token") return passToken(order.pipes, order.count, order.starts);
  return passToken({ to: order.pipes.to, from: order.pipes.to }, order.count, true);
}

parentPort?.on("message", (/** @type {CostOrder} */ order) => parentPort?.postMessage(perform(order)));
parentPort?.postMessage({ thread: statFields()?.thread ?? null });
