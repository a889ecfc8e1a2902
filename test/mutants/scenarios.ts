// Scenarios of the shrinker without which some mutants do not show: smaller than those of the problem, or about what none of
// them is about.

import type { Scenario, ScenarioEvent } from "../../src/checker/scenario.ts";
import {
  kindBogoOp,
  kindCgroupCreate,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../../src/kernel/events.ts";

const create = (group: number): ScenarioEvent => ({ kind: kindCgroupCreate, group, a: 0 });
const mount = (object: number): ScenarioEvent => ({ kind: kindSuperblockMount, object });
const unmount = (object: number): ScenarioEvent => ({ kind: kindSuperblockUnmount, object });
const addUsed = (object: number, group: number): ScenarioEvent => ({ kind: kindLruAdd, object, group, a: 1, b: 0 });
const addFreeable = (object: number, group: number): ScenarioEvent => ({ kind: kindLruAdd, object, group, a: 1, b: 1 });
const pass = (group: number): ScenarioEvent => ({ kind: kindReclaimPass, group });
/** An event boundary, at which grace periods get on and callbacks run. */
const boundary: ScenarioEvent = { kind: kindBogoOp };

const idsPerWord = 64;
const wordOfMounts = Array.from({ length: idsPerWord }, (_, superblock) => mount(superblock));

type Case = Pick<Scenario, "name" | "description" | "size" | "cpus" | "setup" | "tasks" | "closing"> & {
  readonly ticks?: number;
  readonly cgroups: number;
  readonly superblocks: number;
};

const cases: readonly Case[] = [
  {
    name: "list-walk-preempted",
    description:
      "a walk over the list is preempted by the task that unregisters the shrinker it is at, and by its grace period",
    size: "2 tasks x 1 to 3 operations",
    cpus: 1,
    setup: [create(0), mount(0), mount(1)],
    tasks: [
      { cpu: 0, events: [pass(0)] },
      // The grace period begins, ends, and the callback runs.
      { cpu: 0, events: [unmount(0), boundary, boundary] },
    ],
    closing: [pass(0), unmount(1), pass(0)],
    cgroups: 1,
    superblocks: 2,
  },
  {
    name: "writers-preempted",
    description:
      "a registration and an unregistration share a CPU, so that one waits for a lock whose holder does not run",
    size: "2 tasks x 1 operation",
    cpus: 1,
    setup: [create(0), mount(0)],
    tasks: [
      { cpu: 0, events: [mount(1)] },
      { cpu: 0, events: [unmount(0)] },
    ],
    closing: [pass(0), unmount(1), pass(0)],
    cgroups: 1,
    superblocks: 2,
  },
  {
    name: "register-against-unregister",
    description: "a registration, which takes the lock twice, and an unregistration, to which it may have to hand it",
    size: "2 tasks x 1 operation",
    cpus: 2,
    setup: [create(0), mount(0)],
    tasks: [
      { cpu: 0, events: [mount(1)] },
      { cpu: 1, events: [unmount(0)] },
    ],
    closing: [pass(0), unmount(1), pass(0)],
    cgroups: 1,
    superblocks: 2,
  },
  {
    name: "walk-against-two-unregisters",
    description: "the list is walked during two unregistrations in a row, with a grace period each",
    size: "2 tasks x 1 to 2 operations",
    cpus: 2,
    setup: [create(0), mount(0), mount(1)],
    tasks: [
      { cpu: 0, events: [pass(0)] },
      { cpu: 1, events: [unmount(0), unmount(1)] },
    ],
    closing: [pass(0)],
    cgroups: 1,
    superblocks: 2,
  },
  {
    name: "walk-and-set-bit-against-unregister",
    description: "a cgroup's map is walked, and a bit is set in it, while another shrinker of it is unregistered",
    size: "3 tasks x 1 operation",
    cpus: 3,
    setup: [create(0), create(1), mount(0), mount(1), addFreeable(0, 1), pass(1), addUsed(1, 1)],
    tasks: [
      { cpu: 0, events: [pass(1)] },
      { cpu: 1, events: [addUsed(0, 1)] },
      { cpu: 2, events: [unmount(1)] },
    ],
    closing: [pass(0), unmount(0), pass(0)],
    cgroups: 2,
    superblocks: 2,
  },
  {
    name: "walk-against-late-unregister",
    description: "the list is walked while an unregistration waits for so long that the lock is kept for it",
    size: "2 tasks x 1 operation",
    cpus: 2,
    setup: [create(0), mount(0), mount(1)],
    tasks: [
      { cpu: 0, events: [pass(0)] },
      { cpu: 1, events: [unmount(1)] },
    ],
    ticks: 2,
    closing: [pass(0), unmount(0), pass(0)],
    cgroups: 1,
    superblocks: 2,
  },
  {
    name: "expansion-against-grace-period-and-walk",
    description: "the maps are expanded while another CPU begins a grace period and then walks them",
    size: "2 tasks x 2 to 3 operations",
    cpus: 2,
    setup: [create(0), create(1), ...wordOfMounts],
    tasks: [
      { cpu: 0, events: [unmount(0), pass(1)] },
      // One of the two gets the 65th id, whoever was first; then the callback runs.
      { cpu: 1, events: [mount(idsPerWord), mount(idsPerWord + 1), boundary] },
    ],
    closing: [pass(0), unmount(idsPerWord), unmount(idsPerWord + 1), pass(0)],
    cgroups: 2,
    superblocks: idsPerWord + 2,
  },
];

export const neededScenarios: readonly Scenario[] = cases.map(({ ticks = 0, ...rest }) => ({
  ...rest,
  constants: {},
  ticks,
  caches: 1,
  objects: 1,
  isShort: false,
  isForTso: rest.tasks.length === 2,
}));
