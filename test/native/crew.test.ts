// Threads that do what they are told, and what becomes of a case whose threads do not: every way to fail ends the
// round with an error that names the CPU, and none of them hangs.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import type { Worker } from "node:worker_threads";
import { afterAll, afterEach, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { type QuarantineExports, startQuarantine } from "../../src/build/quarantine.ts";
import { StoppedError, ViolationError } from "../../src/errors.ts";
import { eventSize, kindCacheCreate, kindObjectAllocate, kindObjectFree } from "../../src/kernel/events.ts";
import { type CpuWork, Crew, isOversubscribed } from "../../src/native/crew.ts";
import { nativeMachine } from "../../src/native/session.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "reclaim-bench-crew-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const crews: Crew<QuarantineExports>[] = [];
afterEach(async () => {
  for (const crew of crews.splice(0)) await crew.close();
});

const objects = 64;

/** A variant whose `put` is given, and which is the floor otherwise. */
function variantWithPut(name: string, put: string): string {
  const file = path.join(scratch, `${name}.ts`);
  writeFileSync(
    file,
    `import { load32, pause, cpu } from "../machine/impl";
import { variantBase } from "./region";
export {
  batchesInUse, cpuOffline, cpuOnline, extraCacheBytes, extraObjectBytes, initialise, quarantinedBytes, reduce, removeCache,
} from "./floor";
export function globalBytes(): usize { return 64; }
export function put(_cache: usize, _object: usize): bool { ${put} }
`,
  );
  return file;
}

async function startCrew(
  cpus: number,
  options: { variantFile?: string; patienceMs?: number; signal?: AbortSignal } = {},
): Promise<Crew<QuarantineExports>> {
  const { variantFile, patienceMs, signal = new AbortController().signal } = options;
  const variant = variantFile === undefined ? "singly-linked-fifo" : path.basename(variantFile, ".ts");
  const compiled = await compileModule({
    problem: "quarantine",
    variant,
    ...(variantFile === undefined ? {} : { variantFile }),
    machine: "native",
    constants: {},
  });
  const limits = {
    events: 1000,
    caches: cpus,
    objects: objects * cpus,
    cgroups: 1,
    superblocks: 0,
    tasks: cpus,
    liveBytesMax: 0,
    slabBytesMax: 0,
  };
  const sizes = { cpus, quarantineBytes: 2 * 2 ** 20, skipWhenEmpty: false };
  const running = startQuarantine(
    compiled,
    limits,
    sizes,
    nativeMachine(() => 0),
  );
  const crew = await Crew.start(running, {
    name: variant,
    signal,
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
  crews.push(crew);
  return crew;
}

/** Each CPU makes a cache of its own, allocates its objects and frees them. */
function workOf(cpus: number): CpuWork[] {
  return Array.from({ length: cpus }, (_, cpu) => {
    const writer = new EventWriter();
    writer.add(kindCacheCreate, 16, cpu, 256, 1);
    for (let object = 0; object < objects; object++) writer.add(kindObjectAllocate, cpu * objects + object, cpu, 0, 0);
    for (let object = 0; object < objects; object++) writer.add(kindObjectFree, cpu * objects + object, cpu, 0, 0);
    const [events = new Uint8Array(0)] = [...writer.flush()].map((bytes) => bytes.slice());
    const count = events.byteLength / eventSize;
    return { events, segments: [0, count - objects, count - objects, count] };
  });
}

test.each([1, 2, 8])("%i CPUs perform their events, each segment timed", async (cpus) => {
  const crew = await startCrew(cpus);
  const results = await crew.round(workOf(cpus));
  expect(results).toHaveLength(cpus);
  for (const { status, ns, beginNs, endNs } of results) {
    expect(status).toBe(0);
    expect(ns).toHaveLength(2);
    expect(ns[0]! + ns[1]!).toBeLessThanOrEqual(endNs - beginNs);
  }
  // Every object is in quarantine, whichever CPU put it there.
  expect(crew.running.exports.quarantinedBytes()).toBe(cpus * objects * 256);
  // A second round goes on with the same memory; without new events the old ones are still there.
  const again = await crew.round(Array.from({ length: cpus }, () => ({ segments: [1, 2] })));
  expect(again.every(({ status }) => status === 0)).toBe(true);
});

test("more CPUs than cores are told apart from as many", () => {
  expect(isOversubscribed(availableParallelism())).toBe(false);
  expect(isOversubscribed(availableParallelism() + 1)).toBe(true);
});

test("a variant that traps on one CPU is a violation that names the CPU", async () => {
  const crew = await startCrew(2, {
    variantFile: variantWithPut("traps", "if (cpu() === 1) unreachable(); return false;"),
  });
  const failure = crew.round(workOf(2));
  await expect(failure).rejects.toThrow(ViolationError);
  await expect(failure).rejects.toThrow(/^variant 'traps': trapped on CPU 1: /);
  await expect(crew.round(workOf(2))).rejects.toThrow(/trapped on CPU 1/);
});

test("a variant that hangs on one CPU ends the round and says where every CPU is", async () => {
  const hang = "if (cpu() === 1) while (load32(variantBase()) === 0) pause(); return false;";
  const crew = await startCrew(2, { variantFile: variantWithPut("hangs", hang), patienceMs: 400 });
  const failure = crew.round(workOf(2));
  await expect(failure).rejects.toThrow(ViolationError);
  await expect(failure).rejects.toThrow(
    /^variant 'hangs': no CPU got on for 0\.4 s: CPU 0: .*; CPU 1: at its event \d+ \(object \w+\)/,
  );
});

test("a thread that is killed ends the round with an error that names its CPU", async () => {
  const threads: Worker[] = [];
  const collect = (worker: Worker): void => {
    threads.push(worker);
  };
  process.on("worker", collect);
  const hang = "while (load32(variantBase()) === 0) pause(); return false;";
  const crew = await startCrew(2, { variantFile: variantWithPut("is-killed", hang) });
  process.off("worker", collect);
  const failure = crew.round(workOf(2));
  void threads[1]?.terminate();
  await expect(failure).rejects.toThrow(/^variant 'is-killed': the thread of CPU 1 ended with code 1$/);
  await expect(failure).rejects.not.toThrow(ViolationError);
});

test("the user's stop ends a round that would never end", async () => {
  const controller = new AbortController();
  const hang = "while (load32(variantBase()) === 0) pause(); return false;";
  const crew = await startCrew(2, { variantFile: variantWithPut("is-stopped", hang), signal: controller.signal });
  const failure = crew.round(workOf(2));
  controller.abort();
  await expect(failure).rejects.toThrow(StoppedError);
});
