import { describe, expect, test } from "vitest";
import { noteShrinkerAllocated, noteShrinkerFreed } from "../../src/kernel/notes.ts";
import {
  doShrinkSlab,
  expandShrinkerInfo,
  idrFind,
  registerShrinker,
  shrinkSlab,
  superCacheCount,
  superCacheScan,
  unregisterShrinker,
} from "../../src/kernel/symbols.ts";
import { accessLoad, accessLocked, accessStore } from "../../src/traced/counting-machine.ts";
import { ShrinkerCounter } from "../../src/traced/shrinker-counter.ts";

const globals = 0x1000;
const statistics = { base: 0x2000, end: 0x2100 };
const arenaBase = 0x4000;

function measuringCounter(cpus = 2): ShrinkerCounter {
  const counter = new ShrinkerCounter(cpus);
  counter.watch({ bytes: 0x10000, arenaBase, statistics, shrinkerBytes: 128 });
  counter.measuring = true;
  return counter;
}

/** Performs what lies between entering and leaving a symbol. */
function within(counter: ShrinkerCounter, cpu: number, symbol: number, body: () => void): void {
  counter.enter(cpu, symbol);
  body();
  counter.leave(cpu);
}

describe("visits", () => {
  test("count accesses, distinct lines and locked operations, nested functions included", () => {
    const counter = measuringCounter();
    counter.access(0, globals, 4, accessLocked);
    within(counter, 0, shrinkSlab, () => {
      counter.access(0, globals, 4, accessLocked);
      counter.access(0, globals + 8, 8, accessLoad);
      within(counter, 0, idrFind, () => counter.access(0, globals + 64, 8, accessLoad));
    });
    within(counter, 0, shrinkSlab, () => counter.access(0, globals, 4, accessLocked));
    expect(counter.visits).toBe(2);
    expect(counter.visitAccesses).toBe(4);
    expect(counter.visitLines).toBe(3);
    expect(counter.visitLocked).toBe(2);
  });

  test("leave out the shrinkers' callbacks, the harness's counters and what is not measured", () => {
    const counter = measuringCounter();
    within(counter, 0, shrinkSlab, () => {
      within(counter, 0, doShrinkSlab, () => {
        within(counter, 0, superCacheCount, () => counter.access(0, globals, 4, accessLoad));
        within(counter, 0, superCacheScan, () => counter.access(0, globals, 4, accessStore));
        counter.access(0, globals, 4, accessLoad);
      });
      counter.access(0, statistics.base, 8, accessStore);
      counter.access(0, statistics.end - 8, 8, accessStore);
      counter.access(0, statistics.end, 8, accessLoad);
    });
    counter.measuring = false;
    within(counter, 0, shrinkSlab, () => counter.access(0, globals, 4, accessLoad));
    expect([counter.visits, counter.visitAccesses]).toEqual([1, 2]);
  });

  test("of several CPUs at once are told apart", () => {
    const counter = measuringCounter();
    counter.enter(0, shrinkSlab);
    counter.access(1, globals, 4, accessLoad);
    counter.enter(1, superCacheCount);
    counter.access(0, globals, 4, accessLoad);
    counter.leave(0);
    counter.access(0, globals, 4, accessLoad);
    expect(counter.visitAccesses).toBe(1);
    counter.leave(1);
    expect(() => counter.leave(1)).toThrow("CPU 1 leaves a symbol that it did not enter");
  });
});

