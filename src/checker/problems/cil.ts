// What the checker knows of cil: how a case is started, and what must hold when its tasks have ended.
//
// The harness looks itself whether a variant keeps the rules, and counts what breaks them; here that is told by the rule's
// name. The floor commits nothing; of it, only the harness is checked, its transactions and item locks.

import { type ProblemExports, startProblem } from "../../build/problem.ts";
import * as counters from "../../kernel/cil/counters.ts";
import { noteCheckpointChanged, noteVectorOverrun } from "../../kernel/notes.ts";
import { cil } from "../../problems/cil.ts";
import type { Finding } from "../model.ts";
import type { Invariant } from "../scenario.ts";
import { nameOf } from "./cil-names.ts";
import { cilScenarios, settingsOf } from "./cil-scenarios.ts";
import { findingOf, type ProblemCheck } from "./problem.ts";

/** What the harness exports besides, for checks. Integers are 32 bits wide unless said otherwise. */
export interface CilExports extends ProblemExports {
  /** Bytes of all allocations but those of whole pages. An f64. */
  allocatedBytes(): number;
  /** What an item has: see `src/kernel/cil/harness.ts`. */
  itemState(index: number, part: number): number;
  /** The current context: its sequence, its space, its iovecs. */
  contextState(part: number): number;
}

/** Enough for every scenario: caches of a slab each, at most 8 pages. */
const arenaBytesMax = 512 * 1024;
/** The log I/O is done whenever the worker runs. */
const ioNs = 1;

const stated = "in src/kernel/cil/README.md";
const noMemoryUnderLock: Invariant = {
  name: "no allocation under the context lock",
  description: `L1 ${stated}: a variant that says so neither allocates nor frees a vector while it holds the context lock`,
};
const oneOwner: Invariant = {
  name: "one owner per vector",
  description: `L2 ${stated}: a vector is an item's active one, its shadow, or a checkpoint's, and is freed once`,
};
const fits: Invariant = {
  name: "what is formatted fits",
  description: `L3 ${stated}: an item is never larger than the vector that it is formatted into`,
};
const pinnedOnce: Invariant = {
  name: "pinned once per checkpoint",
  description: `L4 ${stated}: a checkpoint pins each of its items once, and unpins it once`,
};
const accounted: Invariant = {
  name: "space is accounted",
  description: `L5 ${stated}: a context's space is the sum over its items, each with what was committed last`,
};
const unchanged: Invariant = {
  name: "a checkpoint does not change",
  description: `L6 ${stated}: what the log reads is what was committed before the push`,
};
const inOrder: Invariant = {
  name: "commit records in order",
  description: `L7 ${stated}: records are written in the order of sequences, and a log force waits for that of its caller's commit`,
};

/** What the harness counts where a rule is broken. */
const broken: readonly (readonly [counter: number, invariant: Invariant, what: string])[] = [
  [counters.counterForbiddenMemory, noMemoryUnderLock, "vectors allocated or freed under the context lock"],
  [
    counters.counterSharedVectors,
    oneOwner,
    "items of the list without a vector, or with one that is their shadow, too",
  ],
  [counters.counterOverruns, fits, "items that did not fit"],
  [counters.counterWrongPins, pinnedOnce, "pins too many or too few"],
  [counters.counterMiscounted, accounted, "contexts with another size than the sum over their items"],
  [counters.counterChangedVectors, unchanged, "vectors of checkpoints that held something else"],
  [counters.counterDisordered, inOrder, "commit records out of order, or log forces that returned too early"],
];

function findBroken(instances: readonly CilExports[]): Finding | undefined {
  for (const [counter, invariant, what] of broken) {
    const count = instances.reduce((sum, instance) => sum + instance.counter(counter), 0);
    if (count > 0) return findingOf(invariant, "broken invariant", `${count} ${what}`);
  }
  return undefined;
}

