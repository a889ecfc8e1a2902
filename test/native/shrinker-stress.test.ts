// Every variant of the shrinker under real threads: tasks mount, unmount, add to lists, create and remove cgroups and
// walk, at random and all at once, with as many CPUs as cores and with more. Afterwards nothing may be lost, nothing
// called that is gone, and nothing left behind in memory.

import { afterEach, describe, expect, test } from "vitest";
import { counterBogoOps, counterCallbacks, counterFreed, counterPasses } from "../../src/kernel/shrinker/counters.ts";
import { Random } from "../../src/workloads/random.ts";
import { shrinkerVariants } from "../kernel/shrinker-rig.ts";
import { add, create, mount, offline, unmount } from "../kernel/shrinker-scenarios.ts";
import { type Sizes, type Step, Threads } from "./shrinker-threads.ts";

let threads: Threads | undefined;
afterEach(async () => {
  await threads?.close();
  threads = undefined;
});

/** Cgroup 0 is the root; these are below it from the beginning to the end, and all tasks use them. */
const sharedCgroups = [1, 2, 3, 4, 5, 6];
const ownCgroups = 4;
const ownSuperblocks = 40;
/** The first of a task's superblocks are mounted all the time, so that their ids stay theirs. */
const stableSuperblocks = 4;
const nodes = 2;

function sizesFor(cpus: number): Sizes {
  return { cpus, nodes, cgroups: 1 + sharedCgroups.length + cpus * ownCgroups, superblocks: cpus * ownSuperblocks };
}

/** One task, which knows what it has mounted and which cgroups it has made. */
class Task {
  readonly #random: Random;
  readonly #firstCgroup: number;
  readonly #firstSuperblock: number;
  readonly mounted = new Set<number>();
  /** Cgroups of its own, in the order of their creation: later ones may lie in earlier ones. */
  readonly #cgroups: { readonly cgroup: number; readonly parent: number }[] = [];

  constructor(index: number, seed: number) {
    this.#random = new Random(seed);
    this.#firstCgroup = 1 + sharedCgroups.length + index * ownCgroups;
    this.#firstSuperblock = index * ownSuperblocks;
  }

  #below(end: number): number {
    return this.#random.below(end);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }

