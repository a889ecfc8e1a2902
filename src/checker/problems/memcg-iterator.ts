// What the checker knows of the memcg iterator: its rules, and when the end of a case is wrong.
//
// A case is a small tree that is walked while cgroups of it go (`memcg-iterator-scenarios.ts`). The floor shares no
// cursors; of it, only the harness is checked, the tree, the references and the ends of cgroups.

import { type ProblemExports, startProblem } from "../../build/problem.ts";
import { kindCgroupCreate, kindCgroupOffline, kindReclaimPass } from "../../kernel/events.ts";
import { counterFreedVisits } from "../../kernel/memcg-iterator/counters.ts";
import { noteFreedCgroupVisited, noteLongWalk, noteReferenceMissing, noteWalkGoesOn } from "../../kernel/notes.ts";
import { memcgIterator } from "../../problems/memcg-iterator.ts";
import type { Finding } from "../model.ts";
import type { Invariant, Scenario, ScenarioEvent } from "../scenario.ts";
import { nameOf } from "./memcg-iterator-names.ts";
import { memcgIteratorScenarios } from "./memcg-iterator-scenarios.ts";
import { eventsBeforeClosing, findingOf, type ProblemCheck } from "./problem.ts";

/** What the harness exports besides, for checks. Integers are 32 bits wide unless said otherwise. */
export interface MemcgIteratorExports extends ProblemExports {
  /** Bytes of all allocations but those of whole pages. An f64. */
  allocatedBytes(): number;
  /** Bytes that one cgroup takes, as allocated. */
  cgroupBytes(): number;
  /** Address of the cgroup with an index, or 0. */
  cgroupAddress(index: number): number;
  /** Index of the cgroup that a cursor points at; -1 for none. */
  positionOf(root: number, node: number, priority: number): number;
  /** The round that a cursor is in. */
  roundOf(root: number, node: number, priority: number): number;
  /** Visits of a cgroup in one of the last two rounds of a cursor. */
  visits(root: number, node: number, priority: number, round: number, index: number): number;
}

/** The only node. */
const node = 0;
/** Caches of a slab each. */
const arenaBytesMax = 512 * 1024;

const everyRoundComplete: Invariant = {
  name: "every cgroup in every round",
  description: "J1 in src/kernel/memcg-iterator/README.md: a round comes to each cgroup that is there for all of it",
};
const onceAlone: Invariant = {
  name: "once in a round alone",
  description: "J1: a walker that has its cursor to itself, in a tree that stays as it is, comes to each cgroup once",
};
const noFreedCgroup: Invariant = {
  name: "no freed cgroup",
  description: "J2: nobody looks at a cgroup that has no memory any more, or loses one that it was given",
};
const everyReference: Invariant = {
  name: "every reference is there",
  description: "J2: who holds a cgroup finds it counted; nobody gives back what another one holds",
};
const everyWalkEnds: Invariant = {
  name: "every walk ends",
  description: "J4: a walk comes to its end when nobody removes cgroups any more",
};
const endsWithRound: Invariant = {
  name: "a walk ends with its round",
  description: "J4: when another walker has completed the round that a walk joined, the walk is given nobody any more",
};
const noPinnedCgroup: Invariant = {
  name: "no pinned cgroup",
  description: "J5: what was removed is freed, once, as soon as nobody holds it and every cursor has been walked on",
};

/** A cursor of a walked root. */
interface Cursor {
  readonly root: number;
  readonly priority: number;
}

/** Passes of tasks over each cursor, by task. */
function cursorsOf({ tasks }: Scenario): Map<string, Cursor & { readonly tasks: Set<number> }> {
  const cursors = new Map<string, Cursor & { readonly tasks: Set<number> }>();
  for (const [task, { events }] of tasks.entries()) {
    for (const { kind, group: root = 0, a: priority = 0 } of events) {
      if (kind !== kindReclaimPass) continue;
      const key = `${root} ${priority}`;
      const cursor = cursors.get(key) ?? { root, priority, tasks: new Set<number>() };
      cursor.tasks.add(task);
      cursors.set(key, cursor);
    }
  }
  return cursors;
}

/** Parents of the cgroups that are there after some events. */
function presentAfter(events: readonly ScenarioEvent[]): Map<number, number> {
  const present = new Map<number, number>();
  for (const { kind, group = 0, a: parent = 0 } of events) {
    if (kind === kindCgroupCreate) present.set(group, parent);
    else if (kind === kindCgroupOffline) present.delete(group);
  }
  return present;
}

/** Cgroups at or below a root that are there before the tasks begin and that no task removes. */
function lastingBelow(root: number, { setup, tasks }: Scenario): number[] {
  const before = presentAfter(setup);
  const removed = new Set(
    tasks.flatMap(({ events }) =>
      events.filter(({ kind }) => kind === kindCgroupOffline).map(({ group = 0 }) => group),
    ),
  );
  const isBelow = (cgroup: number): boolean => {
    for (let current = cgroup; ; ) {
      if (current === root) return true;
      const parent = before.get(current);
      if (parent === undefined || parent === current) return false;
      current = parent;
    }
  };
  return [...before.keys()].filter((cgroup) => !removed.has(cgroup) && isBelow(cgroup));
}

