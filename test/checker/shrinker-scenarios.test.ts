// Every scenario of the shrinker, its events in every order, each performed as a whole: nothing is found wrong, the
// scenario meets what it is about, and an end that is wrong is found. And what may be lost, as in Linux, by interleavings.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { shrinker } from "../../bench/shrinker.ts";
import { type CompiledModule, compileCheckerCore, compileModule } from "../../src/build/compile.ts";
import type { RunningModule } from "../../src/build/instance.ts";
import { CheckedMachine } from "../../src/checker/machine.ts";
import type { Finding, MemoryModel } from "../../src/checker/model.ts";
import { type EventRange, type ProblemCheck, programOf } from "../../src/checker/problems/problem.ts";
import {
  type ShrinkerBaseline,
  type ShrinkerCheckExports,
  shrinkerCheck,
} from "../../src/checker/problems/shrinker.ts";
import type { Scenario } from "../../src/checker/scenario.ts";
import { exhaustive } from "../../src/checker/schedulers/exhaustive.ts";
import {
  eventFlagsOffset,
  eventSize,
  flagMeasured,
  kindCgroupOffline,
  kindLruAdd,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../../src/kernel/events.ts";
import { noteCallbackAfterFree, noteGracePeriod } from "../../src/kernel/notes.ts";
import * as counters from "../../src/kernel/shrinker/counters.ts";
import { packageRoot } from "../../src/package-root.ts";
import { CountingMachine, type MachineObserver } from "../../src/traced/counting-machine.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-check-shrinker-"));
afterAll(() => rmSync(folder, { recursive: true }));

const scenarioOf = (name: string): Scenario => {
  const found = shrinkerCheck.scenarios.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
};

const silent: MachineObserver = {
  access: () => {},
  enter: () => {},
  leave: () => {},
  note: () => {},
  irqOff: () => {},
  irqOn: () => {},
  slept: () => {},
};

/** A started case, whose CPUs perform one event after the other. */
class Case {
  readonly scenario: Scenario;
  readonly running: RunningModule<ShrinkerCheckExports>;
  readonly instances: ShrinkerCheckExports[] = [];
  readonly program;

  constructor(compiled: CompiledModule, scenario: Scenario) {
    this.scenario = scenario;
    this.program = programOf(scenario);
    const machine = new CountingMachine(silent);
    this.running = shrinkerCheck.start(compiled, scenario, {
      skipWhenEmpty: false,
      coreBytes: 1,
      machine: machine.imports(0),
      attach: (running) => {
        this.instances.push(running.exports);
        for (let cpu = 1; cpu < scenario.cpus; cpu++) {
          const imports = { ...running.importsOf(cpu), ...machine.imports(cpu) };
          const instance = new WebAssembly.Instance(running.module, imports);
          this.instances.push(instance.exports as unknown as ShrinkerCheckExports);
        }
        machine.attach(running, this.instances);
      },
    });
    // Measured, so that there are counts of what was met.
    const events = this.program.events.slice();
    const view = new DataView(events.buffer);
    for (let at = 0; at < events.byteLength; at += eventSize) view.setUint16(at + eventFlagsOffset, flagMeasured, true);
    new Uint8Array(this.running.memory.buffer).set(events, this.running.layout.eventBuffer);
  }

  perform({ cpu, first, end }: EventRange): void {
    expect(this.instances[cpu]!.run(first, end)).toBe(0);
  }

  drain(): void {
    for (const instance of this.instances) instance.drain();
  }

  count(counter: number): number {
    return this.instances.reduce((sum, instance) => sum + instance.counter(counter), 0);
  }
}

/** All orders of the tasks' events, each as a sequence of tasks. */
function* ordersOf(counts: readonly number[]): Generator<readonly number[]> {
  if (counts.every((count) => count === 0)) yield [];
  for (const [task, count] of counts.entries()) {
    if (count === 0) continue;
    for (const rest of ordersOf(counts.with(task, count - 1))) yield [task, ...rest];
  }
}

