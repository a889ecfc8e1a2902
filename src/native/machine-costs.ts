// Measures what accesses, transfers between cores and wake-ups cost on this host, for a machine profile of it.
//
// Loops of WebAssembly are timed in threads, in rounds, so that a disturbance falls on all costs alike. Where the system
// has `taskset`, each thread is bound to a CPU; elsewhere a pair counts for what its CPUs turn out to be.

import { execFile } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { median, quantileSorted } from "simple-statistics";
import { compileModule } from "../build/compile.ts";
import { StoppedError } from "../errors.ts";
import {
  answerCell,
  type CacheSizes,
  type CpuPair,
  choosePairs,
  cpuBlocks,
  layOutRings,
  linesOf,
  ownLine,
  type PairKind,
  pairKind,
  playCell,
  type Ring,
  type Rings,
  turnCell,
  windowLines,
} from "./cost-layout.ts";
import { CostThread, type TokenPipes } from "./cost-thread.ts";
import type { HostCpu, HostTopology } from "./host-topology.ts";

/** Costs that can be measured from user space, each in ns. A machine profile has more. */
export const measurableCosts = [
  "l1",
  "l2",
  "l3",
  "memoryLocal",
  "memoryRemote",
  "transferSameCluster",
  "transferSameSocket",
  "transferCrossSocket",
  "store",
  "locked",
  "barrier",
  "contextSwitch",
  "wakeUp",
  "wakeIdle",
] as const;

export type MeasurableCost = (typeof measurableCosts)[number];

export interface MeasuredCost {
  /** Median of the rounds. Where only one thread runs at a time, a round's value is the quickest of three runs. */
  readonly ns: number;
  /** What lies between the 10th and the 90th percentile of the rounds, as a share of the median. */
  readonly spread: number;
  /** Rounds that gave a value. */
  readonly rounds: number;
  /** What was timed, in a few words. */
  readonly how: string;
}

/** Every measurable cost is in one of the two maps. */
export interface MachineCosts {
  readonly measured: ReadonlyMap<MeasurableCost, MeasuredCost>;
  /** Why it could not be measured. */
  readonly unmeasured: ReadonlyMap<MeasurableCost, string>;
  /** Whether the threads could be bound to CPUs. */
  readonly isBound: boolean;
}

export interface MachineCostsOptions {
  readonly topology: HostTopology;
  /** For what the topology does not tell. */
  readonly cacheSizes: CacheSizes;
  /** @default 21 */
  readonly rounds?: number;
  readonly signal: AbortSignal;
}

/** Steps of one timed loop: one to several milliseconds, so that most of them fit between two ticks of the system. */
const loopSteps = { l1: 1_000_000, l2: 500_000, l3: 100_000, memory: 30_000, stores: 8_000_000, locked: 500_000 };
const runsPerRound = 3;
/**
 * How often a ring is walked before it is timed. A third-level cache that was just streamed through takes in new lines
 * only now and then.
 */
const roundsBefore = 16;
/** Turns of a game of ping-pong that are not timed, and those that are; both even. */
const turnsBefore = 200;
const turnsTimed = 4000;
const gamesPerRound = 3;
const wakesPerRound = 10;
/** How long the sleeper and its CPU have been idle when it is woken, in ms. */
const idleMs = 2;
const tokensPerRun = 200;

/** The measurement while it runs. */
class Measurement {
  readonly #topology: HostTopology;
  readonly #rings: Rings;
  readonly #words: Int32Array;
  /** Null where the system has no named pipes. */
  readonly #pipes: TokenPipes | null;
  readonly #threads: readonly [CostThread, CostThread];
  readonly #pairs: ReadonlyMap<PairKind, readonly CpuPair[]>;
  readonly #values = new Map<MeasurableCost, number[]>();
  #isBound = false;
  /** Where the walks through memory stand. Each goes on where it stopped, or a part of it would be in a cache. */
  readonly #walks = new Map<MeasurableCost, number>();

  constructor(
    options: { readonly topology: HostTopology; readonly rounds: number },
    rings: Rings,
    memory: WebAssembly.Memory,
    threads: readonly [CostThread, CostThread],
    pipes: TokenPipes | null,
  ) {
    this.#topology = options.topology;
    this.#rings = rings;
    this.#words = new Int32Array(memory.buffer);
    this.#threads = threads;
    this.#pipes = pipes;
    this.#pairs = choosePairs(options.topology.usable, options.rounds);
  }

