// Every execution of a few tasks, under sequential consistency or under x86-TSO. Small and without any reduction: it
// proves that fibers and the seam carry such a search, and is no checker.

import { Fiber, FiberHost, type FiberStack } from "../../src/fiber/fiber.ts";
import { plainMachine } from "../kernel/plain-machine.ts";

export type MemoryModel = "sequential" | "tso";

export interface Exploration {
  /** Each distinct outcome: what the tasks returned, in their order; sorted. */
  readonly outcomes: readonly string[];
  readonly executions: number;
}

interface BufferedStore {
  readonly cell: number;
  readonly value: number;
}

interface Task {
  readonly fiber: Fiber;
  /** Oldest first. */
  readonly buffer: BufferedStore[];
  /** Whether the access that comes next waits until the buffer is empty. */
  isFence: boolean;
}

export interface ExploredTask {
  readonly entry: string;
  readonly args: readonly number[];
}

const stackBytes = 1024;
/** Above the tasks' cells. */
const stacksBase = 4096;
/** Operations that a CPU makes only when its store buffer is empty. */
const fences = new Set(["store32", "exchange32", "compareExchange32", "add32", "barrier"]);

/**
 * Runs all executions: at each point either a task makes its next access, or the oldest store of a buffer reaches the
 * memory. An execution ends when all tasks have returned and all buffers are empty.
 */
export function explore(
  wasm: Uint8Array<ArrayBuffer>,
  model: MemoryModel,
  tasks: readonly ExploredTask[],
): Exploration {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const cells = new Int32Array(memory.buffer);
  const machine = plainMachine({ memory, layout: { taskStacks: 0 }, nowNs: 0, runWork: () => {} }, 0);
  let running: Task | undefined;
  let state: Task[] = [];
  const host = new FiberHost(
    {
      ...machine,
      storeRelaxed32(cell, value) {
        if (model === "tso") running?.buffer.push({ cell, value });
        else cells[cell >>> 2] = value;
        return 0;
      },
      load32(cell) {
        const own = running?.buffer.findLast((stored) => stored.cell === cell);
        return own?.value ?? cells[cell >>> 2] ?? 0;
      },
    },
    (fiber, operation) => {
      const task = state.find((candidate) => candidate.fiber === fiber);
      if (task !== undefined) task.isFence = fences.has(operation);
      return true;
    },
  );
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory }, traced: host.imports });
  host.attach({ memory, exports: instance.exports });

  const go = (task: Task, how: "start" | "resume"): void => {
    running = task;
    task.fiber[how]();
    running = undefined;
  };
  const begin = (): void => {
    cells.fill(0);
    state = tasks.map(({ entry, args }, index) => {
      const base = stacksBase + index * stackBytes;
      const stack: FiberStack = { base, end: base + stackBytes };
      return { fiber: new Fiber(host, stack, entry, args), buffer: [], isFence: false };
    });
    for (const task of state) go(task, "start");
  };
  const choices = (): (() => void)[] =>
    state.flatMap((task) => {
      const actions: (() => void)[] = [];
      const isBlocked = task.isFence && task.buffer.length > 0;
      if (task.fiber.status === "suspended" && !isBlocked) actions.push(() => go(task, "resume"));
      if (task.buffer.length > 0) {
        actions.push(() => {
          const stored = task.buffer.shift();
          if (stored !== undefined) cells[stored.cell >>> 2] = stored.value;
        });
      }
      return actions;
    });

  const outcomes = new Set<string>();
  let executions = 0;
  // Choices of the execution, and how many there were: depth first, always from the beginning.
  const path: { index: number; count: number }[] = [];
  do {
    begin();
    for (let depth = 0; ; depth++) {
      const actions = choices();
      if (actions.length === 0) break;
      path[depth] ??= { index: 0, count: actions.length };
      actions[path[depth]?.index ?? 0]?.();
    }
    executions++;
    outcomes.add(state.map(({ fiber }) => fiber.result).join(" "));
    while (path.length > 0 && (path.at(-1)?.index ?? 0) + 1 === path.at(-1)?.count) path.pop();
    const last = path.at(-1);
    if (last !== undefined) last.index++;
  } while (path.length > 0);
  return { outcomes: [...outcomes].sort(), executions };
}
