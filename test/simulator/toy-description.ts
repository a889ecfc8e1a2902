// A made-up described problem, for tests of what follows from a description: `test/kernel/assembly/toy-problem.ts`.

import {
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindLogPush,
  kindLruAdd,
  kindReclaimPass,
} from "../../src/kernel/events.ts";
import { noteShrinkerAllocated, noteShrinkerFreed } from "../../src/kernel/notes.ts";
import type { Problem } from "../../src/problems/index.ts";

const unit = { unit: "marbles", better: "", meaning: "Marbles" } as const;

export const toy: Problem = {
  name: "toy",
  kinds: new Set([
    kindCgroupCreate,
    kindCgroupOffline,
    kindReclaimPass,
    kindLruAdd,
    kindCompute,
    kindBogoOp,
    kindLogPush,
  ]),
  globals: () => ({}),
  limits: (limits) => limits,
  arenaBytes: () => 65_536,
  caseBytes: () => 65_536,
  advice: "use fewer marbles",
  counters: [
    { ...unit, metric: "taken", index: 0 },
    { ...unit, metric: "put-at-once", better: "lower", index: 1, isMost: true },
    { ...unit, metric: "lost", index: 3, forbidden: "marbles were lost", only: "native" },
  ],
  bogoOps: 2,
  durations: [{ index: 0, metric: "take-latency-ns", meaning: "Time of one marble" }],
  gauges: [
    { ...unit, metric: "marbles", index: 0, read: "rounds" },
    { ...unit, metric: "marbles-max", index: 0, read: "max", better: "lower" },
    { ...unit, metric: "marbles-end", index: 0, read: "end" },
    { ...unit, metric: "marble-bytes", unit: "bytes/marble", index: 1, read: "end", only: "native" },
  ],
  rates: [
    { ...unit, metric: "taken-per-s", unit: "marbles/s", better: "higher", counter: 0, kinds: [kindReclaimPass] },
  ],
  costs: [
    {
      ...unit,
      metric: "take-ns",
      unit: "ns/marble",
      better: "lower",
      counter: 0,
      kinds: [kindReclaimPass],
      without: [kindCgroupCreate],
    },
  ],
  operations: [],
  areas: { 1: "marble lock", 2: "jar" },
  gracePeriods: { 1: "lock", 2: "jar" },
  arena: "floor",
  objects: [{ name: "marble", allocated: noteShrinkerAllocated, freed: noteShrinkerFreed, bytesGauge: 1 }],
};
