// The CPUs of one native case: a thread each, on one memory. The host gives each its events, lets all begin together,
// and watches that they get on. A thread that dies or hangs ends the case with an error that names the CPU.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { HarnessExports, RunningModule } from "../build/instance.ts";
import { eventBufferBytes } from "../build/memory.ts";
import { StoppedError, ViolationError } from "../errors.ts";
import { cpuBlockBytes, positionAt, progressAt } from "../kernel/cpu-block.ts";
import { eventKindOffset, eventSize } from "../kernel/events.ts";
import { kindNames } from "../workloads/kind-names.ts";

/** What a worker calls of its module; what a problem's harness lacks is left out. */
export interface CrewExports extends HarnessExports {
  runUntil(first: number, end: number, deadlineNs: number): number;
  freedCount?(): number;
  settle?(first: number, end: number): void;
  runDeferred?(nowNs: number): number;
  drain?(): void;
}

/** What a worker is started with. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly imports: WebAssembly.Imports;
  /** Zero of the case's clock. */
  readonly originNs: bigint;
  /** One i64: ns that passed between rounds so far. */
  readonly idleCell: SharedArrayBuffer;
}

/** One CPU's part of a round. */
export interface CpuWork {
  /** The CPU's events, at most a chunk; absent when they are still there from the round before. */
  readonly events?: Uint8Array;
  /** Pairs of first and end index of the event buffer, each timed on its own. */
  readonly segments: readonly number[];
}

/** What a worker is told to do. */
export interface WorkerOrder {
  readonly round: number;
  readonly segments: readonly number[];
  /** Whether the floor's forgotten objects are freed after each segment. */
  readonly settles: boolean;
  /** Whether all deferred work is done after the segments, due or not. */
  readonly drains: boolean;
  /** For how long to repeat the events, in ns, or null: once. */
  readonly untilNs: number | null;
}

/** Tells a worker to finish what its CPU deferred, while no other CPU runs. */
export interface FinishOrder {
  readonly finishes: true;
}

/** What a CPU did in a round. Times are by the case's clock, which all its CPUs share. */
export interface CpuResult {
  /** Not 0 when the case's memory was used up. */
  readonly status: number;
  readonly beginNs: number;
  /** When its own events were done. */
  readonly endNs: number;
  /** Time of each segment. */
  readonly ns: Float64Array;
  /** Objects that each segment really freed, where the problem counts them. */
  readonly freed: Float64Array;
  /** Time of the deferred work that was due after each segment, or 0. */
  readonly deferredNs: Float64Array;
  /** Time of the deferred work done at the end, or 0. */
  readonly drainedNs: number;
}

type Answer =
  /** It has begun, or finished what it deferred. */
  { readonly ready: true } | { readonly result: CpuResult } | { readonly failure: string; readonly isTrap: boolean };

export interface CrewOptions {
  /** The variant's id, for errors. */
  readonly name: string;
  /** Whether the variant is the floor of a problem whose floor forgets objects. @default false */
  readonly settles?: boolean;
  /** How long no CPU may get on before the case counts as hung, in ms. @default 60000 */
  readonly patienceMs?: number;
  readonly signal: AbortSignal;
}

/** Whether a case has more CPUs than this process may use cores: then threads take turns, and waits are longer. */
export function isOversubscribed(cpus: number): boolean {
  return cpus > availableParallelism();
}

/** Times between two looks at the CPUs' progress, per patience. */
const looksPerPatience = 8;

/** Start with {@link Crew.start}, end with {@link close}, also after an error. */
export class Crew<Exports extends HarnessExports> {
  readonly running: RunningModule<Exports>;
  readonly #options: CrewOptions;
  readonly #workers: Worker[] = [];
  readonly #idle = new BigInt64Array(new SharedArrayBuffer(8));
  readonly #originNs = process.hrtime.bigint();
  #pausedSince: bigint | null = this.#originNs;
  #round = 0;
  #handlers: { answer: (cpu: number, answer: Answer) => void; fail: (error: Error) => void } | null = null;
  #failed: Error | null = null;