  /** Where one thread alone is measured. */
  get #home(): HostCpu {
    return this.#topology.usable[0]!;
  }

  #add(cost: MeasurableCost, value: number): void {
    // A clock that did not step says nothing.
    if (!(value > 0)) return;
    const values = this.#values.get(cost) ?? [];
    values.push(value);
    this.#values.set(cost, values);
  }

  async #bind(pair: CpuPair): Promise<boolean> {
    const [first, second] = this.#threads;
    return (await first.bind(pair[0].cpu)) && (await second.bind(pair[1].cpu));
  }

  /** Links the rings, each by a thread of the socket from which its memory is to come. */
  async prepare(): Promise<void> {
    const [first, second] = this.#threads;
    const { l1, l2, l3, local, remote } = this.#rings;
    const away = this.#topology.usable.find(({ socket }) => socket !== this.#home.socket);
    this.#isBound = this.#topology.isKnown && (await this.#bind([this.#home, away ?? this.#home]));
    const link = async (thread: CostThread, ring: Ring): Promise<void> => {
      await thread.loops(["link", ring.base, linesOf(ring), ring.stride, windowLines(ring), 1]);
    };
    for (const ring of [l1, l2, l3, local]) if (ring !== null) await link(first, ring);
    if (local !== null) this.#walks.set("memoryLocal", local.base);
    if (remote === null || !this.#isBound || away === undefined) return;
    await link(second, remote);
    this.#walks.set("memoryRemote", remote.base);
  }

  async round(index: number): Promise<void> {
    if (this.#isBound) await this.#threads[0].bind(this.#home.cpu);
    await this.#timeOperations();
    await this.#timeLoads();
    if (this.#topology.usable.length > 1) {
      await this.#timeTransfers(index);
      await this.#timeWakes(index);
    }
    if (this.#pipes !== null) await this.#timeSwitches(this.#pipes);
  }

  async #timeOperations(): Promise<void> {
    const { locked, stores } = loopSteps;
    // The first loop only brings the processor up to its frequency.
    await this.#threads[0].loops(["barriers", 4 * locked]);
    this.#add("store", (await this.#quickest("stores", ownLine, stores)) / stores);
    this.#add("locked", (await this.#quickest("compareExchanges", ownLine, locked)) / locked);
    this.#add("barrier", (await this.#quickest("barriers", locked)) / locked);
  }

  /** Time of the quickest of some runs of a loop: the others were disturbed. */
  async #quickest(name: string, ...args: number[]): Promise<number> {
    const calls = Array.from({ length: runsPerRound }, () => [name, ...args] as const);
    const { results } = await this.#threads[0].loops(...calls);
    return Math.min(...results.map(({ ns }) => ns));
  }

  async #timeLoads(): Promise<void> {
    const [thread] = this.#threads;
    for (const level of ["l1", "l2", "l3"] as const) {
      const ring = this.#rings[level];
      const steps = loopSteps[level];
      if (ring === null) continue;
      await thread.loops(["chase", ring.base, roundsBefore * linesOf(ring)]);
      this.#add(level, (await this.#quickest("chase", ring.base, steps)) / steps);
    }
    for (const [cost, start] of this.#walks) {
      let at = start;
      const times: number[] = [];
      for (let run = 0; run < runsPerRound; run++) {
        const { results } = await thread.loops(["chase", at, loopSteps.memory]);
        times.push(results[0]!.ns);
        at = results[0]!.value;
      }
      this.#walks.set(cost, at);
      this.#add(cost, Math.min(...times) / loopSteps.memory);
    }
  }

  #resetCells(): void {
    for (const cell of [playCell, turnCell, answerCell]) Atomics.store(this.#words, cell / 4, 0);
  }

  /** What a game between CPUs with these numbers was played across; null when that is not known. */
  #kindOf(numbers: readonly (number | null)[]): PairKind | null {
    if (!this.#topology.isKnown) return "transferSameCluster";
    const [one, other] = numbers.map((number) => this.#topology.cpus.find(({ cpu }) => cpu === number));
    return one === undefined || other === undefined ? null : pairKind([one, other]);
  }

  /** One game, in ns per turn, and what it was played across; null when a thread moved or the game was not ended. */
  async #play(): Promise<{ readonly kind: PairKind; readonly ns: number } | null> {
    this.#resetCells();
    const end = turnsBefore + turnsTimed;
    const [one, other] = await Promise.all([
      this.#threads[0].loops(["pingPong", playCell, 0, turnsBefore], ["pingPong", playCell, turnsBefore, end]),
      this.#threads[1].loops(["pingPong", playCell, 1, end]),
    ]);
    if (one.results[1]!.value < end || other.results[0]!.value < end) return null;
    const kind = this.#kindOf([one.cpu, other.cpu]);
    return kind === null ? null : { kind, ns: one.results[1]!.ns / turnsTimed };
  }

  async #timeTransfers(index: number): Promise<void> {
    const times = new Map<PairKind, number[]>();
    const playSome = async (): Promise<void> => {
      for (let game = 0; game < gamesPerRound; game++) {
        const result = await this.#play();
        if (result !== null) times.set(result.kind, [...(times.get(result.kind) ?? []), result.ns]);
      }
    };
    if (this.#isBound) {
      for (const pairs of this.#pairs.values()) {
        if (await this.#bind(pairs[index % pairs.length]!)) await playSome();
      }
    } else {
      await playSome();
    }
    for (const [kind, some] of times) this.#add(kind, median(some));
  }

  async #timeWakes(index: number): Promise<void> {
    const pairs = [...this.#pairs.values()].flat();
    const pair = pairs[index % pairs.length];
    if (this.#isBound && (pair === undefined || !(await this.#bind(pair)))) return;
    this.#resetCells();
    const [answer] = await Promise.all([
      this.#threads[0].wake(wakesPerRound, idleMs),
      this.#threads[1].answerWakes(wakesPerRound),
    ]);
    if (answer.wakeUpNs.length === 0) return;
    this.#add("wakeUp", median([...answer.wakeUpNs]));
    this.#add("wakeIdle", median([...answer.wakeIdleNs]));
  }

  async #timeSwitches(pipes: TokenPipes): Promise<void> {
    const isOnOneCpu = this.#topology.usable.length === 1;
    if (!isOnOneCpu && !(this.#isBound && (await this.#bind([this.#home, this.#home])))) return;
    const [first, second] = this.#threads;
    const alone: number[] = [];
    const passed: number[] = [];
    for (let run = 0; run < runsPerRound; run++) {
      alone.push(await first.passTokenAlone(pipes, tokensPerRun));
      const [ns] = await Promise.all([
        first.passToken(pipes, tokensPerRun, true),
        second.passToken({ to: pipes.from, from: pipes.to }, tokensPerRun, false),
      ]);
      passed.push(ns);
    }
    // Each time round are two switches, and what both sides write and read.
    this.#add("contextSwitch", (Math.min(...passed) - 2 * Math.min(...alone)) / tokensPerRun / 2);
  }

  result(): MachineCosts {
    const measured = new Map<MeasurableCost, MeasuredCost>();
    const unmeasured = new Map<MeasurableCost, string>();
    for (const cost of measurableCosts) {
      const values = [...(this.#values.get(cost) ?? [])].sort((a, b) => a - b);
      if (values.length === 0) {
        unmeasured.set(cost, this.#whyNot(cost));
        continue;
      }
      const ns = median(values);
      const spread = (quantileSorted(values, 0.9) - quantileSorted(values, 0.1)) / ns;
      measured.set(cost, { ns, spread, rounds: values.length, how: this.#how(cost) });
    }
    const nearest = measured.get("transferSameCluster");
    if (nearest !== undefined && this.#topology.clustersPerSocket === 1) {
      measured.set("transferSameSocket", { ...nearest, how: `${nearest.how}; a socket is one cluster` });
      unmeasured.delete("transferSameSocket");
    }
    return { measured, unmeasured, isBound: this.#isBound };
  }

  #how(cost: MeasurableCost): string {
    const { l1, l2, l3, local, remote } = this.#rings;
    const walk = (ring: Ring | null): string => `loads that each need the one before, over ${ring!.bytes / 1024} KiB`;
    const transfer = "one way of a ping-pong by compare-exchanges";
    const texts: Readonly<Record<MeasurableCost, () => string>> = {
      l1: () => walk(l1),
      l2: () => walk(l2),
      l3: () => walk(l3),
      memoryLocal: () => walk(local),
      memoryRemote: () => walk(remote),
      transferSameCluster: () => transfer,
      transferSameSocket: () => transfer,
      transferCrossSocket: () => transfer,
      store: () => "plain stores to one line",
      locked: () => "compare-exchanges of one cell",
      barrier: () => "exchanges on an own line",
      contextSwitch: () => "a byte through pipes between two threads of one CPU, less the same through one's own pipe",
      wakeUp: () => "a notify that wakes a thread, system call included",
      wakeIdle: () => `from before a notify until the woken thread runs, after ${idleMs} ms of sleep`,
    };
    return texts[cost]();
  }

  #whyNot(cost: MeasurableCost): string {
    const { sockets, usable } = this.#topology;
    if (cost === "l3") return "no third-level cache that is much larger than the second level";
    if (cost === "memoryLocal") return "not enough free memory for a walk outside the caches";
    if (cost.endsWith("Remote") || cost.endsWith("CrossSocket")) {
      if (sockets === 1) return "there is one socket";
    }
    if (cost === "contextSwitch" && this.#pipes === null) return "there are no named pipes here";
    if (usable.length === 1 && cost !== "contextSwitch") return "only one CPU may be used";
    if (!this.#isBound && cost !== "wakeUp" && cost !== "wakeIdle") return "threads cannot be bound to CPUs here";
    return /^(memory|transfer)/.test(cost) ? "no such CPUs may be used" : "the threads did not get on";
  }
}

/** Makes two named pipes in a folder; null where the system has none. */
async function makePipes(folder: string): Promise<TokenPipes | null> {
  const pipes = { to: join(folder, "to"), from: join(folder, "from") };
  try {
    await promisify(execFile)("mkfifo", [pipes.to, pipes.from]);
    return pipes;
  } catch {
    return null;
  }
}

/** Lets whoever waits for tokens of a pipe get as many as it can want. */
async function release(pipe: string): Promise<void> {
  const file = await open(pipe, "r+");
  await file.write(new Uint8Array(tokensPerRun));
  await file.close();
}

/**
 * Measures this host; some seconds of up to two CPUs.
 *
 * @throws {StoppedError} when the signal was raised
 * @throws {Error} when a thread dies or does not answer
 */
export async function measureMachineCosts(options: MachineCostsOptions): Promise<MachineCosts> {
  const { topology, cacheSizes, rounds = 21, signal } = options;
  const source = { problem: "litmus", variant: "machine-costs", entry: "machine-costs" };
  const { wasm } = await compileModule({ ...source, machine: "native", constants: {} });
  const module = new WebAssembly.Module(wasm);
  const sizes = {
    l1: topology.caches.get(1)?.bytes ?? cacheSizes.l1,
    l2: topology.caches.get(2)?.bytes ?? cacheSizes.l2,
    l3: topology.caches.get(3)?.bytes ?? cacheSizes.l3,
  };
  const rings = layOutRings(sizes, process.availableMemory(), topology.sockets > 1);
  const pages = Math.ceil(rings.end / 65_536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const threads: CostThread[] = [];
  const folder = await mkdtemp(join(tmpdir(), "machine-costs-"));
  const pipes = await makePipes(folder);
  let isDone = false;
  try {
    for (let index = 0; index < 2; index++) threads.push(await CostThread.start(module, memory, index));
    const [first, second] = threads;
    const heapBase = (await first!.loops(["heapBase"])).results[0]!.value;
    if (heapBase > cpuBlocks) throw new Error(`the module's constants reach to ${heapBase}, above ${cpuBlocks}`);
    const measurement = new Measurement({ topology, rounds }, rings, memory, [first!, second!], pipes);
    await measurement.prepare();
    for (let round = 0; round < rounds; round++) {
      if (signal.aborted) throw new StoppedError("stopped");
      await measurement.round(round);
    }
    isDone = true;
    return measurement.result();
  } finally {
    // A thread that waits for a token cannot be ended before it has got all of them.
    if (!isDone && pipes !== null) await Promise.all(Object.values(pipes).map((pipe) => release(pipe)));
    await Promise.all(threads.map((thread) => thread.close()));
    await rm(folder, { recursive: true, force: true });
  }
}
