// How far eviction strays from the order of putting: the metric itself on cases that can be checked by hand, then each
// variant on one CPU.

import { expect, test } from "vitest";
import { quarantine } from "../../bench/quarantine.ts";
import { compileModule } from "../../src/build/compile.ts";
import { planVariant } from "../../src/plan/variant.ts";
import { rankError } from "../../src/traced/measure.ts";
import { Random } from "../../src/workloads/random.ts";
import { OneCpu } from "./one-cpu.ts";

test("the rank error of a strict FIFO is 0", () => {
  expect(rankError([0, 1, 2, 3])).toEqual({ max: 0, p99: 0 });
});

test("objects that removals took out leave no gap in the ranks", () => {
  expect(rankError([4, 9, 11])).toEqual({ max: 0, p99: 0 });
});

test("one object that is kept for too long moves those that pass it by one, and itself by their number", () => {
  // Put 0 comes out after 3: its rank is off by 3, those of 1, 2 and 3 by 1, those of 97 others by 0. In order of
  // size the distances are 97 times 0, 3 times 1, and 3; 99 % of the 101 stay within the 100th.
  const order = [1, 2, 3, 0, ...Array.from({ length: 97 }, (_, index) => index + 4)];
  expect(rankError(order)).toEqual({ max: 3, p99: 1 });
});

test("the rank error of a reversed order is that of its ends", () => {
  // Distances 4, 2, 0, 2, 4.
  expect(rankError([10, 8, 6, 4, 2])).toEqual({ max: 4, p99: 4 });
});

test("no eviction has no rank error", () => {
  expect(rankError([])).toBeNull();
});

const seed = 1;
const ramPages = 96;
const constants = { LAB_CPU_QUEUE_BYTES: 512, LAB_BATCHES: 8 };

/** The order of eviction of a random program of allocations and frees, and the most objects let go by one allocation. */
async function evictions(line: string): Promise<{ order: number[]; evictedAtOnceMax: number }> {
  const planned = planVariant(quarantine, line);
  const compiled = await compileModule({
    problem: "quarantine",
    variant: planned.name,
    machine: "traced",
    constants: { ...planned.constants, ...constants },
  });
  const { skipWhenEmpty, isFloor } = planned;
  const subject = new OneCpu(compiled, { form: "traced", skipWhenEmpty, isFloor });
  subject.begin(ramPages);
  const random = new Random(seed);
  const caches = 12;
  for (let cache = 0; cache < caches; cache++) {
    subject.mustPerform({ kind: "create", cache, objectSize: 64 + 32 * cache, objectsPerSlab: 8, pages: 1 });
  }
  const live: { object: number; cache: number }[] = [];
  const spare = Array.from({ length: 100 }, (_, object) => object);
  let evictedAtOnceMax = 0;
  for (let step = 0; step < 4000; step++) {
    const object = random.below(2) === 0 ? spare.shift() : undefined;
    if (object !== undefined) {
      const before = subject.evicted.length;
      const cache = random.below(caches);
      subject.mustPerform({ kind: "allocate", object, cache });
      evictedAtOnceMax = Math.max(evictedAtOnceMax, subject.evicted.length - before);
      live.push({ object, cache });
    } else {
      const [entry] = live.splice(random.below(live.length), 1);
      if (entry === undefined) continue;
      subject.mustPerform({ kind: "free", ...entry });
      spare.push(entry.object);
    }
  }
  return { order: subject.evicted, evictedAtOnceMax };
}

const lines = quarantine.lines.filter((line) => !planVariant(quarantine, line).isFloor);
const isHashed = (line: string): boolean => line.startsWith("hash-buckets");

test.each(lines.filter((line) => !isHashed(line)))("%s is a strict FIFO on one CPU", async (line) => {
  const { order } = await evictions(line);
  expect(order.length).toBeGreaterThan(1000);
  expect(rankError(order)).toEqual({ max: 0, p99: 0 });
});

test.each(lines.filter(isHashed))("%s keeps the order between batches, not inside one", async (line) => {
  const { order, evictedAtOnceMax } = await evictions(line);
  const error = rankError(order)?.max ?? 0;
  expect(error).toBeGreaterThan(0);
  // An object changes places inside its batch only, so less than one batch; two are what the README promises.
  expect(error).toBeLessThan(evictedAtOnceMax);
});
