// Runs a quarantine's workload on the simulated machine and reports what happened in virtual time. Every number is exact.
//
// All tasks of a measured chunk begin together, and the next chunk begins when the last of them is done. Work that a
// variant puts off is done by the task that meets it at an event boundary of the CPU that put it off; what still waits
// for its timer at the end is done in a round of its own. Frees may come chunks after their allocations, so nothing can
// be repeated for a time: `virtualMs` has no part in it.

import { setImmediate } from "node:timers/promises";
import type { RunningModule } from "../build/instance.ts";
import { type QuarantineExports, startQuarantine } from "../build/quarantine.ts";
import { InputError, ViolationError } from "../errors.ts";
import { cpuBlockBytes, deferredHeadAt } from "../kernel/cpu-block.ts";
import {
  eventKindOffset,
  eventSize,
  kindCacheCreate,
  kindCacheDestroy,
  kindCpuOffline,
  kindCpuOnline,
  kindObjectAllocate,
  kindObjectFree,
} from "../kernel/events.ts";
import * as notes from "../kernel/notes.ts";
import { kasanQuarantinePut, kasanQuarantineReduce, kasanQuarantineRemoveCache, kworker } from "../kernel/symbols.ts";
import { Histogram } from "../records/histogram.ts";
import { sortByTask, type TaskEvents } from "../workloads/partition.ts";
import { callRun, callRunWork } from "./core/protocol.ts";
import { activityBytes, SimulatedMachine } from "./machine.ts";
import { Ledger, WaitingObjects } from "./quarantine-ledger.ts";
import { nameOfAddress } from "./quarantine-lines.ts";
import { type Teardown, Teardowns } from "./quarantine-teardowns.ts";
import {
  attachInstances,
  fiberBytesOf,
  isMeasured,
  type SimulatedCase,
  type SimulatedRun,
  WorkPhases,
} from "./simulation.ts";

/** A quarantine's case to be simulated. */
export interface SimulatedQuarantineCase extends SimulatedCase {
  /** Bytes that the global quarantine may hold (`quarantine_max_size`). */
  readonly quarantineBytes: number;
  /** Whether a cache without used objects is destroyed without asking the variant. */
  readonly skipWhenEmpty: boolean;
  /** Whether the variant is the floor, which forgets its objects: they are freed between rounds, at no cost. @default false */
  readonly isFloor?: boolean;
}

/** Operations whose times are told. `worker`: runs of deferred work. */
export type QuarantineOperation = "put" | "reduce" | "remove" | "worker";

/** What a quarantine's case came to, in the measured part. */
export interface SimulatedQuarantine extends SimulatedRun {
  /**
   * Times of operations as their callers wait, interrupts and other tasks included, rounded to ns; and of whole rows of
   * removals (`teardown`, and `gone` of those whose caches are all gone).
   */
  readonly distributions: Readonly<Record<QuarantineOperation | "teardown" | "gone", Histogram>>;
  /** Exact sums of these times, in ns. */
  readonly sumNs: Readonly<Record<QuarantineOperation, number>>;
  readonly teardowns: readonly Teardown[];
  /** Deferred work that was still waiting for its timer, done after the measured part and no part of the other numbers. */
  readonly leftWork: { readonly runs: number; readonly ns: number };
  /** Null without bogo-ops. */
  readonly bogoOpsPerSecond: number | null;
  /** Objects that tasks handed to the quarantine; null without any. */
  readonly putsPerSecond: number | null;
  readonly totals: Readonly<Record<keyof typeof totalNotes | "bogoOps", number>>;
  /** Objects of the whole case, set-up included: `put` is the sum of the others. */
  readonly objects: {
    readonly put: number;
    readonly evicted: number;
    readonly removed: number;
    /** Let go because their CPU went offline. */
    readonly drained: number;
    /** Not taken, and freed at once. */
    readonly refused: number;
    /** Freed for the floor. */
    readonly forgotten: number;
    /** Still there at the end: used in their slabs, and not live. */
    readonly held: number;
  };
  /** Bytes of the objects that are still there, by their slabs, and what the variant says. */
  readonly heldBytes: { readonly found: number; readonly stated: number };
  /** Caches whose removal was asked for and that were still there at the end. */
  readonly unfinishedCaches: number;
}

