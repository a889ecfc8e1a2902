// The scenarios of cil: small cases in which items are committed, again and with other sizes, while others commit and push.
//
// Sizes: 8 bytes make a vector that takes 128 bytes of memory, 200 bytes one of 512. Rules of the workload hold here, too: an
// item is used by one task only. Where memory is short, the closing part gets by with what
// is left.

import { kindLogPush, kindTransactionCommit, kindTransactionItem } from "../../kernel/events.ts";
import type { Scenario, ScenarioEvent, ScenarioTask } from "../scenario.ts";
import { eventsBeforeClosing } from "./problem.ts";

/** What the harness is told of a scenario, beside its sizes. */
export interface CilSettings {
  /** Bytes of a context at which a push is due. */
  readonly pushThreshold: number;
  /** Bytes that vectors may take; 0: plenty. */
  readonly memoryLimit: number;
}

const small = 8;
const large = 200;
/** Room for one large vector and two small ones. */
const memoryForOne = 768;
/** More than any context comes to. */
const outOfReach = 1_000_000;

/** A transaction of one item. */
const commit = (object: number, bytes = small): ScenarioEvent[] => [
  { kind: kindTransactionItem, object, a: bytes },
  { kind: kindTransactionCommit },
];
/** A transaction of two items. */
const commitBoth = (first: number, second: number): ScenarioEvent[] => [
  { kind: kindTransactionItem, object: first, a: small },
  { kind: kindTransactionItem, object: second, a: small },
  { kind: kindTransactionCommit },
];
/** The last transaction of an item, which is destroyed when that is in the log. */
const commitLast = (object: number): ScenarioEvent[] => [
  { kind: kindTransactionItem, object, a: small, b: 1 },
  { kind: kindTransactionCommit },
];
const push: ScenarioEvent = { kind: kindLogPush };

/** A task per CPU. */
const onCpus = (...tasks: readonly (readonly ScenarioEvent[])[]): ScenarioTask[] =>
  tasks.map((events, cpu) => ({ cpu, events }));

interface Case {
  readonly name: string;
  readonly description: string;
  readonly setup: readonly ScenarioEvent[];
  readonly tasks: readonly ScenarioTask[];
  /** What is not `outOfReach` and plenty. */
  readonly settings?: Partial<CilSettings>;
  readonly isShort?: boolean;
  readonly isForTso?: boolean;
  readonly effort?: number;
}

/** Operations are commits and pushes. */
function sizeOf(tasks: readonly ScenarioTask[]): string {
  const counts = tasks.map(({ events }) => events.filter(({ kind }) => kind !== kindTransactionItem).length);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const operations = least === most ? `${most} operation${most === 1 ? "" : "s"}` : `${least} to ${most} operations`;
  return `${tasks.length} tasks x ${operations}`;
}

function scenarioOf(one: Case): Scenario {
  const { name, description, setup, tasks, isShort = false, isForTso = tasks.length === 2 } = one;
  const items = 1 + Math.max(...eventsBeforeClosing({ setup, tasks }).map(({ object = 0 }) => object));
  // Everything goes: each item with its last commit.
  const closing = [...Array.from({ length: items }, (_, object) => commitLast(object)).flat(), push];
  return {
    name,
    description,
    size: sizeOf(tasks),
    cpus: Math.max(...tasks.map(({ cpu }) => cpu)) + 1,
    constants: {},
    setup,
    tasks,
    ticks: 0,
    closing,
    caches: 1,
    objects: items,
    cgroups: 1,
    superblocks: 1,
    isShort,
    isForTso,
    ...(one.effort === undefined ? {} : { effort: one.effort }),
  };
}

const cases: readonly Case[] = [
  {
    name: "relog-against-push",
    description: "an item of the current context is committed again while that is pushed",
    setup: commit(0),
    tasks: onCpus(commit(0), [push]),
    isShort: true,
  },
  {
    name: "commits-side-by-side",
    description: "two tasks commit different items into the same context",
    setup: commit(0),
    tasks: onCpus(commit(0), commitBoth(1, 2)),
    isShort: true,
  },
  {
    name: "short-of-memory",
    description: "a commit needs memory that a push would free, while another task pushes",
    setup: commit(0, large),
    tasks: onCpus(commit(1, large), [push]),
    settings: { memoryLimit: memoryForOne },
  },
  {
    name: "short-of-memory-alone",
    description: "a commit needs memory that only a push would free, which nobody else does",
    setup: commit(0, large),
    tasks: onCpus(commit(1, large)),
    settings: { memoryLimit: memoryForOne },
    isForTso: true,
  },
  {
    name: "resize-against-push",
    description: "an item of the current context grows, and then shrinks, while that is pushed",
    setup: [...commit(0), ...commit(0)],
    tasks: onCpus([...commit(0, large), ...commit(0)], [push]),
  },
  {
    name: "ordered-against-push",
    description: "an item that is only tracked joins the context while that is pushed",
    setup: commit(1),
    tasks: onCpus(commit(0, 0), [push]),
  },
  {
    name: "last-commit-against-push",
    description: "an item that is to be destroyed with the current context is used again while that is pushed",
    setup: [...commit(0), ...commitLast(0)],
    tasks: onCpus(commit(0), [push]),
    isShort: true,
  },
  {
    name: "forces-side-by-side",
    description: "a task commits and forces the log while another task pushes what is there already",
    setup: commit(0),
    tasks: onCpus([push], [...commit(1), push]),
    effort: 4,
  },
  {
    name: "three-committers",
    description: "three tasks commit twice, each its own item, into the same context",
    // With shadows, so that nothing is allocated.
    setup: [0, 1, 2].flatMap((item) => [...commit(item), ...commit(item)]),
    tasks: onCpus([...commit(0), ...commit(0)], [...commit(1), ...commit(1)], [...commit(2), ...commit(2)]),
  },
  {
    name: "relog-short-of-memory",
    description:
      "an item is committed again while its context is pushed and another commit takes the memory that this frees",
    setup: commit(0, large),
    tasks: onCpus(commit(0, large), [push, ...commit(1, large)]),
    settings: { memoryLimit: memoryForOne },
  },
];

export const cilScenarios: readonly Scenario[] = cases.map(scenarioOf);

/** What the harness is told of a scenario. */
export function settingsOf(scenario: string): CilSettings {
  const settings = cases.find(({ name }) => name === scenario)?.settings;
  return { pushThreshold: outOfReach, memoryLimit: 0, ...settings };
}