/** A case's first instance. */
function firstOf([first]: readonly CilExports[]): CilExports {
  if (first === undefined) throw new Error("a case without CPUs");
  return first;
}

/** What nobody may have when everything is pushed and completed. */
function findHeld(first: CilExports, items: number): Finding | undefined {
  for (let item = 0; item < items; item++) {
    const pins = first.itemState(item, 2);
    if (pins !== 0) return findingOf(pinnedOnce, "broken invariant", `item ${item} is still pinned ${pins} times`);
    if (first.itemState(item, 0) !== 0) {
      return findingOf(oneOwner, "broken invariant", `item ${item} still has an active vector`);
    }
    if (first.itemState(item, 6) !== 0) {
      return { kind: "lost object", invariant: "", message: `item ${item} is still locked`, agent: null };
    }
  }
  return undefined;
}

/** Bytes that are not given back, or were given back twice. */
function findLeak(first: CilExports, items: number): Finding | undefined {
  let expected = 0;
  // Items that were never in a context, as with the floor, keep their data.
  for (let item = 0; item < items; item++) expected += first.itemState(item, 7);
  const excess = first.allocatedBytes() - expected;
  if (excess > 0 && excess < arenaBytesMax)
    return findingOf(oneOwner, "leak", `${excess} bytes of vectors, contexts or data are not freed`);
  // Counts do not go below 0: one of more than there is was one of less than nothing.
  if (excess === 0) return undefined;
  return findingOf(oneOwner, "double free", "vectors, contexts or data were freed that had been freed");
}

const deadlockUnderLock =
  "allocates under the context lock when memory is short: the push that would free some waits for that lock";

export const cilCheck: ProblemCheck<CilExports, undefined> = {
  scenarios: cilScenarios,
  invariants: [noMemoryUnderLock, oneOwner, fits, pinnedOnce, accounted, unchanged, inOrder],
  defects: [
    { variant: "allocate-under-lock", scenario: "short-of-memory", kind: "deadlock", why: deadlockUnderLock },
    { variant: "allocate-under-lock", scenario: "short-of-memory-alone", kind: "deadlock", why: deadlockUnderLock },
    { variant: "allocate-under-lock", scenario: "relog-short-of-memory", kind: "deadlock", why: deadlockUnderLock },
    {
      variant: "check-then-allocate",
      scenario: "relog-short-of-memory",
      kind: "deadlock",
      why: "a push takes the vector that the commit had found large enough, and it has to allocate under the context lock after all",
    },
  ],

  whyUnchecked: () => undefined,

  start(compiled, scenario, { coreBytes, machine, attach }) {
    const { pushThreshold, memoryLimit } = settingsOf(scenario.name);
    const limits = {
      events: 0,
      caches: 1,
      objects: scenario.objects,
      cgroups: 0,
      superblocks: 0,
      tasks: scenario.tasks.length,
      liveBytesMax: 0,
      slabBytesMax: 0,
    };
    const globals = { itemCount: scenario.objects, taskCount: scenario.tasks.length, pushThreshold, memoryLimit };
    // Without a watchdog: a deadlock is the checker's to find. Compaction takes time only.
    const problem = { ...cil, globals: () => ({ ...globals, ioNs, compactionNs: 1, hangMs: 0 }) };
    return startProblem<CilExports>(
      problem,
      compiled,
      { limits, parameters: {} },
      { cpus: scenario.cpus, fiberBytes: coreBytes, arenaBytesMax },
      machine,
      attach,
    );
  },

  violationOf(note) {
    if (note === noteCheckpointChanged) return { kind: "broken invariant", invariant: unchanged.name };
    return note === noteVectorOverrun ? { kind: "broken invariant", invariant: fits.name } : undefined;
  },

  baseline: () => undefined,

  checkTasks: (instances) => findBroken(instances),

  checkEnd(instances, { objects }) {
    const first = firstOf(instances);
    return findBroken(instances) ?? findHeld(first, objects) ?? findLeak(first, objects);
  },

  nameOf,
};
