// Every scenario of the quarantine, its tasks' events in every order, each performed as a whole: nothing is found wrong,
// the scenario does what it is about, and an end that is wrong is found.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { quarantine } from "../../bench/quarantine.ts";
import { compileModule } from "../../src/build/compile.ts";
import type { Finding } from "../../src/checker/model.ts";
import { cpuOf, programOf } from "../../src/checker/problems/problem.ts";
import { quarantineCheck } from "../../src/checker/problems/quarantine.ts";
import type { Scenario, ScenarioEvent } from "../../src/checker/scenario.ts";
import { counterLeftBehindAt, countersAt, cpuBlockBytes } from "../../src/kernel/cpu-block.ts";
import {
  eventGroupOffset,
  eventKindOffset,
  eventObjectOffset,
  eventSize,
  kindCacheCreate,
  kindCacheDestroy,
  kindCpuOffline,
  kindCpuOnline,
  kindObjectAllocate,
  kindObjectFree,
} from "../../src/kernel/events.ts";
import { noteLeftBehind, noteOwnRemoved } from "../../src/kernel/notes.ts";
import { packageRoot } from "../../src/package-root.ts";
import { type PlannedVariant, planVariant } from "../../src/plan/variant.ts";
import { Happened, ordersOf, SequentialCase } from "./quarantine-case.ts";

const { scenarios } = quarantineCheck;
const cacheA = 0;
const cacheB = 1;
const objectBytes = 64;

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-check-quarantine-"));
afterAll(() => rmSync(folder, { recursive: true }));

function scenarioOf(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
}

async function caseOf(variant: PlannedVariant, scenario: Scenario): Promise<SequentialCase> {
  const compiled = await compileModule({
    problem: "quarantine",
    variant: variant.name,
    ...(variant.file === undefined ? {} : { variantFile: variant.file }),
    machine: "traced",
    constants: { ...scenario.constants, ...variant.constants },
  });
  return new SequentialCase(compiled, scenario, variant.skipWhenEmpty);
}

const ordersFor = ({ tasks }: Scenario) => [...ordersOf(tasks.map(({ events }) => events.length))];

/** An order in which tasks are performed one after the other. */
const inTurn = ({ tasks }: Scenario, ...order: readonly number[]): readonly number[] =>
  order.flatMap((task) => (tasks[task]?.events ?? []).map(() => task));

const ofKind = (events: readonly ScenarioEvent[], kind: number) => events.filter((event) => event.kind === kind);
const setupAndTasks = ({ setup, tasks }: Scenario) => [...setup, ...tasks.flatMap(({ events }) => events)];
const freesOf = (events: readonly ScenarioEvent[], cache: number): number =>
  ofKind(events, kindObjectFree).filter(({ group }) => group === cache).length;
/** Caches that tasks destroy. */
const destroyedIn = ({ tasks }: Scenario): readonly number[] =>
  ofKind(
    tasks.flatMap(({ events }) => events),
    kindCacheDestroy,
  ).map(({ group = 0 }) => group);

/** Performs a scenario with its events in an order, up to the first thing that is wrong. */
function findIn(one: SequentialCase, order: readonly number[]): Finding | undefined {
  one.reset();
  one.perform(one.program.setup);
  const baseline = quarantineCheck.baseline(one.instances, one.scenario);
  one.performTasks(order);
  const found = quarantineCheck.checkTasks(one.instances, one.scenario, baseline);
  if (found !== undefined) return found;
  one.close();
  return quarantineCheck.checkEnd(one.instances, one.scenario, baseline);
}

/** The lines of the suite, and forms of variants that are smaller than what the suite measures. */
const variants = [
  ...quarantine.lines,
  "batched-async form=scan group=1",
  "batched-async form=scan group=2",
  "hash-buckets buckets=2",
].map((line) => planVariant(quarantine, line));
const checkable = variants.filter((variant) => quarantineCheck.whyUnchecked(variant) === undefined);

test("only the floor is not checked", () => {
  const others = variants.filter((variant) => !checkable.includes(variant));
  expect(others.map(({ id }) => id)).toEqual(["floor"]);
});