describe("shared writes", () => {
  test("are those to lines that visits on several CPUs touch, before and after the second came", () => {
    const counter = measuringCounter();
    const visit = (cpu: number, cell: number, how: number): void =>
      within(counter, cpu, shrinkSlab, () => counter.access(cpu, cell, 4, how));
    visit(0, globals, accessLocked);
    visit(0, globals, accessStore);
    expect(counter.sharedWrites().others).toBe(0);
    // The same line, elsewhere in it, and only read.
    visit(1, globals + 60, accessLoad);
    expect(counter.sharedWrites().others).toBe(2);
    visit(0, globals, accessLocked);
    expect(counter.sharedWrites()).toEqual({ descriptors: 0, infos: 0, others: 3 });
  });

  test("are none where every CPU's visits have a line of their own, whoever else reads it", () => {
    const counter = measuringCounter();
    for (const cpu of [0, 1]) {
      within(counter, cpu, shrinkSlab, () => counter.access(cpu, globals + cpu * 64, 4, accessLocked));
    }
    // Outside of visits, as a grace period does.
    for (const cell of [globals, globals + 64]) counter.access(0, cell, 4, accessLoad);
    within(counter, 0, unregisterShrinker, () => counter.access(0, globals + 64, 4, accessLoad));
    expect(counter.sharedWrites()).toEqual({ descriptors: 0, infos: 0, others: 0 });
  });

  test("tell descriptors from bitmaps and deferred counts, also where a descriptor's memory is used again", () => {
    const counter = measuringCounter();
    const descriptor = arenaBase + 256;
    const visitOfBoth = (cell: number, how: number): void => {
      for (const cpu of [0, 1]) within(counter, cpu, shrinkSlab, () => counter.access(cpu, cell, 8, how));
    };
    counter.note(0, noteShrinkerAllocated, descriptor);
    visitOfBoth(descriptor + 64, accessLocked);
    visitOfBoth(descriptor + 128, accessLocked);
    expect(counter.sharedWrites()).toEqual({ descriptors: 2, infos: 2, others: 0 });
    counter.note(0, noteShrinkerFreed, descriptor);
    visitOfBoth(descriptor + 64, accessStore);
    expect(counter.sharedWrites()).toEqual({ descriptors: 2, infos: 4, others: 0 });
    counter.note(0, noteShrinkerFreed, descriptor);
    counter.note(0, noteShrinkerAllocated, descriptor);
    // Only one CPU's visits touch the new one.
    within(counter, 0, shrinkSlab, () => counter.access(0, descriptor, 8, accessLocked));
    expect(counter.sharedWrites().descriptors).toBe(4);
  });

  test("work at addresses above 2 GiB, which notes pass as signed numbers", () => {
    const counter = new ShrinkerCounter(2);
    const descriptor = 0x8000_0000;
    counter.watch({ bytes: 0x8001_0000, arenaBase, statistics, shrinkerBytes: 64 });
    counter.measuring = true;
    counter.note(0, noteShrinkerAllocated, descriptor | 0);
    for (const cpu of [0, 1]) {
      within(counter, cpu, shrinkSlab, () => counter.access(cpu, descriptor, 4, accessLocked));
    }
    expect(counter.sharedWrites()).toEqual({ descriptors: 2, infos: 0, others: 0 });
  });
});

describe("registrations", () => {
  test("count their accesses and locked operations, and the bytes that expansions store", () => {
    const counter = measuringCounter();
    within(counter, 1, registerShrinker, () => {
      counter.access(1, globals, 4, accessLocked);
      within(counter, 1, expandShrinkerInfo, () => {
        counter.access(1, arenaBase, 8, accessLoad);
        counter.access(1, arenaBase + 512, 8, accessStore);
        counter.access(1, arenaBase + 520, 4, accessStore);
      });
    });
    within(counter, 0, unregisterShrinker, () => counter.access(0, globals, 4, accessLocked));
    expect([counter.registerAccesses, counter.registerLocked, counter.expansionBytes]).toEqual([4, 1, 12]);
    expect([counter.unregisterAccesses, counter.unregisterLocked]).toEqual([1, 1]);
    expect(counter.visitAccesses).toBe(0);
  });

  test("know how long each unregistration slept", () => {
    const counter = measuringCounter();
    counter.slept(0, 9999);
    within(counter, 0, unregisterShrinker, () => {
      counter.slept(0, 1000);
      counter.slept(0, 500);
    });
    within(counter, 0, unregisterShrinker, () => counter.slept(0, 200));
    counter.measuring = false;
    within(counter, 0, unregisterShrinker, () => counter.slept(0, 5000));
    expect([counter.unregisterSleptNs, counter.unregisterSleptNsMax]).toEqual([1700, 1500]);
  });
});
