// A model for tests of what works on models: tasks on CPUs of their own perform short programs on a few variables, with
// store buffers if wanted. Everything it can do can be counted by hand.

import type { Agent, Finding, MemoryModel, Model, Slice } from "../../src/checker/model.ts";

export type ToyOperation =
  /** The task's register becomes what the variable holds. */
  | { readonly kind: "load"; readonly cell: string }
  /** Stores a number, or the register and so much more. May stay in the store buffer. */
  | { readonly kind: "store"; readonly cell: string; readonly value: number | "register"; readonly plus?: number }
  /** Adds in one go. Waits until the store buffer is empty, as everything but `load` and `store` does. */
  | { readonly kind: "add"; readonly cell: string; readonly value: number }
  | { readonly kind: "lock"; readonly cell: string }
  | { readonly kind: "unlock"; readonly cell: string }
  /** Whoever touches the variable later uses it after free. */
  | { readonly kind: "free"; readonly cell: string }
  /** Appends the task's number to the variable: every order leaves another value. */
  | { readonly kind: "sign"; readonly cell: string }
  /** Looks at the variable again and again until it holds the value; what counts the looks makes every one a new state. */
  | { readonly kind: "spin"; readonly cell: string; readonly value: number; readonly counter?: string };

export interface ToyCase {
  readonly programs: readonly (readonly ToyOperation[])[];
  /** @default "sc" */
  readonly memory?: MemoryModel;
  /** Ticks of a clock. @default no clock */
  readonly ticks?: number;
  /** Whether only variables that several tasks were seen to use are noticed. @default false */
  readonly learns?: boolean;
  /** What is wrong at the end. */
  readonly check?: (memory: Readonly<Record<string, number>>, registers: readonly number[]) => string | undefined;
}

interface BufferedStore {
  readonly cell: string;
  readonly value: number;
  /** Reaches memory together with the store before it. */
  readonly isTogether: boolean;
}

interface State {
  readonly memory: Record<string, number>;
  readonly freed: Record<string, true>;
  readonly places: number[];
  readonly registers: number[];
  readonly buffers: BufferedStore[][];
  ticks: number;
}

export const load = (cell: string): ToyOperation => ({ kind: "load", cell });
export const store = (cell: string, value: number | "register", plus = 0): ToyOperation => {
  return { kind: "store", cell, value, plus };
};
export const add = (cell: string, value: number): ToyOperation => ({ kind: "add", cell, value });
export const lock = (cell: string): ToyOperation => ({ kind: "lock", cell });
export const unlock = (cell: string): ToyOperation => ({ kind: "unlock", cell });
export const free = (cell: string): ToyOperation => ({ kind: "free", cell });
export const sign = (cell: string): ToyOperation => ({ kind: "sign", cell });

export class ToyModel implements Model {
  readonly agents: readonly Agent[];
  /** How often each was called. */
  readonly counts = { step: 0, perform: 0, mark: 0, restore: 0, hash: 0, restart: 0 };
  finding: Finding | undefined;
  operations = 0;
  isBuffered = false;
  readonly #case: ToyCase;
  readonly #shared = new Set<string>();
  /** Tasks that used a variable in any execution, as masks. */
  readonly #users = new Map<string, number>();
  #marks: string[] = [];
  #state: State;

  constructor(toyCase: ToyCase) {
    this.#case = toyCase;
    const isTso = toyCase.memory === "tso";
    this.agents = [
      ...toyCase.programs.map((_, cpu): Agent => ({ kind: "task", cpu, name: `task ${cpu} on CPU ${cpu}` })),
      ...(isTso ? toyCase.programs : []).map((_, cpu): Agent => ({ kind: "flush", cpu, name: `stores of CPU ${cpu}` })),
      ...(toyCase.ticks === undefined ? [] : [{ kind: "clock", cpu: null, name: "clock" } as const]),
    ];
    this.#state = this.#initial();
  }

  get learnt(): number {
    return this.#shared.size;
  }

  get memory(): Readonly<Record<string, number>> {
    return this.#state.memory;
  }

  enabled(): number {
    let mask = 0;
    this.agents.forEach(({ kind, cpu }, agent) => {
      const isOn =
        kind === "task"
          ? this.#canRun(agent)
          : kind === "flush"
            ? this.#state.buffers[cpu!]!.length > 0
            : this.#state.ticks > 0 && !this.#haveTasksEnded();
      if (isOn) mask |= 1 << agent;
    });
    return mask;
  }

