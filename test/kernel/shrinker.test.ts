// What shrinkers do in cases worked out by hand: amounts, sizes of maps, ids that are used again, memory that runs out,
// and who waits for whom. Times are those of the virtual clock, so they are exact.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import {
  counterBitsCleared,
  counterCallbacks,
  counterCallbacksAfterFree,
  counterCount,
  counterExpansions,
  counterFreed,
  counterPasses,
  counterRegistered,
  counterScans,
  counterSecondLooks,
  counterTrylockFailed,
  counterUnregistered,
  counterVisits,
  histogramPass,
  histogramRegister,
  histogramUnregister,
} from "../../src/kernel/shrinker/counters.ts";
import { bucketOf } from "../../src/records/histogram.ts";
import { amountsOf } from "./shrinker-model.ts";
import {
  perform,
  plainShrinkerRig,
  type ShrinkerRig,
  type ShrinkerStep,
  shrinkerVariants,
  total,
  tryPerform,
  usesBlocks,
  writeSteps,
} from "./shrinker-rig.ts";
import { add, create, makeRace, mount, offline, pass, repeat, root, unmount } from "./shrinker-scenarios.ts";

const sizes = { cpus: 1, cgroups: 4, superblocks: 80, nodes: 1, arenaPages: 1024 };

describe("a shrinker is asked for", () => {
  const vectors: readonly (readonly [readonly [number, number, number, number], readonly number[]])[] = [
    // Objects, deferred, priority, seeks: delta, total, calls, scanned, deferred afterwards.
    [
      [1000, 0, 12, 2],
      [0, 0, 0, 0, 0],
    ],
    [
      [100_000, 0, 12, 2],
      [48, 48, 0, 0, 48],
    ],
    [
      [100_000, 100, 12, 2],
      [48, 48, 0, 0, 148],
    ],
    [
      [100, 0, 0, 2],
      [200, 200, 1, 128, 72],
    ],
    [
      [5000, 4000, 6, 2],
      [156, 218, 1, 128, 4028],
    ],
    [
      [50, 0, 12, 0],
      [25, 25, 0, 0, 25],
    ],
  ];

  async function amounts(): Promise<(...given: readonly [number, number, number, number]) => number[]> {
    const { rig } = await plainShrinkerRig("rwsem", sizes);
    return (...given) => {
      const address = rig.exports[0]!.shrinkAmounts(...given);
      return Array.from(new BigUint64Array(rig.memory.buffer, address, 5), Number);
    };
  }

  test.each(vectors)("%j: %j", async (given, expected) => {
    expect((await amounts())(...given)).toEqual(expected);
  });

  test("what the model says, for many amounts", async () => {
    const ask = await amounts();
    for (const freeable of [1, 2, 63, 127, 128, 129, 1000, 4_000_000_000]) {
      for (const deferred of [0, 1, 300, 1_000_000]) {
        for (const priority of [0, 1, 5, 12]) {
          // Large amounts at a low priority are many calls.
          if (freeable > 1e6 && priority < 12) continue;
          for (const seeks of freeable > 1e6 ? [2, 1000] : [0, 1, 2, 1000]) {
            const {
              delta,
              total: all,
              calls,
              scanned,
              deferred: next,
            } = amountsOf(freeable, deferred, priority, seeks);
            expect(ask(freeable, deferred, priority, seeks)).toEqual([delta, all, calls, scanned, next]);
          }
        }
      }
    }
  });
});

test("maps take the kernel's bytes: block, units and pointers", async () => {
  const { rig } = await plainShrinkerRig("rwsem", sizes);
  const [exports] = rig.exports;
  const parts = (ids: number): number[] => [0, 1, 2].map((part) => exports!.infoSize(part, ids));
  expect(parts(64)).toEqual([520, 520, 8]);
  expect(parts(128)).toEqual([1040, 1040, 16]);
  expect(parts(4032)).toEqual([32_760, 32_760, 504]);
  expect(parts(4096)).toEqual([33_280, 33_280, 512]);
});

test("a phase of a grace period is looked at 400 times without a delay at 1000 Hz, and 1000 times at 250 and 100 Hz", async () => {
  const { rig } = await plainShrinkerRig("srcu", sizes);
  expect(rig.exports[0]!.srcuNoDelayMax()).toBe(400);
  for (const hz of [250, 100]) {
    const other = await plainShrinkerRig("srcu", sizes, { LAB_HZ: hz });
    expect(other.rig.exports[0]!.srcuNoDelayMax()).toBe(1000);
  }
});

