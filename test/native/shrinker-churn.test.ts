// Ids that are used again, cgroups that go and maps that grow while others walk, on real threads.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { ViolationError } from "../../src/errors.ts";
import {
  counterBitsCleared,
  counterCallbacks,
  counterExpansions,
  counterFreed,
  counterSecondLooks,
  counterUnregistered,
} from "../../src/kernel/shrinker/counters.ts";
import { shrinkerVariants } from "../kernel/shrinker-rig.ts";
import { add, create, mount, offline, pass, repeat, root, unmount } from "../kernel/shrinker-scenarios.ts";
import { compute, mutant, type Sizes, type Step, Threads, type ThreadsOptions } from "./shrinker-threads.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-churn-"));
afterAll(() => rmSync(folder, { recursive: true }));

let threads: Threads | undefined;
afterEach(async () => {
  await threads?.close();
  threads = undefined;
});

async function begin(variant: string, sizes: Sizes, options: ThreadsOptions = {}): Promise<Threads> {
  threads = await Threads.start(variant, sizes, options);
  return threads;
}

describe("ids that are used again", () => {
  test.each(shrinkerVariants)("%s: a stale bit costs the new owner two calls", async (variant) => {
    const threads = await begin(variant, { cpus: 2, cgroups: 3, superblocks: 4 });
    const { exports } = threads;
    await threads.alone(0, root, create(1), create(2), mount(0), mount(1), add(1, 1, 5, 5), add(1, 2, 5, 5));
    const id = exports.shrinkerId(1);
    await threads.alone(1, unmount(1), mount(2));
    expect(exports.shrinkerId(2)).toBe(id);
    expect(exports.isBitSet(1, 0, id)).toBe(1);
    const callbacks = await threads.growthOf(counterCallbacks, () => threads.alone(0, pass(1)));
    expect(callbacks).toBe(2);
    expect(exports.isBitSet(1, 0, id)).toBe(0);
    // A walk while nobody has the id clears the bit without a call.
    await threads.alone(1, unmount(2));
    const cleared = await threads.growthOf(counterBitsCleared, async () => {
      expect(await threads.growthOf(counterCallbacks, () => threads.alone(0, pass(2)))).toBe(0);
    });
    expect(cleared).toBe(1);
    await threads.alone(1, mount(3), add(3, 2, 5, 5));
    expect(exports.shrinkerId(3)).toBe(id);
    expect(await threads.growthOf(counterFreed, () => threads.alone(0, pass(2)))).toBe(5);
    threads.expectConsistent([0, 3]);
  });

  test.each(shrinkerVariants)("%s: walkers meet each owner or none", async (variant) => {
    const cgroups = [1, 2, 3, 4];
    const threads = await begin(variant, { cpus: 4, cgroups: 5, superblocks: 66 });
    // An id in the first word and, behind 63 others, one in the second.
    const others = Array.from({ length: 63 }, (_, index) => mount(2 + index));
    await threads.alone(0, root, ...cgroups.map((cgroup) => create(cgroup)), ...others);
    const owners = (superblock: number): Step[] =>
      repeat(60, [mount(superblock), ...cgroups.map((cgroup) => add(superblock, cgroup, 2, 1)), unmount(superblock)]);
    const walk = repeat(60, [pass(0), ...cgroups.map((cgroup) => pass(cgroup, 3))]);
    await threads.round([owners(0), owners(1), walk, walk]);
    threads.expectConsistent(Array.from({ length: 63 }, (_, index) => 2 + index));
    // What stale bits are left belong to nobody's objects: a new owner's are found, and nothing else.
    await threads.round([
      [mount(0), add(0, 1, 7, 7)],
      [mount(1), add(1, 2, 7, 7)],
    ]);
    const mounted = Array.from({ length: 65 }, (_, index) => index);
    expect(threads.lostLists(mounted)).toEqual([]);
    await threads.expectAllVisited(mounted);
    expect(await threads.growthOf(counterFreed, () => threads.alone(3, pass(1), pass(2)))).toBe(14);
  });
});