  isOver(): boolean {
    return this.#haveTasksEnded() && this.#state.buffers.every((buffer) => buffer.length === 0);
  }

  dependents(agent: number, among = -1): number {
    let mask = 1 << agent;
    const own = this.#touches(agent);
    for (let other = 0; other < this.agents.length; other++) {
      const their = this.#touches(other);
      const isSameCpu = own.cpu !== null && own.cpu === their.cpu;
      const isConflict = own.cell !== "" && own.cell === their.cell && (own.isWrite || their.isWrite);
      if (isSameCpu || isConflict) mask |= (1 << other) & among;
    }
    return mask;
  }

  step(agent: number): void {
    this.counts.step++;
    if ((this.enabled() & (1 << agent)) === 0) throw new Error(`${this.agents[agent]!.name} cannot go on`);
    this.operations = 0;
    this.finding = undefined;
    this.isBuffered = this.#operate(agent, "step");
    this.operations++;
    while (this.agents[agent]!.kind === "task" && this.finding === undefined && this.#canRun(agent)) {
      if (this.#isNoticeable(this.#next(agent)!)) break;
      this.#operate(agent, "at once");
      this.operations++;
    }
  }

  perform({ agent, operations, isBuffered }: Slice): number {
    this.counts.perform++;
    this.finding = undefined;
    let done = 0;
    while (done < operations && this.finding === undefined && (this.enabled() & (1 << agent)) !== 0) {
      this.#operate(agent, isBuffered && done === operations - 1 ? "buffered" : "at once");
      done++;
    }
    return done;
  }

  isPreempted(agent: number): boolean {
    if (this.agents[agent]!.kind !== "task") return false;
    return this.#state.places[agent]! > 0 && this.#next(agent) !== undefined;
  }

  finish(): void {
    const { memory, registers } = this.#state;
    const message = this.#case.check?.(memory, registers);
    this.finding = undefined;
    if (message === undefined) return;
    this.finding = { kind: "broken invariant", invariant: "the check", message, agent: null };
  }

  whoWaits(): string {
    const waiting = this.agents.flatMap(({ kind, name }, agent) => {
      const next = kind === "task" ? this.#next(agent) : undefined;
      return next === undefined ? [] : [`${name} at ${next.kind} ${next.cell}`];
    });
    return waiting.join("; ");
  }

  mark(): number {
    this.counts.mark++;
    return this.#marks.push(JSON.stringify(this.#state)) - 1;
  }

  restore(mark: number): void {
    this.counts.restore++;
    const state = this.#marks[mark];
    if (state === undefined) throw new Error(`mark ${mark} is gone`);
    this.#marks.length = mark + 1;
    this.#state = JSON.parse(state) as State;
  }

  hashLow(): number {
    this.counts.hash++;
    return this.#hash(0x811c_9dc5, 0x0100_0193);
  }

  hashHigh(): number {
    return this.#hash(0x1234_5677, 0x85eb_ca6b);
  }

  restart(): void {
    this.counts.restart++;
    this.#marks = [];
    this.#state = this.#initial();
  }

  #initial(): State {
    const { programs, ticks } = this.#case;
    return {
      memory: Object.fromEntries(programs.flat().map(({ cell }) => [cell, 0])),
      freed: {},
      places: programs.map(() => 0),
      registers: programs.map(() => 0),
      buffers: programs.map(() => []),
      ticks: ticks ?? 0,
    };
  }

  #hash(start: number, factor: number): number {
    let hash = start;
    for (const letter of JSON.stringify(this.#state)) hash = Math.imul(hash ^ letter.charCodeAt(0), factor);
    return hash ^ (hash >>> 13);
  }

  #next(task: number): ToyOperation | undefined {
    return this.#case.programs[task]?.[this.#state.places[task]!];
  }