  private constructor(running: RunningModule<Exports>, options: CrewOptions) {
    this.running = running;
    this.#options = options;
  }

  /**
   * Starts a thread per CPU of the module's layout.
   *
   * @throws {Error} when a thread cannot be started
   */
  static async start<Exports extends HarnessExports>(
    running: RunningModule<Exports>,
    options: CrewOptions,
  ): Promise<Crew<Exports>> {
    const crew = new Crew(running, options);
    try {
      await crew.#collect(
        (cpu) => crew.#hire(cpu),
        crew.#all,
        () => "not started",
        false,
      );
    } catch (error) {
      await crew.close();
      throw error;
    }
    return crew;
  }

  get cpus(): number {
    return this.running.layout.cpus;
  }

  #hire(cpu: number): void {
    const data: WorkerStart = {
      module: this.running.module,
      imports: this.running.importsOf(cpu) as WebAssembly.Imports,
      originNs: this.#originNs,
      idleCell: this.#idle.buffer as SharedArrayBuffer,
    };
    const worker = new Worker(new URL("./worker.mjs", import.meta.url), { workerData: data });
    worker.on("message", (answer: Answer) => this.#handlers?.answer(cpu, answer));
    worker.on("error", (error) => this.#fail(new Error(`variant '${this.#options.name}': CPU ${cpu} died: ${error}`)));
    worker.on("exit", (code) =>
      this.#fail(new Error(`variant '${this.#options.name}': the thread of CPU ${cpu} ended with code ${code}`)),
    );
    this.#workers.push(worker);
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#handlers?.fail(error);
  }

  get #all(): readonly number[] {
    return Array.from({ length: this.cpus }, (_, cpu) => cpu);
  }

  /**
   * Sends something to some CPUs and waits for as many answers.
   *
   * @param stateOf what a CPU is at that does not answer, for the hang watch
   * @param isVariant whether the variant is what runs meanwhile
   */
  async #collect(
    send: (cpu: number) => void,
    cpus: readonly number[],
    stateOf: (cpu: number) => string,
    isVariant: boolean,
  ): Promise<Answer[]> {
    const { signal, patienceMs = 60_000 } = this.#options;
    if (this.#failed !== null) throw this.#failed;
    if (signal.aborted) throw new StoppedError("stopped");
    const answers: (Answer | undefined)[] = new Array(this.cpus);
    let missing = cpus.length;
    let timer: NodeJS.Timeout | undefined;
    let stop = (): void => {};
    try {
      return await new Promise<Answer[]>((resolve, reject) => {
        this.#handlers = {
          answer: (cpu, answer) => {
            answers[cpu] = answer;
            if ("failure" in answer) {
              reject(this.#describe(cpu, answer));
              return;
            }
            if (--missing === 0) resolve(answers as Answer[]);
          },
          fail: reject,
        };
        stop = () => reject(new StoppedError("stopped"));
        signal.addEventListener("abort", stop);
        let seen = "";
        let quietLooks = 0;
        timer = setInterval(() => {
          const now = this.#progressText();
          quietLooks = now === seen ? quietLooks + 1 : 0;
          seen = now;
          if (quietLooks < looksPerPatience) return;
          const states = cpus.map((cpu) => `CPU ${cpu}: ${answers[cpu] === undefined ? stateOf(cpu) : "done"}`);
          const text = `variant '${this.#options.name}': no CPU got on for ${patienceMs / 1000} s: ${states.join("; ")}`;
          reject(isVariant ? new ViolationError(text) : new Error(text));
        }, patienceMs / looksPerPatience);
        for (const cpu of cpus) send(cpu);
      });
    } catch (error) {
      this.#failed ??= error as Error;
      throw error;
    } finally {
      clearInterval(timer);
      signal.removeEventListener("abort", stop);
      this.#handlers = null;
    }
  }

  #describe(cpu: number, { failure, isTrap }: { failure: string; isTrap: boolean }): Error {
    const text = `variant '${this.#options.name}': ${isTrap ? "trapped" : "failed"} on CPU ${cpu}: ${failure}`;
    return isTrap ? new ViolationError(text) : new Error(text);
  }

  #word(cpu: number, offset: number): number {
    const { memory, layout } = this.running;
    return new Uint32Array(memory.buffer, layout.cpuBlocks + cpu * cpuBlockBytes + offset, 1)[0] as number;
  }

  #progressText(): string {
    return Array.from({ length: this.cpus }, (_, cpu) => this.#word(cpu, progressAt)).join(" ");
  }

  /** Which event of its part a CPU is at. */
  #placeOf(cpu: number, work: readonly CpuWork[]): string {
    const position = this.#word(cpu, positionAt);
    const { memory, layout } = this.running;
    const buffer = new DataView(memory.buffer, layout.eventBuffer + cpu * eventBufferBytes, eventBufferBytes);
    const kind = buffer.getUint16(position * eventSize + eventKindOffset, true);
    const isPast = position + 1 >= (work[cpu]?.segments.at(-1) ?? 0);
    return `at its event ${position} (${kindNames[kind] ?? `kind ${kind}`})${isPast ? ", its last" : ""}`;
  }

  /** The case's clock runs from here on. */
  #resume(): void {
    if (this.#pausedSince === null) return;
    this.#idle[0] = (this.#idle[0] as bigint) + process.hrtime.bigint() - this.#pausedSince;
    this.#pausedSince = null;
  }

  /**
   * Has every CPU perform its part; all begin together.
   *
   * @param work by CPU
   * @param options.untilNs repeat the parts for this long, each up to the end of its unit of work; null: once
   * @param options.drains whether all deferred work is done at the end, due or not
   * @throws {ViolationError} when the variant traps, or no CPU gets on any more
   * @throws {StoppedError} when the signal was raised
   * @throws {Error} when a thread died
   */
  async round(
    work: readonly CpuWork[],
    { untilNs = null, drains = false }: { readonly untilNs?: number | null; readonly drains?: boolean } = {},
  ): Promise<CpuResult[]> {
    const { memory, layout } = this.running;
    for (const [cpu, { events }] of work.entries()) {
      if (events !== undefined) new Uint8Array(memory.buffer).set(events, layout.eventBuffer + cpu * eventBufferBytes);
    }
    const round = ++this.#round;
    this.#resume();
    const send = (cpu: number): void => {
      const order: WorkerOrder = {
        round,
        segments: work[cpu]?.segments ?? [],
        settles: this.#options.settles ?? false,
        untilNs,
        drains,
      };
      this.#workers[cpu]?.postMessage(order);
    };
    const answers = await this.#collect(send, this.#all, (cpu) => this.#placeOf(cpu, work), true);
    this.#pausedSince = process.hrtime.bigint();
    return answers.map((answer) => (answer as { readonly result: CpuResult }).result);
  }

  /**
   * Has each CPU in turn finish what it deferred, where the problem's harness can.
   *
   * @throws {ViolationError} when the variant traps, or does not come to an end
   * @throws {StoppedError} when the signal was raised
   * @throws {Error} when a thread died
   */
  async finish(): Promise<void> {
    this.#resume();
    const order: FinishOrder = { finishes: true };
    const send = (cpu: number): void => this.#workers[cpu]?.postMessage(order);
    for (const cpu of this.#all) await this.#collect(send, [cpu], () => "finishes what it deferred", true);
    this.#pausedSince = process.hrtime.bigint();
  }

  /** Ends the threads, wherever they are. */
  async close(): Promise<void> {
    this.#handlers = null;
    await Promise.all(
      this.#workers.map((worker) => {
        worker.removeAllListeners();
        return worker.terminate();
      }),
    );
  }
}