function findIncompleteRound(instance: MemcgIteratorExports, scenario: Scenario): Finding | undefined {
  const removes = ({ kind }: ScenarioEvent): boolean => kind === kindCgroupOffline;
  const isStill = !eventsBeforeClosing(scenario).some(removes);
  const isQuiet = !scenario.tasks.some(({ events }) => events.some(removes));
  for (const cursor of cursorsOf(scenario).values()) {
    const { root, priority, tasks } = cursor;
    const isAlone = tasks.size === 1;
    // Of two walkers while somebody is removed, only what they touch is checked.
    if (!isAlone && !isQuiet) continue;
    const cgroups = lastingBelow(root, scenario);
    // Of the rounds before, the last two have taken the place.
    const round = instance.roundOf(root, node, priority) - 1;
    const visits = cgroups.map((cgroup) => instance.visits(root, node, priority, round, cgroup));
    // Two walkers that come to the end together may both say so.
    if (round < 0 || visits.every((count) => count === 0)) continue;
    const where = `round ${round} over cgroup ${root}`;
    const missed = cgroups.find((_cgroup, index) => visits[index] === 0);
    if (missed !== undefined) {
      const message = `${where} came to its end without cgroup ${missed}, which was there`;
      return findingOf(everyRoundComplete, "broken invariant", message);
    }
    const twice = cgroups.find((_cgroup, index) => (visits[index] ?? 0) > 1);
    if (twice !== undefined && isStill && isAlone) {
      const message = `${where}, walked by one task, came to cgroup ${twice} more than once`;
      return findingOf(onceAlone, "broken invariant", message);
    }
  }
  return undefined;
}

/** A case's first instance. */
function firstOf([first]: readonly MemcgIteratorExports[]): MemcgIteratorExports {
  if (first === undefined) throw new Error("a case has at least one CPU");
  return first;
}

function findPinned(instance: MemcgIteratorExports, scenario: Scenario): Finding | undefined {
  const events = [...eventsBeforeClosing(scenario), ...scenario.closing];
  const expected = presentAfter(events).size * instance.cgroupBytes();
  const excess = instance.allocatedBytes() - expected;
  if (excess === 0) return undefined;
  // The allocator's counts do not go below 0: a count of more than there is was one of less than nothing.
  if (excess > 0 && excess < arenaBytesMax) {
    const cgroups = excess / instance.cgroupBytes();
    return findingOf(noPinnedCgroup, "leak", `${cgroups} removed cgroup${cgroups === 1 ? " is" : "s are"} not freed`);
  }
  return findingOf(noPinnedCgroup, "double free", "cgroups were freed that are in use or had been freed");
}

export const memcgIteratorCheck: ProblemCheck<MemcgIteratorExports, null> = {
  scenarios: memcgIteratorScenarios,
  invariants: [
    everyRoundComplete,
    onceAlone,
    noFreedCgroup,
    everyReference,
    everyWalkEnds,
    endsWithRound,
    noPinnedCgroup,
  ],
  defects: [
    {
      variant: "dead-count",
      scenario: "two-walkers",
      kind: "broken invariant",
      invariant: everyRoundComplete.name,
      why: "as in Linux 3.10: cursors are moved by plain stores, so a late walker takes the cursor of a round to the end",
    },
    {
      variant: "targeted-wipe",
      scenario: "two-walkers",
      kind: "broken invariant",
      invariant: everyRoundComplete.name,
      why: "as in Linux 3.10: cursors are moved by plain stores, so a late walker takes the cursor of a round to the end",
    },
    {
      variant: "pinned-position",
      scenario: "pinned-and-two-walkers",
      kind: "use after free",
      why: "as in Linux 3.19 to 4.3: the cursor's reference is taken after the cursor was moved, and may be given back before",
    },
    {
      variant: "pinned-position",
      scenario: "broken-at-root-then-destroyed",
      kind: "leak",
      invariant: noPinnedCgroup.name,
      why: "as in Linux 3.19 to 4.3: a cursor at its own root keeps it for ever, as nobody can walk over it any more",
    },
  ],

  whyUnchecked() {
    return undefined;
  },

  start(compiled, scenario, { coreBytes, machine, attach }) {
    const { cgroups, superblocks, caches, objects, cpus } = scenario;
    const limits = { events: 0, caches, objects, cgroups, superblocks, tasks: 1, liveBytesMax: 0, slabBytesMax: 0 };
    const sizes = { cpus, fiberBytes: coreBytes, arenaBytesMax };
    return startProblem<MemcgIteratorExports>(
      memcgIterator,
      compiled,
      { limits, parameters: {} },
      sizes,
      machine,
      attach,
    );
  },

  violationOf(note) {
    if (note === noteFreedCgroupVisited) return { kind: "use after free", invariant: noFreedCgroup.name };
    if (note === noteReferenceMissing) return { kind: "broken invariant", invariant: everyReference.name };
    if (note === noteWalkGoesOn) return { kind: "broken invariant", invariant: endsWithRound.name };
    return note === noteLongWalk ? { kind: "livelock", invariant: everyWalkEnds.name } : undefined;
  },

  baseline() {
    return null;
  },

  checkTasks(instances, scenario) {
    return findIncompleteRound(firstOf(instances), scenario);
  },

  checkEnd(instances, scenario) {
    const first = firstOf(instances);
    const freed = instances.reduce((sum, instance) => sum + instance.counter(counterFreedVisits), 0);
    if (freed > 0) return findingOf(noFreedCgroup, "use after free", `${freed} visits to cgroups without memory`);
    return findPinned(first, scenario);
  },

  nameOf,
};
