// Divides a chunk of events among the CPUs of a case: one task per CPU, and more tasks than CPUs in turn, an event at
// a time. Tasks with fewer events get their turns evenly over the chunk.

import {
  eventAOffset,
  eventKindOffset,
  eventSize,
  eventTaskOffset,
  kindCpuOffline,
  kindCpuOnline,
} from "../kernel/events.ts";
import { chunkEventsMax } from "./workload.ts";

/** Bytes of the largest chunk. */
const chunkBytesMax = chunkEventsMax * eventSize;

export interface Partition {
  /** By CPU: its events, in its order. Valid until the next chunk is divided. */
  readonly parts: readonly Uint8Array[];
  /** Events that the problem has no use for; they are left out. */
  readonly skipped: number;
}

/** A task's events in a chunk that was sorted by task. */
export interface TaskEvents {
  readonly task: number;
  readonly cpu: number;
  /** Indices of its events: from `first` up to, not including, `end`. */
  readonly first: number;
  readonly end: number;
}

/**
 * Sorts a chunk's events by task, each task's in their order. Task t runs on CPU t modulo `cpus`; an event by which a
 * CPU goes offline or comes online is a task of its own on that CPU.
 *
 * @param known kinds that the problem acts on; others are left out
 */
export function sortByTask(
  chunk: Uint8Array,
  cpus: number,
  known: ReadonlySet<number>,
): { readonly events: Uint8Array; readonly tasks: readonly TaskEvents[]; readonly skipped: number } {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const queues = new Map<string, { readonly task: number; readonly cpu: number; readonly offsets: number[] }>();
  let skipped = 0;
  for (let offset = 0; offset < chunk.byteLength; offset += eventSize) {
    const kind = view.getUint16(offset + eventKindOffset, true);
    if (!known.has(kind)) {
      skipped++;
      continue;
    }
    const task = view.getUint32(offset + eventTaskOffset, true);
    const isHotplug = kind === kindCpuOffline || kind === kindCpuOnline;
    const cpu = (isHotplug ? view.getUint32(offset + eventAOffset, true) : task) % cpus;
    const key = `${task} ${cpu}`;
    const queue = queues.get(key);
    if (queue === undefined) queues.set(key, { task, cpu, offsets: [offset] });
    else queue.offsets.push(offset);
  }
  const events = new Uint8Array(chunk.byteLength - skipped * eventSize);
  const tasks: TaskEvents[] = [];
  let next = 0;
  for (const { task, cpu, offsets } of [...queues.values()].sort((one, other) => one.task - other.task)) {
    const first = next;
    for (const offset of offsets) events.set(chunk.subarray(offset, offset + eventSize), next++ * eventSize);
    tasks.push({ task, cpu, first, end: next });
  }
  return { events, tasks, skipped };
}

/** Divides chunks for one case after the other, into buffers that are used again. */
export class Partitioner {
  readonly #cpus: number;
  readonly #isKnown: (kind: number) => boolean;
  readonly #buffers: Uint8Array[];

  /** @param known kinds that the problem acts on */
  constructor(cpus: number, known: ReadonlySet<number>) {
    this.#cpus = cpus;
    this.#isKnown = (kind) => known.has(kind);
    this.#buffers = Array.from({ length: cpus }, () => new Uint8Array(chunkBytesMax));
  }

  /** Task t runs on CPU t modulo the number of CPUs. A task's own events keep their order. */
  divide(chunk: Uint8Array): Partition {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    /** By CPU, by task: offsets of its events. */
    const queues = Array.from({ length: this.#cpus }, () => new Map<number, number[]>());
    let skipped = 0;
    for (let offset = 0; offset < chunk.byteLength; offset += eventSize) {
      const kind = view.getUint16(offset + eventKindOffset, true);
      if (!this.#isKnown(kind)) {
        skipped++;
        continue;
      }
      const task = view.getUint32(offset + eventTaskOffset, true);
      // A CPU goes offline or comes online by itself.
      const isHotplug = kind === kindCpuOffline || kind === kindCpuOnline;
      const cpu = isHotplug ? view.getUint32(offset + eventAOffset, true) : task;
      const ofCpu = queues[cpu % this.#cpus] as Map<number, number[]>;
      const queue = ofCpu.get(task);
      if (queue === undefined) ofCpu.set(task, [offset]);
      else queue.push(offset);
    }
    const parts = queues.map((ofCpu, cpu) => this.#interleave(chunk, [...ofCpu.values()], cpu));
    return { parts, skipped };
  }

  #interleave(chunk: Uint8Array, queues: readonly number[][], cpu: number): Uint8Array {
    const buffer = this.#buffers[cpu] as Uint8Array;
    const turns = queues.flatMap((queue) =>
      queue.map((offset, index) => ({ offset, share: (index + 0.5) / queue.length })),
    );
    // Stable, so that tasks with as many events keep their order, and a task's events theirs.
    turns.sort((one, other) => one.share - other.share);
    for (const [position, { offset }] of turns.entries()) {
      buffer.set(chunk.subarray(offset, offset + eventSize), position * eventSize);
    }
    return buffer.subarray(0, turns.length * eventSize);
  }
}