const counted = Object.entries(counters).filter(([name]) => /^counter(?!Count$)/.test(name)) as [string, number][];
type Counts = Readonly<Record<string, number>>;

interface Performed {
  readonly found: Finding | undefined;
  /** What the tasks counted. */
  readonly counts: Counts;
  readonly one: Case;
}

/** Performs a scenario with its events in an order, up to the first thing that is wrong. */
function performIn(compiled: CompiledModule, scenario: Scenario, order: readonly number[]): Performed {
  const one = new Case(compiled, scenario);
  for (const range of one.program.setup) one.perform(range);
  one.drain();
  const baseline = shrinkerCheck.baseline(one.instances, scenario);
  const before = counted.map(([, index]) => one.count(index));
  const next = one.program.tasks.map(({ first }) => first);
  for (const task of order) {
    const first = next[task]!++;
    one.perform({ cpu: one.program.tasks[task]!.cpu, first, end: first + 1 });
  }
  const counts = Object.fromEntries(counted.map(([name, index], at) => [name, one.count(index) - before[at]!]));
  one.drain();
  let found = shrinkerCheck.checkTasks(one.instances, scenario, baseline);
  if (found === undefined) {
    for (const range of one.program.closing) one.perform(range);
    one.drain();
    found = shrinkerCheck.checkEnd(one.instances, scenario, baseline);
  }
  return { found, counts, one };
}

function performAll(compiled: CompiledModule, scenario: Scenario): Performed[] {
  const orders = [...ordersOf(scenario.tasks.map(({ events }) => events.length))];
  return orders.map((order) => performIn(compiled, scenario, order));
}

/** The most that any order of a scenario counts. */
function mostOf(performed: readonly Performed[]): Counts {
  return Object.fromEntries(counted.map(([name]) => [name, Math.max(...performed.map(({ counts }) => counts[name]!))]));
}

const compile = (variant: string, variantFile?: string): Promise<CompiledModule> => {
  const file = variantFile === undefined ? {} : { variantFile };
  return compileModule({ problem: "shrinker", variant, machine: "traced", constants: {}, ...file });
};

/** What each scenario has to meet, and how often at least in the order of its events in which that is met most. */
const meets: Readonly<Record<string, Counts>> = {
  "walk-against-unregister": { counterUnregistered: 1, counterCallbacks: 2, counterScans: 1 },
  "walk-against-unregister-middle": { counterUnregistered: 1, counterCallbacks: 3 },
  "walk-against-unregister-asleep": { counterUnregistered: 1, counterCallbacks: 2, counterScans: 1 },
  "map-walk-against-unregister": { counterUnregistered: 1, counterCallbacks: 2, counterBitsCleared: 1 },
  "map-walk-against-unregister-asleep": { counterUnregistered: 1, counterCallbacks: 1, counterBitsCleared: 1 },
  "register-against-walk": { counterRegistered: 1, counterVisits: 2, counterBitsCleared: 1, counterSecondLooks: 1 },
  "id-reuse-against-walk": { counterRegistered: 1, counterVisits: 1, counterBitsCleared: 1, counterScans: 1 },
  "add-against-clear": { counterBitsCleared: 1, counterSecondLooks: 1, counterScans: 1 },
  "add-against-two-clears": { counterBitsCleared: 1, counterSecondLooks: 1, counterScans: 2 },
  "first-expansion-against-walk": { counterExpansions: 1, counterVisits: 1, counterScans: 1 },
  "expansion-against-set-bit": { counterExpansions: 1, counterRegistered: 1 },
  "expansion-against-set-bit-and-walk": { counterExpansions: 1, counterVisits: 1, counterScans: 1 },
  "offline-against-walk": { counterVisits: 1, counterScans: 1, counterUnregistered: 1 },
  "offline-against-clear": { counterVisits: 2, counterBitsCleared: 1, counterScans: 1 },
  "adds-and-walks-against-unregister": { counterUnregistered: 1, counterCallbacks: 4, counterScans: 3 },
  "two-unregisters-and-walks": { counterRegistered: 1, counterUnregistered: 2, counterVisits: 2, counterScans: 3 },
  "contended-lock": { counterRegistered: 1, counterUnregistered: 1 },
  "contended-lock-asleep": { counterRegistered: 1, counterUnregistered: 1, counterScans: 1 },
  "preempted-walks": { counterVisits: 3, counterUnregistered: 1, counterScans: 2 },
  "preempted-writers": { counterRegistered: 1, counterUnregistered: 1, counterScans: 1 },
  "list-walk-preempted": { counterCallbacks: 2, counterUnregistered: 1 },
  "writers-preempted": { counterRegistered: 1, counterUnregistered: 1 },
  "walk-against-two-unregisters": { counterUnregistered: 2, counterCallbacks: 2 },
  "walk-and-set-bit-against-unregister": { counterVisits: 1, counterUnregistered: 1, counterScans: 1 },
  "expansion-against-grace-period-and-walk": { counterExpansions: 1, counterUnregistered: 1, counterRegistered: 2 },
};