test("durations fall into the buckets that records have", async () => {
  const { rig } = await plainShrinkerRig("floor", sizes);
  const [exports] = rig.exports;
  const values = [0, 1, 31, 32, 63, 64, 65, 2 ** 53 - 1];
  for (let exponent = 1; exponent < 53; exponent++) {
    for (const offset of [-1, 0, 1]) values.push(2 ** exponent + offset);
    values.push(Math.floor(2 ** exponent * 1.37));
  }
  expect(values.map((ns) => exports!.histogramBucket(ns))).toEqual(values.map(bucketOf));
});

/** Durations by bucket, the longest, and how many. */
function histogram(rig: ShrinkerRig, index: number): { buckets: Map<number, number>; max: number; count: number } {
  const address = rig.exports[0]!.histogramAddress(index) >>> 0;
  const counts = new Uint32Array(rig.memory.buffer, address, 1600);
  const [max, count] = new BigUint64Array(rig.memory.buffer, address + 6400, 2);
  const buckets = new Map([...counts.entries()].filter(([, value]) => value > 0));
  return { buckets, max: Number(max), count: Number(count) };
}

test("measured operations are recorded with their time, and others are not", async () => {
  const { rig, clock } = await plainShrinkerRig("rwsem", sizes);
  perform(rig, 0, root, mount(0, 1_000_000), mount(1), pass(0), unmount(1));
  expect(histogram(rig, histogramRegister)).toEqual({ buckets: new Map([[0, 2]]), max: 0, count: 2 });
  // One of the two callbacks sleeps.
  expect(histogram(rig, histogramPass)).toEqual({ buckets: new Map([[bucketOf(1e6), 1]]), max: 1e6, count: 1 });
  expect(histogram(rig, histogramUnregister).count).toBe(1);
  const before = Array.from({ length: counterCount }, (_, index) => total(rig, index));
  writeSteps(rig, 0, [mount(2), pass(0), unmount(2), { kind: "bogo" }], 0);
  expect(rig.exports[0]!.run(0, 4)).toBe(0);
  expect(Array.from({ length: counterCount }, (_, index) => total(rig, index))).toEqual(before);
  expect(histogram(rig, histogramPass).count).toBe(1);
  expect(clock.nowNs).toBe(2e6);
});

test("a run until a time ends once it has passed, with everything unmounted again", async () => {
  const { rig } = await plainShrinkerRig("rwsem", sizes);
  perform(rig, 0, root);
  // Each turn takes 1 ms, in the callback of superblock 0.
  const count = writeSteps(rig, 0, [mount(0, 1_000_000), pass(0), unmount(0)]);
  expect(rig.exports[0]!.runUntil(0, count, 2_500_000)).toBe(0);
  const done = [counterPasses, counterRegistered, counterUnregistered];
  expect(done.map((counter) => total(rig, counter))).toEqual([3, 3, 3]);
  // The time has passed already: one turn.
  expect(rig.exports[0]!.runUntil(0, count, 1_000_000)).toBe(0);
  expect(done.map((counter) => total(rig, counter))).toEqual([4, 4, 4]);
});

