// Every mutant compiles, and all but those that are wrong in any order do in one task what their variants do: only the
// checker tells them apart.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type CompiledModule, compileModule } from "../../src/build/compile.ts";
import { startProblem } from "../../src/build/problem.ts";
import { type QuarantineExports, startQuarantine } from "../../src/build/quarantine.ts";
import { problemCheckOf } from "../../src/checker/problems/index.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCacheCreate,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCpuOffline,
  kindCpuOnline,
  kindLruAdd,
  kindObjectAllocate,
  kindObjectFree,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../../src/kernel/events.ts";
import * as counters from "../../src/kernel/shrinker/counters.ts";
import { shrinker } from "../../src/problems/shrinker.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import type { ShrinkerTestExports } from "../kernel/shrinker-rig.ts";
import { runCil } from "./cil-program.ts";
import { runMemcgIterator } from "./memcg-iterator-run.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { oneTask } from "./one-task.ts";
import { runSlabOffline } from "./slab-offline-program.ts";
import { writeMutant } from "./write.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-mutants-"));
afterAll(() => rmSync(folder, { recursive: true }));

const limits = { events: 0, tasks: 1, liveBytesMax: 0, slabBytesMax: 0 };

function load(running: { memory: WebAssembly.Memory; layout: { eventBuffer: number } }, writer: EventWriter): void {
  for (const chunk of writer.flush()) new Uint8Array(running.memory.buffer).set(chunk, running.layout.eventBuffer);
}

/** Three objects fill a CPU's queue, and two queues the quarantine. */
const smallQuarantine = { LAB_CPU_QUEUE_BYTES: 128, LAB_BATCHES: 4 };

/** Puts, reductions and removals, one after the other. Returns all that can be counted after each event. */
function runQuarantine(compiled: CompiledModule): unknown[] {
  const caches = 4;
  const objects = 24;
  const { machine, attach } = oneTask();
  const running = startQuarantine(
    compiled,
    { ...limits, caches, objects, cgroups: 0, superblocks: 0 },
    { cpus: 1, quarantineBytes: 0, ramPages: 5, skipWhenEmpty: false, arenaBytesMax: 1 << 20 },
    machine,
    attach,
  );
  const writer = new EventWriter();
  for (let cache = 0; cache < caches; cache++) writer.add(kindCacheCreate, 8, cache, 64, 1);
  for (let object = 0; object < objects; object++) writer.add(kindObjectAllocate, object, object % caches, 0, 0);
  for (let object = 0; object < objects - caches; object++) writer.add(kindObjectFree, object, object % caches, 0, 0);
  for (let object = 0; object < 8; object++) writer.add(kindObjectAllocate, object, object % caches, 0, 0);
  for (let object = 0; object < 8; object++) writer.add(kindObjectFree, object, object % caches, 0, 0);
  for (let cache = 0; cache < caches; cache++) {
    writer.add(kindObjectFree, objects - caches + cache, cache, 0, 0);
    // With an object in the CPU's queue.
    if (cache === 2) {
      writer.add(kindCpuOffline, 0, 0, 0, 0);
      writer.add(kindCpuOnline, 0, 0, 0, 0);
    }
    writer.add(kindCacheDestroy, 0, cache, 0, 0);
  }
  const events = caches + objects + (objects - caches) + 2 + 8 + 8 + 2 * caches;
  load(running, writer);
  const own: QuarantineExports = running.exports;
  const seen: unknown[] = [];
  for (let event = 0; event < events; event++) {
    const status = own.run(event, event + 1);
    own.runDeferred(Number.POSITIVE_INFINITY);
    seen.push([status, own.freedCount(), own.leftBehindCount(), own.quarantinedBytes(), own.batchesInUse()]);
  }
  return seen;
}

/** Counters of what walks did, not of what it took them: that may well differ. */
const outcomes = [
  counters.counterVisits,
  counters.counterFreed,
  counters.counterTrylockFailed,
  counters.counterCallbacksAfterFree,
  counters.counterPasses,
  counters.counterBogoOps,
  counters.counterRegistered,
  counters.counterUnregistered,
  counters.counterExpansions,
];

