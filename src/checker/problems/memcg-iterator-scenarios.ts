// The memcg iterator's scenarios: small trees that are walked while cgroups of them go.
//
// Cgroup 0 is the root of all. The end of a cgroup takes several event boundaries of the CPU that removed it: the grace
// period of its references, its worker, the grace period of its memory. What was removed in a set-up, and what was removed
// before the closing part, has come to its end.

import { kindBogoOp, kindCgroupCreate, kindCgroupOffline, kindReclaimPass } from "../../kernel/events.ts";
import type { Scenario, ScenarioEvent, ScenarioTask } from "../scenario.ts";
import { eventsBeforeClosing } from "./problem.ts";

const twoTo32 = 2 ** 32;

const create = (group: number, parent = 0): ScenarioEvent => ({ kind: kindCgroupCreate, group, a: parent });
const offline = (group: number): ScenarioEvent => ({ kind: kindCgroupOffline, group });
/** A pass over a cgroup and all below it. */
const pass = (group: number, priority = 0): ScenarioEvent => ({ kind: kindReclaimPass, group, a: priority });
/** A pass that is broken off after some visits, so that its cursor stays there. */
const broken = (group: number, visits: number, priority = 0): ScenarioEvent => ({
  kind: kindReclaimPass,
  group,
  a: priority,
  b: visits * twoTo32,
});
/** An event boundary, at which grace periods get on and callbacks run. */
const boundary: ScenarioEvent = { kind: kindBogoOp };
/** Enough of them for the grace period after which a cgroup goes offline. */
const untilOffline = [boundary, boundary];

/** A task per CPU. */
const onCpus = (...tasks: readonly (readonly ScenarioEvent[])[]): ScenarioTask[] =>
  tasks.map((events, cpu) => ({ cpu, events }));

/** What differs from one scenario to the next; the rest follows. */
interface Case {
  readonly name: string;
  readonly description: string;
  readonly setup: readonly ScenarioEvent[];
  readonly tasks: readonly ScenarioTask[];
  readonly closing: readonly ScenarioEvent[];
  readonly isShort?: boolean;
  readonly effort?: number;
}

function sizeOf(tasks: readonly ScenarioTask[]): string {
  const counts = tasks.map(({ events }) => events.filter(({ kind }) => kind !== kindBogoOp).length);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const operations = least === most ? `${most} operation${most === 1 ? "" : "s"}` : `${least} to ${most} operations`;
  return `${tasks.length} tasks x ${operations}`;
}

function scenarioOf({ setup, tasks, closing, isShort = false, ...rest }: Case): Scenario {
  const groups = [...eventsBeforeClosing({ setup, tasks }), ...closing].map(({ group = 0 }) => group);
  return {
    ...rest,
    size: sizeOf(tasks),
    cpus: Math.max(...tasks.map(({ cpu }) => cpu)) + 1,
    constants: { LAB_ZONES: 1 },
    setup,
    tasks,
    ticks: 0,
    closing,
    caches: 1,
    objects: 1,
    cgroups: Math.max(...groups) + 1,
    superblocks: 0,
    isShort,
    isForTso: tasks.length === 2,
  };
}

const tree = [create(0), create(1), create(2)];

