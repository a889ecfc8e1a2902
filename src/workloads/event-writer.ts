// Encodes kernel events into chunks of records. It allocates nothing per event: generation has to keep up with
// the harness that replays the events.

import {
  eventAOffset,
  eventBOffset,
  eventFlagsOffset,
  eventGroupOffset,
  eventKindOffset,
  eventObjectOffset,
  eventSize,
  eventTaskOffset,
} from "../kernel/events.ts";
import { chunkEventsMax } from "./workload.ts";

const twoTo32 = 0x1_0000_0000;

/** Writes events one after the other into one buffer that all chunks of a pass share. */
export class EventWriter {
  /** Task of the events that follow; a u32. */
  task = 0;
  /** Flags of the events that follow; a u16. */
  flags = 0;
  readonly #bytes = new Uint8Array(chunkEventsMax * eventSize);
  readonly #view = new DataView(this.#bytes.buffer);
  #size = 0;

  /** Events that still fit into the current chunk. */
  get room(): number {
    return chunkEventsMax - this.#size / eventSize;
  }

  /**
   * Adds one event. The caller has made sure of `room`.
   *
   * @param a first operand, 0 to 2^53 - 1
   * @param b second operand, 0 to 2^53 - 1
   */
  add(kind: number, object: number, group: number, a: number, b: number): void {
    const view = this.#view;
    const at = this.#size;
    view.setUint16(at + eventKindOffset, kind, true);
    view.setUint16(at + eventFlagsOffset, this.flags, true);
    view.setUint32(at + eventTaskOffset, this.task, true);
    view.setUint32(at + eventObjectOffset, object, true);
    view.setUint32(at + eventGroupOffset, group, true);
    view.setUint32(at + eventAOffset, a, true);
    view.setUint32(at + eventAOffset + 4, a / twoTo32, true);
    view.setUint32(at + eventBOffset, b, true);
    view.setUint32(at + eventBOffset + 4, b / twoTo32, true);
    this.#size = at + eventSize;
  }

  /** Ends the chunk, so that what follows starts a round. An empty chunk is never given out. */
  *flush(): Generator<Uint8Array> {
    if (this.#size === 0) return;
    const chunk = this.#bytes.subarray(0, this.#size);
    this.#size = 0;
    yield chunk;
  }

  /**
   * Ends the chunk unless `count` more events fit, so that they stay in one chunk.
   *
   * @param count 1 to {@link chunkEventsMax}
   */
  *reserve(count: number): Generator<Uint8Array> {
    if (this.room < count) yield* this.flush();
  }
}