describe("lists that become empty and get objects again", () => {
  // Adding may come between a walk's look at a list and its clearing of the bit: the second look is for that. Once lost, a
  // bit is never set again, for the list never becomes empty.
  const rounds = 4;

  test.each(shrinkerVariants)("%s: are always found", async (variant) => {
    const threads = await begin(variant, { cpus: 2, cgroups: 3, superblocks: 2 });
    await threads.alone(0, root, create(1), create(2, 1), mount(0), mount(1));
    // So seldom that a walk comes by in between, and finds that the bit has to go.
    const adds: Step[] = Array.from({ length: 5000 }, (_, turn) => [add(turn % 2, 1, 1, 1), compute(1000)]).flat();
    for (let round = 0; round < rounds; round++) await threads.round([adds, repeat(10_000, [pass(1, 0)])]);
    expect(threads.total(counterSecondLooks)).toBeGreaterThan(0);
    expect(threads.lostLists([0, 1])).toEqual([]);
    await threads.alone(1, pass(1, 0));
    expect(threads.filledLists([0, 1])).toEqual([]);
    expect(threads.total(counterFreed)).toBe((rounds * adds.length) / 2);
    threads.expectConsistent([0, 1]);
  });
});

describe("cgroups that go offline under walkers", () => {
  // What Linux 6.7 got wrong: the branch for cgroups that are offline kept the shrinker's reference, and unregistering it
  // never ended.
  const sizes: Sizes = { cpus: 4, cgroups: 6, superblocks: 4 };
  const setUp = [root, create(1), create(2, 1), mount(0), mount(1)];
  const comeAndGo = (cgroup: number, superblock: number): Step[] =>
    repeat(40, [
      create(cgroup, 2),
      mount(superblock, 50_000),
      add(superblock, cgroup, 3, 1),
      add(superblock, 2, 1, 1),
      offline(cgroup),
      unmount(superblock),
    ]);
  const walk = repeat(120, [pass(1, 0), pass(2, 12)]);

  test.each(shrinkerVariants)("%s: every unregistration ends", async (variant) => {
    const threads = await begin(variant, sizes);
    await threads.alone(0, ...setUp);
    await threads.round([comeAndGo(3, 2), comeAndGo(4, 3), walk, walk]);
    threads.expectConsistent([0, 1]);
    expect(threads.total(counterUnregistered)).toBe(80);
    expect(threads.lostLists([0, 1])).toEqual([]);
  });

  test.each(shrinkerVariants)("%s: lists of others move up while their superblocks go", async (variant) => {
    const threads = await begin(variant, sizes);
    const { exports } = threads;
    for (let round = 0; round < 15; round++) {
      if (round === 0) await threads.alone(0, ...setUp);
      await threads.round([[create(3, 2), create(4, 3)], [mount(2)], [mount(3)]]);
      await threads.round([[], [add(2, 4, 5, 0), add(2, 3, 5, 5)], [add(3, 4, 5, 5)], [add(0, 4, 1, 0)]]);
      // The cgroups' owner removes them while the others unmount what is charged to them, and one more walks.
      await threads.round([[offline(4), offline(3)], [unmount(2)], [unmount(3)], repeat(4, [pass(1, 0), pass(4, 0)])]);
      expect(exports.lruObjects(0, 2, 0)).toBe(round + 1);
      expect(threads.lostLists([0, 1])).toEqual([]);
      threads.expectConsistent([0, 1]);
    }
    await threads.expectAllVisited([0, 1]);
  });

  test("a branch that forgets to give the reference back ends as a hang", async () => {
    const file = mutant(folder, "missing-put", "refcount-rcu", [
      [
        "    put(shrinker);\n  }\n  return freed;\n}",
        "    if (isOnline(memcg)) put(shrinker);\n  }\n  return freed;\n}",
      ],
      ["  return isOnline(memcg) ? walkMap(memcg, node, priority) : 0;", "  return walkMap(memcg, node, priority);"],
    ]);
    const threads = await begin("missing-put", sizes, { variantFile: file, patienceMs: 400 });
    const slow = [mount(3, 3e6), add(3, 4, 2, 0)];
    await threads.alone(0, ...setUp, create(3, 2), create(4), mount(2, 30e6), add(2, 3, 2, 0), ...slow);
    // CPU 0 sleeps in the callback for cgroup 3 when CPU 1, after a sleep of its own, removes the cgroup.
    await threads.round([[pass(3, 12)], [pass(4, 12), offline(3)]]);
    const failure = threads.round([[], [unmount(2)]]);
    await expect(failure).rejects.toThrow(ViolationError);
    await expect(failure).rejects.toThrow(
      /^variant 'missing-put': no CPU got on for 0\.4 s: CPU 0: .*; CPU 1: at its event 0 \(superblock unmount\), its last/,
    );
  });
});