describe.each(shrinkerVariants)("%s", (variant) => {
  const count = (rig: ShrinkerRig): Record<string, number> => ({
    visits: total(rig, counterVisits),
    callbacks: total(rig, counterCallbacks),
    secondLooks: total(rig, counterSecondLooks),
    cleared: total(rig, counterBitsCleared),
    scans: total(rig, counterScans),
    freed: total(rig, counterFreed),
  });

  test("an empty shrinker with its bit set is called twice, and then not again until it gets an object", async () => {
    const { rig } = await plainShrinkerRig(variant, sizes);
    perform(rig, 0, root, create(1), mount(0), add(0, 1, 100), pass(1));
    // 128 are asked for, 100 freed; 72 more are put off.
    expect(count(rig)).toEqual({ visits: 1, callbacks: 1, secondLooks: 0, cleared: 0, scans: 1, freed: 100 });
    expect(rig.exports[0]!.isBitSet(1, 0, 0)).toBe(1);
    perform(rig, 0, pass(1));
    expect(count(rig)).toMatchObject({ callbacks: 3, secondLooks: 1, cleared: 1 });
    expect(rig.exports[0]!.isBitSet(1, 0, 0)).toBe(0);
    perform(rig, 0, pass(1), pass(1));
    expect(count(rig)).toMatchObject({ visits: 4, callbacks: 3 });
    perform(rig, 0, add(0, 1, 1));
    expect(rig.exports[0]!.isBitSet(1, 0, 0)).toBe(1);
  });

  test("a stale bit costs a new shrinker with the old id one spurious visit, and without one none (t3)", async () => {
    const { rig, clock } = await plainShrinkerRig(variant, sizes);
    perform(rig, 0, root, create(1), mount(5), mount(6), add(5, 1), unmount(5));
    clock.nowNs += 1e9;
    expect(rig.exports[0]!.isBitSet(1, 0, 0)).toBe(1);
    perform(rig, 0, mount(7));
    expect([rig.exports[0]!.shrinkerId(7), rig.exports[0]!.shrinkerId(6)]).toEqual([0, 1]);
    perform(rig, 0, pass(1));
    expect(count(rig)).toMatchObject({ callbacks: 2, secondLooks: 1, cleared: 1, freed: 0 });
    perform(rig, 0, add(7, 1), unmount(7));
    clock.nowNs += 1e9;
    perform(rig, 0, pass(1));
    expect(count(rig)).toMatchObject({ callbacks: 2, cleared: 2 });
    expect(total(rig, counterCallbacksAfterFree)).toBe(0);
  });

  test(`growing beyond 64 ids ${usesBlocks(variant) ? "sets all old bits" : "moves no bit"}, and keeps what is deferred`, async () => {
    const { rig } = await plainShrinkerRig(variant, sizes);
    const [exports] = rig.exports;
    const mounts = Array.from({ length: 64 }, (_, superblock) => mount(superblock));
    perform(rig, 0, root, create(1), ...mounts, add(3, 1, 100, 0), pass(1), add(9, 1, 1));
    expect(exports!.deferredOf(1, 0, 3)).toBe(72);
    perform(rig, 0, mount(64));
    expect(exports!.capacity()).toBe(128);
    expect(total(rig, counterExpansions)).toBe(2);
    const set = Array.from({ length: 128 }, (_, id) => id).filter((id) => exports!.isBitSet(1, 0, id) === 1);
    expect(set).toEqual(usesBlocks(variant) ? Array.from({ length: 64 }, (_, id) => id) : [3, 9]);
    expect(exports!.deferredOf(1, 0, 3)).toBe(72);
    expect([exports!.mapBytes(), exports!.deferredBytes()]).toEqual([2 * 16, 2 * 1024]);
    // One block of 1040 bytes and a header; or two units of 520, and an array.
    expect(exports!.infoBytes()).toBe(2 * (usesBlocks(variant) ? 2048 : 2 * 1024 + 64));
  });

  test("an offline cgroup is not visited, and leaves objects and deferred work to its parent", async () => {
    const { rig } = await plainShrinkerRig(variant, sizes);
    const [exports] = rig.exports;
    perform(rig, 0, root, create(1), create(2, 1), mount(0), add(0, 1, 100, 0), add(0, 2, 100, 0), pass(1));
    expect([exports!.deferredOf(1, 0, 0), exports!.deferredOf(2, 0, 0)]).toEqual([72, 72]);
    perform(rig, 0, offline(2));
    expect([exports!.deferredOf(1, 0, 0), exports!.lruObjects(0, 1, 0), exports!.lruObjects(0, 2, 0)]).toEqual([
      144, 200, 0,
    ]);
    const before = count(rig).visits!;
    perform(rig, 0, pass(1), pass(2));
    expect(count(rig).visits).toBe(before + 1);
    perform(rig, 0, offline(1));
    expect(exports!.lruObjects(0, 0, 0)).toBe(200);
  });

  test("when the memory is used up nothing is half done", async () => {
    // Two blocks of slabs for descriptors and first maps, and then no more.
    const { rig, clock } = await plainShrinkerRig(variant, { ...sizes, superblocks: 3000, arenaPages: 40 });
    const [exports] = rig.exports;
    perform(rig, 0, root);
    let mounted = 0;
    while (tryPerform(rig, 0, mount(mounted))) {
      clock.nowNs += 1e8;
      mounted++;
    }
    expect(mounted).toBeGreaterThan(10);
    expect(mounted).toBeLessThan(3000);
    exports!.drain();
    const full = [exports!.allocatedBytes(), exports!.capacity(), exports!.infoBytes()];
    // The same again: an attempt that failed has left nothing.
    expect(tryPerform(rig, 0, mount(mounted))).toBe(false);
    exports!.drain();
    expect([exports!.allocatedBytes(), exports!.capacity(), exports!.infoBytes()]).toEqual(full);
    perform(rig, 0, unmount(0));
    clock.nowNs += 1e8;
    exports!.drain();
    perform(rig, 0, mount(mounted));
    expect(exports!.shrinkerId(mounted)).toBe(0);
    perform(rig, 0, pass(0));
    expect(total(rig, counterCallbacks)).toBe(mounted);
  });

  test("addresses above 2 GiB are like others", async () => {
    const program = (): ShrinkerStep[] => [
      ...[root, create(1), create(2, 1)],
      ...Array.from({ length: 70 }, (_, superblock) => mount(superblock)),
      ...[add(3, 1, 300), add(66, 2, 200, 10), pass(0), pass(0), unmount(3), mount(75), pass(0), offline(2), pass(1)],
    ];
    const outcome = async (arenaFrom: number): Promise<unknown[]> => {
      const { rig, clock } = await plainShrinkerRig(variant, { ...sizes, arenaFrom });
      for (const step of program()) {
        clock.nowNs += 1e8;
        perform(rig, 0, step);
      }
      rig.exports[0]!.drain();
      const [exports] = rig.exports;
      return [count(rig), exports!.allocatedBytes(), exports!.deferredOf(1, 0, 66), exports!.lruObjects(66, 1, 0)];
    };
    const low = await outcome(0);
    expect(low[3]).toBe(190);
    expect(await outcome(2 ** 31 + 4096)).toEqual(low);
  });

  test("a callback that sleeps holds up whom it holds up in Linux (t1)", async () => {
    const race = await makeRace(variant);
    const { rig } = race;
    race.reset();
    const sleepNs = 10_000_000;
    perform(
      rig,
      0,
      root,
      create(1),
      create(2),
      mount(0, sleepNs),
      mount(1),
      mount(2),
      add(0, 1, 1, 0),
      add(1, 2, 1, 0),
    );
    const begun = race.nowNs;
    // CPU 0 sleeps in a callback of superblock 0, CPU 1 mounts and unmounts others, and CPU 2 walks elsewhere.
    const bogo: ShrinkerStep = { kind: "bogo" };
    const [walk, others, elsewhere] = race
      .run(1, [
        [pass(1, 12)],
        [...repeat(40, [bogo]), mount(3), unmount(1)],
        [...repeat(80, [bogo]), ...repeat(20, [pass(2)])],
      ])
      .map((ns) => ns - begun) as [number, number, number];
    expect(walk).toBeGreaterThanOrEqual(sleepNs);
    if (variant === "rwsem") {
      expect(others).toBeGreaterThanOrEqual(sleepNs);
      expect(total(rig, counterTrylockFailed)).toBeGreaterThan(0);
    } else {
      expect(elsewhere).toBeLessThan(sleepNs);
      // Only a grace period waits for a reader that is elsewhere.
      if (variant === "srcu" || variant === "srcu-expedited") expect(others).toBeGreaterThanOrEqual(sleepNs);
      else expect(others).toBeLessThan(sleepNs);
    }
    // The sleeper's own shrinker: everybody waits.
    perform(rig, 0, add(0, 1, 1, 0));
    const again = race.nowNs;
    const own = race.run(2, [[pass(1, 12)], [...repeat(40, [bogo]), unmount(0)], []]).map((ns) => ns - again);
    expect(own[1]).toBeGreaterThanOrEqual(sleepNs);
    expect(total(rig, counterCallbacksAfterFree)).toBe(0);
  });
});