/** File systems and cgroups that come and go, an expansion of the maps, and walks. Returns what came of it. */
function runShrinker(compiled: CompiledModule): unknown[] {
  const superblocks = 67;
  const sized = { limits: { ...limits, caches: 1, objects: 1, cgroups: 3, superblocks }, parameters: {} };
  const { machine, attach } = oneTask();
  const running = startProblem<ShrinkerTestExports>(shrinker, compiled, sized, { cpus: 1 }, machine, attach);
  const writer = new EventWriter();
  writer.flags = flagMeasured;
  let events = 0;
  const add = (kind: number, object: number, group: number, a: number, b: number): void => {
    writer.add(kind, object, group, a, b);
    events++;
  };
  add(kindCgroupCreate, 0, 0, 0, 0);
  add(kindCgroupCreate, 0, 1, 0, 0);
  for (let superblock = 0; superblock < superblocks - 1; superblock++) {
    add(kindSuperblockMount, superblock, 0, 0, 0);
    add(kindLruAdd, superblock, superblock % 2, 3, superblock % 4);
  }
  add(kindCgroupCreate, 0, 2, 1, 0);
  add(kindLruAdd, 5, 2, 200, 150);
  for (let round = 0; round < 3; round++) add(kindReclaimPass, 0, 0, 2 * round, 0);
  add(kindCgroupOffline, 0, 2, 0, 0);
  for (let superblock = 0; superblock < superblocks - 1; superblock += 5) {
    add(kindSuperblockUnmount, superblock, 0, 0, 0);
  }
  add(kindSuperblockMount, superblocks - 1, 0, 0, 0);
  add(kindLruAdd, superblocks - 1, 1, 2, 2);
  for (let round = 0; round < 3; round++) add(kindReclaimPass, 0, 0, 0, 0);
  add(kindBogoOp, 0, 0, 0, 0);
  load(running, writer);
  const own = running.exports;
  const seen: unknown[] = [own.run(0, events)];
  own.drain();
  for (const counter of outcomes) seen.push(own.counter(counter));
  return [...seen, own.capacity(), own.infoBytes(), own.allocatedBytes()];
}

const run: Readonly<Record<string, (compiled: CompiledModule) => unknown[]>> = {
  quarantine: runQuarantine,
  shrinker: runShrinker,
  "memcg-iterator": runMemcgIterator,
  cil: runCil,
  "slab-offline": runSlabOffline,
};

function constantsOf({ problem, constants = {} }: Mutant): Record<string, number> {
  return { ...(problem === "quarantine" ? smallQuarantine : {}), ...constants };
}

async function resultOf(mutant: Mutant, part: "fault" | "reachable" | "base"): Promise<unknown[]> {
  const { problem, base: variant } = mutant;
  const source = part === "base" ? { problem, variant } : writeMutant(mutant, folder, part);
  const compiled = await compileModule({ ...source, machine: "traced", constants: constantsOf(mutant) });
  return run[problem]!(compiled);
}

describe("mutants", () => {
  test("have names and scenarios that exist", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    for (const { name, problem, scenario } of mutants) {
      const known = problemCheckOf(problem).scenarios.map((one) => one.name);
      expect(known, name).toContain(scenario);
    }
  });

  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))("%s", async (_name, mutant) => {
    const { isSequential = false, reachable } = mutant;
    const expected = await resultOf(mutant, "base");
    const found = await resultOf(mutant, "fault");
    if (isSequential) expect(found).not.toEqual(expected);
    else expect(found).toEqual(expected);
    if (reachable !== undefined) expect(await resultOf(mutant, "reachable")).toEqual(expected);
  });

  test("are not written when a text is not where it should be", () => {
    const base = mutants[0]!;
    const file = `${base.problem}/${base.base}`;
    const broken = (from: string): Mutant => ({ ...base, name: "broken", files: { [file]: [[from, ""]] } });
    expect(() => writeMutant(broken("nothing of the kind"), folder)).toThrow(`${file}.ts holds this 0 times`);
    expect(() => writeMutant(broken("import"), folder)).toThrow(/holds this \d+ times instead of once:\nimport/);
    const elsewhere: Mutant = { ...base, name: "broken", files: { "shrinker/rwsem": [["rwsem", ""]] } };
    expect(() => writeMutant(elsewhere, folder)).toThrow("changes shrinker/rwsem.ts");
  });
});
