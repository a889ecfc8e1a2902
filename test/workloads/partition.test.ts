import fc from "fast-check";
import { expect, test } from "vitest";
import {
  eventAOffset,
  eventKindOffset,
  eventObjectOffset,
  eventSize,
  eventTaskOffset,
  kindBogoOp,
  kindCompute,
  kindCpuOffline,
  kindCpuOnline,
  kindLogPush,
} from "../../src/kernel/events.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { Partitioner } from "../../src/workloads/partition.ts";

interface Event {
  readonly task: number;
  readonly kind: number;
  readonly a: number;
}

/** A chunk whose events carry their place in it as their object. */
function chunkOf(events: readonly Event[]): Uint8Array {
  const writer = new EventWriter();
  for (const [place, { task, kind, a }] of events.entries()) {
    writer.task = task;
    writer.add(kind, place, 0, a, 0);
  }
  const [chunk] = [...writer.flush()].map((bytes) => bytes.slice());
  return chunk ?? new Uint8Array(0);
}

/** Places of a part's events in the chunk. */
function placesOf(part: Uint8Array): number[] {
  const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
  return Array.from({ length: part.byteLength / eventSize }, (_, index) =>
    view.getUint32(index * eventSize + eventObjectOffset, true),
  );
}

const known = new Set([kindBogoOp, kindCompute, kindCpuOffline, kindCpuOnline]);
const anyEvent = fc.record({
  task: fc.nat(9),
  kind: fc.constantFrom(kindBogoOp, kindCompute, kindLogPush, kindCpuOffline, kindCpuOnline),
  a: fc.nat(7),
});

test("every known event goes to one CPU, and a task's events keep their order", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (events, cpus) => {
      const chunk = chunkOf(events);
      const { parts, skipped } = new Partitioner(cpus, known).divide(chunk);
      expect(parts).toHaveLength(cpus);
      const places = parts.map(placesOf);
      const kept = events.flatMap(({ kind }, place) => (known.has(kind) ? [place] : []));
      expect(places.flat().sort((a, b) => a - b)).toEqual(kept);
      expect(skipped).toBe(events.length - kept.length);
      for (const [cpu, ofCpu] of places.entries()) {
        for (const place of ofCpu) {
          const { kind, task, a } = events[place]!;
          const isHotplug = kind === kindCpuOffline || kind === kindCpuOnline;
          expect((isHotplug ? a : task) % cpus, `event ${place}`).toBe(cpu);
        }
        for (let task = 0; task < 10; task++) {
          const own = ofCpu.filter((place) => events[place]?.task === task);
          expect(own).toEqual([...own].sort((a, b) => a - b));
        }
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("tasks of one CPU take turns, an event at a time", () => {
  const events = [0, 0, 0, 2, 2, 2, 1, 4].map((task) => ({ task, kind: kindBogoOp, a: 0 }));
  const { parts } = new Partitioner(2, known).divide(chunkOf(events));
  expect(placesOf(parts[0]!)).toEqual([0, 3, 1, 4, 7, 2, 5]);
  expect(placesOf(parts[1]!)).toEqual([6]);
});

test("an event is copied whole", () => {
  const chunk = chunkOf([{ task: 3, kind: kindCompute, a: 123 }]);
  const { parts } = new Partitioner(4, known).divide(chunk);
  expect([...parts[3]!]).toEqual([...chunk]);
  const view = new DataView(parts[3]!.buffer, parts[3]!.byteOffset);
  expect([eventKindOffset, eventTaskOffset, eventAOffset].map((offset) => view.getUint16(offset, true))).toEqual([
    kindCompute,
    3,
    123,
  ]);
});
