// A scenario of the quarantine, performed without the checker: on the counting machine, one event after the other.

import type { CompiledModule } from "../../src/build/compile.ts";
import type { RunningModule } from "../../src/build/instance.ts";
import type { QuarantineExports } from "../../src/build/quarantine.ts";
import { type EventRange, type Program, programOf } from "../../src/checker/problems/problem.ts";
import { quarantineCheck } from "../../src/checker/problems/quarantine.ts";
import type { Scenario } from "../../src/checker/scenario.ts";
import * as notes from "../../src/kernel/notes.ts";
import { areaGlobal } from "../../src/kernel/quarantine/areas.ts";
import { kasanQuarantinePut } from "../../src/kernel/symbols.ts";
import { CountingMachine, type MachineObserver } from "../../src/traced/counting-machine.ts";

const coreBytes = 1;
const cacheBytes = 192;

/** Objects by their cache. */
type Counts = Record<number, number>;

/** What events did, as their notes say. */
export class Happened {
  readonly evicted: Counts = {};
  readonly removed: Counts = {};
  readonly drained: Counts = {};
  /** Caches that went without asking the variant. */
  skipped = 0;
  /** Puts that took the lock of the global quarantine. */
  flushes = 0;

  /** Objects of a cache that left the quarantine. */
  gone(cache: number): number {
    return (this.evicted[cache] ?? 0) + (this.removed[cache] ?? 0) + (this.drained[cache] ?? 0);
  }
}

/** All orders of tasks' events, each as a sequence of tasks, for so many events of each. */
export function* ordersOf(counts: readonly number[]): Generator<readonly number[]> {
  if (counts.every((count) => count === 0)) yield [];
  for (const [task, count] of counts.entries()) {
    if (count === 0) continue;
    for (const rest of ordersOf(counts.with(task, count - 1))) yield [task, ...rest];
  }
}

export class SequentialCase {
  readonly scenario: Scenario;
  readonly running: RunningModule<QuarantineExports>;
  readonly instances: readonly QuarantineExports[];
  readonly program: Program;
  readonly words: Uint32Array;
  readonly #initial: Uint8Array;
  #happened = new Happened();

  constructor(compiled: CompiledModule, scenario: Scenario, skipWhenEmpty: boolean) {
    this.scenario = scenario;
    this.program = programOf(scenario);
    const machine = new CountingMachine(this.#observer());
    const instances: QuarantineExports[] = [];
    this.running = quarantineCheck.start(compiled, scenario, {
      skipWhenEmpty,
      coreBytes,
      machine: machine.imports(0),
      attach: (running) => {
        instances.push(running.exports);
        for (let cpu = 1; cpu < scenario.cpus; cpu++) {
          const imports = { ...running.importsOf(cpu), ...machine.imports(cpu) };
          instances.push(new WebAssembly.Instance(running.module, imports).exports as unknown as QuarantineExports);
        }
        machine.attach(running, instances);
      },
    });
    this.instances = instances;
    const { memory, layout } = this.running;
    new Uint8Array(memory.buffer).set(this.program.events, layout.eventBuffer);
    this.words = new Uint32Array(memory.buffer);
    this.#initial = new Uint8Array(memory.buffer).slice();
  }

  /** Begins again. */
  reset(): void {
    this.drain();
    new Uint8Array(this.running.memory.buffer).set(this.#initial);
  }

  #observer(): MachineObserver {
    const symbols: number[][] = Array.from({ length: this.scenario.cpus }, () => []);
    const count = (counts: Counts, object: number): void => {
      const cache = this.cacheOf(object);
      counts[cache] = (counts[cache] ?? 0) + 1;
    };
    return {
      access: () => {},
      enter: (cpu, symbol) => symbols[cpu]?.push(symbol),
      leave: (cpu) => symbols[cpu]?.pop(),
      note: (cpu, kind, value) => {
        const happened = this.#happened;
        if (kind === notes.noteEvicted) count(happened.evicted, value);
        else if (kind === notes.noteOwnRemoved) count(happened.removed, value);
        else if (kind === notes.noteDrained) count(happened.drained, value);
        else if (kind === notes.noteRemovalSkipped) happened.skipped++;
        else if (kind === notes.noteLockAcquired && symbols[cpu]?.includes(kasanQuarantinePut)) {
          if (this.running.exports.areaAt(value | 0) === areaGlobal) happened.flushes++;
        }
      },
      irqOff: () => {},
      irqOn: () => {},
      slept: () => {},
    };
  }

  /** Index of the cache that an object's page belongs to. */
  cacheOf(object: number): number {
    const { layout } = this.running;
    const page = layout.pageTable + Math.floor((object - layout.arenaBase) / 4096) * 64;
    return ((this.words[(this.words[(page + 32) / 4] as number) / 4] as number) - layout.cacheTable) / cacheBytes;
  }

  /** Address of an object by its index. */
  addressOf(object: number): number {
    return this.words[this.running.layout.objectTable / 4 + object] as number;
  }

  /** Performs events and adds up what they do. */
  perform(ranges: readonly EventRange[], happened = new Happened()): Happened {
    this.#happened = happened;
    for (const { cpu, first, end } of ranges) {
      if (this.instances[cpu]?.run(first, end) !== 0) throw new Error(`${this.scenario.name}: the arena is full`);
    }
    return happened;
  }

  /** Performs the tasks' events in an order, and what they do by task. */
  performTasks(order: readonly number[]): readonly Happened[] {
    const done = this.program.tasks.map(({ first }) => first);
    const happened = this.program.tasks.map(() => new Happened());
    for (const task of order) {
      const { cpu } = this.program.tasks[task] as EventRange;
      const first = done[task]!++;
      this.perform([{ cpu, first, end: first + 1 }], happened[task]);
    }
    return happened;
  }

  /** Performs what is deferred on every CPU. */
  drain(): void {
    for (const instance of this.instances) instance.runDeferred(Number.POSITIVE_INFINITY);
  }

  close(): void {
    this.perform(this.program.closing);
    this.drain();
  }
}