describe.each(checkable.map((variant) => [variant.id, variant] as const))("%s", (_id, variant) => {
  const waits = variant.name === "batched-async";

  test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    "%s: nothing is wrong in any order",
    async (_name, scenario) => {
      const one = await caseOf(variant, scenario);
      for (const order of ordersFor(scenario)) expect({ order, found: findIn(one, order) }).toEqual({ order });
    },
  );

  test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    "%s: the set-up fills a batch and quarantines all that it frees",
    async (_name, scenario) => {
      const one = await caseOf(variant, scenario);
      const happened = one.perform(one.program.setup);
      expect(happened).toEqual(Object.assign(new Happened(), { flushes: happened.flushes }));
      expect(happened.flushes).toBeGreaterThan(0);
      expect(one.running.exports.batchesInUse()).toBeGreaterThan(0);
      expect(one.running.exports.quarantinedBytes()).toBe(ofKind(scenario.setup, kindObjectFree).length * objectBytes);
    },
  );

  test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    "%s: all that was freed of a destroyed cache leaves the quarantine",
    async (_name, scenario) => {
      const one = await caseOf(variant, scenario);
      for (const order of ordersFor(scenario)) {
        one.reset();
        one.perform(one.program.setup);
        const happened = [...one.performTasks(order)];
        if (waits) {
          // Some wait for a worker, some for the FIFO to turn over.
          happened.push(one.perform([]));
          one.drain();
          happened.push(one.perform(one.program.closing));
        }
        for (const cache of destroyedIn(scenario)) {
          const gone = happened.reduce((sum, one) => sum + one.gone(cache), 0);
          expect({ order, cache, gone }).toEqual({ order, cache, gone: freesOf(setupAndTasks(scenario), cache) });
          expect(one.running.exports.isCachePresent(cache)).toBe(0);
        }
      }
    },
  );

  async function performIn(name: string, ...order: readonly number[]): Promise<readonly Happened[]> {
    const scenario = scenarioOf(name);
    const one = await caseOf(variant, scenario);
    one.perform(one.program.setup);
    const happened = one.performTasks(inTurn(scenario, ...order));
    if (waits) {
      // Removals of the last one's worker.
      one.perform([], happened[order.at(-1)!]);
      one.drain();
    }
    return happened;
  }

  test("a put makes a queue global with objects of the destroyed cache", async () => {
    expect((await performIn("put-against-remove", 0, 1))[0]).toMatchObject({ flushes: 1 });
    expect((await performIn("put-reduce-remove", 0, 1, 2))[0]).toMatchObject({ flushes: 1 });
    expect((await performIn("crossing-removals", 0, 1))[0]).toMatchObject({ flushes: 1 });
    expect((await performIn("two-removals", 0, 1, 2))[0]).toMatchObject({ flushes: 1 });
    expect((await performIn("preempted", 0, 1, 2))[0]).toMatchObject({ flushes: 1 });
  });

  test("a reduction lets go of objects of the destroyed cache", async () => {
    for (const [name, task, ...order] of [
      ["reduce-against-remove", 0, 0, 1],
      ["put-reduce-remove", 1, 1, 0, 2],
      ["preempted", 0, 0, 2, 1],
      ["preempted", 2, 2, 0, 1],
    ] as const) {
      const happened = (await performIn(name, ...order))[task];
      expect(happened?.evicted[cacheA], name).toBeGreaterThan(0);
      expect(happened?.evicted[cacheB], name).toBeGreaterThan(0);
    }
  });

  test("a CPU that goes offline drains objects of the destroyed cache and of another", async () => {
    const [first] = await performIn("offline-against-remove", 0, 1);
    expect(first?.drained).toEqual({ [cacheA]: 1, [cacheB]: 1 });
  });

  // The other form never removes anything from between others.
  test.skipIf(variant.id.includes("form=deferred"))("a removal takes out what lies between others", async () => {
    expect((await performIn("put-against-remove", 0, 1))[1]?.removed).toEqual({ [cacheA]: 4 });
    expect((await performIn("offline-against-remove", 0, 1))[1]?.removed).toEqual({ [cacheA]: 3 });
    expect((await performIn("put-reduce-remove", 0, 2))[2]?.removed).toEqual({ [cacheA]: 4 });
    expect((await performIn("preempted", 1))[1]?.removed).toEqual({ [cacheA]: 3 });
    expect((await performIn("reduce-against-remove", 1))[1]?.removed[cacheA]).toBeGreaterThan(0);
    for (const [name, ...order] of [
      ["crossing-removals", 0, 1],
      ["crossing-removals", 1, 0],
      ["two-removals", 1, 2],
      ["two-removals", 2, 0, 1],
    ] as const) {
      const removals = await performIn(name, ...order);
      const removed = [cacheA, cacheB].map((cache) =>
        removals.reduce((sum, one) => sum + (one.removed[cache] ?? 0), 0),
      );
      expect(removed, name).toEqual([2, 2]);
    }
  });
});

