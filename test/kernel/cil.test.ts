// What each variant of cil does, step by step, on one CPU or on two whose events do not overlap.

import { describe, expect, test } from "vitest";
import * as counters from "../../src/kernel/cil/counters.ts";
import * as gauges from "../../src/kernel/cil/gauges.ts";
import { cilRig, cilVariants, completeAll, perform, shadowVariants, total } from "./cil-rig.ts";

const item = (index: number, bytes: number, isLast = false) => ({ kind: "item", item: index, bytes, isLast }) as const;
const commit = { kind: "commit" } as const;
const push = { kind: "push" } as const;

const kmallocBytes = (bytes: number): number => 2 ** Math.max(6, Math.ceil(Math.log2(bytes)));

test.each([
  [1, 128, 72, 208],
  [3, 300, 104, 432],
  [2, 65_536, 88, 65_640],
  [17, 4096, 328, 4560],
])("a vector of %i iovecs and %i bytes has %i bytes of header and %i in all", async (iovecs, bytes, header, all) => {
  const [{ vectorSizes }] = (await cilRig("floor", { items: 1 })).exports as [
    Awaited<ReturnType<typeof cilRig>>["exports"][0],
  ];
  expect([vectorSizes(0, iovecs, bytes), vectorSizes(1, iovecs, bytes)]).toEqual([header, all]);
});

test("how many iovecs an item has follows from its size", async () => {
  const { exports } = await cilRig("floor", { items: 1 });
  const iovecs = [0, 8, 128, 136, 300, 512, 520, 65_536, 1_048_576].map((bytes) =>
    exports[0]!.vectorSizes(2, 0, bytes),
  );
  expect(iovecs).toEqual([0, 1, 1, 3, 3, 3, 2, 2, 2]);
});

describe.each(cilVariants)("%s", (variant) => {
  test("formats an item's bytes as they are", async () => {
    for (const bytes of [8, 128, 136, 300, 512, 1000, 70_000]) {
      const rig = await cilRig(variant, { items: 1 });
      perform(rig, 0, item(0, bytes), commit);
      const [exports] = rig.exports as [(typeof rig.exports)[0]];
      const vector = exports.itemState(0, 0);
      const [data, source] = [exports.vectorState(vector, 4), exports.itemState(0, 5)];
      const wordsOf = (from: number) => rig.words.slice(from / 4, from / 4 + Math.ceil(bytes / 8) * 2);
      expect(wordsOf(data)).toEqual(wordsOf(source));
      expect(exports.vectorState(vector, 2)).toBe(bytes);
      const iovecs = exports.vectorState(vector, 1);
      expect(exports.contextState(1)).toBe(bytes + 12 * iovecs);
      expect(exports.contextState(2)).toBe(iovecs);
      expect(exports.gauge(gauges.gaugeFootprint)).toBe(kmallocBytes(exports.vectorState(vector, 3)));
    }
  });

  test("accounts a relogged item once, and formats it in place when it fits", async () => {
    const rig = await cilRig(variant, { items: 2 });
    const [exports] = rig.exports as [(typeof rig.exports)[0]];
    perform(rig, 0, item(0, 1000), item(1, 64), commit, item(0, 600), commit);
    expect(exports.contextState(1)).toBe(600 + 2 * 12 + 64 + 12);
    expect(total(rig, counters.counterRelogged)).toBe(1);
    perform(rig, 0, item(0, 3000), commit);
    expect(exports.contextState(1)).toBe(3000 + 2 * 12 + 64 + 12);
    expect(total(rig, counters.counterSwitched)).toBe(1);
    expect(exports.itemState(0, 2)).toBe(1);
    perform(rig, 0, push);
    completeAll(rig);
    expect(total(rig, counters.counterMiscounted)).toBe(0);
    expect(exports.itemState(0, 2)).toBe(0);
  });

  test("gives a checkpoint its vectors until its log I/O is done, and the next commit gets others", async () => {
    const rig = await cilRig(variant, { items: 1, ioNs: 5000 });
    const [exports] = rig.exports as [(typeof rig.exports)[0]];
    perform(rig, 0, item(0, 1000), commit);
    const first = exports.itemState(0, 0);
    perform(rig, 0, push);
    expect([exports.itemState(0, 0), exports.contextState(0), exports.contextState(1)]).toEqual([0, 2, 0]);
    perform(rig, 0, item(0, 1000), commit);
    expect(exports.itemState(0, 0)).not.toBe(first);
    expect(exports.itemState(0, 2)).toBe(2);
    const before = exports.gauge(gauges.gaugeInFlight);
    expect(before).toBe(2048);
    completeAll(rig);
    expect([exports.itemState(0, 2), exports.gauge(gauges.gaugeInFlight)]).toEqual([1, 0]);
    expect(total(rig, counters.counterCheckpoints)).toBe(1);
  });

  test("pushes behind the event in which the threshold is reached", async () => {
    const rig = await cilRig(variant, { items: 4, pushThreshold: 2000 });
    perform(rig, 0, item(0, 1000), commit, item(1, 900), commit);
    expect(total(rig, counters.counterPushes)).toBe(0);
    perform(rig, 0, item(2, 100), commit);
    expect(total(rig, counters.counterPushes)).toBe(1);
    expect(rig.exports[0]!.contextState(1)).toBe(0);
  });

  test("tracks an ordered item without logging it", async () => {
    const rig = await cilRig(variant, { items: 2 });
    const [exports] = rig.exports as [(typeof rig.exports)[0]];
    perform(rig, 0, item(0, 0), commit);
    expect([exports.contextState(1), exports.contextState(2), exports.itemState(0, 2)]).toEqual([0, 0, 1]);
    // Then it is logged after all, and then only tracked again: what is logged stays.
    perform(rig, 0, item(0, 200), commit, item(0, 0), commit);
    expect(exports.contextState(1)).toBe(200 + 3 * 12);
    perform(rig, 0, push);
    completeAll(rig);
    expect(total(rig, counters.counterMiscounted) + total(rig, counters.counterChangedVectors)).toBe(0);
    expect(exports.itemState(0, 2)).toBe(0);
  });

  test("destroys an item once its last change is in the log, with all that it has", async () => {
    const rig = await cilRig(variant, { items: 2 });
    const [exports] = rig.exports as [(typeof rig.exports)[0]];
    const contexts = exports.allocatedBytes();
    perform(rig, 0, item(0, 1000), commit, item(0, 2000), commit, item(0, 900, true), commit);
    expect(total(rig, counters.counterItemsDestroyed)).toBe(0);
    perform(rig, 0, push);
    completeAll(rig);
    expect(total(rig, counters.counterItemsDestroyed)).toBe(1);
    expect(exports.allocatedBytes()).toBe(contexts);
    expect(exports.gauge(gauges.gaugeFootprint)).toBe(0);
    // Used again before it is gone, it stays.
    perform(rig, 0, item(0, 100, true), commit, push, item(0, 100), commit);
    completeAll(rig);
    expect(total(rig, counters.counterItemsDestroyed)).toBe(1);
  });
});