test("the floor registers and visits nothing, but walks", async () => {
  const { rig } = await plainShrinkerRig("floor", sizes);
  perform(rig, 0, root, create(1), create(2, 1), mount(0), add(0, 2, 5), pass(0), offline(2), unmount(0));
  expect(total(rig, counterVisits)).toBe(3);
  expect(total(rig, counterCallbacks)).toBe(0);
  expect(rig.exports[0]!.allocatedBytes()).toBe(0);
  expect(rig.exports[0]!.capacity()).toBe(0);
});

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-shrinker-contract-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the contract", () => {
  test.each([...shrinkerVariants, "floor"])("%s exports what it says", async (variant) => {
    const source = { problem: "shrinker", variant, machine: "native", constants: {}, entry: "contract" } as const;
    expect(WebAssembly.validate((await compileModule(source)).wasm)).toBe(true);
  });

  const others =
    "background, createMemcg, deferredBytes, deferredOf, freeMemcg, globalBytes, infoBytes, initialise, isBitSet, mapBytes, offlineMemcg, pendingCallbacks, register, setBit, shrinkerBytes, unregister";

  test.each([
    ["misses an export", "", "'shrinkSlab' is missing"],
    [
      "returns what nobody asked for",
      "export function shrinkSlab(memcg: u32, node: u32, priority: u32): f64 { return 0; }",
      "'shrinkSlab' has the wrong type",
    ],
  ])("refuses a variant that %s by the export's name", async (_what, shrinkSlab, message) => {
    const variantFile = path.join(folder, "broken.ts");
    writeFileSync(variantFile, `export { ${others} } from "./floor";\n${shrinkSlab}\n`);
    const source = { problem: "shrinker", variant: "broken", variantFile, machine: "native", constants: {} } as const;
    await expect(compileModule(source)).rejects.toThrow(message);
    await expect(compileModule(source)).rejects.toThrow("src/kernel/shrinker/contract.ts");
  });
});
