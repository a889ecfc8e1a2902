// What cil does in one task: commits, relogged, resized and ordered items, pushes with checkpoints under way. Memory is
// plenty.

import type { CompiledModule } from "../../src/build/compile.ts";
import { startProblem } from "../../src/build/problem.ts";
import * as counters from "../../src/kernel/cil/counters.ts";
import * as gauges from "../../src/kernel/cil/gauges.ts";
import { flagMeasured, kindLogPush, kindTransactionCommit, kindTransactionItem } from "../../src/kernel/events.ts";
import { cil } from "../../src/problems/cil.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import type { CilTestExports } from "../kernel/cil-rig.ts";
import { endOf, oneTask } from "./one-task.ts";

const items = 4;
/** What commits came to, and what breaks a rule; not what it took: an allocation more may well be. */
const outcomes = [
  counters.counterCommits,
  counters.counterFormattedBytes,
  counters.counterPushes,
  counters.counterCheckpoints,
  counters.counterDeadlocks,
  counters.counterItemsDestroyed,
  counters.counterChangedVectors,
  counters.counterOverruns,
  counters.counterSharedVectors,
  counters.counterWrongPins,
  counters.counterMiscounted,
  counters.counterDisordered,
  counters.counterForbiddenMemory,
];

type Event = readonly [kind: number, object?: number, bytes?: number, isLast?: number];
const commit = (object: number, bytes: number, isLast = 0): Event[] => [
  [kindTransactionItem, object, bytes, isLast],
  [kindTransactionCommit],
];
const push: Event = [kindLogPush];

const parts: readonly (readonly Event[])[] = [
  // Relogged in place, grown and shrunk, in one context.
  [...commit(0, 8), ...commit(0, 8), ...commit(0, 200), ...commit(0, 8), push],
  // Two items of a transaction, and one that is only tracked, next to another.
  [
    [kindTransactionItem, 1, 64],
    [kindTransactionItem, 2, 1000],
    [kindTransactionCommit],
    ...commit(3, 0),
    ...commit(1, 300),
    push,
  ],
  // Again while the log is written.
  [...commit(0, 200), push, ...commit(0, 200), ...commit(2, 1000), push, ...commit(0, 8), push],
  // The last commits, of which one was not.
  [...commit(0, 8, 1), ...commit(0, 8), push],
  // Committed twice before, so that items go with a shadow.
  [...[0, 1, 2, 3].flatMap((item) => [...commit(item, 8), ...commit(item, 8, 1)]), push],
];

/** Returns all that comes of it. */
export function runCil(compiled: CompiledModule): unknown[] {
  const limits = { events: 0, caches: 0, objects: items, cgroups: 0, superblocks: 0, tasks: 1 };
  const parameters = {
    "push-threshold": 2 ** 30,
    "memory-limit": 0,
    "io-ns": 1000,
    "compaction-ns": 0,
    "hang-ms": 1000,
  };
  const task = oneTask();
  const { exports, layout, memory } = startProblem<CilTestExports>(
    { ...cil, arenaBytes: () => 2 ** 22 },
    compiled,
    { limits: { ...limits, liveBytesMax: 0, slabBytesMax: 0 }, parameters },
    { cpus: 1, arenaBytesMax: 2 ** 22 },
    task.machine,
    task.attach,
  );
  const seen: unknown[] = [];
  const look = (): void => {
    for (const part of [0, 1, 2]) seen.push(exports.contextState(part));
    for (let item = 0; item < items; item++) {
      // Pins, version, whether it is listed, and its lock.
      for (const part of [2, 3, 4, 6]) seen.push(exports.itemState(item, part));
    }
  };
  const end = endOf(() => {
    for (const events of parts) {
      const writer = new EventWriter();
      writer.flags = flagMeasured;
      for (const [kind, object = 0, a = 0, b = 0] of events) writer.add(kind, object, 0, a, b);
      for (const chunk of writer.flush()) new Uint8Array(memory.buffer).set(chunk, layout.eventBuffer);
      seen.push(exports.run(0, events.length));
      look();
      exports.drain();
      look();
      seen.push(exports.gauge(gauges.gaugeFootprint) > 0);
    }
    seen.push(exports.gauge(gauges.gaugeFootprint), exports.allocatedBytes());
  });
  seen.push(end);
  for (const counter of outcomes) seen.push(exports.counter(counter));
  return seen;
}
