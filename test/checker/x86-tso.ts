// The abstract machine of x86-TSO (Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, 2010) as it stands in the paper, for
// programs without loops: what they can come to, and in how many ways. It shares nothing with the checker.

import type { MemoryModel } from "../../src/checker/model.ts";
import * as op from "../../src/kernel/litmus/instructions.ts";
import { type LitmusProgram, nameOfEnd } from "./litmus.ts";

/** What the machine knows; 32-bit cells only. */
export const knownOperations: readonly number[] = [
  op.opLoad32,
  op.opStoreRelaxed32,
  op.opStore32,
  op.opExchange32,
  op.opCompareExchange32,
  op.opAdd32,
  op.opBarrier,
];

interface State {
  readonly memory: Map<number, number>;
  readonly registers: Map<number, number>;
  /** By task: its next instruction. */
  readonly places: number[];
  /** By CPU. */
  readonly buffers: (readonly [number, number])[][];
  /** By CPU: the task that ran last. */
  readonly current: (number | undefined)[];
}

function copyOf({ memory, registers, places, buffers, current }: State): State {
  return {
    memory: new Map(memory),
    registers: new Map(registers),
    places: [...places],
    buffers: buffers.map((buffer) => [...buffer]),
    current: [...current],
  };
}

/** All that a program can come to. */
export function endsOf({ tasks }: LitmusProgram, model: MemoryModel): ReadonlySet<string> {
  const ends = new Set<string>();
  const seen = new Set<string>();
  const cpus = Math.max(...tasks.map(({ cpu }) => cpu)) + 1;

  const visit = (state: State): void => {
    const key = JSON.stringify([
      [...state.memory].sort(),
      [...state.registers].sort(),
      state.places,
      state.buffers,
      state.current,
    ]);
    if (seen.has(key)) return;
    seen.add(key);
    let isEnd = true;
    for (const next of stepsFrom(state)) {
      isEnd = false;
      visit(next);
    }
    if (isEnd) ends.add(nameOfEnd(state.registers, state.memory));
  };

  function* stepsFrom(state: State): Generator<State> {
    for (let cpu = 0; cpu < cpus; cpu++) {
      const [oldest] = state.buffers[cpu]!;
      if (oldest === undefined) continue;
      const next = copyOf(state);
      next.buffers[cpu]!.shift();
      next.memory.set(...oldest);
      yield next;
    }
    for (const [task, { cpu, code }] of tasks.entries()) {
      const one = code[state.places[task]!];
      const isOther = state.current[cpu] !== undefined && state.current[cpu] !== task;
      if (one === undefined || (isOther && state.buffers[cpu]!.length > 0)) continue;
      const { kind, object: cell = 0, group = 0, a = 0, b = 0 } = one;
      const isPlain = kind === op.opLoad32 || kind === op.opStoreRelaxed32;
      if (!isPlain && state.buffers[cpu]!.length > 0) continue;
      const next = copyOf(state);
      next.places[task]!++;
      next.current[cpu] = task;
      const own = state.buffers[cpu]!.findLast(([address]) => address === cell);
      const held = own?.[1] ?? state.memory.get(cell) ?? 0;
      const stored = a + (kind === op.opStoreRelaxed32 && group !== 0 ? (state.registers.get(group - 1) ?? 0) : 0);
      if (kind === op.opStoreRelaxed32 && model === "tso") next.buffers[cpu]!.push([cell, stored]);
      else if (kind === op.opStoreRelaxed32 || kind === op.opStore32 || kind === op.opExchange32)
        next.memory.set(cell, stored);
      else if (kind === op.opAdd32) next.memory.set(cell, held + a);
      else if (kind === op.opCompareExchange32 && held === a) next.memory.set(cell, b);
      if (kind !== op.opStoreRelaxed32 && group !== 0) next.registers.set(group - 1, held);
      yield next;
    }
  }

  visit({
    memory: new Map(),
    registers: new Map(),
    places: tasks.map(() => 0),
    buffers: Array.from({ length: cpus }, () => []),
    current: Array.from({ length: cpus }, () => undefined),
  });
  return ends;
}
