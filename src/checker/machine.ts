// One case, as a model that schedulers explore: the core, the instances of its CPUs on one memory, and the scenario.

import type { CompiledModule } from "../build/compile.ts";
import type { HarnessExports, RunningModule } from "../build/instance.ts";
import { noteLockAcquired } from "../kernel/notes.ts";
import {
  findingAtomicSleep,
  findingDoubleFree,
  findingInvariant,
  findingLivelock,
  findingNone,
  findingOutside,
  findingOverflow,
  findingUseAfterFree,
} from "./core/protocol.ts";
import { Core, type CoreExports } from "./core-module.ts";
import type { Agent, Finding, MemoryModel, Model, Slice } from "./model.ts";
import { agentsOf, describeWaits } from "./names.ts";
import { type EventRange, type ProblemCheck, programOf } from "./problems/problem.ts";
import type { Scenario } from "./scenario.ts";
import type { TracedOperation } from "./trace.ts";
import { type FindFrame, Tracer } from "./tracer.ts";

/** What makes a case. */
export interface CheckedCase {
  /** Wasm of the core. */
  readonly core: Uint8Array<ArrayBuffer>;
  /** The variant, compiled for the checked form of the machine. */
  readonly compiled: CompiledModule;
  readonly problem: ProblemCheck;
  readonly scenario: Scenario;
  readonly skipWhenEmpty: boolean;
  readonly model: MemoryModel;
  /** Whether cells that one agent alone uses, or all under one lock, are left out of the schedule. */
  readonly reduction: boolean;
  /** What is no finding when it is found at the end of an execution. */
  readonly isKnown?: (finding: Finding) => boolean;
}

/** Bytes of the core's tables and its journal, behind the arena of a scenario. */
const coreBytes = 160 * 2 ** 20;
const pageBytes = 4096;
/** Bits of a note's kind that can be a violation. */
const noteKinds = 64;
/** Rounds of deferred work after the end; each round's may defer more. */
const drainRoundsMax = 1000;

interface DrainingExports extends HarnessExports {
  drain?(): void;
}

export class CheckedMachine implements Model {
  readonly agents: readonly Agent[];
  readonly #case: CheckedCase;
  readonly #core: CoreExports;
  readonly #running: RunningModule<HarnessExports>;
  readonly #instances: readonly DrainingExports[];
  readonly #closing: readonly EventRange[];
  readonly #baseline: unknown;
  readonly #tracer: Tracer;
  #finding: Finding | undefined;

  /**
   * Starts the case and performs its setup.
   *
   * @throws {InputError} when the memory cannot be had
   */
  constructor(checked: CheckedCase) {
    this.#case = checked;
    const { scenario, problem, compiled, skipWhenEmpty, model } = checked;
    const { cpus, tasks } = scenario;
    this.agents = agentsOf(
      tasks.map(({ cpu }) => cpu),
      cpus,
    );
    this.#tracer = new Tracer(this.agents, (address) => this.#nameOf(address));
    const coreModule = new WebAssembly.Module(checked.core);
    let core: Core | undefined;
    let instances: DrainingExports[] = [];
    this.#running = problem.start(compiled, scenario, {
      skipWhenEmpty,
      coreBytes,
      machine: (memory) => {
        core = new Core(coreModule, memory, cpus, this.#tracer.host);
        return core.imports;
      },
      attach: (running) => {
        if (core === undefined) throw new Error("the case was started without its machine");
        instances = attach(running, core, cpus);
        const { layout, memory } = running;
        const { cpuBlocks, arenaBase, arenaEnd } = layout;
        const end = memory.buffer.byteLength;
        const journal = core.exports.lay(cpuBlocks | 0, arenaBase | 0, arenaEnd | 0, end | 0, tasks.length, cpus);
        if (journal >>> 0 > end) throw new Error("the core's tables do not fit behind the arena");
        core.exports.prepare(model === "tso" ? 1 : 0);
        for (const [cpu, instance] of instances.entries()) core.bindCpu(cpu, instance);
      },
    });
    if (core === undefined) throw new Error("the case was started without its machine");
    this.#core = (core as Core).exports;
    this.#instances = instances;
    const program = programOf(scenario);
    new Uint8Array(this.#running.memory.buffer).set(program.events, this.#running.layout.eventBuffer);
    this.#closing = program.closing;
    this.#setViolations();
    this.#runSequentially(program.setup, "the setup");
    this.#drain();
    this.#callOn(0);
    this.#baseline = problem.baseline(this.#instances, scenario);
    for (const [index, { cpu, first, end }] of program.tasks.entries()) this.#core.setTask(index, cpu, first, end);
    if (!checked.reduction) this.#core.showAll();
    this.#core.begin(scenario.ticks);
  }