test("scenarios are well formed", () => {
  const names = shrinkerCheck.scenarios.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(Object.keys(meets)).toEqual(names);
  expect(shrinkerCheck.scenarios.filter(({ isShort }) => isShort)).toHaveLength(12);
  for (const { name, cpus, tasks, setup, closing } of shrinkerCheck.scenarios) {
    expect(cpus).toBeLessThanOrEqual(4);
    // The order of tasks decides neither which superblocks and cgroups there are nor which may be used.
    const taking = (task: number, kind: number): (number | undefined)[] =>
      tasks[task]!.events.filter((event) => event.kind === kind).map((e) =>
        kind === kindCgroupOffline ? e.group : e.object,
      );
    for (const [task, { events }] of tasks.entries()) {
      for (const other of tasks.keys()) {
        if (other === task) continue;
        const away = [...taking(other, kindSuperblockMount), ...taking(other, kindSuperblockUnmount)];
        for (const { kind, object, group } of events) {
          if (![kindSuperblockMount, kindSuperblockUnmount, kindLruAdd].includes(kind)) continue;
          expect(away, `${name}, task ${task}`).not.toContain(object);
          if (kind === kindLruAdd)
            expect(taking(other, kindCgroupOffline), `${name}, task ${task}`).not.toContain(group);
        }
      }
    }
    expect(setup.length).toBeGreaterThan(0);
    expect(closing.length).toBeGreaterThan(0);
  }
});

test("the note of a late callback is a violation", () => {
  const names = shrinkerCheck.invariants.map(({ name }) => name);
  const violation = shrinkerCheck.violationOf(noteCallbackAfterFree);
  expect(violation?.kind).toBe("callback after free");
  expect(names).toContain(violation?.invariant);
  expect(shrinkerCheck.violationOf(noteGracePeriod)).toBeUndefined();
});

