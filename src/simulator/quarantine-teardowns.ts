// Removals in a row, as a guest's teardown has them: which events belong to one, and when each began and ended.

import { eventKindOffset, eventSize, eventTaskOffset, kindCacheDestroy } from "../kernel/events.ts";

/** Removals in a row: the caches that a task destroys back to back, such as a guest's at its teardown. */
export interface Teardown {
  readonly task: number;
  readonly removals: number;
  /** From the beginning of the first removal to the end of the last, as the task waits, in ns. */
  readonly ns: number;
  /** Until the last of the caches was gone, with work that was put off; null when one outlived the measured part. */
  readonly goneNs: number | null;
}

/** A row of removals that is under way or done. */
interface Row {
  readonly task: number;
  removals: number;
  beginNs: number;
  endNs: number;
  /** Caches that are not gone yet. */
  pending: number;
  goneNs: number;
}

/** Finds removals in a row and when they begin and end. */
export class Teardowns {
  readonly #all: Row[] = [];
  /** By task: the row that its next removal belongs to, if nothing else comes before that. */
  readonly #open = new Map<number, Row>();
  /** By call of the present round: the rows of its removals, in their order, and how many have begun. */
  #coming: { readonly rows: readonly Row[]; begun: number }[] = [];
  /** By descriptor: the row of a cache that is to go. */
  readonly #pending = new Map<number, Row>();

  /** Looks for the removals of a chunk whose tasks are run as calls of one or several rounds, in this order. */
  plan(chunk: DataView): Map<number, Row[]> {
    const ofTask = new Map<number, Row[]>();
    for (let offset = 0; offset < chunk.byteLength; offset += eventSize) {
      const task = chunk.getUint32(offset + eventTaskOffset, true);
      if (chunk.getUint16(offset + eventKindOffset, true) !== kindCacheDestroy) {
        this.#open.delete(task);
        continue;
      }
      let row = this.#open.get(task);
      if (row === undefined) {
        row = { task, removals: 0, beginNs: -1, endNs: -1, pending: 0, goneNs: -1 };
        this.#open.set(task, row);
        this.#all.push(row);
      }
      row.removals++;
      row.pending++;
      const rows = ofTask.get(task);
      if (rows === undefined) ofTask.set(task, [row]);
      else rows.push(row);
    }
    return ofTask;
  }

  /** No row goes on after what is not measured. */
  close(): void {
    this.#open.clear();
  }

  /** Begins a round whose calls have these removals. */
  beginRound(coming: readonly (readonly Row[])[]): void {
    this.#coming = coming.map((rows) => ({ rows, begun: 0 }));
  }

  begin(call: number, descriptor: number, ns: number): void {
    const coming = this.#coming[call];
    const row = coming?.rows[coming.begun++];
    if (row === undefined) throw new Error(`call ${call} removes a cache that it has no event for`);
    if (row.beginNs < 0) row.beginNs = ns;
    this.#pending.set(descriptor, row);
  }

  end(call: number, ns: number): void {
    const coming = this.#coming[call];
    const row = coming?.rows[coming.begun - 1];
    if (row !== undefined) row.endNs = ns;
  }

  gone(descriptor: number, ns: number): void {
    const row = this.#pending.get(descriptor);
    if (row === undefined) return;
    this.#pending.delete(descriptor);
    row.pending--;
    row.goneNs = Math.max(row.goneNs, row.endNs, ns);
  }

  /** What is known of them at the end, in the order in which they were planned. */
  result(): readonly Teardown[] {
    return this.#all.map(({ task, removals, beginNs, endNs, pending, goneNs }) => ({
      task,
      removals,
      ns: endNs - beginNs,
      goneNs: pending > 0 ? null : goneNs - beginNs,
    }));
  }
}