describe("where vectors are allocated", () => {
  const steps = [item(0, 1000), commit, item(0, 2500), commit, item(0, 900), commit, push, item(0, 900), commit];

  test("allocate-under-lock allocates and frees under the lock only", async () => {
    const rig = await cilRig("allocate-under-lock", { items: 1 });
    perform(rig, 0, ...steps);
    expect(total(rig, counters.counterAllocations)).toBe(3);
    expect(total(rig, counters.counterAllocationsUnderLock)).toBe(3);
    expect(total(rig, counters.counterFreesUnderLock)).toBe(1);
  });

  test.each(["shadow-buffers", "fail-fast-allocation", "check-then-allocate"])(
    "%s never does while nobody interferes",
    async (variant) => {
      const rig = await cilRig(variant, { items: 1 });
      perform(rig, 0, ...steps);
      expect(total(rig, counters.counterAllocationsUnderLock)).toBe(0);
      expect(total(rig, counters.counterFreesUnderLock)).toBe(0);
      expect(total(rig, counters.counterForbiddenMemory)).toBe(0);
    },
  );

  test.each(shadowVariants)("%s keeps a spare vector beside the active one", async (variant) => {
    const rig = await cilRig(variant, { items: 1 });
    const [exports] = rig.exports as [(typeof rig.exports)[0]];
    perform(rig, 0, item(0, 1000), commit);
    expect(exports.itemState(0, 1)).toBe(0);
    perform(rig, 0, item(0, 1000), commit);
    expect(exports.gauge(gauges.gaugeShadows)).toBe(2048);
    expect(exports.gauge(gauges.gaugeFootprint)).toBe(4096);
    const [active, shadow] = [exports.itemState(0, 0), exports.itemState(0, 1)];
    perform(rig, 0, item(0, 1000), commit);
    expect([exports.itemState(0, 0), exports.itemState(0, 1)]).toEqual([active, shadow]);
    // The push takes the active one, and the spare one is used without an allocation.
    perform(rig, 0, push, item(0, 1000), commit);
    expect([exports.itemState(0, 0), exports.itemState(0, 1)]).toEqual([shadow, 0]);
    expect(total(rig, counters.counterAllocations)).toBe(2);
  });

  test("above order 3, memory is compacted, or vectors are made of single pages, which are fewer", async () => {
    const settings = { items: 1, compactionNs: 7000 };
    const compacting = await cilRig("shadow-buffers", settings);
    perform(compacting, 0, item(0, 65_536), commit);
    expect(total(compacting, counters.counterCompactions)).toBe(1);
    expect(compacting.exports[0]!.gauge(gauges.gaugeFootprint)).toBe(131_072);
    const failing = await cilRig("fail-fast-allocation", settings);
    perform(failing, 0, item(0, 65_536), commit);
    expect(total(failing, counters.counterCompactions)).toBe(0);
    expect(total(failing, counters.counterVmallocs)).toBe(1);
    expect(failing.exports[0]!.gauge(gauges.gaugeFootprint)).toBe(17 * 4096);
    expect(compacting.clock.nowNs - failing.clock.nowNs).toBe(7000 - 290);
    const whole = await cilRig("fail-fast-allocation", { items: 1 });
    perform(whole, 0, item(0, 65_536), commit);
    expect(total(whole, counters.counterVmallocs)).toBe(0);
  });
});

