// Litmus programs under the checker: instructions for tasks, their exploration, and what they can come to.

import { type CompiledModule, compileCheckerCore, compileModule } from "../../src/build/compile.ts";
import { type HarnessExports, type RunningModule, start } from "../../src/build/instance.ts";
import { CheckedMachine } from "../../src/checker/machine.ts";
import type { Exploration, Explore, Finding, Limits, MemoryModel } from "../../src/checker/model.ts";
import type { ProblemCheck } from "../../src/checker/problems/problem.ts";
import type { Scenario, ScenarioEvent } from "../../src/checker/scenario.ts";
import { bounded } from "../../src/checker/schedulers/bounded.ts";
import { exhaustive } from "../../src/checker/schedulers/exhaustive.ts";
import * as op from "../../src/kernel/litmus/instructions.ts";

export type Instruction = ScenarioEvent;

/** Cells on lines of their own, by index of their 32-bit word. */
export const [x, y, z, flag, lock, data] = [0, 16, 32, 48, 64, 80];
/** A cell of the arena, which has to be handed out first. */
export const object = op.arenaCells;
/** Bytes of {@link object}. */
export const objectBytes = 64;

const plain = (kind: number) => (): Instruction => ({ kind });
const onCell =
  (kind: number) =>
  (cell: number, a = 0, b = 0) => ({ kind, object: cell, a, b });
const toRegister =
  (kind: number) =>
  (register: number, cell: number, a = 0, b = 0) => ({
    kind,
    object: cell,
    group: register + 1,
    a,
    b,
  });

export const load = toRegister(op.opLoad32);
export const load64 = toRegister(op.opLoad64);
/** A relaxed store. */
export const store = onCell(op.opStoreRelaxed32);
export const store64 = onCell(op.opStoreRelaxed64);
/** Stores what the register holds, and so much more. */
export const storeSum = (cell: number, register: number, plus: number): Instruction => ({
  ...onCell(op.opStoreRelaxed32)(cell, plus),
  group: register + 1,
});
export const storeOrdered = onCell(op.opStore32);
export const storeOrdered64 = onCell(op.opStore64);
export const exchange = toRegister(op.opExchange32);
export const exchange64 = toRegister(op.opExchange64);
export const compareExchange = toRegister(op.opCompareExchange32);
export const compareExchange64 = toRegister(op.opCompareExchange64);
export const add = toRegister(op.opAdd32);
export const add64 = toRegister(op.opAdd64);
export const barrier = plain(op.opBarrier);
export const pauseUntil = onCell(op.opPauseUntil);
export const spinUntil = onCell(op.opSpinUntil);
export const takeTurn = onCell(op.opTakeTurn);
export const wait = toRegister(op.opWait);
/** Wakes so many. */
export const wake = toRegister(op.opWake);
export const waitUntil = onCell(op.opWaitUntil);
export const sleep = (ns: number): Instruction => ({ kind: op.opSleep, a: ns });
export const preemptOff = plain(op.opPreemptOff);
export const preemptOn = plain(op.opPreemptOn);
export const irqOff = plain(op.opIrqOff);
export const irqOn = plain(op.opIrqOn);
export const isRunning = (register: number, task: number) => toRegister(op.opIsRunning)(register, 0, task);
export const isIdle = (register: number, cpu: number) => toRegister(op.opIsIdle)(register, 0, cpu);
export const now = (register: number) => toRegister(op.opNow)(register, 0);
export const acquire = onCell(op.opAcquire);
export const release = onCell(op.opRelease);
export const acquireCarelessly = onCell(op.opAcquireCarelessly);
export const allocated = (cell: number): Instruction => onCell(op.opAllocated)(cell, objectBytes);
export const freed = (cell: number): Instruction => onCell(op.opFreed)(cell, objectBytes);
export const quiescent = plain(op.opQuiescent);
export const recurse = (register: number) => toRegister(op.opRecurse)(register, 0);
/** Leaves out the next `count` unless the register holds a value. */
export const skipUnless = (register: number, value: number, count: number): Instruction => ({
  kind: op.opSkipUnless,
  group: register + 1,
  a: value,
  b: count,
});
/** Has a CPU perform one of the program's {@link LitmusProgram.parts} in an interrupt. */
export const interrupt = (cpu: number, part: number): Instruction => ({ kind: op.opInterrupt, a: cpu, b: part });
/** Has the CPU's worker perform a part. */
export const defer = (part: number): Instruction => ({ kind: op.opDefer, b: part });

export interface LitmusTask {
  readonly cpu: number;
  readonly code: readonly Instruction[];
}

