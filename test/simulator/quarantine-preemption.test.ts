// The quarantine's variants where tasks share CPUs and are preempted wherever they may be: nothing is lost, nothing is
// freed twice. Both would be a violation, and what the variants must not leave out shows in the same cases.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type CompiledModule, compileModule } from "../../src/build/compile.ts";
import type { Constants } from "../../src/build/flags.ts";
import { ViolationError } from "../../src/errors.ts";
import { kindCpuOffline, kindObjectFree } from "../../src/kernel/events.ts";
import { packageRoot } from "../../src/package-root.ts";
import type { SimulatedQuarantine } from "../../src/simulator/quarantine.ts";
import { WaitingObjects } from "../../src/simulator/quarantine-ledger.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import type { Workload } from "../../src/workloads/workload.ts";
import {
  allocate,
  createCache,
  destroyCache,
  free,
  immediate,
  type Line,
  lines,
  names,
  restless,
  scripted,
  simulate,
} from "./quarantine-rig.ts";

/** Two guests torn down at once, amid churn by more tasks than there are CPUs. */
function teardown(): Workload {
  return createWorkload(
    "libvirt-teardown",
    {
      guests: 2,
      // What the queues of three CPUs take in Linux, which the global quarantine holds here.
      "quarantine-bytes": 3 * 2 ** 20,
      "background-objects": 2048,
      "churn-batch": 1024,
      "churn-cycles": 4,
      "churn-tasks": 7,
      "teardown-tasks": 2,
      drain: 0,
    },
    3,
  );
}

describe.each(names)("%s", (name) => {
  let first: SimulatedQuarantine | undefined;

  test.each([false, true])("loses no object with several tasks per CPU; skip-when-empty %s", async (skipWhenEmpty) => {
    const run = await simulate(name, { cpus: 3, workload: teardown(), skipWhenEmpty, profile: restless });
    if (skipWhenEmpty) first = run;
    const { objects, heldBytes, totals, counts, unfinishedCaches, ns } = run;
    const { put, ...rest } = objects;
    expect(Object.values(rest).reduce((sum, count) => sum + count, 0)).toBe(put);
    expect(put).toBe(totals.puts + putsBeforeMeasured(teardown()));
    expect(heldBytes.stated).toBe(heldBytes.found);
    expect(heldBytes.found > 0).toBe(name !== "floor");
    expect(totals.evicted > 0).toBe(name !== "floor");
    expect(counts.contextSwitches).toBeGreaterThan(name === "floor" ? 50 : 500);
    expect(totals.removals).toBe(48);
    // Twelve caches of each guest never have an object; others may have lost theirs by then.
    if (skipWhenEmpty) expect(totals.removalsSkipped).toBeGreaterThanOrEqual(24);
    else expect(totals.removalsSkipped).toBe(0);
    if (!name.includes("deferred")) expect(unfinishedCaches).toBe(0);
    // A removal interrupts every other CPU, unless it is skipped.
    if (immediate.includes(name)) expect(counts.interrupts).toBe(2 * (totals.removals - totals.removalsSkipped));
    const symbolNs = counts.cpus.flatMap((cpu) => [...cpu.symbolNs.values()]).reduce((sum, one) => sum + one, 0);
    expect(symbolNs).toBeCloseTo(3 * ns, 0);
  });

  test("does the same again, to the last digit", async () => {
    const again = await simulate(name, { cpus: 3, workload: teardown(), skipWhenEmpty: true, profile: restless });
    expect(textOf(again)).toBe(textOf(first as SimulatedQuarantine));
  });

  test("tasks that free on a CPU that goes offline lose nothing", async () => {
    const tasks = [0, 1, 2, 3, 4, 5];
    const workload = scripted(
      [
        { measured: false, events: [createCache(0), ...allocate(0, 0, 1200)] },
        {
          measured: true,
          // Tasks 1, 3 and 5 share CPU 1, which goes offline meanwhile.
          events: [{ kind: kindCpuOffline, a: 1 }, ...tasks.flatMap((task) => free(0, task * 200, 200, task))],
        },
      ],
      tasks.length,
    );
    const { objects, heldBytes, counts } = await simulate(name, { cpus: 2, workload, profile: restless });
    expect(counts.contextSwitches).toBeGreaterThan(tasks.length * 2);
    expect(heldBytes.stated).toBe(heldBytes.found);
    const { put, drained, refused, held, forgotten, evicted } = objects;
    expect(put).toBe(1200);
    expect(drained + refused + held + forgotten + evicted).toBe(1200);
    expect(refused > 0).toBe(name !== "floor");
  });
});

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-quarantine-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a variant must not leave out: a change of its text, and a case in which it is needed. */
interface Mutant {
  readonly variant: string;
  readonly change: (text: string) => string;
  readonly workload: () => Workload;
  readonly cpus: number;
  /** Beside those of the variant. */
  readonly constants?: Constants;
}

/** Two tasks of one CPU free at once, and its queue is never full: nobody walks a list that may lead nowhere. */
function freesByTwo(): Workload {
  const tasks = [0, 1];
  return scripted(
    [
      { measured: false, events: [createCache(0), ...allocate(0, 0, 1000)] },
      { measured: true, events: tasks.flatMap((task) => free(0, task * 500, 500, task)) },
    ],
    tasks.length,
  );
}