/** What is counted by notes in the measured part. */
const totalNotes = {
  puts: notes.noteQuarantined,
  evicted: notes.noteEvicted,
  removed: notes.noteOwnRemoved,
  drained: notes.noteDrained,
  /** Objects of other caches that removals looked at. */
  foreignVisited: notes.noteForeignVisited,
  batchesVisited: notes.noteBatchVisited,
  removals: notes.noteRemovalBegun,
  /** Removals of caches without used objects that the variant was not asked for. */
  removalsSkipped: notes.noteRemovalSkipped,
  removalsCompleted: notes.noteRemovalCompleted,
} as const;

const operationSymbols: Readonly<Record<QuarantineOperation, number>> = {
  put: kasanQuarantinePut,
  reduce: kasanQuarantineReduce,
  remove: kasanQuarantineRemoveCache,
  worker: kworker,
};

/** Notes of objects that leave the quarantine. */
const leavings: ReadonlySet<number> = new Set([notes.noteEvicted, notes.noteOwnRemoved, notes.noteDrained]);

/** Kinds of events that the quarantine acts on. Bogo-ops are counted here. */
const quarantineKinds: ReadonlySet<number> = new Set([
  kindCacheCreate,
  kindCacheDestroy,
  kindObjectAllocate,
  kindObjectFree,
  kindCpuOffline,
  kindCpuOnline,
]);

/** Times of one operation. */
class Times {
  readonly histogram = new Histogram();
  /** In 0.1 ns. */
  #units = 0;

  add(ns: number): void {
    this.histogram.record(Math.round(ns));
    this.#units += Math.round(ns * 10);
  }

  get ns(): number {
    return this.#units / 10;
  }
}

/**
 * Cuts a task's events where what it freed has to be back in its slabs: before a removal. Others than the floor need no
 * cuts.
 *
 * @returns first and end of each piece
 */
function piecesOf(
  events: DataView,
  { first, end }: TaskEvents,
  isFloor: boolean,
): readonly (readonly [number, number])[] {
  if (!isFloor) return [[first, end]];
  const pieces: [number, number][] = [];
  let from = first;
  let holdsFrees = false;
  for (let index = first; index < end; index++) {
    const kind = events.getUint16(index * eventSize + eventKindOffset, true);
    if (kind === kindObjectFree) holdsFrees = true;
    else if (kind === kindCacheDestroy && holdsFrees) {
      pieces.push([from, index]);
      from = index;
      holdsFrees = false;
    }
  }
  pieces.push([from, end]);
  return pieces;
}

/**
 * Simulates a case.
 *
 * @throws {ViolationError} when tasks can never end, the variant left objects in a cache that it said was empty, lost
 *   objects, freed one twice or let its memory go while it waited
 * @throws {InputError} when the case does not fit into memory
 * @throws {StoppedError} when the signal was raised
 */
