// CPUs that run at the same time, as fibers that take turns at their accesses in a random order that a seed decides.
// Accesses are sequentially consistent: no store waits in a buffer. Sleeping and waiting CPUs are idle, and time passes
// with every turn. A program in which everybody waits for ever ends with an error.

import type { SuspendableOperation } from "../../src/build/flags.ts";
import { Fiber, FiberHost, type TracedMachine } from "../../src/fiber/fiber.ts";
import { Random } from "../../src/workloads/random.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";
import {
  makeShrinkerRig,
  type ShrinkerRig,
  type ShrinkerSizes,
  type ShrinkerStep,
  writeSteps,
} from "./shrinker-rig.ts";

/** One access in so many gives others a turn, besides all that wait. */
const turnEvery = 4;
const turnNs = 20;
const turnsMax = 3_000_000;

interface Cpu {
  readonly host: FiberHost;
  fiber: Fiber | undefined;
  /** What the CPU waits for, or undefined when it can go on. */
  waits: { readonly cell: number; readonly value: number } | { readonly untilNs: number } | undefined;
}

export class Race {
  readonly rig: ShrinkerRig;
  nowNs = 0;
  readonly #cpus: Cpu[] = [];
  readonly #words: Int32Array;
  #random = new Random(1);
  /** Called at each access of a fiber, with its CPU; says whether to give others a turn. */
  onAccess: ((cpu: number, operation: SuspendableOperation) => boolean) | undefined;

  constructor(wasm: Uint8Array<ArrayBuffer>, sizes: ShrinkerSizes) {
    this.rig = makeShrinkerRig(wasm, sizes, (rig, cpu) => {
      // The instance that only says what it needs is bound as CPU 0, too, and replaced.
      const host = new FiberHost(this.#machine(rig, cpu), (_fiber, operation, a, b) =>
        this.#suspends(rig, cpu, operation, a, b),
      );
      this.#cpus[cpu] = { host, fiber: undefined, waits: undefined };
      return { traced: host.imports };
    });
    this.#words = new Int32Array(this.rig.memory.buffer);
    for (const [index, { host }] of this.#cpus.entries()) {
      host.attach({ memory: this.rig.memory, exports: this.rig.exports[index]! });
    }
  }

  #machine(rig: ShrinkerRig, cpu: number): TracedMachine {
    const race = this;
    const world: PlainWorld = {
      memory: rig.memory,
      layout: rig.layout,
      get nowNs() {
        return race.nowNs;
      },
      set nowNs(ns) {
        race.nowNs = ns;
      },
      runWork: (target, work, argument) => rig.exports[target]?.runWork(work, argument),
    };
    const machine = plainMachine(world, cpu);
    const isAwake = (target: number): number => {
      const other = this.#cpus[target];
      return other?.fiber !== undefined && other.waits === undefined ? 1 : 0;
    };
    return {
      ...machine,
      isRunning: isAwake,
      isIdle: (target) => 1 - isAwake(target),
      // In a fiber, the time has passed when it goes on.
      sleepNs: (ns, ...rest) => (this.#cpus[cpu]?.fiber === undefined ? machine.sleepNs(ns, ...rest) : 0),
    };
  }

  #suspends(rig: ShrinkerRig, cpu: number, operation: SuspendableOperation, a: number, b: number): boolean {
    const self = this.#cpus[cpu]!;
    if (operation === "wait") {
      if (new Int32Array(rig.memory.buffer)[a >>> 2] !== b) return false;
      self.waits = { cell: a >>> 2, value: b };
      return true;
    }
    if (operation === "sleepNs") {
      self.waits = { untilNs: this.nowNs + a };
      return true;
    }
    if (this.onAccess !== undefined) return this.onAccess(cpu, operation);
    return operation === "pause" || this.#random.below(turnEvery) === 0;
  }

  #canRun(cpu: Cpu): boolean {
    if (cpu.fiber === undefined) return false;
    if (cpu.waits === undefined) return true;
    return "cell" in cpu.waits ? this.#words[cpu.waits.cell] !== cpu.waits.value : this.nowNs >= cpu.waits.untilNs;
  }

  /** Sets memory back to that of a fresh machine. */
  reset(): void {
    const { bytes, layout, exports } = this.rig;
    bytes.fill(0, layout.cpuBlocks, layout.eventBuffer);
    bytes.fill(0, layout.problemBase, layout.arenaEnd);
    this.nowNs += 1e9;
    exports[0]!.initialise();
  }

  /** Runs a program per CPU at the same time, and returns when each ended, by the clock. */
  run(seed: number, programs: readonly (readonly ShrinkerStep[])[]): number[] {
    this.#random = new Random(seed);
    const ended = programs.map(() => 0);
    for (const [index, steps] of programs.entries()) {
      if (steps.length === 0) continue;
      const cpu = this.#cpus[index]!;
      const count = writeSteps(this.rig, index, steps);
      cpu.fiber = new Fiber(cpu.host, this.rig.stacks[index]!, "run", [0, count]);
      cpu.waits = undefined;
    }
    let turns = 0;
    while (this.#cpus.some((cpu) => cpu.fiber !== undefined)) {
      if (++turns > turnsMax) throw new Error(`seed ${seed}: no end after ${turnsMax} turns`);
      this.nowNs += turnNs;
      const ready = this.#cpus.filter((cpu) => this.#canRun(cpu));
      if (ready.length === 0) {
        const times = this.#cpus.flatMap(({ fiber, waits }) =>
          fiber !== undefined && waits !== undefined && "untilNs" in waits ? [waits.untilNs] : [],
        );
        if (times.length === 0) throw new Error(`seed ${seed}: everybody waits`);
        this.nowNs = Math.max(this.nowNs, Math.min(...times));
        continue;
      }
      const cpu = ready[this.#random.below(ready.length)]!;
      cpu.waits = undefined;
      const fiber = cpu.fiber!;
      if (fiber.status === "new" ? fiber.start() : fiber.resume()) continue;
      cpu.fiber = undefined;
      if (fiber.result !== 0) throw new Error(`seed ${seed}: the memory is used up`);
      ended[this.#cpus.indexOf(cpu)] = this.nowNs;
    }
    return ended;
  }
}