const cases: readonly Case[] = [
  {
    name: "walk-against-destroy",
    description: "a tree is walked while one of its cgroups is removed and goes to its end",
    setup: [create(0), create(1)],
    tasks: onCpus([pass(0)], [offline(1), ...untilOffline]),
    closing: [pass(0), pass(0)],
  },
  {
    name: "broken-walk-against-destroy",
    description: "a walk is broken off at a cgroup that goes at the same time",
    setup: [create(0), create(1), broken(0, 1)],
    tasks: onCpus([broken(0, 1)], [offline(1), ...untilOffline]),
    closing: [pass(0), pass(0)],
    isShort: true,
  },
  {
    name: "broken-walk-then-destroy",
    description: "the cgroup at which a broken walk left the cursor goes while the next walk begins there",
    setup: [...tree, broken(0, 2)],
    tasks: onCpus([pass(0)], [offline(1), ...untilOffline]),
    closing: [pass(0), offline(2), pass(0)],
    isShort: true,
  },
  {
    name: "two-walkers",
    description: "two walkers share a cursor",
    setup: tree,
    tasks: onCpus([pass(0)], [pass(0)]),
    closing: [pass(0), offline(1), offline(2)],
    isShort: true,
  },
  {
    name: "round-ended-by-another",
    description: "a walker completes the round that another one is in, and then removes a cgroup",
    setup: [create(0), create(1)],
    tasks: onCpus([pass(0)], [pass(0), offline(1)]),
    closing: [pass(0), pass(0)],
  },
  {
    name: "walk-after-destroy",
    description:
      "broken walks left cursors of several priorities and roots at a cgroup that then went; they are walked on",
    setup: [...tree, create(3, 2), broken(0, 4), broken(0, 4, 5), broken(2, 2), broken(2, 2, 12), offline(3)],
    tasks: onCpus([pass(0), pass(0, 5), pass(2), pass(2, 12)]),
    closing: [pass(0)],
  },
  {
    name: "walks-after-destroy",
    description: "the cursor of a broken walk points at a cgroup that went; two walkers begin there",
    setup: [...tree, broken(0, 2), offline(1)],
    tasks: onCpus([broken(0, 1)], [broken(0, 1)]),
    closing: [pass(0), pass(0)],
  },
  {
    name: "dead-position-on-the-same-cpu",
    description: "a walk begins at a cgroup without references on the CPU whose worker has yet to tell of its end",
    setup: [create(0), create(1), broken(0, 2)],
    tasks: [
      { cpu: 0, events: [offline(1), ...untilOffline] },
      { cpu: 0, events: [broken(0, 1)] },
    ],
    closing: [pass(0)],
  },
  {
    name: "pinned-and-two-walkers",
    description:
      "a cgroup that is kept by the cursor of a broken walk, if cursors keep any, is passed by two walkers of another cursor",
    setup: [create(0), create(1), broken(0, 2, 5), offline(1), broken(0, 1)],
    tasks: onCpus([broken(0, 1)], [broken(0, 1), pass(0, 5)]),
    closing: [pass(0), pass(0)],
  },
  {
    name: "pinned-child",
    description:
      "a cgroup that is kept by the cursor of a broken walk, if cursors keep any, is left after its parent went",
    setup: [create(0), create(1), create(2, 1), broken(0, 3), offline(2), offline(1)],
    tasks: onCpus([pass(0)]),
    closing: [pass(0)],
  },
  {
    name: "two-walkers-against-destroy",
    description: "two walkers of one cursor come to a cgroup that goes",
    setup: [create(0), create(1), broken(0, 1)],
    tasks: onCpus([broken(0, 1)], [broken(0, 1)], [offline(1), boundary]),
    closing: [pass(0), pass(0)],
  },
  {
    name: "walked-root-destroyed",
    description: "the root of a walk is removed, below which there is nobody else",
    setup: [create(0), create(1)],
    tasks: onCpus([pass(1)], [offline(1), ...untilOffline]),
    closing: [pass(0)],
  },
  {
    name: "broken-at-root-then-destroyed",
    description: "a broken walk leaves the cursor at the root of the walk, which is then removed",
    setup: [create(0), create(1)],
    tasks: onCpus([broken(1, 1)], [boundary, offline(1)]),
    closing: [pass(0)],
  },
  {
    name: "ancestor-destroyed",
    description: "the cgroup that a cursor points at goes, and then its parent, while the tree is walked",
    setup: [create(0), create(1), create(2, 1), broken(0, 3)],
    tasks: onCpus([pass(0)], [offline(2), boundary, offline(1)]),
    closing: [pass(0)],
  },
  {
    name: "one-walk-each-create-and-destroy",
    description: "two tasks walk, both broken off, while a cgroup goes and another one comes",
    setup: [create(0), create(1)],
    tasks: onCpus([broken(0, 1), boundary], [broken(0, 1), boundary], [offline(1), create(2)]),
    closing: [pass(0), offline(2), pass(0)],
  },
  {
    name: "walks-creates-and-destroys",
    description: "two tasks walk twice, always broken off, while a cgroup goes and another one comes",
    setup: [create(0), create(1)],
    tasks: onCpus([broken(0, 1), broken(0, 1)], [broken(0, 1), broken(0, 1)], [offline(1), create(2)]),
    closing: [pass(0), offline(2), pass(0)],
    // Too large for any variant to be explored completely; the one before is.
    effort: 0.25,
  },
];

/** All scenarios of the memcg iterator. */
export const memcgIteratorScenarios: readonly Scenario[] = cases.map(scenarioOf);
