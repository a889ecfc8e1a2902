// Every scenario of slab-offline, its events in every order, each performed as a whole: nothing is found wrong but the declared
// defects, and the scenario meets what it is about. And the race of the original thread, by interleavings, in each way out.

import { describe, expect, test } from "vitest";
import { slabOffline } from "../../bench/slab-offline.ts";
import { type CompiledModule, compileCheckerCore, compileModule } from "../../src/build/compile.ts";
import type { RunningModule } from "../../src/build/instance.ts";
import { performCheck } from "../../src/checker/job.ts";
import type { Finding } from "../../src/checker/model.ts";
import { type EventRange, programOf } from "../../src/checker/problems/problem.ts";
import { type SlabOfflineCheckExports, slabOfflineCheck } from "../../src/checker/problems/slab-offline.ts";
import type { Scenario } from "../../src/checker/scenario.ts";
import { eventFlagsOffset, eventSize, flagMeasured } from "../../src/kernel/events.ts";
import * as counters from "../../src/kernel/slab-offline/counters.ts";
import { type PlainWorld, plainMachine } from "../kernel/plain-machine.ts";
import { type Subject, subjects } from "../kernel/slab-offline-rig.ts";

type Exports = SlabOfflineCheckExports & { drain(): void };
type Started = Pick<RunningModule<Exports>, "memory" | "layout">;

/** A started case, whose CPUs perform one event after the other. */
class Case {
  readonly running: RunningModule<Exports>;
  readonly instances: Exports[] = [];
  readonly program;
  readonly #clock = { nowNs: 1_000_000_000 };