describe("maps that grow under everybody", () => {
  const cgroups = 120;
  const growing = 270;
  const walkersOwn = [growing, growing + 1];
  const all = Array.from({ length: cgroups - 1 }, (_, index) => index + 1);

  test.each(shrinkerVariants)("%s: no object is left without its bit", async (variant) => {
    const sizes: Sizes = { cpus: 4, cgroups, superblocks: growing + walkersOwn.length };
    const threads = await begin(variant, sizes);
    const { exports } = threads;
    await threads.alone(
      0,
      root,
      ...all.map((cgroup) => create(cgroup)),
      ...walkersOwn.map((superblock) => mount(superblock)),
    );
    expect(exports.capacity()).toBe(64);
    // CPU 0 mounts until the maps have grown four times; two fill lists that the last one empties all the time.
    const fill = (superblock: number): Step[] =>
      repeat(
        8,
        all.map((cgroup) => add(superblock, cgroup, 1, 1)),
      );
    const mounts = Array.from({ length: growing }, (_, superblock) => mount(superblock)).flatMap((step) => [
      step,
      compute(10_000),
    ]);
    await threads.round([mounts, fill(growing), fill(growing + 1), repeat(8, [pass(0, 0)])]);
    expect(exports.capacity()).toBe(320);
    expect(threads.total(counterExpansions)).toBe(5);
    const mounted = Array.from({ length: growing + walkersOwn.length }, (_, superblock) => superblock);
    expect(threads.lostLists(mounted)).toEqual([]);
    threads.expectConsistent(mounted);
    await threads.expectAllVisited(mounted);
  });

  test.each(["rwsem", "refcount-rcu"])("%s: what is deferred stays", async (variant) => {
    // The SRCU variants copy the counts while walkers go on, as Linux 6.4-rc1 did, and may lose some.
    const sizes: Sizes = { cpus: 3, cgroups: 8, superblocks: growing + 1 };
    const threads = await begin(variant, sizes);
    const { exports } = threads;
    const few = all.slice(0, 7);
    const objects = 2 ** 15;
    const lists = few.map((cgroup) => add(growing, cgroup, objects, objects));
    await threads.alone(0, root, ...few.map((cgroup) => create(cgroup)), mount(growing), ...lists);
    const mounts = Array.from({ length: growing }, (_, superblock) => mount(superblock)).flatMap((step) => [
      step,
      compute(10_000),
    ]);
    const walk = repeat(
      200,
      few.map((cgroup) => pass(cgroup, 12)),
    );
    // After an expansion, all ids of a block are called once to find out that they have nothing.
    const deferred = (): number =>
      few.reduce((sum, cgroup) => sum + exports.deferredOf(cgroup, 0, exports.shrinkerId(growing)), 0);
    await threads.round([mounts, walk, walk]);
    expect(exports.capacity()).toBe(320);
    const emptyCalls = threads.total(counterBitsCleared) * 2;
    expect(deferred()).toBe((threads.total(counterCallbacks) - emptyCalls) * 16);
    expect(deferred()).toBeGreaterThan(0);
  });
});
