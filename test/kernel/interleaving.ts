// Random interleavings of a few tasks at every access, under x86-TSO: each CPU has a store buffer, tasks sleep until
// they are woken, and tasks that share a CPU are preempted where preemption is on. One thread, so a seed repeats a run.
// It samples executions; it proves nothing that it did not meet.

import { Fiber, FiberHost } from "../../src/fiber/fiber.ts";
import { Random } from "../../src/workloads/random.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";
import { base, type Call, layoutImports, type SyncMemory } from "./sync-rig.ts";

/** A call of an export, by a task that stays on its CPU. */
export interface TaskCall extends Call {
  readonly cpu: number;
}

type Pause =
  | { readonly kind: "wait"; readonly cell: number; readonly expected: number; isAsleep: boolean }
  | { readonly kind: "sleep" | "compute"; readonly untilNs: number };

interface Task {
  readonly index: number;
  readonly fiber: Fiber;
  /** Sections with preemption or interrupts off that are open. */
  depth: number;
  pause: Pause | undefined;
  isFence: boolean;
}

interface Cpu {
  readonly tasks: Task[];
  current: Task | undefined;
  readonly buffer: (readonly number[])[];
}

const stackBytes = 4096;
const stacksBase = base + 2 * 1024 * 1024;
/** What one step takes, one of these per run: so that what depends on time happens early in some and late in others. */
const stepNsChoices = [10, 300, 5000];
/** Steps until another CPU runs ahead, and until the oldest store of a buffer arrives, on average; one pair per run. */
const paceChoices = [
  { burst: 8, arrival: 4 },
  { burst: 100, arrival: 60 },
] as const;
const buffered = new Set([
  "storeRelaxed32",
  "storeRelaxed64Halves",
  "load32",
  "load64Halves",
  "pause",
  "preemptOn",
  "irqOn",
]);

/**
 * Runs the calls, one task each, until all have returned.
 *
 * @returns the tasks' results
 * @throws {Error} when all tasks sleep and nobody is there to wake them, or after `stepsMax` steps
 */