  constructor(compiled: CompiledModule, scenario: Scenario) {
    this.program = programOf(scenario);
    this.running = slabOfflineCheck.start(compiled, scenario, {
      skipWhenEmpty: false,
      coreBytes: 1,
      machine: (memory, layout) => ({ traced: plainMachine(this.#worldOf({ memory, layout }), 0) }),
      attach: (running) => {
        this.instances.push(running.exports as Exports);
        for (let cpu = 1; cpu < scenario.cpus; cpu++) {
          const started = running as RunningModule<Exports>;
          const imports = { ...running.importsOf(cpu), traced: plainMachine(this.#worldOf(started), cpu) };
          this.instances.push(new WebAssembly.Instance(running.module, imports).exports as unknown as Exports);
        }
      },
    }) as RunningModule<Exports>;
    // Measured, so that there are counts of what was met.
    const events = this.program.events.slice();
    const view = new DataView(events.buffer);
    for (let at = 0; at < events.byteLength; at += eventSize) view.setUint16(at + eventFlagsOffset, flagMeasured, true);
    new Uint8Array(this.running.memory.buffer).set(events, this.running.layout.eventBuffer);
  }

  #worldOf({ memory, layout }: Started): PlainWorld {
    return Object.assign(this.#clock, {
      memory,
      layout,
      runWork: (cpu: number, work: number, argument: number) => this.instances[cpu]?.runWork(work, argument),
    });
  }

  perform({ cpu, first, end }: EventRange): void {
    expect(this.instances[cpu]!.run(first, end)).toBe(0);
  }

  drain(): void {
    for (let round = 0; round < 3; round++) for (const instance of this.instances) instance.drain();
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

/** Performs a scenario with its events in an order. Returns what is wrong, and what its tasks counted. */
function performIn(compiled: CompiledModule, scenario: Scenario, order: readonly number[]) {
  const one = new Case(compiled, scenario);
  for (const range of one.program.setup) one.perform(range);
  one.drain();
  const before = counted.map(([, index]) => one.count(index));
  const next = one.program.tasks.map(({ first }) => first);
  for (const task of order) {
    const first = next[task]!++;
    one.perform({ cpu: one.program.tasks[task]!.cpu, first, end: first + 1 });
  }
  const counts = Object.fromEntries(counted.map(([name, index], at) => [name, one.count(index) - before[at]!]));
  let found: Finding | undefined = slabOfflineCheck.checkTasks(one.instances, scenario, undefined);
  if (found === undefined) {
    for (const range of one.program.closing) one.perform(range);
    one.drain();
    found = slabOfflineCheck.checkEnd(one.instances, scenario, undefined);
  }
  return { found, counts };
}

function performAll(compiled: CompiledModule, scenario: Scenario): readonly ReturnType<typeof performIn>[] {
  const orders = [...ordersOf(scenario.tasks.map(({ events }) => events.length))];
  // Of six events there are ninety orders; some of them do.
  const step = Math.ceil(orders.length / 24);
  return orders.filter((_, index) => index % step === 0).map((order) => performIn(compiled, scenario, order));
}

/** What each scenario has to meet in `reparent-caches`, in the order of its events in which that is met most. */
const meets: Readonly<Record<string, Counts>> = {
  "freeze-against-offline": { counterOfflines: 1, counterFreesLive: 1, counterFreesDead: 1, counterReparented: 1 },
  "fast-free-against-offline": { counterOfflines: 1, counterFreesLive: 1, counterFreesDead: 1 },
  "last-free-against-offline": { counterOfflines: 1, counterFreesLive: 1, counterFreesDead: 1 },
  "two-last-frees": { counterFreesDead: 2 },
  "preempted-frees-of-dead": { counterFreesDead: 2 },
  "one-preempted-free-against-offline": { counterOfflines: 1, counterFreesDead: 1, counterFreesLive: 1 },
  "preempted-free-against-offline": { counterOfflines: 1, counterFreesDead: 2, counterFreesLive: 2 },
  "flush-against-frees": { counterAllocations: 2, counterFreesLive: 3 },
  "preempted-free-against-allocations": { counterAllocations: 2, counterFreesLive: 1 },
  "two-frees-and-an-allocation": { counterAllocations: 1, counterFreesLive: 2 },
  "reparent-against-frees": { counterOfflines: 2, counterReparented: 2, counterFreesDead: 1 },
  "full-slab-against-offline": { counterOfflines: 1, counterFreesDead: 2, counterFreesLive: 2 },
  "frees-on-three-cpus-against-offline": { counterOfflines: 1, counterFreesDead: 5, counterFreesLive: 4 },
};

test("scenarios are well formed", () => {
  const { scenarios, defects } = slabOfflineCheck;
  const names = scenarios.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(Object.keys(meets)).toEqual(names);
  expect(scenarios.filter(({ isShort }) => isShort)).toHaveLength(3);
  expect(new Set(scenarios.map(({ constants }) => JSON.stringify(constants))).size).toBe(1);
  for (const { variant, scenario } of defects) {
    expect(slabOffline.variants.some(({ name }) => name === variant)).toBe(true);
    expect(names).toContain(scenario);
  }
});

const compile = ({ variant, constants }: Subject): Promise<CompiledModule> => {
  const [first] = slabOfflineCheck.scenarios;
  return compileModule({
    problem: "slab-offline",
    variant,
    machine: "traced",
    constants: { ...first!.constants, ...constants },
  });
};

describe("with whole events in every order", () => {
  test.each(subjects.map((subject) => [subject.name, subject] as const))(
    "%s is right but for its declared defects",
    { timeout: 60_000 },
    async (_, subject) => {
      const compiled = await compile(subject);
      for (const scenario of slabOfflineCheck.scenarios) {
        const found = performAll(compiled, scenario).flatMap((one) => (one.found === undefined ? [] : [one.found]));
        const defect = slabOfflineCheck.defects.find(
          (one) => one.variant === subject.variant && one.scenario === scenario.name,
        );
        if (defect === undefined) expect(found, scenario.name).toEqual([]);
        else {
          // It shows without any interleaving.
          expect(found.length, scenario.name).toBeGreaterThan(0);
          for (const { kind, invariant } of found) {
            expect([kind, invariant], scenario.name).toEqual([defect.kind, defect.invariant]);
          }
        }
      }
    },
  );

  test("scenarios meet what they are about", { timeout: 60_000 }, async () => {
    const compiled = await compile(subjects.find(({ name }) => name === "reparent-caches")!);
    for (const scenario of slabOfflineCheck.scenarios) {
      const performed = performAll(compiled, scenario);
      const most = Object.fromEntries(
        counted.map(([name]) => [name, Math.max(...performed.map(({ counts }) => counts[name]!))]),
      );
      for (const [name, least] of Object.entries(meets[scenario.name]!)) {
        expect(most[name], `${scenario.name}: ${name}`).toBeGreaterThanOrEqual(least);
      }
    }
  });
});

test.each(
  subjects
    .filter(({ variant }) => ["mark-and-wait", "self-drain", "reparent-caches"].includes(variant))
    .flatMap((subject) => [[subject.name, "sc", subject] as const, [subject.name, "tso", subject] as const]),
)("%s exhausts the race of the original thread under %s", { timeout: 60_000 }, async (_, model, subject) => {
  const scenario = slabOfflineCheck.scenarios.find(({ name }) => name === "freeze-against-offline")!;
  const { outcome } = performCheck({
    problem: "slab-offline",
    variant: { id: subject.variant, skipWhenEmpty: false },
    scenario: scenario.name,
    model,
    scheduler: { name: "exhaustive", reduction: true },
    statesMax: 200_000,
    stepsMax: 20_000,
    msMax: Number.MAX_SAFE_INTEGER,
    bytesMax: 512 * 2 ** 20,
    core: (await compileCheckerCore()).wasm,
    compiled: await compileModule({
      problem: "slab-offline",
      variant: subject.variant,
      machine: "checked",
      constants: { ...scenario.constants, ...subject.constants },
    }),
  });
  expect(outcome).toBe("exhausted");
});
