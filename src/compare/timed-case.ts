// A case of a native comparison while it is timed: its jobs, and what their processes gave.

import { gateSliceMs, gateWarmupRounds } from "../plan/gate.ts";
import type { PairedJob, PairedSamples } from "../plan/paired.ts";
import type { ParameterValue } from "../workloads/workload.ts";
import type { PairedProcess } from "./comparison.ts";
import { pairedProcess } from "./judge.ts";

/** Code that is timed. */
export interface NativeSide {
  /** The variant's id. */
  readonly variant: string;
  readonly wasmFile: string;
  /** Of the file, as lower-case hex. */
  readonly sha256: string;
  readonly skipWhenEmpty: boolean;
  readonly isFloor: boolean;
}

/** What one process measures: one workload, with the base and all heads in turn. */
export interface NativeCase {
  readonly problem: string;
  readonly workload: {
    readonly name: string;
    readonly parameters: Readonly<Record<string, ParameterValue>>;
    readonly seed: number;
  };
  readonly cpus: number;
  /** Sorted `key=value` pairs, as rows and records have them. */
  readonly parameters: string;
  /** Each is a row of the comparison, once per head. */
  readonly metrics: readonly { readonly metric: string; readonly isGated: boolean; readonly delta?: number }[];
  readonly base: NativeSide;
  /** Between revisions one, of the base's variant; between variants all others. */
  readonly heads: readonly NativeSide[];
}

/** Rounds of one side in one process, for the records. */
export interface NativeRounds {
  readonly purpose: "first" | "confirmation" | "canary";
  readonly case: NativeCase;
  readonly variant: string;
  readonly side: "base" | "head";
  /** From 0; those of a confirmation are counted on from the first ones. */
  readonly process: number;
  readonly metric: string;
  readonly values: readonly number[];
}

/** A side in the jobs. */
interface Entrant {
  /** Names the side in messages, too. */
  readonly id: string;
  readonly side: NativeSide;
}

/** A side that did what no variant may do. */
export interface SideViolation {
  readonly what: NativeCase;
  readonly variant: string;
  readonly error: string;
}

export class TimedCase {
  readonly what: NativeCase;
  readonly #purpose: NativeRounds["purpose"];
  readonly #metrics: readonly string[];
  readonly #firstProcess: number;
  readonly #base: Entrant;
  readonly #heads: readonly Entrant[];
  readonly #failures = new Map<Entrant, PairedSamples["failures"][string]>();
  /** Metrics of which a process had no values that can be compared. */
  readonly #empty = new Map<Entrant, Set<string>>();
  /** By head and metric. */
  readonly #processes = new Map<Entrant, Map<string, PairedProcess[]>>();

  /**
   * @param isWanted which of its metrics are asked for
   * @param firstProcess number of its first process, for the records
   */
  constructor(
    what: NativeCase,
    purpose: NativeRounds["purpose"],
    isWanted: (metric: string) => boolean = () => true,
    firstProcess = 0,
  ) {
    this.what = what;
    this.#purpose = purpose;
    this.#metrics = what.metrics.map(({ metric }) => metric).filter(isWanted);
    this.#firstProcess = firstProcess;
    const isOneVariant = what.heads.some(({ variant }) => variant === what.base.variant);
    const entrant = (side: NativeSide, name: string): Entrant => ({
      id: isOneVariant ? `${side.variant} (${name})` : side.variant,
      side,
    });
    this.#base = entrant(what.base, "base");
    this.#heads = what.heads.map((side) => entrant(side, "head"));
    for (const head of this.#heads) this.#processes.set(head, new Map(this.#metrics.map((metric) => [metric, []])));
  }

  /** Whether another process can still say anything. */
  get isOpen(): boolean {
    return !this.#failures.has(this.#base) && this.#heads.some((head) => !this.#failures.has(head));
  }

  /** The next process's job. @param seed of its orders */
  job(rounds: number, seed: number): PairedJob {
    const { problem, workload, cpus } = this.what;
    const going = [this.#base, ...this.#heads.filter((head) => !this.#failures.has(head))];
    return {
      problem,
      workload: { ...workload, parameters: { ...workload.parameters } },
      cpus,
      metrics: [...this.#metrics],
      rounds,
      warmupRounds: gateWarmupRounds,
      sliceMs: gateSliceMs,
      seed,
      subjects: going.map(({ id, side: { wasmFile, skipWhenEmpty, isFloor } }) => ({
        ...{ id, wasmFile, skipWhenEmpty, isFloor },
      })),
    };
  }

  /** Takes what a process gave, and hands its rounds out. */
  take(process: number, { samples, failures }: PairedSamples, onRounds: (rounds: NativeRounds) => void): void {
    const tell = ({ id, side }: Entrant, role: NativeRounds["side"]): void => {
      for (const metric of this.#metrics) {
        const values = samples[id]?.[metric] ?? [];
        if (values.length === 0) continue;
        onRounds({
          ...{ purpose: this.#purpose, case: this.what, variant: side.variant, side: role, metric, values },
          process: this.#firstProcess + process,
        });
      }
    };
    tell(this.#base, "base");
    for (const head of this.#heads) tell(head, "head");
    for (const one of [this.#base, ...this.#heads]) {
      const failure = failures[one.id];
      if (failure !== undefined) this.#failures.set(one, failure);
    }
    for (const head of this.#heads) {
      for (const metric of this.#metrics) {
        const found = pairedProcess(samples[this.#base.id]?.[metric] ?? [], samples[head.id]?.[metric] ?? []);
        if (found !== null) this.#processes.get(head)?.get(metric)?.push(found);
        // Of a side that failed nothing is expected any more.
        else if (samples[this.#base.id] !== undefined && samples[head.id] !== undefined) {
          this.#empty.set(head, (this.#empty.get(head) ?? new Set()).add(metric));
        }
      }
    }
  }

  #entrantOf(side: NativeSide): Entrant {
    const found = this.#heads.find((head) => head.side === side);
    if (found === undefined) throw new Error(`${side.variant} is no head of ${this.what.workload.name}`);
    return found;
  }

  processesOf(head: NativeSide, metric: string): readonly PairedProcess[] {
    return this.#processes.get(this.#entrantOf(head))?.get(metric) ?? [];
  }

  /** Why a row cannot be judged; null when it can. */
  failureOf(head: NativeSide, metric: string): string | null {
    const one = this.#entrantOf(head);
    const failure = this.#failures.get(one);
    if (failure !== undefined) return `cannot be timed: ${failure.error}`;
    const base = this.#failures.get(this.#base);
    if (base !== undefined) return `what it is compared with cannot be timed: ${base.error}`;
    return this.processesOf(head, metric).length > 0 && this.#empty.get(one)?.has(metric) !== true
      ? null
      : `half of the rounds of a process or more had no value of ${metric} on both sides`;
  }

  /** Heads that did what no variant may do. What the base did is nobody's fault any more. */
  violations(): SideViolation[] {
    return this.#heads.flatMap((head) => {
      const failure = this.#failures.get(head);
      return failure?.isViolation === true
        ? [{ what: this.what, variant: head.side.variant, error: failure.error }]
        : [];
    });
  }
}