test("what lies in a case has a name", async () => {
  const one = new Case(await compile("refcount-rcu"), scenarioOf("map-walk-against-unregister"));
  for (const range of one.program.setup) one.perform(range);
  const { running } = one;
  const { layout, exports } = running;
  const words = new Uint32Array(running.memory.buffer);
  const name = (address: number): string => shrinkerCheck.nameOf(running, address);
  const shrinkerOf = (superblock: number): number => {
    for (let cell = layout.problemBase; cell < layout.pageTable; cell += 4) {
      if (name(cell) === `super_block ${superblock} +4`) return words[cell / 4]!;
    }
    throw new Error(`super_block ${superblock} has no name`);
  };
  expect(name(shrinkerOf(1))).toBe("shrinker of superblock 1");
  expect(name(shrinkerOf(0) + 32)).toBe("shrinker of superblock 0 +32");
  expect(name(shrinkerOf(0) + exports.shrinkerBytes() * 5)).toBe("object 5 of kmalloc-128");
  const seen = new Set<string>();
  for (let cell = layout.problemBase; cell < layout.arenaEnd; cell += 64) seen.add(name(cell).replace(/ [+].*/, ""));
  for (const expected of [
    "mem_cgroup 0",
    "mem_cgroup 1",
    "super_block 1",
    "slab caches",
    "lock of the cgroup tree",
    "RCU",
    "SRCU of cgroup walks",
    "shrinker_list",
    "shrinker_idr",
    "locks of shrinkers",
    "maps of cgroup 1",
    "lists of superblock 0",
    "struct page 0",
    "page allocator",
  ]) {
    expect(seen).toContain(expected);
  }
  expect(name(layout.taskStacks + 4096 + 8)).toBe("stack of CPU 1 +8");
});

describe.each(shrinker.variants.map(({ name }) => name))("%s", (variant) => {
  test.each(shrinkerCheck.scenarios.map(({ name }) => name))("%s", async (name) => {
    const performed = performAll(await compile(variant), scenarioOf(name));
    expect(performed.map(({ found }) => found)).toEqual(performed.map(() => undefined));
    if (variant === shrinker.floor) return;
    const most = mostOf(performed);
    for (const [counter, least] of Object.entries(meets[name]!)) {
      expect(most[counter], counter).toBeGreaterThanOrEqual(least);
    }
  });
});

type Replaced = readonly (readonly [from: string, to: string])[];

/** The rwsem's file with texts replaced. Returns its path. */
function mutantOf(name: string, replaced: Replaced): string {
  let text = readFileSync(path.join(packageRoot, "src", "kernel", "shrinker", "rwsem.ts"), "utf8");
  for (const [from, to] of replaced) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  const made = path.join(folder, `${name}.ts`);
  writeFileSync(made, text);
  return made;
}

const rwsemUnregister = `  writeLock(sem());
  remove(shrinker);
  clearRegistered(shrinker);
  giveId(idOf(shrinker));
  writeUnlock(sem());`;
const rwsemFree = `  // Walkers hold the lock while they use a shrinker, so nobody does any more.
  freeShrinker(shrinker);`;

describe("what is wrong at the end is found:", () => {
  test.each<[string, string, Replaced, string, Finding["kind"], string]>([
    [
      "bits are never set",
      "no-bits",
      [
        ["  setInBlock(memcg, node, idOf(shrinker));\n", ""],
        ["  setInBlock,\n", ""],
      ],
      "add-against-clear",
      "broken invariant",
      "no lost bit",
    ],
    [
      "an id is given back that is another's",
      "wrong-id",
      [["giveId(idOf(shrinker));\n  writeUnlock", "giveId(0);\n  writeUnlock"]],
      "register-against-walk",
      "broken invariant",
      "one shrinker per id",
    ],
    [
      "a shrinker is not freed",
      "kept-shrinker",
      [[rwsemFree, ""]],
      "walk-against-unregister",
      "leak",
      "no leak of shrinkers or maps",
    ],
    [
      "a shrinker is freed twice",
      "freed-twice",
      [[rwsemFree, "  freeShrinker(shrinker);\n  freeShrinker(shrinker);"]],
      "walk-against-unregister",
      "double free",
      "no leak of shrinkers or maps",
    ],
    [
      "replaced maps are not freed",
      "kept-maps",
      [["  kfree(block);\n", "  if (block === 0) kfree(block);\n"]],
      "first-expansion-against-walk",
      "leak",
      "no leak of shrinkers or maps",
    ],
    [
      "a shrinker is not on the list",
      "unlisted",
      [
        ["  append(shrinker);\n", ""],
        ["  append,\n", ""],
      ],
      "walk-against-unregister-middle",
      "broken invariant",
      "every shrinker is walked",
    ],
    [
      "a shrinker stays on the list",
      "still-listed",
      [
        [rwsemUnregister, ""],
        [rwsemFree, ""],
      ],
      "walk-against-unregister",
      "callback after free",
      "no callback after unregister",
    ],
  ])("%s", async (_what, name, replaced, scenario, kind, invariant) => {
    // Imports that a mutant has no use for any more are no error.
    const compiled = await compile(name, mutantOf(name, replaced));
    const performed = performAll(compiled, scenarioOf(scenario));
    for (const { found } of performed) expect(found).toMatchObject({ kind, invariant, agent: null });
    expect(performed.length).toBeGreaterThan(0);
    expect(shrinkerCheck.invariants.map((one) => one.name)).toContain(invariant);
  });
});