  #haveTasksEnded(): boolean {
    return this.#case.programs.every((program, task) => this.#state.places[task] === program.length);
  }

  #canRun(task: number): boolean {
    const next = this.#next(task);
    if (next === undefined) return false;
    const isWaiting = next.kind === "lock" && this.#state.memory[next.cell] !== 0;
    const needsEmpty = next.kind !== "load" && next.kind !== "store" && next.kind !== "spin";
    return !isWaiting && !(needsEmpty && this.#state.buffers[task]!.length > 0);
  }

  #isNoticeable({ cell }: ToyOperation): boolean {
    return this.#case.learns !== true || this.#shared.has(cell);
  }

  #touches(agent: number): { cpu: number | null; cell: string; isWrite: boolean } {
    const { kind, cpu } = this.agents[agent]!;
    const next = kind === "task" ? this.#next(agent) : undefined;
    if (next !== undefined) return { cpu, cell: next.cell, isWrite: next.kind !== "load" };
    const oldest = kind === "flush" ? this.#state.buffers[cpu!]![0] : undefined;
    return { cpu, cell: oldest?.cell ?? "", isWrite: oldest !== undefined };
  }

  /** @returns whether it was a store that stays in the buffer */
  #operate(agent: number, how: "step" | "buffered" | "at once"): boolean {
    const { kind, cpu } = this.agents[agent]!;
    if (kind === "clock") this.#state.ticks--;
    if (kind === "flush") this.#flush(cpu!);
    return kind === "task" && this.#perform(agent, this.#next(agent)!, how);
  }

  #flush(cpu: number): void {
    const buffer = this.#state.buffers[cpu]!;
    do {
      const { cell, value } = buffer.shift()!;
      this.#state.memory[cell] = value;
    } while (buffer[0]?.isTogether === true);
  }

  #perform(task: number, next: ToyOperation, how: "step" | "buffered" | "at once"): boolean {
    const { memory, freed, registers, buffers, places } = this.#state;
    const { cell } = next;
    this.#learn(task, cell);
    if (Object.hasOwn(freed, cell)) {
      const message = `task ${task}: ${next.kind} ${cell}`;
      this.finding = {
        kind: next.kind === "free" ? "double free" : "use after free",
        invariant: "",
        message,
        agent: task,
      };
      return false;
    }
    const value = buffers[task]!.findLast((entry) => entry.cell === cell)?.value ?? memory[cell]!;
    if (next.kind === "spin" && value !== next.value) {
      if (next.counter !== undefined) memory[next.counter]!++;
      return false;
    }
    places[task]!++;
    if (next.kind === "load") registers[task] = value;
    if (next.kind === "add") memory[cell]! += next.value;
    if (next.kind === "lock") memory[cell] = 1;
    if (next.kind === "unlock") memory[cell] = 0;
    if (next.kind === "free") freed[cell] = true;
    if (next.kind === "sign") memory[cell] = memory[cell]! * 8 + task + 1;
    if (next.kind !== "store") return false;
    const stored = (next.value === "register" ? registers[task]! : next.value) + (next.plus ?? 0);
    const isBuffered =
      this.#case.memory === "tso" && (how === "buffered" || (how === "step" && this.#isNoticeable(next)));
    const isTogether = !isBuffered;
    if (isBuffered || buffers[task]!.length > 0) buffers[task]!.push({ cell, value: stored, isTogether });
    else memory[cell] = stored;
    return isBuffered;
  }

  #learn(task: number, cell: string): void {
    if (this.#case.learns !== true) return;
    const users = (this.#users.get(cell) ?? 0) | (1 << task);
    this.#users.set(cell, users);
    if ((users & (users - 1)) !== 0) this.#shared.add(cell);
  }
}

/** `count` tasks that each add 1 to `x` by a load and a store: at the end one of them may be lost. */
export function lostUpdate(count: number, more: Partial<ToyCase> = {}): ToyCase {
  return {
    programs: Array.from({ length: count }, () => [load("x"), store("x", "register", 1)]),
    check: ({ x }) => (x === count ? undefined : `x is ${x}, not ${count}`),
    ...more,
  };
}

/** Two tasks that take two locks in opposite orders. */
export const oppositeLocks: ToyCase = {
  programs: [
    [lock("a"), lock("b"), unlock("b"), unlock("a")],
    [lock("b"), lock("a"), unlock("a"), unlock("b")],
  ],
};

/** Store buffering: under `tso` both loads may give 0. */
export function storeBuffering(memory: MemoryModel, learns = false): ToyCase {
  return {
    programs: [
      [store("x", 1), load("y")],
      [store("y", 1), load("x")],
    ],
    memory,
    learns,
    check: (_, registers) => (registers.every((value) => value === 0) ? "both are 0" : undefined),
  };
}