describe("when memory is short", () => {
  const settings = { cpus: 2, items: 4, memoryLimit: 4096, ioNs: 50_000 };
  const steps = [item(0, 1000), commit, item(1, 1000), commit, item(2, 1000), commit];

  test("allocate-under-lock waits under the lock until the watchdog ends that", async () => {
    const rig = await cilRig("allocate-under-lock", settings);
    perform(rig, 0, ...steps);
    expect(total(rig, counters.counterMemoryWaits)).toBe(1);
    expect(total(rig, counters.counterDeadlocks)).toBe(1);
    expect(rig.clock.nowNs).toBeGreaterThan(120e9);
    const told = [gauges.gaugeDeadlockWaiter, gauges.gaugeDeadlockHolder, gauges.gaugeDeadlockBytes];
    expect(told.map((index) => rig.exports[0]!.gauge(index))).toEqual([1, 1, 2048]);
    // The push that it wanted comes behind the event.
    expect(total(rig, counters.counterPushes)).toBe(1);
  });

  test.each(shadowVariants)("%s pushes, and goes on when the log I/O is done", async (variant) => {
    const rig = await cilRig(variant, settings);
    const from = rig.clock.nowNs;
    perform(rig, 0, ...steps);
    expect(total(rig, counters.counterMemoryWaits)).toBe(1);
    expect(total(rig, counters.counterDeadlocks)).toBe(0);
    expect(rig.clock.nowNs - from).toBeGreaterThanOrEqual(50_000);
    expect(rig.clock.nowNs - from).toBeLessThan(200_000);
    expect(total(rig, counters.counterPushes)).toBe(1);
  });

  test.each(shadowVariants)("%s takes the shadows of clean items", async (variant) => {
    const rig = await cilRig(variant, settings);
    // Twice in a context: item 0 has a shadow when the checkpoint is done, and is clean.
    perform(rig, 0, item(0, 1000), commit, item(0, 1000), commit, push);
    completeAll(rig);
    expect(rig.exports[0]!.gauge(gauges.gaugeShadows)).toBe(2048);
    perform(rig, 0, item(1, 1000), item(2, 1000), commit);
    expect(total(rig, counters.counterShadowsReclaimed)).toBe(1);
    expect(total(rig, counters.counterDeadlocks)).toBe(0);
  });

  test("a checkpoint of another CPU is completed by who waits", async () => {
    const rig = await cilRig("allocate-under-lock", settings);
    perform(rig, 1, item(0, 1000), commit, item(1, 1000), commit, push);
    perform(rig, 0, item(2, 1000), commit);
    expect(total(rig, counters.counterDeadlocks)).toBe(0);
    expect(rig.exports[0]!.counter(counters.counterCheckpoints)).toBe(1);
    completeAll(rig);
    expect(total(rig, counters.counterCheckpoints)).toBe(1);
    expect(rig.exports[0]!.gauge(gauges.gaugeInFlight)).toBe(0);
  });
});