/** The first thing that is wrong in any interleaving of a scenario, or undefined if there is none. */
async function exploreAll(
  problem: ProblemCheck,
  variant: string,
  scenario: Scenario,
  model: MemoryModel = "sc",
): Promise<Finding | undefined> {
  const { constants } = scenario;
  const compiled = await compileModule({ problem: "shrinker", variant, machine: "checked", constants });
  const core = (await compileCheckerCore()).wasm;
  const made = { core, compiled, problem, scenario, skipWhenEmpty: false, model, reduction: true } as const;
  const limits = { states: 1_000_000, steps: 20_000, deadline: Number.POSITIVE_INFINITY, bytes: 2 ** 30 };
  const { outcome, finding } = exhaustive(true)(new CheckedMachine(made), limits, () => {});
  expect(outcome).toBe(finding === undefined ? "exhausted" : "violation");
  return finding;
}

// As in Linux up to 6.6, where set_shrinker_bit() has its barrier only after it has looked the map up: the object may become
// visible after that look.
describe("under TSO, a bit that is set while the maps grow and are walked", () => {
  const scenario = scenarioOf("expansion-against-set-bit-and-walk");
  const check = shrinkerCheck as ProblemCheck;

  test("may be lost by rwsem", async () => {
    const lost = { kind: "broken invariant", invariant: "no lost bit" };
    expect(await exploreAll(check, "rwsem", scenario, "tso")).toMatchObject(lost);
    expect(await exploreAll(check, "rwsem", scenario, "sc")).toBeUndefined();
  });

  test.each(["srcu", "srcu-expedited", "srcu-split", "refcount-rcu"])("is not lost by %s", async (variant) => {
    expect(await exploreAll(check, variant, scenario, "tso")).toBeUndefined();
  });
});

describe("a walk that clears the old bit of an id that is used again", () => {
  const scenario = scenarioOf("id-reuse-against-walk");
  /** The shrinker's check without its exceptions, which go by the scenario's name. */
  const strict: ProblemCheck = {
    ...(shrinkerCheck as ProblemCheck),
    checkTasks: (instances, one, baseline) =>
      shrinkerCheck.checkTasks(
        instances as readonly ShrinkerCheckExports[],
        { ...one, name: "without exceptions" },
        baseline as ShrinkerBaseline,
      ),
  };

  test.each(["srcu", "srcu-expedited", "srcu-split", "refcount-rcu"])(
    "may lose the new one in %s, as in Linux",
    async (variant) => {
      const lost = { kind: "broken invariant", invariant: "no lost bit" };
      expect(await exploreAll(strict, variant, scenario)).toMatchObject(lost);
      expect(await exploreAll(shrinkerCheck as ProblemCheck, variant, scenario)).toBeUndefined();
    },
  );

  test("does not lose the new one in rwsem", async () => {
    expect(await exploreAll(strict, "rwsem", scenario)).toBeUndefined();
  });

  test.each(["srcu", "refcount-rcu"])("loses nothing in %s where nothing is added meanwhile", async (variant) => {
    expect(await exploreAll(strict, variant, scenarioOf("register-against-walk"))).toBeUndefined();
  });
});