function putWithInterrupts(text: string): string {
  const [before = "", rest = ""] = text.split("export function put");
  const end = rest.indexOf("\n}\n");
  return `${before}export function put${rest.slice(0, end).replaceAll(/ irq(Off|On)\(\);/g, "")}${rest.slice(end)}`;
}

const reference = "singly-linked-fifo";
const mutants: Readonly<Record<string, Mutant>> = {
  ...Object.fromEntries(
    immediate.map((name) => [
      `interrupts are on while ${name} puts an object`,
      { variant: name, change: putWithInterrupts, workload: freesByTwo, cpus: 1 },
    ]),
  ),
  "a removal does not wait for reductions": {
    variant: reference,
    change: (text) => text.replace("  synchronizeSrcuExpedited(srcu());\n", ""),
    cpus: 2,
    // All is in one batch, so that a walk of what is left takes a moment. Task 0 frees that batch, with objects of cache 0
    // at its end, while task 1 removes this cache.
    constants: { LAB_BATCHES: 2 },
    workload: () =>
      scripted(
        [
          {
            measured: false,
            events: [
              ...[createCache(0), createCache(1), createCache(2)],
              ...[...allocate(1, 0, 3800), ...free(1, 0, 3800), ...allocate(1, 0, 3800), ...free(1, 0, 3800)],
              ...[...allocate(1, 0, 700), ...allocate(0, 3800, 8)],
              ...[...free(1, 0, 600), ...free(0, 3800, 8), ...free(1, 600, 100)],
            ],
          },
          { measured: true, events: [...allocate(2, 4000, 1, 0), destroyCache(0, 1)] },
        ],
        2,
      ),
  },
  "a removal does not look into the CPUs' queues": {
    variant: reference,
    change: (text) => text.replace(/ {2}runOnEveryCpu\(.*\n/, ""),
    cpus: 2,
    workload: () =>
      scripted(
        [
          { measured: false, events: [createCache(0), ...allocate(0, 0, 10)] },
          { measured: true, events: free(0, 0, 10, 1) },
          { measured: true, events: [destroyCache(0)] },
        ],
        2,
      ),
  },
};

test.each(Object.entries(mutants))("it shows when %s", async (what, mutant) => {
  const { variant, constants } = lines[mutant.variant] as Line;
  const text = readFileSync(path.join(packageRoot, "src", "kernel", "quarantine", `${variant}.ts`), "utf8");
  const changed = mutant.change(text);
  expect(changed).not.toBe(text);
  const name = what.replaceAll(/\W+/g, "-");
  const variantFile = path.join(folder, `${name}.ts`);
  writeFileSync(variantFile, changed);
  const source = {
    problem: "quarantine",
    machine: "simulated",
    constants: { ...constants, ...mutant.constants },
    // Named, because otherwise the contract would be compiled, too.
    entry: "harness",
  } as const;
  const isRight = async (compiled: CompiledModule): Promise<boolean> => {
    const { cpus, workload } = mutant;
    try {
      const { heldBytes } = await simulate(mutant.variant, { cpus, workload: workload(), profile: restless, compiled });
      return heldBytes.found === heldBytes.stated;
    } catch (error) {
      if (error instanceof ViolationError) return false;
      throw error;
    }
  };
  expect(await isRight(await compileModule({ ...source, variant: name, variantFile }))).toBe(false);
  expect(await isRight(await compileModule({ ...source, variant }))).toBe(true);
});

describe("WaitingObjects", () => {
  test("each object waits from its put until it leaves", () => {
    const waiting = new WaitingObjects();
    waiting.come(64);
    waiting.come(0xffff_ffc0 | 0);
    waiting.check(2);
    waiting.leave(64);
    waiting.come(64);
    waiting.leave(64);
    waiting.check(1);
  });

  test("what leaves twice, or was never put, is a violation", () => {
    const waiting = new WaitingObjects();
    waiting.come(64);
    waiting.leave(64);
    expect(() => waiting.leave(64)).toThrow(/at 64 is freed although it does not wait/);
    expect(() => waiting.leave(128)).toThrow(ViolationError);
  });

  test("so is what is put while it waits, and what is lost", () => {
    const twice = new WaitingObjects();
    twice.come(64);
    twice.come(64);
    expect(() => twice.check(1)).toThrow(/1 objects were put again while they waited/);
    const lost = new WaitingObjects();
    lost.come(64);
    expect(() => lost.check(0)).toThrow(/1 objects wait, and 0 are in use/);
  });
});

/** All that a run came to. */
function textOf(run: SimulatedQuarantine): string {
  const distributions = Object.entries(run.distributions).flatMap(([name, times]) => times.rows(name));
  return JSON.stringify({ ...run, distributions }, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}

function putsBeforeMeasured(workload: Workload): number {
  let puts = 0;
  for (const chunk of workload.chunks()) {
    for (let offset = 0; offset < chunk.byteLength; offset += 32) {
      if (chunk[offset] === kindObjectFree && chunk[offset + 2] === 0) puts++;
    }
  }
  return puts;
}
