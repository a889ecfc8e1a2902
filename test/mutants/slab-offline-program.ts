// A program of slab-offline for one CPU, one event after the other: by it mutants that are wrong in any order are told from those
// that are not.

import type { CompiledModule } from "../../src/build/compile.ts";
import { startProblem } from "../../src/build/problem.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCacheCreate,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCpuOffline,
  kindObjectAllocate,
  kindObjectFree,
} from "../../src/kernel/events.ts";
import * as counters from "../../src/kernel/slab-offline/counters.ts";
import { slabOffline } from "../../src/problems/slab-offline.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import type { SlabOfflineExports } from "../kernel/slab-offline-rig.ts";
import { endOf, oneTask } from "./one-task.ts";

const cgroups = 3;
const caches = 3;
const objectsPerCache = 40;
const outcomes = [
  counters.counterOfflines,
  counters.counterAllocations,
  counters.counterFreesLive,
  counters.counterFreesDead,
  counters.counterCachesCreated,
  counters.counterCachesDestroyed,
  counters.counterBogoOps,
];

/** Two cgroups, one below the other, go while objects of their caches are in use. Returns all that comes of it. */
export function runSlabOffline(compiled: CompiledModule): unknown[] {
  const objects = caches * objectsPerCache;
  const limits = { events: 0, caches, objects, cgroups, superblocks: 0, tasks: 1, liveBytesMax: 0, slabBytesMax: 0 };
  const sizes = { cpus: 1, arenaBytesMax: 1 << 22 };
  const { machine, attach } = oneTask();
  const workload = { limits, parameters: {} };
  const running = startProblem<SlabOfflineExports>(slabOffline, compiled, workload, sizes, machine, attach);
  const writer = new EventWriter();
  writer.flags = flagMeasured;
  let events = 0;
  const add = (kind: number, object: number, group: number, a = 0, b = 0): void => {
    writer.add(kind, object, group, a, b);
    events++;
  };
  const ends: number[] = [];
  const settle = (): void => {
    for (let round = 0; round < 3; round++) add(kindBogoOp, 0, 0);
    ends.push(events);
  };
  const free = (from: number, to: number): void => {
    for (let object = from; object < to; object++) add(kindObjectFree, object, object % caches);
  };
  add(kindCgroupCreate, 0, 0, 0);
  add(kindCgroupCreate, 0, 1, 0);
  add(kindCgroupCreate, 0, 2, 1);
  // Caches 0 and 1 are the lower one's, with two objects to a slab and with one; 2 is the upper one's.
  add(kindCacheCreate, 2, 0, 2048, 1 + 2 * 2 ** 32);
  add(kindCacheCreate, 1, 1, 4096, 1 + 2 * 2 ** 32);
  add(kindCacheCreate, 2, 2, 2048, 1 + 2 ** 32);
  for (let object = 0; object < objects; object++) add(kindObjectAllocate, object, object % caches);
  free(0, 30);
  add(kindCpuOffline, 0, 0, 0);
  for (let object = 0; object < 10; object++) add(kindObjectAllocate, object, object % caches);
  settle();
  add(kindCgroupOffline, 0, 2);
  free(0, 10);
  settle();
  free(30, 70);
  settle();
  add(kindCgroupOffline, 0, 1);
  free(70, objects - 6);
  settle();
  free(objects - 6, objects);
  settle();
  for (const chunk of writer.flush()) new Uint8Array(running.memory.buffer).set(chunk, running.layout.eventBuffer);
  const own = running.exports;
  const seen: unknown[] = [];
  let first = 0;
  const end = endOf(() => {
    for (const last of ends) {
      seen.push(own.run(first, last), own.usedObjectCount(), own.misplacedSlabs());
      own.drain();
      seen.push(own.chargedBytes(0), own.usedObjectCount(), own.misplacedSlabs(), own.allocatedBytes());
      for (const gauge of [counters.gaugeDeadCaches, counters.gaugeDyingCgroups, counters.gaugeSlabBytes]) {
        seen.push(own.gauge(gauge));
      }
      first = last;
    }
  });
  seen.push(end);
  for (const counter of outcomes) seen.push(own.counter(counter));
  return seen;
}