export function interleave(
  module: WebAssembly.Module,
  rig: SyncMemory,
  calls: readonly TaskCall[],
  seed: number,
  stepsMax = 3_000_000,
): (number | undefined)[] {
  const { memory, words } = rig;
  const random = new Random(seed);
  const stepNs = stepNsChoices[seed % stepNsChoices.length] as number;
  const { burst, arrival } =
    paceChoices[Math.floor(seed / stepNsChoices.length) % paceChoices.length] ?? paceChoices[0];
  const cpuCount = 1 + Math.max(...calls.map(({ cpu }) => cpu));
  const world: PlainWorld = { ...rig, nowNs: 1_000_000_000, runWork: () => {} };
  const cpus: Cpu[] = [];
  const tasks: Task[] = [];
  const isReady = ({ pause, fiber }: Task): boolean => {
    if (fiber.status === "ended") return false;
    if (pause === undefined) return true;
    return pause.kind === "wait" ? !pause.isAsleep : pause.untilNs <= world.nowNs;
  };
  const isBusy = (task: Task): boolean => isReady(task) || task.pause?.kind === "compute";
  const arrive = ({ buffer }: Cpu): boolean => {
    const stored = buffer.shift();
    if (stored === undefined) return false;
    const [cell = 0, ...values] = stored;
    values.forEach((value, index) => {
      words[cell / 4 + index] = value;
    });
    return true;
  };
  const drain = (cpu: Cpu): void => {
    while (arrive(cpu));
  };

  const hosts = Array.from({ length: cpuCount }, (_, index) => {
    const cpu: Cpu = { tasks: [], current: undefined, buffer: [] };
    cpus.push(cpu);
    const machine = plainMachine(world, index);
    const held = (cell: number): readonly number[] | undefined =>
      cpu.buffer.findLast((stored) => stored[0] === cell || (stored.length === 3 && (stored[0] ?? 0) + 4 === cell));
    const change = (delta: number) => (): number => {
      if (cpu.current !== undefined) cpu.current.depth += delta;
      return 0;
    };
    const host = new FiberHost(
      {
        ...machine,
        storeRelaxed32(cell, value) {
          cpu.buffer.push([cell, value]);
          return 0;
        },
        storeRelaxed64Halves(cell, lower, upper) {
          cpu.buffer.push([cell, lower, upper]);
          return 0;
        },
        load32(cell, ...rest) {
          const own = held(cell);
          if (own?.length === 2) return own[1] ?? 0;
          if (own !== undefined) drain(cpu);
          return machine.load32(cell, ...rest);
        },
        load64Halves(cell, ...rest) {
          if (held(cell) !== undefined || held(cell + 4) !== undefined) drain(cpu);
          return machine.load64Halves(cell, ...rest);
        },
        wait: () => 0,
        wake(cell, count) {
          const asleep = tasks.filter(({ pause }) => pause?.kind === "wait" && pause.isAsleep && pause.cell === cell);
          for (const { pause } of asleep.slice(0, count)) if (pause?.kind === "wait") pause.isAsleep = false;
          return Math.min(asleep.length, count);
        },
        sleepNs: () => 0,
        computeNs: () => 0,
        task: () => cpu.current?.index ?? -1,
        isRunning(index) {
          const task = tasks[index];
          return task !== undefined && cpus.some(({ current }) => current === task) && isBusy(task) ? 1 : 0;
        },
        isIdle: (target) => (cpus[target]?.tasks.some(isBusy) ? 0 : 1),
        taskStack: () => rig.layout.taskStacks + (cpu.current?.index ?? 0) * 4096,
        preemptOff: change(1),
        irqOff: change(1),
        preemptOn: change(-1),
        irqOn: change(-1),
      },
      (_fiber, operation, a, b) => {
        const { current } = cpu;
        if (current === undefined) return false;
        current.isFence = !buffered.has(operation);
        if (operation === "wait") {
          current.pause = { kind: "wait", cell: a, expected: b, isAsleep: false };
        } else if (operation === "sleepNs" || operation === "computeNs") {
          const kind = operation === "sleepNs" ? "sleep" : "compute";
          current.pause = { kind, untilNs: world.nowNs + a };
        }
        return true;
      },
    );
    const instance = new WebAssembly.Instance(module, {
      ...layoutImports(cpuCount, index),
      env: { memory },
      traced: host.imports,
    });
    host.attach({ memory, exports: instance.exports });
    return host;
  });
  calls.forEach(({ cpu, name, args }, index) => {
    const stack = { base: stacksBase + index * stackBytes, end: stacksBase + (index + 1) * stackBytes };
    const fiber = new Fiber(hosts[cpu] as FiberHost, stack, name, args);
    const task: Task = { index, fiber, depth: 0, pause: undefined, isFence: false };
    tasks.push(task);
    cpus[cpu]?.tasks.push(task);
  });

  const step = (cpu: Cpu): void => {
    const ready = cpu.tasks.filter(isReady);
    const { current } = cpu;
    const isFree = current === undefined || !isBusy(current) || (current.depth === 0 && random.below(20) === 0);
    if (isFree) {
      if (ready.length === 0) return;
      const next = ready[random.below(ready.length)];
      if (next !== current) drain(cpu);
      cpu.current = next;
    }
    const task = cpu.current;
    if (task === undefined || !isReady(task)) return;
    if (task.isFence) drain(cpu);
    const { pause } = task;
    if (pause?.kind === "wait" && words[pause.cell / 4] === pause.expected) {
      if (task.depth !== 0) throw new Error(`task ${task.index} sleeps with preemption off`);
      pause.isAsleep = true;
      return;
    }
    if (pause?.kind === "sleep" && task.depth !== 0) throw new Error(`task ${task.index} sleeps with preemption off`);
    task.pause = undefined;
    if (task.fiber.status === "new") task.fiber.start();
    else task.fiber.resume();
    if (task.fiber.status === "ended") drain(cpu);
  };

  let busiest = 0;
  for (let steps = 0; tasks.some(({ fiber }) => fiber.status !== "ended"); steps++) {
    if (steps === stepsMax) throw new Error(`seed ${seed}: not done after ${stepsMax} steps`);
    world.nowNs += stepNs;
    if (!tasks.some(isReady)) {
      const times = tasks.flatMap(({ pause }) => (pause !== undefined && pause.kind !== "wait" ? [pause.untilNs] : []));
      if (times.length === 0) throw new Error(`seed ${seed}: all tasks sleep for good`);
      for (const cpu of cpus) drain(cpu);
      world.nowNs = Math.max(world.nowNs, Math.min(...times));
    }
    // Runs of steps of one CPU, so that the others are far behind at times.
    if (random.below(burst) === 0) busiest = random.below(cpuCount);
    const cpu = cpus[random.below(burst) < 3 ? random.below(cpuCount) : busiest] as Cpu;
    if (random.below(arrival) === 0) arrive(cpu);
    else step(cpu);
  }
  return tasks.map(({ fiber }) => fiber.result);
}