export async function simulateQuarantine(one: SimulatedQuarantineCase): Promise<SimulatedQuarantine> {
  const { workload, cpus, profile, quarantineBytes, skipWhenEmpty, isFloor = false, onProgress = () => {} } = one;
  const { limits } = workload;
  let part: "not measured" | "measured" | "left work" = "not measured";
  const times = { put: new Times(), reduce: new Times(), remove: new Times(), worker: new Times() };
  const leftWork = new Times();
  const timesOf = new Map(
    Object.entries(operationSymbols).map(([name, symbol]) => [symbol, times[name as QuarantineOperation]]),
  );
  const noted = new Float64Array(32);
  const notedInAll = new Float64Array(32);
  const rows = new Teardowns();
  const waiting = new WaitingObjects();
  const nameOf = (address: number): string => nameOfAddress(running, address);
  const machine = new SimulatedMachine(
    one.core,
    profile,
    cpus,
    {
      symbolEnded: (_cpu, symbol, ns) => {
        if (part !== "measured") {
          if (symbol === kworker) leftWork.add(ns);
          return;
        }
        timesOf.get(symbol)?.add(ns);
        if (symbol === kasanQuarantineRemoveCache) rows.end(machine.listenerTask, machine.listenerNs);
      },
      noted: (_cpu, kind, value) => {
        notedInAll[kind]!++;
        if (kind === notes.noteQuarantined) waiting.come(value);
        else if (leavings.has(kind)) waiting.leave(value);
        if (part !== "measured") return;
        noted[kind]!++;
        if (kind === notes.noteRemovalBegun) rows.begin(machine.listenerTask, value, machine.listenerNs);
        else if (kind === notes.noteRemovalCompleted) rows.gone(value, machine.listenerNs);
      },
      nameOf,
    },
    one.signal,
  );
  for (const kind of [...Object.values(totalNotes), notes.noteGracePeriod]) machine.listenTo(kind);
  const phases = new WorkPhases(machine);
  let instances: readonly QuarantineExports[] = [];
  const running: RunningModule<QuarantineExports> = startQuarantine(
    one.compiled,
    limits,
    // A CPU comes and goes as a task of its own.
    { cpus, quarantineBytes, skipWhenEmpty, fiberBytes: fiberBytesOf(cpus, workload) + cpus * activityBytes },
    machine.imports,
    (started) => {
      instances = attachInstances(machine, started, cpus);
      for (const symbol of Object.values(operationSymbols)) machine.watch(symbol);
      machine.setStatistics(started.layout.cpuBlocks, cpus * cpuBlockBytes);
    },
  );
  const { layout, memory } = running;
  const bytes = new Uint8Array(memory.buffer);
  const instanceOf = (cpu: number): QuarantineExports => instances[cpu] as QuarantineExports;
  const check = (statuses: readonly number[]): void => {
    if (statuses.every((status) => status === 0)) return;
    throw new InputError(
      `workload '${workload.name}': the case's memory is used up; lower 'quarantine-bytes' or the number of objects`,
    );
  };
  const settle = (cpu: number, [first, end]: readonly [number, number]): void => {
    if (isFloor) machine.untimed(cpu, () => instanceOf(cpu).settle(first, end));
  };

  const ledger = new Ledger(limits.caches);
  let events = 0;
  let ns = 0;
  let forgotten = 0;
  for (const chunk of workload.chunks()) {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const isMeasuredPart = isMeasured(chunk);
    ledger.add(view, isMeasuredPart);
    events += chunk.byteLength / eventSize;
    const sorted = sortByTask(chunk, cpus, quarantineKinds);
    if (sorted.tasks.length > cpus + limits.tasks) {
      throw new InputError(`workload '${workload.name}': several tasks take the same CPU offline in one chunk`);
    }
    bytes.set(sorted.events, layout.eventBuffer);
    const sortedView = new DataView(sorted.events.buffer);
    const calls = sorted.tasks.map((task) => ({ ...task, pieces: piecesOf(sortedView, task, isFloor) }));
    if (!isMeasuredPart) {
      phases.close();
      rows.close();
      for (const { cpu, pieces } of calls) {
        for (const piece of pieces) {
          check([machine.untimed(cpu, () => instanceOf(cpu).run(...piece))]);
          settle(cpu, piece);
        }
      }
      continue;
    }
    phases.open();
    const removals = rows.plan(view);
    const most = calls.reduce((longest, { pieces }) => Math.max(longest, pieces.length), 0);
    for (let index = 0; index < most; index++) {
      const round = calls.flatMap(({ task, cpu, pieces }) => {
        const piece = pieces[index];
        return piece === undefined ? [] : [{ task, cpu, piece }];
      });
      rows.beginRound(
        round.map(({ piece: [first, end], task }) => {
          let count = 0;
          for (let at = first; at < end; at++) {
            if (sortedView.getUint16(at * eventSize + eventKindOffset, true) === kindCacheDestroy) count++;
          }
          return removals.get(task)?.splice(0, count) ?? [];
        }),
      );
      part = "measured";
      const fromNs = machine.nowNs;
      const results = machine.round(
        round.map(({ cpu, piece: [first, end] }) => ({ cpu, call: callRun, first, end, deadlineNs: 0 })),
      );
      part = "not measured";
      ns += machine.nowNs - fromNs;
      check(results.map(({ status }) => status));
      for (const { cpu, piece } of round) settle(cpu, piece);
    }
    onProgress(events / limits.events);
    await setImmediate();
  }
  phases.close();

  const words = new Uint32Array(memory.buffer);
  const deferring = [...instances.keys()].filter(
    (cpu) => words[(layout.cpuBlocks + cpu * cpuBlockBytes + deferredHeadAt) >>> 2] !== 0,
  );
  part = "left work";
  machine.round(
    deferring.map((cpu) => ({
      cpu,
      call: callRunWork,
      first: running.exports.drainIndex(),
      end: 0,
      deadlineNs: 0,
    })),
  );
  part = "not measured";

  const sum = (of: (instance: QuarantineExports) => number): number =>
    instances.reduce((total, instance, cpu) => total + machine.untimed(cpu, () => of(instance)), 0);
  const leftBehind = isFloor ? 0 : sum((instance) => instance.leftBehindCount() >>> 0);
  if (leftBehind > 0) {
    throw new ViolationError(`removeCache left ${leftBehind} objects in caches that were then destroyed`);
  }
  const freed = sum((instance) => instance.freedCount() >>> 0);
  const held = machine.untimed(0, () => ledger.held(running.exports));
  const stated = machine.untimed(0, () => running.exports.quarantinedBytes());
  const inAll = (kind: number): number => notedInAll[kind] as number;
  const whole = {
    put: inAll(notes.noteQuarantined),
    evicted: inAll(notes.noteEvicted),
    removed: inAll(notes.noteOwnRemoved),
    drained: inAll(notes.noteDrained),
  };
  const others = freed - whole.evicted - whole.removed - whole.drained;
  if (isFloor) forgotten = others;
  // What was not taken, or left without a note, cannot be told from what is lost.
  if (others === 0) waiting.check(held.objects);
  const { counts } = phases;
  const teardowns = rows.result();
  const teardown = new Histogram();
  const gone = new Histogram();
  for (const row of teardowns) {
    teardown.record(row.ns);
    if (row.goneNs !== null) gone.record(row.goneNs);
  }
  const totals = {
    ...Object.fromEntries(Object.entries(totalNotes).map(([name, kind]) => [name, noted[kind] as number])),
    bogoOps: ledger.bogoOps,
  } as SimulatedQuarantine["totals"];
  return {
    ns,
    counts,
    hottest: phases.hottest.map((line) => ({ ...line, name: nameOf(line.address) })),
    longestHold: { lock: nameOf(counts.longestHold.lock), ns: counts.longestHold.ns },
    gracePeriods: { srcu: noted[notes.noteGracePeriod] as number },
    distributions: {
      put: times.put.histogram,
      reduce: times.reduce.histogram,
      remove: times.remove.histogram,
      worker: times.worker.histogram,
      teardown,
      gone,
    },
    sumNs: { put: times.put.ns, reduce: times.reduce.ns, remove: times.remove.ns, worker: times.worker.ns },
    teardowns,
    leftWork: { runs: leftWork.histogram.count, ns: leftWork.ns },
    bogoOpsPerSecond: ledger.bogoOps === 0 || ns === 0 ? null : (ledger.bogoOps / ns) * 1e9,
    putsPerSecond: totals.puts === 0 ? null : (totals.puts / ns) * 1e9,
    totals,
    objects: { ...whole, refused: isFloor ? 0 : others, forgotten, held: held.objects },
    heldBytes: { found: held.bytes, stated },
    unfinishedCaches: inAll(notes.noteRemovalBegun) - inAll(notes.noteRemovalCompleted),
  };
}