export interface LitmusProgram {
  readonly tasks: readonly LitmusTask[];
  /** What interrupts and deferred work perform. */
  readonly parts?: readonly (readonly Instruction[])[];
  /** Performed first, on CPU 0. */
  readonly setup?: readonly Instruction[];
  /** @default as many as there are tasks' CPUs */
  readonly cpus?: number;
  /** @default 0 */
  readonly ticks?: number;
  /** Performed at the end, on CPU 0. */
  readonly closing?: readonly Instruction[];
}

/** Tasks on CPUs of their own. */
export function onCpus(...codes: readonly (readonly Instruction[])[]): LitmusProgram {
  return { tasks: codes.map((code, cpu) => ({ cpu, code })) };
}

function scenarioOf({ tasks, parts = [], setup = [], cpus, ticks = 0, closing = [] }: LitmusProgram): Scenario {
  const firsts = parts.map((_, index) => 1 + parts.slice(0, index).flat().length);
  const link = (one: Instruction): Instruction => {
    if (one.kind !== op.opInterrupt && one.kind !== op.opDefer) return one;
    const part = one.b ?? 0;
    return { ...one, b: (firsts[part] as number) * 256 + (parts[part] as readonly Instruction[]).length };
  };
  const linked = (code: readonly Instruction[]): readonly Instruction[] => code.map(link);
  return {
    name: "litmus",
    description: "",
    size: `${tasks.length} tasks`,
    cpus: cpus ?? Math.max(...tasks.map(({ cpu }) => cpu)) + 1,
    constants: {},
    setup: [{ kind: op.opSkip, a: parts.flat().length }, ...linked(parts.flat()), ...linked(setup)],
    tasks: tasks.map(({ cpu, code }) => ({ cpu, events: linked(code) })),
    ticks,
    closing: linked(closing),
    caches: 1,
    objects: 1,
    cgroups: 0,
    superblocks: 0,
    isShort: false,
    isForTso: true,
  };
}

/** What a program has come to when its tasks have ended. */
export interface End {
  readonly registers: readonly number[];
  /** By index; not those of the arena. */
  readonly cells: Int32Array;
}

/** Registers and cells that are not 0. */
export function nameOfEnd(registers: Iterable<[number, number]>, cells: Iterable<[number, number]>): string {
  const list = (all: Iterable<[number, number]>, letter: string): string[] =>
    [...all]
      .filter(([, value]) => value !== 0)
      .sort(([one], [other]) => one - other)
      .map(([index, value]) => `${letter}${index}=${value}`);
  return [...list(registers, "r"), ...list(cells, "c")].join(" ");
}

/** The whole end. */
export function describeEnd({ registers, cells }: End): string {
  return nameOfEnd(registers.entries(), cells.entries());
}

const noLimits = { events: 0, caches: 1, objects: 1, cgroups: 0, superblocks: 0, tasks: 1 };

type Running = RunningModule<HarnessExports>;

function endOf({ memory, layout }: Running): End {
  const cells = new Int32Array(memory.buffer, layout.problemBase, op.cellBytes / 4).slice();
  const values = new BigInt64Array(memory.buffer, layout.problemBase + op.cellBytes, op.registerCount);
  return { registers: Array.from(values, Number), cells };
}

/** @param onEnd hears of every end */
function checkOf(onStart: (running: Running) => void, onEnd: () => void): ProblemCheck {
  return {
    scenarios: [],
    invariants: [],
    defects: [],
    whyUnchecked: () => undefined,
    start(compiled, { cpus }, { coreBytes, machine, attach }) {
      const running = start<HarnessExports>({
        compiled,
        cpus,
        limits: { ...noLimits, liveBytesMax: 0, slabBytesMax: 0 },
        heldBytesMax: 0,
        harness: () => ({}),
        machine,
        advice: "free memory",
        fiberBytes: coreBytes,
        arenaBytesMax: 8192,
      });
      attach(running);
      onStart(running);
      return running;
    },
    violationOf: () => undefined,
    baseline: () => undefined,
    checkTasks() {
      onEnd();
      return undefined;
    },
    checkEnd: () => undefined,
    nameOf: ({ layout }, address) =>
      address >= layout.arenaBase && address < layout.arenaEnd
        ? `the arena +${address - layout.arenaBase}`
        : `cell ${(address - layout.problemBase) / 4}`,
  };
}

export interface Litmus {
  readonly core: Uint8Array<ArrayBuffer>;
  readonly compiled: CompiledModule;
}

let compiling: Promise<Litmus> | undefined;

/** Compiles what all programs need. */
export function compileLitmus(): Promise<Litmus> {
  compiling ??= Promise.all([
    compileCheckerCore(),
    compileModule({ problem: "litmus", variant: "instructions", machine: "checked", constants: {} }),
  ]).then(([{ wasm }, compiled]) => ({ core: wasm, compiled }));
  return compiling;
}

/** How a program is explored. */
export interface Setting {
  readonly model: MemoryModel;
  readonly reduction: boolean;
}