  #setViolations(): void {
    const kinds: [low: number, high: number] = [0, 0];
    for (let kind = 0; kind < noteKinds; kind++) {
      if (this.#case.problem.violationOf(kind) !== undefined) kinds[kind < 32 ? 0 : 1] |= 1 << (kind % 32);
    }
    this.#core.setViolations(...kinds);
  }

  #callOn(cpu: number): void {
    this.#core.callSequentially(cpu);
  }

  #runSequentially(ranges: readonly EventRange[], what: string): void {
    for (const { cpu, first, end } of ranges) {
      this.#callOn(cpu);
      const instance = this.#instances[cpu] as DrainingExports;
      if (instance.run(first, end) !== 0) {
        throw new Error(`scenario '${this.#case.scenario.name}': the arena is full in ${what}`);
      }
    }
  }

  /** Runs what is deferred, on every CPU, until nothing is. */
  #drain(): void {
    for (let round = 0; round < drainRoundsMax; round++) {
      let isDone = true;
      for (const [cpu, instance] of this.#instances.entries()) {
        this.#callOn(cpu);
        // First: callbacks may defer work, after which the next round looks for more.
        instance.drain?.();
        while (this.#core.takeWork(cpu) !== 0) {
          isDone = false;
          instance.runWork(this.#core.oldestWork.value, this.#core.oldestArgument.value);
        }
      }
      if (isDone) return;
    }
    throw new Error(`scenario '${this.#case.scenario.name}': deferred work defers itself for ever`);
  }

  get finding(): Finding | undefined {
    return this.#finding;
  }

  enabled(): number {
    return this.#core.enabled();
  }

  isOver(): boolean {
    return this.#core.isOver() !== 0;
  }

  dependents(agent: number, among = -1): number {
    return this.#core.dependents(agent, among);
  }

  isPreempted(agent: number): boolean {
    return this.#core.isPreempted(agent) !== 0;
  }

  step(agent: number): void {
    this.#take(agent, 0, false);
  }

  get operations(): number {
    return this.#core.operations.value;
  }

  get isBuffered(): boolean {
    return this.#core.hasBufferedStore() !== 0;
  }

  perform({ agent, operations, isBuffered }: Slice): number {
    if ((this.enabled() & (1 << agent)) === 0) return 0;
    this.#take(agent, operations, isBuffered);
    return this.operations;
  }

  #take(agent: number, most: number, buffersLast: boolean): void {
    this.#finding = undefined;
    try {
      this.#core.step(agent, most, buffersLast ? 1 : 0);
    } catch (error) {
      this.#finding = this.#explain(error, agent);
    }
  }

  finish(): void {
    const { problem, scenario } = this.#case;
    this.#finding = undefined;
    // What follows is no part of the interleaving.
    this.#core.setTraced(0);
    try {
      this.#callOn(0);
      this.#finding = problem.checkTasks(this.#instances, scenario, this.#baseline);
      if (this.#finding !== undefined) return;
      // What comes now meets only what is left when grace periods have ended and deferred work is done.
      this.#drain();
      this.#runSequentially(this.#closing, "the closing part");
      this.#drain();
      this.#callOn(0);
      const found = problem.checkEnd(this.#instances, scenario, this.#baseline);
      if (found !== undefined && this.#case.isKnown?.(found) !== true) this.#finding = found;
    } catch (error) {
      this.#finding = this.#explain(error, null);
    }
  }

  /** What a trap was about. */
  #explain(error: unknown, agent: number | null): Finding {
    // Too deep a recursion of the engine's own is a RangeError.
    if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
    const { finding, findingCell, findingDetail } = this.#core;
    const kind = finding.value;
    const cell = findingCell.value >>> 0;
    const detail = findingDetail.value;
    this.#core.abandon();
    this.#core.forgetFinding();
    const who = agent === null ? "the closing part" : (this.agents[agent]?.name ?? `agent ${agent}`);
    const found = (name: Finding["kind"], message: string, invariant = ""): Finding => ({
      kind: name,
      invariant,
      message: `${who} ${message}`,
      agent,
    });
    const place = (): string => this.#nameOf(cell);
    switch (kind) {
      case findingNone:
        return found("trap", `trapped: ${error.message}`);
      case findingUseAfterFree:
        return found("use after free", `uses ${place()}, which was freed`);
      case findingDoubleFree:
        return found("double free", `frees ${place()}, which is free already`);
      case findingOutside:
        return found("access outside the arena", `touches ${place()}, which nobody has handed out`);
      case findingInvariant:
        return this.#explainNote(found, detail, place());
      case findingLivelock:
        return detail === 1
          ? { kind: "livelock", invariant: "", message: `nobody gets on: ${this.whoWaits()}`, agent: null }
          : found("livelock", "goes on and on without anything that others can notice");
      case findingAtomicSleep:
        return found(
          "broken invariant",
          "sleeps where it must not: others cannot have its CPU",
          "no sleep in atomic context",
        );
      case findingOverflow:
        return found("overflow", "asks for more than 8 pending interrupts or work items of a CPU");
      default:
        return found("deadlock", `waits for ever at ${place()}, where nobody else runs`);
    }
  }

  #explainNote(
    found: (kind: Finding["kind"], message: string, invariant?: string) => Finding,
    note: number,
    place: string,
  ): Finding {
    if (note === noteLockAcquired) {
      return found("broken invariant", `gets the lock at ${place}, which somebody else holds`, "mutual exclusion");
    }
    const violation = this.#case.problem.violationOf(note);
    const { kind = "broken invariant", invariant = "" } = violation ?? {};
    return found(kind, `broke the rule: ${invariant}`, invariant);
  }

  whoWaits(): string {
    return describeWaits(this.agents, this.#core, (address) => this.#nameOf(address));
  }

  #nameOf(address: number): string {
    // The pages that the core gives the agents lie where the arena ends.
    const offset = address - Math.ceil(this.#running.layout.arenaEnd / pageBytes) * pageBytes;
    const agent = Math.floor(offset / pageBytes);
    if (offset >= 0 && agent < this.agents.length && this.agents[agent]?.kind !== "flush") {
      const name = this.agents[agent]?.name.replace(/ on CPU \d+$/, "");
      return `stack of ${name} +${offset % pageBytes}`;
    }
    return this.#case.problem.nameOf(this.#running, address);
  }

  mark(): number {
    return this.#core.mark();
  }

  restore(mark: number): void {
    this.#core.restore(mark);
  }

  hashLow(): number {
    return this.#core.hashLow();
  }

  hashHigh(): number {
    return this.#core.hashHigh();
  }

  get learnt(): number {
    return this.#core.learnt.value;
  }

  restart(): void {
    this.#core.restart();
  }

  /** Has every operation from now on told, until {@link endTrace}. */
  beginTrace(findFrame: FindFrame = () => undefined): void {
    this.#tracer.setFrames(findFrame);
    this.#tracer.begin(this.#core);
  }

  endTrace(): readonly TracedOperation[] {
    return this.#tracer.end(this.#core);
  }
}

/** Instantiates the module for every CPU on the memory that CPU 0 has. */
function attach(running: RunningModule<HarnessExports>, core: Core, cpus: number): DrainingExports[] {
  const { imports } = core;
  return Array.from({ length: cpus }, (_, cpu) => {
    if (cpu === 0) return running.exports;
    const own = running.importsOf(cpu);
    const instance = new WebAssembly.Instance(running.module, {
      ...own,
      ...imports,
      env: { ...own.env, ...imports.env },
    });
    return instance.exports as unknown as DrainingExports;
  });
}