/** A variant like the reference but for one piece of its source. */
function changedReference(name: string, from: string, to: string): PlannedVariant {
  const reference = path.join(packageRoot, "src", "kernel", "quarantine", "singly-linked-fifo.ts");
  const source = readFileSync(reference, "utf8");
  if (source.split(from).length !== 2) throw new Error(`'${from}' is not there once`);
  const file = path.join(folder, `${name}.ts`);
  writeFileSync(file, source.replace(from, to));
  return planVariant(quarantine, name, new Map([[name, file]]));
}

/** All that is found in a scenario, in any order. */
async function findAll(variant: PlannedVariant, name: string): Promise<ReadonlySet<string | undefined>> {
  const scenario = scenarioOf(name);
  const one = await caseOf(variant, scenario);
  return new Set(ordersFor(scenario).map((order) => findIn(one, order)?.invariant));
}

describe("a variant that is wrong even where operations come one after the other", () => {
  test("a filter that stops after its first match leaves objects behind", async () => {
    const variant = changedReference(
      "stopping-filter",
      'import { append, bytesOf, freeAll, isEmpty, moveAll, moveCache, Queue, queueSize } from "./queue";',
      `import { append, bytesOf, freeAll, headOf, isEmpty, moveAll, nextOf, Queue, queueSize, setBytes } from "./queue";
import { cacheOf } from "../slab/cache";
function moveCache(from: usize, to: usize, cache: usize): void {
  let previous = from;
  let object = headOf(from);
  while (object !== 0) {
    const owner = cacheOf(object);
    if (owner === cache) {
      storeRelaxed32(previous, nextOf(object) as u32);
      if (nextOf(object) === 0) storeRelaxed32(from + offsetof<Queue>("tail"), previous as u32);
      setBytes(from, bytesOf(from) - objectSizeOf(owner));
      append(to, object, objectSizeOf(owner));
    } else previous = object;
    object = nextOf(object);
  }
}`,
    );
    for (const { name } of scenarios) {
      // These have one object of each cache in a place.
      if (name.endsWith("-removals")) continue;
      expect(await findAll(variant, name), name).toContain("no object of a destroyed cache");
    }
  });

  test("an offline CPU's queue that is not drained keeps objects of a destroyed cache", async () => {
    const variant = changedReference("undrained", "  freeAll(queue, 0, noteDrained);\n", "");
    expect(await findAll(variant, "offline-against-remove")).toContain("no object of a destroyed cache");
  });

  test("a detached batch that is forgotten is lost", async () => {
    const variant = changedReference("forgetful", "  freeAll(detached, 0, noteEvicted);\n", "");
    expect(await findAll(variant, "reduce-against-remove")).toContain("a freed object is in one place");
  });

  test("a sum that keeps what removals took out is wrong", async () => {
    const variant = changedReference(
      "drifting",
      'load64(ring() + offsetof<Ring>("bytes")) - before + bytesOf(queue),',
      'load64(ring() + offsetof<Ring>("bytes")),',
    );
    expect(await findAll(variant, "put-against-remove")).toContain("the sums are what is held");
  });

  test("a cache that the variant says it destroys later, and does not, is still there", async () => {
    const variant = changedReference(
      "never",
      "  removeObjects(cache, removeHere.index, moveCache);\n  return true;",
      "  removeObjects(cache, removeHere.index, moveCache);\n  return false;",
    );
    expect(await findAll(variant, "put-against-remove")).toEqual(new Set(["a destroyed cache goes"]));
  });
});

