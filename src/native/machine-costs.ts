// Measures what accesses, transfers between cores and wake-ups cost on this host, for a machine profile of it.
//
// Loops of WebAssembly are timed in threads, in rounds, so that a disturbance falls on all costs alike. Where the system
// has `taskset`, each thread is bound to a CPU; elsewhere a pair counts for what its CPUs turn out to be.

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
import { CostThread } from "./cost-thread.ts";
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
  /** Median of the rounds. */
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

/** Steps of one timed loop: some milliseconds each. */
const loopSteps = { l1: 2_000_000, l2: 1_000_000, l3: 250_000, memory: 100_000, stores: 8_000_000, locked: 1_000_000 };
/** Turns of a game of ping-pong that are not timed, and those that are; both even. */
const turnsBefore = 200;
const turnsTimed = 4000;
const gamesPerRound = 3;
const wakesPerRound = 10;
/** How long the sleeper and its CPU have been idle when it is woken, in ms. */
const idleMs = 2;
const switchesPerRound = 400;

/** The measurement while it runs. */
class Measurement {
  readonly #topology: HostTopology;
  readonly #rings: Rings;
  readonly #words: Int32Array;
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
  ) {
    this.#topology = options.topology;
    this.#rings = rings;
    this.#words = new Int32Array(memory.buffer);
    this.#threads = threads;
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
    await this.#timeSwitches();
  }

  async #timeOperations(): Promise<void> {
    const { locked, stores } = loopSteps;
    // The first loop only brings the processor up to its frequency.
    const { results } = await this.#threads[0].loops(
      ["barriers", 4 * locked],
      ["stores", ownLine, stores],
      ["compareExchanges", ownLine, locked],
      ["barriers", locked],
    );
    this.#add("store", results[1]!.ns / stores);
    this.#add("locked", results[2]!.ns / locked);
    this.#add("barrier", results[3]!.ns / locked);
  }

  async #timeLoads(): Promise<void> {
    const [thread] = this.#threads;
    for (const level of ["l1", "l2", "l3"] as const) {
      const ring = this.#rings[level];
      const steps = loopSteps[level];
      if (ring === null) continue;
      // Once round the ring first, or it would not be in its cache yet.
      const { results } = await thread.loops(["chase", ring.base, linesOf(ring)], ["chase", ring.base, steps]);
      this.#add(level, results[1]!.ns / steps);
    }
    for (const [cost, at] of this.#walks) {
      const { results } = await thread.loops(["chase", at, loopSteps.memory]);
      this.#add(cost, results[0]!.ns / loopSteps.memory);
      this.#walks.set(cost, results[0]!.value);
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

  async #timeSwitches(): Promise<void> {
    const isOnOneCpu = this.#topology.usable.length === 1;
    if (!isOnOneCpu && !(this.#isBound && (await this.#bind([this.#home, this.#home])))) return;
    this.#resetCells();
    const [answer] = await Promise.all([
      this.#threads[0].takeTurns(0, switchesPerRound),
      this.#threads[1].takeTurns(1, switchesPerRound),
    ]);
    if (answer.ns !== null) this.#add("contextSwitch", answer.ns / switchesPerRound);
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
      contextSwitch: () =>
        "one way between two threads of one CPU by notify and wait, wake-up and system calls included",
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
    if (usable.length === 1) return "only one CPU may be used";
    if (!this.#isBound && cost !== "wakeUp" && cost !== "wakeIdle") return "threads cannot be bound to CPUs here";
    return /^(memory|transfer)/.test(cost) ? "no such CPUs may be used" : "the threads did not get on";
  }
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
  try {
    for (let index = 0; index < 2; index++) threads.push(await CostThread.start(module, memory, index));
    const [first, second] = threads;
    const heapBase = (await first!.loops(["heapBase"])).results[0]!.value;
    if (heapBase > cpuBlocks) throw new Error(`the module's constants reach to ${heapBase}, above ${cpuBlocks}`);
    const measurement = new Measurement({ topology, rounds }, rings, memory, [first!, second!]);
    await measurement.prepare();
    for (let round = 0; round < rounds; round++) {
      if (signal.aborted) throw new StoppedError("stopped");
      await measurement.round(round);
    }
    return measurement.result();
  } finally {
    await Promise.all(threads.map((thread) => thread.close()));
  }
}
