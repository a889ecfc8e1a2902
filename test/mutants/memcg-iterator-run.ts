// What a memcg iterator does in one task: walks, broken ones among them, and cgroups that come and go. No cursor points at
// what goes.

import type { CompiledModule } from "../../src/build/compile.ts";
import { startProblem } from "../../src/build/problem.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindReclaimPass,
} from "../../src/kernel/events.ts";
import * as counters from "../../src/kernel/memcg-iterator/counters.ts";
import { memcgIterator } from "../../src/problems/memcg-iterator.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import type { IteratorExports } from "../kernel/memcg-iterator-rig.ts";
import { oneTask } from "./one-task.ts";

const limits = {
  events: 0,
  caches: 1,
  objects: 1,
  cgroups: 8,
  superblocks: 0,
  tasks: 1,
  liveBytesMax: 0,
  slabBytesMax: 0,
};
const outcomes = [
  counters.counterVisits,
  counters.counterRounds,
  counters.counterRestarts,
  counters.counterBroken,
  counters.counterDestroys,
  counters.counterFreedVisits,
  counters.counterTwice,
  counters.counterNever,
];

/** Returns what came of it. */
export function runMemcgIterator(compiled: CompiledModule): unknown[] {
  const { machine, attach } = oneTask();
  const { exports, layout, memory } = startProblem<IteratorExports>(
    memcgIterator,
    compiled,
    { limits, parameters: {} },
    { cpus: 1, arenaBytesMax: 1 << 20 },
    machine,
    attach,
  );
  const seen: unknown[] = [];
  const perform = (...events: readonly (readonly [kind: number, group?: number, a?: number, b?: number])[]): void => {
    const writer = new EventWriter();
    writer.flags = flagMeasured;
    for (const [kind, group = 0, a = 0, b = 0] of events) writer.add(kind, 0, group, a, b);
    for (const chunk of writer.flush()) new Uint8Array(memory.buffer).set(chunk, layout.eventBuffer);
    seen.push(exports.run(0, events.length));
    exports.drain();
    seen.push(exports.gauge(counters.gaugeDying), exports.allocatedBytes());
  };
  const pass = [kindReclaimPass] as const;
  const brokenAfter = (visits: number) => [kindReclaimPass, 0, 0, visits * 2 ** 32] as const;
  perform([kindCgroupCreate], ...[1, 2, 3, 4, 5, 6].map((group) => [kindCgroupCreate, group, 0] as const));
  // Nobody walks while a cgroup is on its way out.
  perform(pass, brokenAfter(3), pass, [kindCgroupOffline, 6], [kindBogoOp]);
  perform([kindCgroupCreate, 6, 2], pass, brokenAfter(4), pass, [kindCgroupOffline, 3]);
  perform(pass, [kindCgroupOffline, 6]);
  perform([kindCgroupOffline, 2]);
  perform(pass, pass);
  return [...seen, ...outcomes.map((counter) => exports.counter(counter))];
}