describe("an end that is wrong", () => {
  const cacheSize = 192;
  const existsAt = 16;
  const usedCountAt = 72;
  const slabCountAt = 76;
  const queueBytesAt = 16;

  /** Adds to a word of the case, and asks what is wrong. */
  async function findWith(
    when: "tasks" | "end",
    cellOf: (one: SequentialCase) => number,
    delta: number,
  ): Promise<Finding | undefined> {
    const scenario = scenarioOf("put-against-remove");
    const one = await caseOf(planVariant(quarantine, "singly-linked-fifo"), scenario);
    one.perform(one.program.setup);
    const baseline = quarantineCheck.baseline(one.instances, scenario);
    one.performTasks(inTurn(scenario, 0, 1));
    if (when === "end") one.close();
    const cell = cellOf(one) / 4;
    one.words[cell] = (one.words[cell] as number) + delta;
    return when === "end"
      ? quarantineCheck.checkEnd(one.instances, scenario, baseline)
      : quarantineCheck.checkTasks(one.instances, scenario, baseline);
  }

  const cache = (index: number, offset: number) => (one: SequentialCase) =>
    one.running.layout.cacheTable + index * cacheSize + offset;
  const block = (cpu: number, offset: number) => (one: SequentialCase) =>
    one.running.layout.cpuBlocks + cpu * cpuBlockBytes + offset;
  /** The sum of the last CPU's queue; the reference's own structures begin with the queues, two lines each. */
  const queueBytes = ({ running: { layout, exports } }: SequentialCase): number =>
    layout.problemBase + exports.problemBytes() - exports.extraGlobalBytes() + 128 + queueBytesAt;

  test.each([
    [
      "tasks",
      "an object left behind",
      block(1, counterLeftBehindAt),
      1,
      "broken invariant",
      "no object of a destroyed cache",
    ],
    [
      "tasks",
      "an object that nothing knows of",
      cache(cacheB, usedCountAt),
      1,
      "lost object",
      "a freed object is in one place",
    ],
    [
      "tasks",
      "an object that is back and still counted",
      cache(cacheB, usedCountAt),
      -1,
      "broken invariant",
      "the sums are what is held",
    ],
    ["tasks", "a queue's sum", queueBytes, objectBytes, "broken invariant", "the sums are what is held"],
    [
      "end",
      "an object left behind",
      block(1, counterLeftBehindAt),
      1,
      "broken invariant",
      "no object of a destroyed cache",
    ],
    ["end", "a cache that is still there", cache(cacheA, existsAt), 1, "broken invariant", "a destroyed cache goes"],
    [
      "end",
      "an object that did not come back",
      block(1, countersAt),
      -1,
      "lost object",
      "a freed object is in one place",
    ],
    ["end", "an object that came back twice", block(0, countersAt), 1, "double free", "a freed object is in one place"],
    ["end", "a queue's sum", queueBytes, objectBytes, "broken invariant", "the sums are what is held"],
    ["end", "a slab of a cache that is gone", cache(cacheB, slabCountAt), 1, "leak", "a destroyed cache goes"],
  ] as const)("after the %s: %s", async (when, _what, cellOf, delta, kind, invariant) => {
    expect(await findWith(when, cellOf, delta)).toMatchObject({ kind, invariant, agent: null });
    expect(quarantineCheck.invariants.map(({ name }) => name)).toContain(invariant);
  });

  test("is reported by the code under test, too", () => {
    const violation = { kind: "broken invariant", invariant: "no object of a destroyed cache" };
    expect(quarantineCheck.violationOf(noteLeftBehind)).toEqual(violation);
    expect(quarantineCheck.violationOf(noteOwnRemoved)).toBeUndefined();
  });
});

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
  "%s keeps the rules of scenarios",
  (_name, scenario) => {
    const { setup, tasks, closing, cpus } = scenario;
    const all = [...setupAndTasks(scenario), ...closing];

    test("its indices are within its tables, and its CPUs are there", () => {
      for (const { kind, object = 0, group = 0 } of all) {
        expect(group).toBeLessThan(scenario.caches);
        if (kind !== kindCacheCreate) expect(object).toBeLessThan(scenario.objects);
      }
      expect(Math.max(...tasks.map(({ cpu }) => cpu))).toBe(cpus - 1);
      expect(Math.max(...[...setup, ...closing].map(cpuOf))).toBe(cpus - 1);
      expect(tasks.length).toBeLessThanOrEqual(3);
      for (const { events } of tasks) expect(events.length).toBeLessThanOrEqual(2);
    });

    test("every object is allocated and freed once by set-up and tasks, and all are freed in the end", () => {
      const before = setupAndTasks(scenario);
      const indices = (events: readonly ScenarioEvent[], kind: number) =>
        ofKind(events, kind).map(({ object }) => object);
      for (const kind of [kindObjectAllocate, kindObjectFree]) {
        expect(new Set(indices(before, kind)).size).toBe(indices(before, kind).length);
      }
      expect(indices(all, kindObjectFree).sort()).toEqual(indices(all, kindObjectAllocate).sort());
      const created = ofKind(all, kindCacheCreate).map(({ group }) => group);
      expect(
        ofKind(all, kindCacheDestroy)
          .map(({ group }) => group)
          .sort(),
      ).toEqual(created.sort());
    });

    test("only the task that destroys a cache puts objects of it, and before", () => {
      for (const cache of destroyedIn(scenario)) {
        const inTasks = tasks.flatMap(({ events }, task) => events.map((event, index) => ({ ...event, task, index })));
        const end = inTasks.find(({ kind, group }) => kind === kindCacheDestroy && group === cache);
        const others = inTasks.filter((event) => event.group === cache && event !== end);
        for (const event of others) expect(event).toMatchObject({ kind: kindObjectFree, task: end?.task });
        for (const event of others) expect(event.index).toBeLessThan(end?.index ?? 0);
        // Nothing of it is in use any more.
        const allocated = ofKind(all, kindObjectAllocate).filter(({ group }) => group === cache).length;
        expect(freesOf(setupAndTasks(scenario), cache)).toBe(allocated);
      }
    });

    test("its program has its events, CPUs that come and go in their own right", () => {
      const program = programOf(scenario);
      const view = new DataView(program.events.buffer);
      const read = (ranges: readonly { cpu: number; first: number; end: number }[]) =>
        ranges.flatMap(({ cpu, first, end }) =>
          Array.from({ length: end - first }, (_, offset) => {
            const at = (first + offset) * eventSize;
            return {
              cpu,
              kind: view.getUint16(at + eventKindOffset, true),
              object: view.getUint32(at + eventObjectOffset, true),
              group: view.getUint32(at + eventGroupOffset, true),
            };
          }),
        );
      const asRead = (events: readonly ScenarioEvent[], cpu?: number) =>
        events.map(({ kind, object = 0, group = 0, a = 0 }) => {
          const own = kind === kindCpuOffline || kind === kindCpuOnline ? a : 0;
          return { cpu: cpu ?? own, kind, object, group };
        });
      expect(read(program.setup)).toEqual(asRead(setup));
      expect(read(program.tasks)).toEqual(tasks.flatMap(({ events, cpu }) => asRead(events, cpu)));
      expect(read(program.closing)).toEqual(asRead(closing));
      expect(program.tasks.length).toBe(tasks.length);
      expect(program.events.length).toBe(all.length * eventSize);
    });
  },
);

