// Slow callbacks and walkers without end against unregistrations, on real threads. What takes how long is compared within
// a run only: with the sleep that the program itself contains, or with what other CPUs do at the same time.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import {
  counterCallbacks,
  counterCallbacksAfterFree,
  counterContendedBreaks,
  counterTrylockFailed,
  counterUnregistered,
  counterVisits,
  histogramUnregister,
} from "../../src/kernel/shrinker/counters.ts";
import { shrinkerVariants } from "../kernel/shrinker-rig.ts";
import { add, create, mount, pass, repeat, root, unmount } from "../kernel/shrinker-scenarios.ts";
import { compute, mutant, type Sizes, Threads, type ThreadsOptions } from "./shrinker-threads.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-slow-"));
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

describe("a callback that sleeps", () => {
  const sleepNs = 30e6;
  const rounds = 6;
  /**
   * Superblock 0 has the callbacks that sleep, in cgroup 1; superblock 1 is the other one; superblock 2 is in cgroup 2.
   * Superblock 3, in cgroup 3, is for tasks that want to sleep for a moment: a walk over cgroup 3 does.
   */
  const setUp = [
    root,
    ...[1, 2, 3].map((cgroup) => create(cgroup)),
    ...[mount(0, sleepNs), add(0, 1, 2, 0), mount(2), add(2, 2, 2, 0), mount(3, sleepNs / 10), add(3, 3, 2, 0)],
  ];

  /**
   * Has CPU 0 call the callback once while CPU 1, a tenth of the sleep later, unmounts a superblock and CPU 2 walks over
   * another cgroup, several times. Returns how long each unmount took, in ns, in order.
   */
  async function unmounts(variant: string, superblock: number): Promise<{ threads: Threads; ns: number[] }> {
    const threads = await begin(variant, { cpus: 3, cgroups: 4, superblocks: 4 });
    await threads.alone(0, ...setUp);
    const ns: number[] = [];
    for (let round = 0; round < rounds; round++) {
      if (superblock === 1) await threads.alone(1, mount(1), add(1, 2, 2, 0));
      const others = Array.from({ length: 40 }, () => [pass(2, 12), compute(sleepNs / 50)]).flat();
      const results = await threads.round([[pass(1, 12)], [pass(3, 12), unmount(superblock)], others], [[], [1]]);
      ns.push(results[1]!.ns[1]!);
      if (superblock === 0) await threads.alone(1, mount(0, sleepNs), add(0, 1, 2, 0));
    }
    threads.expectConsistent([0, 2, 3]);
    return { threads, ns: ns.sort((one, other) => one - other) };
  }

  // Grace periods and the global lock wait for whoever is in a callback; what belongs to the shrinker alone does not.
  const waitsForOthers = new Set(["rwsem", "srcu", "srcu-expedited"]);

  test.each(shrinkerVariants)("%s: another shrinker's unregistration", async (variant) => {
    const { threads, ns } = await unmounts(variant, 1);
    // The rest of the sleep is nine tenths, if the threads began together at least once.
    if (waitsForOthers.has(variant)) expect(ns.at(-1)).toBeGreaterThan(sleepNs / 2);
    else expect(ns[0]).toBeLessThan(sleepNs / 2);
    const recorded = threads.maximumOf(1, histogramUnregister);
    expect(recorded).toBeLessThanOrEqual(ns.at(-1)!);
    if (waitsForOthers.has(variant)) expect(recorded).toBeGreaterThan(sleepNs / 2);
    // Reclaim of cgroup 2 has nothing to do with all that, but with a global rwsem it is off for as long.
    const givenUp = threads.counter(2, counterTrylockFailed);
    if (variant === "rwsem") {
      expect(givenUp).toBeGreaterThan(0);
      expect(givenUp).toBeLessThan(threads.counter(2, counterVisits));
      expect(threads.counter(0, counterContendedBreaks)).toBeGreaterThan(0);
    } else {
      expect(threads.total(counterTrylockFailed)).toBe(0);
      expect(threads.total(counterContendedBreaks)).toBe(0);
    }
  });

  test.each(shrinkerVariants)("%s: the unregistration of the very shrinker waits for it", async (variant) => {
    const { ns } = await unmounts(variant, 0);
    expect(ns.at(-1)).toBeGreaterThan(sleepNs / 2);
  });
});

describe("walkers that overlap without end", () => {
  // Three CPUs call one shrinker again and again; each call sleeps, so that there is nearly always one in progress, on
  // however many cores. A fourth CPU sleeps in a walk of its own, and unregisters the shrinker then.
  //
  // What was seen: rwsem is through in a callback's time, for a waiting writer turns walkers away; the grace periods of
  // the SRCU variants wait for walks that began before, once or twice; srcu-split's own rwsem for one callback.
  // refcount-rcu takes as long as the walkers overlap: every one of them gets its reference before the last gives its
  // own back, so that unregistering ends only when they run out of passes, as was said of it on linux-mm. It is still
  // found on list and by id until then. So it is only asked to end, and everybody else to end before the walkers do.
  const callbackNs = 200_000;
  const passes = 300;
  const walk = repeat(passes, [pass(1, 12)]);

  test.each(shrinkerVariants)("%s: the unregistration ends", async (variant) => {
    const threads = await begin(variant, { cpus: 4, cgroups: 3, superblocks: 2 });
    const slow = [mount(1, 20 * callbackNs), add(1, 2, 2, 0)];
    await threads.alone(0, root, create(1), create(2), mount(0, callbackNs), add(0, 1, 2, 0), ...slow);
    await threads.round([walk, walk, walk, [pass(2, 12), unmount(0)]]);
    threads.expectConsistent([1]);
    expect(threads.total(counterUnregistered)).toBe(1);
    const callbacks = threads.total(counterCallbacks) - 1;
    expect(callbacks).toBeGreaterThan(0);
    if (variant !== "refcount-rcu") expect(callbacks).toBeLessThan(3 * passes);
  });
});

test("callbacks after a free are seen on threads, too", async () => {
  const file = mutant(folder, "no-wait", "refcount-rcu", [
    ["  waitForCompletion(doneOf(shrinker));\n", ""],
    [", waitForCompletion }", " }"],
  ]);
  const threads = await begin("no-wait", { cpus: 2, cgroups: 3, superblocks: 2 }, { variantFile: file });
  await threads.alone(0, root, create(1), create(2), mount(1, 2e6), add(1, 2, 2, 0));
  const isLate = async (): Promise<boolean> => {
    await threads.alone(0, mount(0, 20e6), add(0, 1, 2, 0));
    await threads.round([[pass(1, 12)], [pass(2, 12), unmount(0)]]);
    return threads.total(counterCallbacksAfterFree) > 0;
  };
  let found = false;
  for (let round = 0; round < 6 && !found; round++) found = await isLate();
  expect(found).toBe(true);
});
