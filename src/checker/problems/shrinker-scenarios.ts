// The shrinker's scenarios: small cases in which file systems come and go, cgroups go, lists get objects and maps grow
// while others walk.
//
// Set-ups leave slabs behind that serve what the tasks take, so that exploring them takes few pages. Cgroup 0 is the root.
// Rules of the workload hold here, too: a superblock is mounted and unmounted by one task only, and nobody adds objects to
// a superblock or a cgroup that another task takes away.

import {
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../../kernel/events.ts";
import type { Scenario, ScenarioEvent, ScenarioTask } from "../scenario.ts";
import { eventsBeforeClosing } from "./problem.ts";

const create = (group: number, parent = 0): ScenarioEvent => ({ kind: kindCgroupCreate, group, a: parent });
const offline = (group: number): ScenarioEvent => ({ kind: kindCgroupOffline, group });
const mount = (object: number, sleepNs = 0): ScenarioEvent => ({ kind: kindSuperblockMount, object, b: sleepNs });
const unmount = (object: number): ScenarioEvent => ({ kind: kindSuperblockUnmount, object });
/** Adds one object, in use: a scan comes to it and leaves it. */
const addUsed = (object: number, group: number): ScenarioEvent => ({ kind: kindLruAdd, object, group, a: 1, b: 0 });
/** Adds one object that the next scan frees. */
const addFreeable = (object: number, group: number): ScenarioEvent => ({ kind: kindLruAdd, object, group, a: 1, b: 1 });
/** A pass over a cgroup and all below it, at the priority that scans everything. */
const pass = (group: number): ScenarioEvent => ({ kind: kindReclaimPass, group });

/** An event boundary, at which grace periods get on and callbacks run. */
const boundary: ScenarioEvent = { kind: kindBogoOp };

/** A task per CPU. */
const onCpus = (...tasks: readonly (readonly ScenarioEvent[])[]): ScenarioTask[] =>
  tasks.map((events, cpu) => ({ cpu, events }));

/** Long enough to be a sleep; how long does not matter. */
const sleepNs = 1000;
/** Ids of one word of the maps. */
const idsPerWord = 64;
const wordOfMounts = Array.from({ length: idsPerWord }, (_, superblock) => mount(superblock));

/** A cgroup's list that is empty with its bit set, as the first visit after the last object leaves it. */
const emptyMarked = (superblock: number, cgroup: number): ScenarioEvent[] => [
  addFreeable(superblock, cgroup),
  pass(cgroup),
];

/** The same with the bit cleared, as a second visit leaves it. */
const emptyUnmarked = (superblock: number, cgroup: number): ScenarioEvent[] => [
  ...emptyMarked(superblock, cgroup),
  pass(cgroup),
];

/** What differs from one scenario to the next; the rest follows. */
interface Case {
  readonly name: string;
  readonly description: string;
  readonly setup: readonly ScenarioEvent[];
  readonly tasks: readonly ScenarioTask[];
  /** @default 0 */
  readonly ticks?: number;
  readonly closing: readonly ScenarioEvent[];
  readonly isShort?: boolean;
  readonly effort?: number;
}

/** Of what is not exhausted with many times the usual number of states. */
const little = 0.25;

function sizeOf(tasks: readonly ScenarioTask[]): string {
  const counts = tasks.map(({ events }) => events.length);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const operations = least === most ? `${most} operation${most === 1 ? "" : "s"}` : `${least} to ${most} operations`;
  return `${tasks.length} tasks x ${operations}`;
}

function scenarioOf({ setup, tasks, closing, ticks = 0, isShort = false, ...rest }: Case): Scenario {
  const events = [...eventsBeforeClosing({ setup, tasks }), ...closing];
  const most = (field: "object" | "group"): number => Math.max(...events.map((event) => event[field] ?? 0));
  return {
    ...rest,
    size: sizeOf(tasks),
    cpus: Math.max(...tasks.map(({ cpu }) => cpu)) + 1,
    constants: {},
    setup,
    tasks,
    ticks,
    closing,
    caches: 1,
    objects: 1,
    cgroups: most("group") + 1,
    superblocks: most("object") + 1,
    isShort,
    isForTso: tasks.length === 2,
  };
}

const cases: readonly Case[] = [
  {
    name: "walk-against-unregister",
    description: "the list of all shrinkers is walked while the last one of it is unregistered",
    setup: [create(0), mount(0), mount(1), addUsed(1, 0)],
    tasks: onCpus([pass(0)], [unmount(1)]),
    closing: [pass(0), unmount(0), pass(0)],
    isShort: true,
  },
  {
    name: "walk-against-unregister-middle",
    description: "the list of all shrinkers is walked while one in its middle is unregistered",
    setup: [create(0), mount(0), mount(1), mount(2)],
    tasks: onCpus([pass(0)], [unmount(1)]),
    // The last one stays: the final pass must still come to it.
    closing: [addFreeable(2, 0), pass(0), unmount(0), pass(0)],
  },
  {
    name: "walk-against-unregister-asleep",
    description: "a shrinker is unregistered whose callback sleeps, called by a walk over the list",
    setup: [create(0), mount(0, sleepNs), mount(1), addUsed(0, 0)],
    tasks: onCpus([pass(0)], [unmount(0)]),
    closing: [pass(0), unmount(1), pass(0)],
  },
  {
    name: "map-walk-against-unregister",
    description: "a cgroup's map is walked while the shrinker of a set bit is unregistered",
    setup: [create(0), create(1), mount(0), mount(1), addUsed(0, 1), addUsed(1, 1)],
    tasks: onCpus([pass(1)], [unmount(0)]),
    closing: [pass(0), unmount(1), pass(0), offline(1)],
    isShort: true,
  },
  {
    name: "map-walk-against-unregister-asleep",
    description: "a shrinker is unregistered whose callback sleeps, called by a walk over a cgroup's map",
    setup: [create(0), create(1), mount(0, sleepNs), addUsed(0, 1)],
    tasks: onCpus([pass(1)], [unmount(0)]),
    closing: [pass(0), offline(1)],
  },
  {
    name: "register-against-walk",
    description: "a shrinker is registered with an id whose old bit is still set while list and map are walked",
    setup: [create(0), create(1), mount(0), addUsed(0, 1), mount(1), addUsed(1, 1), unmount(1)],
    tasks: onCpus([mount(2)], [pass(0)]),
    closing: [addFreeable(2, 1), pass(0), unmount(0), unmount(2), pass(0), offline(1)],
    isShort: true,
  },
  {
    name: "id-reuse-against-walk",
    description: "a shrinker is registered and gets its first object while its id's old bit is being cleared",
    setup: [create(0), create(1), mount(0), mount(1), addUsed(1, 1), unmount(1)],
    tasks: onCpus([mount(2), addUsed(2, 1)], [pass(1)]),
    closing: [pass(0), unmount(0), unmount(2), pass(0), offline(1)],
    isShort: true,
  },
  {
    name: "add-against-clear",
    description: "a list that was just found empty gets an object while the walk clears its bit",
    setup: [create(0), create(1), mount(0), ...emptyMarked(0, 1)],
    tasks: onCpus([pass(1)], [addUsed(0, 1)]),
    closing: [pass(0), unmount(0), pass(0), offline(1)],
    isShort: true,
  },
  {
    name: "add-against-two-clears",
    description: "a list that was just found empty gets an object while two walks clear its bit",
    setup: [create(0), create(1), mount(0), ...emptyMarked(0, 1)],
    tasks: onCpus([pass(1)], [addUsed(0, 1)], [pass(1)]),
    closing: [pass(0), unmount(0), pass(0), offline(1)],
    isShort: true,
  },
  {
    name: "first-expansion-against-walk",
    description: "the maps, which have no room for any id yet, are expanded while they are walked",
    setup: [create(0), create(1)],
    tasks: onCpus([mount(0), addUsed(0, 1)], [pass(1)]),
    closing: [pass(0), unmount(0), pass(0), offline(1)],
    isShort: true,
  },
  {
    name: "expansion-against-set-bit",
    description: "the maps are expanded for the 65th shrinker while a list gets its first object",
    setup: [create(0), create(1), ...wordOfMounts, ...emptyUnmarked(0, 1)],
    tasks: onCpus([mount(idsPerWord)], [addUsed(0, 1)]),
    closing: [pass(0), unmount(0), unmount(idsPerWord), offline(1)],
    isShort: true,
  },
  {
    name: "expansion-against-set-bit-and-walk",
    description: "the maps are expanded for the 65th shrinker while a list gets its first object and the map is walked",
    setup: [create(0), create(1), ...wordOfMounts, ...emptyUnmarked(0, 1)],
    tasks: onCpus([mount(idsPerWord)], [addUsed(0, 1)], [pass(1)]),
    closing: [pass(0), unmount(0), unmount(idsPerWord), offline(1)],
  },
  {
    name: "offline-against-walk",
    description: "a cgroup goes while its map is walked, then the shrinker of its set bit is unregistered",
    setup: [create(0), create(1), mount(0), addUsed(0, 1)],
    tasks: onCpus([pass(1)], [offline(1), unmount(0)]),
    closing: [pass(0)],
    isShort: true,
  },
  {
    name: "offline-against-clear",
    description: "a cgroup goes and leaves its objects to its parent while a walk clears the parent's bit",
    setup: [create(0), create(1), mount(0), ...emptyMarked(0, 1), create(2, 1), addUsed(0, 2)],
    tasks: onCpus([pass(1)], [offline(2)]),
    closing: [pass(0), offline(1), unmount(0), pass(0)],
    isShort: true,
  },
  {
    name: "adds-and-walks-against-unregister",
    description: "the list of all shrinkers is walked three times while objects come and a shrinker is unregistered",
    setup: [create(0), mount(0), mount(1), addUsed(0, 0)],
    tasks: onCpus([addUsed(0, 0), addUsed(0, 0)], [pass(0), pass(0)], [unmount(1), pass(0)]),
    closing: [unmount(0), pass(0)],
  },
  {
    name: "two-unregisters-and-walks",
    description: "two shrinkers are unregistered and one registered while objects come and a cgroup is walked twice",
    setup: [create(0), create(1), mount(0), ...emptyMarked(0, 1), mount(1), addUsed(1, 1)],
    tasks: onCpus([mount(2), unmount(2)], [addUsed(0, 1), pass(1)], [pass(1), unmount(1)]),
    closing: [pass(0), unmount(0), pass(0), offline(1)],
    effort: little,
  },
  {
    name: "contended-lock",
    description:
      "a registration, an unregistration and a cgroup's end wait for one another's locks, long enough for a hand-off",
    setup: [create(0), create(1), mount(0), addUsed(0, 1)],
    tasks: onCpus([mount(1)], [unmount(0)], [offline(1)]),
    ticks: 2,
    closing: [addFreeable(1, 0), pass(0), unmount(1), pass(0)],
    effort: little,
  },
  {
    name: "contended-lock-asleep",
    description:
      "a registration and an unregistration wait for a walk whose callback sleeps, long enough for a hand-off",
    setup: [create(0), mount(0, sleepNs), mount(1), addUsed(0, 0)],
    tasks: onCpus([pass(0)], [mount(2)], [unmount(1)]),
    ticks: 2,
    closing: [addFreeable(2, 0), pass(0), unmount(0), unmount(2), pass(0)],
    effort: little,
  },
  {
    name: "preempted-walks",
    description: "two walks share a CPU while another one unregisters a shrinker that both call",
    setup: [create(0), create(1), mount(0), addUsed(0, 1)],
    tasks: [
      { cpu: 0, events: [pass(1)] },
      { cpu: 0, events: [pass(0)] },
      { cpu: 1, events: [unmount(0)] },
    ],
    closing: [pass(0), offline(1)],
    effort: little,
  },
  {
    name: "preempted-writers",
    description: "a registration and an unregistration share a CPU while another one walks",
    setup: [create(0), create(1), mount(0), addUsed(0, 1)],
    tasks: [
      { cpu: 0, events: [mount(1)] },
      { cpu: 0, events: [unmount(0)] },
      { cpu: 1, events: [pass(1)] },
    ],
    closing: [addFreeable(1, 0), pass(0), unmount(1), pass(0), offline(1)],
    effort: little,
  },
  {
    name: "list-walk-preempted",
    description:
      "a walk over the list is preempted by the task that unregisters the shrinker it is at, and by its grace period",
    setup: [create(0), mount(0), mount(1)],
    tasks: [
      { cpu: 0, events: [pass(0)] },
      // The grace period begins, ends, and the callback runs.
      { cpu: 0, events: [unmount(0), boundary, boundary] },
    ],
    closing: [pass(0), unmount(1), pass(0)],
  },
  {
    name: "writers-preempted",
    description:
      "a registration and an unregistration share a CPU, so that one waits for a lock whose holder does not run",
    setup: [create(0), mount(0)],
    tasks: [
      { cpu: 0, events: [mount(1)] },
      { cpu: 0, events: [unmount(0)] },
    ],
    closing: [pass(0), unmount(1), pass(0)],
    isShort: true,
  },
  {
    name: "walk-against-two-unregisters",
    description: "the list is walked during two unregistrations in a row, with a grace period each",
    setup: [create(0), mount(0), mount(1)],
    tasks: onCpus([pass(0)], [unmount(0), unmount(1)]),
    closing: [pass(0)],
    isShort: true,
  },
  {
    name: "walk-and-set-bit-against-unregister",
    description: "a cgroup's map is walked, and a bit is set in it, while another shrinker of it is unregistered",
    setup: [create(0), create(1), mount(0), mount(1), ...emptyMarked(0, 1), addUsed(1, 1)],
    tasks: onCpus([pass(1)], [addUsed(0, 1)], [unmount(1)]),
    closing: [pass(0), unmount(0), pass(0), offline(1)],
  },
  {
    name: "expansion-against-grace-period-and-walk",
    description: "the maps are expanded while another CPU begins a grace period and then walks them",
    setup: [create(0), create(1), ...wordOfMounts],
    tasks: onCpus(
      [unmount(0), pass(1)],
      // One of the two gets the 65th id, whoever was first; then the callback runs.
      [mount(idsPerWord), mount(idsPerWord + 1), boundary],
    ),
    closing: [pass(0), unmount(idsPerWord), unmount(idsPerWord + 1), pass(0), offline(1)],
  },
];

/** All scenarios of the shrinker. */
export const shrinkerScenarios: readonly Scenario[] = cases.map(scenarioOf);