describe("names of addresses", () => {
  test("say whose they are", async () => {
    const scenario = scenarioOf("put-against-remove");
    const one = await caseOf(planVariant(quarantine, "singly-linked-fifo"), scenario);
    one.perform(one.program.setup);
    const { running } = one;
    const { layout, exports } = running;
    const variant = layout.problemBase + exports.problemBytes() - exports.extraGlobalBytes();
    const nameOf = (address: number): string => quarantineCheck.nameOf(running, address);
    expect(nameOf(variant)).toBe("queue of CPU 0");
    expect(nameOf(variant + 128 + 16)).toBe("queue of CPU 1 +16");
    expect(nameOf(variant + 2 * 128 + 4)).toBe("global quarantine +4");
    expect(nameOf(variant + 2 * 128 + 64)).toBe("remove_cache_srcu");
    expect(nameOf(layout.problemBase + exports.problemBytes() - 8)).toBe("batches +40");
    expect(nameOf(layout.problemBase + 64 + 4)).toBe("online CPU 1");
    expect(nameOf(layout.cacheTable + 192 + 72)).toBe("cache 1 (lock) +8");
    expect(nameOf(layout.pageTable + 64)).toBe("struct page 1");
    // Object 9 is the second of cache 1.
    expect(nameOf(one.addressOf(9) + 8)).toBe("object 9 of cache 1 +8");
    expect(nameOf(layout.arenaEnd - 4096)).toBe(`page ${(layout.arenaEnd - layout.arenaBase) / 4096 - 1}`);
  });
});