/** A program under the checker, which keeps what it comes to. */
export class LitmusMachine extends CheckedMachine {
  /** Every end since the last restart, by what `describe` makes of it. */
  readonly ends: Set<string>;
  readonly #running: Running;

  constructor(
    { core, compiled }: Litmus,
    program: LitmusProgram,
    { model, reduction }: Setting,
    describe: (end: End) => string,
  ) {
    const ends = new Set<string>();
    let running: Running | undefined;
    const problem = checkOf(
      (own) => {
        running = own;
      },
      () => ends.add(describe(endOf(running as Running))),
    );
    super({ core, compiled, problem, scenario: scenarioOf(program), skipWhenEmpty: false, model, reduction });
    this.ends = ends;
    this.#running = running as unknown as Running;
  }

  /** Where the program is now. */
  end(): End {
    return endOf(this.#running);
  }

  /** All memory of the code under test, as it is now and will be. */
  memory(): Buffer {
    const { memory, layout } = this.#running;
    // Above lie the core's own tables.
    return Buffer.from(memory.buffer, 0, layout.fibers);
  }

  /** An exploration that begins again may have seen what cannot be, because of what it did not know. */
  override restart(): void {
    this.ends.clear();
    super.restart();
  }
}

export const limits: Limits = {
  states: 3_000_000,
  steps: 2000,
  deadline: Number.POSITIVE_INFINITY,
  bytes: 512 * 2 ** 20,
};

export function explore(machine: LitmusMachine, search: Explore): Exploration {
  return search(machine, limits, () => {});
}

/** More preemptions than any of the programs can have. */
const manyPreemptions = 60;

/** Every way to explore all of a program. */
export const searches: readonly { readonly name: string; readonly reduction: boolean; readonly search: Explore }[] = [
  { name: "every operation, no sleep sets", reduction: false, search: exhaustive(false) },
  { name: "every operation, sleep sets", reduction: false, search: exhaustive() },
  { name: "noticeable operations, no sleep sets", reduction: true, search: exhaustive(false) },
  { name: "noticeable operations, sleep sets", reduction: true, search: exhaustive() },
  { name: "by preemptions", reduction: true, search: bounded(manyPreemptions) },
];

/** Steps of an execution from which on it is taken for one that goes on for ever. */
const endlessSteps = 300;

const freezing: readonly number[] = [
  op.opPauseUntil,
  op.opAcquire,
  op.opAcquireCarelessly,
  op.opInterrupt,
  op.opDefer,
  op.opPreemptOff,
  op.opIrqOff,
];

/** Keeps findings as ends, and deadlocks and livelocks, too, so that an exploration goes on to its end. */
export class TolerantMachine extends LitmusMachine {
  #hasFound = false;
  /** Steps from the beginning, now and at every mark. */
  #depth = 0;
  readonly #depths = new Map<number, number>();
  readonly #describe: (end: End) => string;
  /** Whether a task may be kept from its CPU for ever by somebody who spins, in the middle of what nobody notices. */
  readonly #canFreeze: boolean;

  constructor(litmus: Litmus, program: LitmusProgram, setting: Setting, describe: (end: End) => string) {
    super(litmus, program, setting, describe);
    this.#describe = describe;
    const kinds = new Set(program.tasks.flatMap(({ code }) => code.map(({ kind }) => kind)));
    this.#canFreeze = freezing.some((kind) => kinds.has(kind));
  }

  override get finding(): Finding | undefined {
    return undefined;
  }

  override enabled(): number {
    return this.#hasFound || this.#depth >= endlessSteps ? 0 : super.enabled();
  }

  override step(agent: number): void {
    super.step(agent);
    this.#depth++;
    this.#hasFound = super.finding !== undefined;
  }

  /** Whether something was found in the last step. */
  get isWrong(): boolean {
    return this.#hasFound;
  }

  /** Whether something is found in an agent's next step. */
  isWrongAfter(agent: number): boolean {
    const mark = this.mark();
    this.step(agent);
    const isWrong = this.#hasFound;
    this.restore(mark);
    return isWrong;
  }

  override mark(): number {
    const mark = super.mark();
    this.#depths.set(mark, this.#depth);
    return mark;
  }

  override restore(mark: number): void {
    super.restore(mark);
    this.#depth = this.#depths.get(mark) ?? 0;
    this.#hasFound = false;
  }

  override restart(): void {
    super.restart();
    this.#depth = 0;
    this.#hasFound = false;
  }

  override isOver(): boolean {
    // Where the others are when something is found depends on the reduction; whether somebody spins or waits does, too.
    if (this.#hasFound) this.ends.add(`found: ${super.finding?.kind}`);
    else if (!super.isOver()) this.ends.add(`stuck${this.#canFreeze ? "" : `: ${this.#describe(this.end())}`}`);
    else super.finish();
    return true;
  }

  override finish(): void {}
}
