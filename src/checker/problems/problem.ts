// What the checker has to know of a problem: its scenarios, its rules, how a case of it is started, and when the end of
// one is wrong.

import type { CompiledModule } from "../../build/compile.ts";
import type { HarnessExports, MachineImports, MakeMachine, RunningModule } from "../../build/instance.ts";
import { kindCpuOffline, kindCpuOnline } from "../../kernel/events.ts";
import { EventWriter } from "../../workloads/event-writer.ts";
import type { Finding, FindingKind } from "../model.ts";
import type { Invariant, Scenario, ScenarioEvent } from "../scenario.ts";

/** How a case is started. */
export interface CaseOptions<Exports extends HarnessExports> {
  /** Of the variant; a problem without such a choice ignores it. */
  readonly skipWhenEmpty: boolean;
  /** Bytes behind everything else, at `layout.fibers`, at least 1. All CPUs find their events in one buffer. */
  readonly coreBytes: number;
  /** Imports of the machine, for CPU 0. */
  readonly machine: MachineImports | MakeMachine;
  /** Called before the module touches its memory, for a machine that acts on it itself. */
  readonly attach: (running: RunningModule<Exports>) => void;
}

/** A broken rule that the code under test reports itself. */
export interface Violation {
  readonly kind: FindingKind;
  /** Name of the invariant. */
  readonly invariant: string;
}

/**
 * What is known to be wrong with a variant and is the point of keeping it. Then the check expects to find just that: it is
 * shown, the variant's numbers stand, and not to find it is what is wrong.
 */
export interface Defect {
  /** Name of the variant, without parameters. */
  readonly variant: string;
  readonly scenario: string;
  readonly kind: FindingKind;
  /** Name of the invariant, where the finding is of one. */
  readonly invariant?: string;
  /** One line: why it is so, and why the variant is kept. */
  readonly why: string;
}

/**
 * A problem, as the checker sees it. What looks at a case is called while nobody runs, calls exports that read, and
 * leaves the case as it is. Instances are by CPU.
 */
export interface ProblemCheck<Exports extends HarnessExports = HarnessExports, Baseline = unknown> {
  readonly scenarios: readonly Scenario[];
  readonly invariants: readonly Invariant[];
  readonly defects: readonly Defect[];
  /** Why a variant cannot be checked, or undefined. */
  whyUnchecked(variant: { readonly isFloor: boolean }): string | undefined;
  /**
   * Starts a module on memory of its own.
   *
   * @throws {InputError} when the memory cannot be had
   */
  start(compiled: CompiledModule, scenario: Scenario, options: CaseOptions<Exports>): RunningModule<Exports>;
  /** The rule that a note (`src/kernel/notes.ts`) reports broken, or undefined. */
  violationOf(note: number): Violation | undefined;
  /** What {@link checkTasks} and {@link checkEnd} compare with. Taken once per case, after the setup. */
  baseline(instances: readonly Exports[], scenario: Scenario): Baseline;
  /** What is wrong when all tasks have ended and nothing is pending, before anything is closed; or undefined. */
  checkTasks(instances: readonly Exports[], scenario: Scenario, baseline: Baseline): Finding | undefined;
  /** What is wrong after the closing events and all deferred work, or undefined. */
  checkEnd(instances: readonly Exports[], scenario: Scenario, baseline: Baseline): Finding | undefined;
  /** What lies at an address outside of the fibers, for a timeline: `queue of CPU 1 +8`. */
  nameOf(running: RunningModule<Exports>, address: number): string;
}

/** What is wrong where a rule is broken, and nobody in particular did it. */
export function findingOf({ name }: Invariant, kind: FindingKind, message: string): Finding {
  return { kind, invariant: name, message, agent: null };
}

/** Everything that happens before the closing part, task by task. */
export function eventsBeforeClosing({ setup, tasks }: Pick<Scenario, "setup" | "tasks">): ScenarioEvent[] {
  return [...setup, ...tasks.flatMap(({ events }) => events)];
}

/** The CPU that performs an event of a setup or a closing: where a CPU comes or goes, that one; else CPU 0. */
export function cpuOf({ kind, a = 0 }: ScenarioEvent): number {
  return kind === kindCpuOffline || kind === kindCpuOnline ? a : 0;
}

/** Events that a CPU performs one after the other: `run(first, end)`. */
export interface EventRange {
  readonly cpu: number;
  /** Index into the events of the {@link Program}. */
  readonly first: number;
  /** One past the last. */
  readonly end: number;
}

/** A scenario's events as the harnesses read them. */
export interface Program {
  /** For the event buffer that all CPUs share. */
  readonly events: Uint8Array;
  /** To be run in this order, each when the one before has returned. */
  readonly setup: readonly EventRange[];
  /** One per task, in the scenario's order. */
  readonly tasks: readonly EventRange[];
  /** As {@link setup}. */
  readonly closing: readonly EventRange[];
}

/** Encodes a scenario's events. */
export function programOf(scenario: Scenario): Program {
  const writer = new EventWriter();
  let written = 0;
  const write = ({ kind, object = 0, group = 0, a = 0, b = 0 }: ScenarioEvent): void => {
    writer.add(kind, object, group, a, b);
    written++;
  };
  const writeInRow = (events: readonly ScenarioEvent[]): readonly EventRange[] => {
    const ranges: EventRange[] = [];
    for (const event of events) {
      const cpu = cpuOf(event);
      const last = ranges.at(-1);
      const first = last?.cpu === cpu ? (ranges.pop()?.first ?? written) : written;
      write(event);
      ranges.push({ cpu, first, end: written });
    }
    return ranges;
  };
  const setup = writeInRow(scenario.setup);
  const tasks = scenario.tasks.map(({ cpu, events }, task) => {
    const first = written;
    // For what a task keeps over several events. Setup and closing part are task 0's.
    writer.task = task;
    for (const event of events) write(event);
    return { cpu, first, end: written };
  });
  writer.task = 0;
  const closing = writeInRow(scenario.closing);
  const [events = new Uint8Array()] = writer.flush();
  return { events: events.slice(), setup, tasks, closing };
}