  get stable(): number[] {
    return Array.from({ length: stableSuperblocks }, (_, index) => this.#firstSuperblock + index);
  }

  get superblocks(): number[] {
    return Array.from({ length: ownSuperblocks }, (_, index) => this.#firstSuperblock + index);
  }

  begin(): Step[] {
    for (const superblock of this.stable) this.mounted.add(superblock);
    return this.stable.map((superblock) => mount(superblock));
  }

  steps(count: number): Step[] {
    return Array.from({ length: count }, () => this.#step());
  }

  /** Unmounts and removes everything. */
  end(): Step[] {
    const steps = [...this.mounted].map((superblock) => unmount(superblock));
    this.mounted.clear();
    for (const { cgroup } of this.#cgroups.splice(0).reverse()) steps.push(offline(cgroup));
    return steps;
  }

  #step(): Step {
    const choice = this.#below(100);
    if (choice < 10) return this.#mountOrUnmount();
    if (choice < 60) return this.#add();
    if (choice < 66) return this.#createOrOffline();
    if (choice < 98) return this.#pass();
    return { kind: "bogo" };
  }

  #mountOrUnmount(): Step {
    const superblock = this.#firstSuperblock + stableSuperblocks + this.#below(ownSuperblocks - stableSuperblocks);
    if (this.mounted.delete(superblock)) return unmount(superblock);
    this.mounted.add(superblock);
    // A few have callbacks that sleep for a moment.
    return mount(superblock, this.#below(8) === 0 ? 20_000 : 0);
  }

  #add(): Step {
    const cgroup = this.#below(4) === 0 ? 0 : this.#pick([...sharedCgroups, ...this.#cgroups.map((own) => own.cgroup)]);
    const objects = 1 + this.#below(3);
    return add(this.#pick([...this.mounted]), cgroup, objects, this.#below(objects + 1));
  }

  #createOrOffline(): Step {
    const isFull = this.#cgroups.length === ownCgroups;
    if (isFull || (this.#cgroups.length > 0 && this.#below(2) === 0)) {
      // The youngest has no children.
      return offline(this.#cgroups.pop()!.cgroup);
    }
    const cgroup = this.#firstCgroup + this.#cgroups.length;
    const parent = this.#pick([0, ...sharedCgroups, ...this.#cgroups.map((own) => own.cgroup)]);
    this.#cgroups.push({ cgroup, parent });
    return create(cgroup, parent);
  }

  #pass(): Step {
    const root = this.#pick([0, ...sharedCgroups, ...sharedCgroups]);
    return { kind: "pass", root, priority: this.#below(3) === 0 ? 0 : this.#below(13), node: this.#below(nodes) };
  }
}

/** The tree, and every map as large as it will ever be: all superblocks are mounted once. */
async function prepare(variant: string, cpus: number, seed: number): Promise<{ threads: Threads; tasks: Task[] }> {
  threads = await Threads.start(variant, sizesFor(cpus));
  const tasks = Array.from({ length: cpus }, (_, index) => new Task(index, seed * 100 + index));
  await threads.alone(0, create(0, 0), ...sharedCgroups.map((cgroup) => create(cgroup, cgroup === 6 ? 5 : 0)));
  await threads.round(tasks.map((task) => task.superblocks.map((superblock) => mount(superblock))));
  await threads.round(tasks.map((task) => task.superblocks.map((superblock) => unmount(superblock))));
  await threads.settleSome();
  return { threads, tasks };
}

describe.each(shrinkerVariants)("%s", (variant) => {
  test.each([2, 4])("loses nothing at random on %i CPUs", async (cpus) => {
    const { threads, tasks } = await prepare(variant, cpus, cpus);
    threads.expectConsistent([]);
    await threads.round(tasks.map((task) => task.begin()));
    const stable = tasks.flatMap((task) => task.stable);
    for (let part = 0; part < 3; part++) {
      await threads.round(tasks.map((task) => task.steps(600)));
      const mounted = tasks.flatMap((task) => [...task.mounted]);
      threads.expectConsistent(mounted);
      // A walk that finds nobody for a bit may clear it just when the id is given away again (rwsem: it may not, for
      // it holds the lock). So that is asked of superblocks that keep their ids only.
      expect(threads.lostLists(stable)).toEqual([]);
      const lost = threads.lostLists(mounted);
      if (variant === "rwsem") expect(lost).toEqual([]);
      expect(threads.filledLists(stable).length).toBeGreaterThan(0);
      await threads.expectAllVisited(mounted, lost.length);
      threads.expectConsistent(mounted);
    }
    // Of a run in which nothing happened, all of the above would be true as well.
    for (const counter of [counterPasses, counterCallbacks, counterFreed, counterBogoOps]) {
      expect(threads.total(counter), `counter ${counter}`).toBeGreaterThan(0);
    }
    await threads.round(tasks.map((task) => task.end()));
    threads.expectConsistent([]);
  });

  test("gives all memory back, however often the same is done again", async () => {
    const { threads, tasks } = await prepare(variant, 2, 77);
    const { exports } = threads;
    const program = tasks.map((task) => [...task.begin(), ...task.steps(150), ...task.end()]);
    // Nothing is mounted, and the maps of the tree, which have grown, are all that is left.
    expect(exports.capacity()).toBe(128);
    const held = exports.infoBytes();
    expect(await threads.settle(held), "bytes held at first").toBe(held);
    let pagesAfterTen = 0;
    for (let repetition = 0; repetition < 30; repetition++) {
      await threads.round(program);
      expect(await threads.settle(held), `bytes held after repetition ${repetition}`).toBe(held);
      expect(exports.infoBytes()).toBe(held);
      if (repetition === 9) pagesAfterTen = exports.touchedPageCount();
    }
    threads.expectConsistent([]);
    // A slab per cache and CPU at most, from threads that happen to have more in flight than ever before.
    expect(exports.touchedPageCount() - pagesAfterTen).toBeLessThanOrEqual(8 * 8);
    expect(exports.mapBytes()).toBe((1 + sharedCgroups.length) * nodes * (exports.capacity() / 8));
  });

  test("conserves deferred work while walkers compete for it", async () => {
    const cpus = 3;
    threads = await Threads.start(variant, { cpus, cgroups: 4, superblocks: 8 });
    const { exports } = threads;
    // 2^15 objects at priority 12: 16 deferred by every call, and none scanned, until 2^16 are deferred.
    const objects = 2 ** 15;
    const perCall = 16;
    await threads.alone(0, create(0, 0), create(1), create(2, 1), mount(0), mount(1));
    await threads.alone(0, add(0, 1, objects, objects), add(1, 2, objects, objects), add(0, 2, objects, objects));
    const passes = (root: number): Step[] =>
      Array.from({ length: 250 }, () => ({ kind: "pass", root, priority: 12, node: 0 }));
    const callbacks = await threads.growthOf(counterCallbacks, () => threads!.round([passes(1), passes(2), passes(1)]));
    const deferred = (): number[] =>
      [1, 2].flatMap((cgroup) => [0, 1].map((id) => exports.deferredOf(cgroup, 0, exports.shrinkerId(id))));
    const sum = deferred().reduce((total, one) => total + one, 0);
    expect(callbacks).toBeGreaterThan(0);
    expect(sum).toBe(callbacks * perCall);
    // A cgroup that goes offline leaves it to its parent.
    const before = deferred();
    await threads.alone(1, offline(2));
    expect(deferred()).toEqual([before[0]! + before[2]!, before[1]! + before[3]!, 0, 0]);
    expect(exports.lruObjects(0, 1, 0)).toBe(2 * objects);
    expect(exports.lruObjects(1, 1, 0)).toBe(objects);
    threads.expectConsistent([0, 1]);
    expect(threads.lostLists([0, 1])).toEqual([]);
  });
});
