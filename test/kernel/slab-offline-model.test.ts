// Whatever the program, every variant keeps what a plain model says: no two objects in use overlap, slabs are where their
// state says and count what is in use, charges are those of what is left, and caches and cgroups are there as long as the
// variant has reason to keep them, and no longer. CPUs perform the steps one after the other.
//
// The seed is fixed; TEST_SEED=n tries another. fast-check prints the seed, and the smallest program, of a failure.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as counters from "../../src/kernel/slab-offline/counters.ts";
import {
  addressOf,
  compileSlabOffline,
  perform,
  renew,
  type SlabRig,
  type SlabStep,
  type Subject,
  settle,
  slabRigOf,
  subjects,
  total,
} from "./slab-offline-rig.ts";

const seed = Number(process.env.TEST_SEED ?? 1);
const sizes = { cpus: 3, cgroups: 6, caches: 40, objects: 300, arenaBytes: 1 << 20 };
const geometries = [
  { objectSize: 1024, objects: 4, pages: 1 },
  { objectSize: 192, objects: 21, pages: 1 },
  { objectSize: 2000, objects: 4, pages: 2 },
] as const;

/** What a program has made. */
class Model {
  readonly parents = new Map<number, number>([[0, 0]]);
  /** Offline cgroups' numbers are used again, so each cgroup ever has a number of its own. */
  readonly incarnations = new Map<number, number>([[0, 0]]);
  readonly ancestors = new Map<number, readonly number[]>([[0, []]]);
  readonly offline = new Set<number>();
  /** By index: its cgroup's incarnation, 0 for none; geometry; whether its cgroup is offline; whether it was asked to go. */
  readonly caches = new Map<number, { owner: number; geometry: number; isDead: boolean; isDestroyed: boolean }>();
  readonly objects = new Map<number, number>();
  /** Dead caches that were empty when their cgroup went, or when they were asked to go. */
  readonly gone = new Set<number>();

  liveOf(cache: number): number {
    return [...this.objects.values()].filter((one) => one === cache).length;
  }
}

const choice = fc.nat({ max: 10_000 });
const command = fc.record({
  kind: fc.constantFrom(
    ...(["create-cgroup", "offline", "offline", "create-cache", "create-cache", "destroy", "flush"] as const),
    ...Array.from({ length: 8 }, () => "allocate" as const),
    ...Array.from({ length: 8 }, () => "free" as const),
  ),
  choice,
  other: choice,
  cpu: fc.nat({ max: sizes.cpus - 1 }),
  count: fc.integer({ min: 1, max: 40 }),
});
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;
const programs = fc.array(command, { minLength: 20, maxLength: 70, size: "max" });

/** Steps of a command, given what there is; the model is brought up to date. */
function* stepsOf(model: Model, { kind, choice, other, count }: Command): Generator<SlabStep> {
  const cgroups = [...model.parents.keys()];
  const usable = [...model.caches].filter(([, { isDead, isDestroyed }]) => !isDead && !isDestroyed);
  if (kind === "create-cgroup") {
    const cgroup = Array.from({ length: sizes.cgroups }, (_, index) => index).find((one) => !model.parents.has(one));
    if (cgroup === undefined) return;
    const parent = cgroups[choice % cgroups.length]!;
    const incarnation = model.incarnations.size === 0 ? 0 : Math.max(...model.ancestors.keys()) + 1;
    const above = model.incarnations.get(parent)!;
    model.parents.set(cgroup, parent);
    model.incarnations.set(cgroup, incarnation);
    model.ancestors.set(incarnation, [above, ...model.ancestors.get(above)!]);
    yield { kind, cgroup, parent };
  } else if (kind === "offline") {
    const parents = new Set([...model.parents].filter(([cgroup]) => cgroup !== 0).map(([, parent]) => parent));
    const leaves = cgroups.filter((cgroup) => cgroup !== 0 && !parents.has(cgroup));
    if (leaves.length === 0) return;
    const cgroup = leaves[choice % leaves.length]!;
    const incarnation = model.incarnations.get(cgroup)!;
    model.parents.delete(cgroup);
    model.offline.add(incarnation);
    for (const [index, cache] of model.caches) {
      if (cache.owner !== incarnation) continue;
      cache.isDead = true;
      if (model.liveOf(index) === 0) model.gone.add(index);
    }
    yield { kind, cgroup };
  } else if (kind === "create-cache") {
    const cache = model.caches.size;
    if (cache >= sizes.caches) return;
    const cgroup = cgroups[choice % cgroups.length]!;
    const geometry = other % geometries.length;
    const owner = cgroup === 0 ? 0 : model.incarnations.get(cgroup)!;
    model.caches.set(cache, { owner, geometry, isDead: false, isDestroyed: false });
    yield { kind, cache, cgroup, ...geometries[geometry]! };
  } else if (kind === "destroy") {
    const empty = [...model.caches].filter(([index, { isDestroyed }]) => !isDestroyed && model.liveOf(index) === 0);
    if (empty.length === 0) return;
    const [index, cache] = empty[choice % empty.length]!;
    cache.isDestroyed = true;
    model.gone.add(index);
    yield { kind, cache: index };
  } else if (kind === "flush") yield { kind };
  else if (kind === "allocate") {
    if (usable.length === 0) return;
    const [cache] = usable[choice % usable.length]!;
    let left = count;
    for (let object = 0; object < sizes.objects && left > 0; object++) {
      if (model.objects.has(object)) continue;
      model.objects.set(object, cache);
      left--;
      yield { kind, object, cache };
    }
  } else {
    const live = [...model.objects];
    for (let left = Math.min(count, live.length); left > 0; left--) {
      const [[object, cache]] = live.splice((choice + left * 7) % live.length, 1) as [[number, number]];
      model.objects.delete(object);
      yield { kind: "free", object, cache };
    }
  }
}

function checkOverlaps(rig: SlabRig, model: Model): void {
  const ranges = [...model.objects]
    .map(([object, cache]) => {
      const from = addressOf(rig, object);
      return [from, from + geometries[model.caches.get(cache)!.geometry]!.objectSize] as const;
    })
    .sort(([one], [other]) => one - other);
  ranges.forEach(([from], index) => {
    if (index > 0) expect(from).toBeGreaterThanOrEqual(ranges[index - 1]![1]);
  });
}

/** What must hold when nothing is put off. */
function checkSettled(rig: SlabRig, model: Model, subject: Subject): void {
  const [first] = rig.exports;
  expect(first!.misplacedSlabs()).toBe(0);
  expect(first!.usedObjectCount()).toBe(model.objects.size);
  const clones = [...model.caches].filter(([, { owner }]) => owner !== 0);
  // Dead caches: keep-dead looks once; the others that free look whenever something changed.
  const pinned = clones.filter(([index, { isDead }]) => isDead && !model.gone.has(index));
  const used = pinned.filter(([index]) => model.liveOf(index) > 0);
  const isMoved = subject.variant === "reparent-slabs";
  const expected = subject.hasClones && !isMoved ? used.length : 0;
  if (subject.frees) expect(first!.gauge(counters.gaugeDeadCaches)).toBe(expected);
  else {
    expect(first!.gauge(counters.gaugeDeadCaches)).toBeGreaterThanOrEqual(expected);
    expect(first!.gauge(counters.gaugeDeadCaches)).toBeLessThanOrEqual(pinned.length);
  }
  expect(first!.gauge(counters.gaugeLeakedCaches)).toBe(first!.gauge(counters.gaugeDeadCaches) - expected);
  if (subject.variant === "keep-dead") expect(first!.gauge(counters.gaugeDeadCaches)).toBe(pinned.length);
  if (subject.releases) expect(first!.gauge(counters.gaugeDyingCgroups)).toBe(0);
  else if (subject.frees) {
    const dying = new Set(
      used.flatMap(([, { owner }]) => [owner, ...model.ancestors.get(owner)!].filter((one) => model.offline.has(one))),
    );
    expect(first!.gauge(counters.gaugeDyingCgroups)).toBe(dying.size);
  }
  checkCharges(rig, model, subject);
}

function checkCharges(rig: SlabRig, model: Model, { charges }: Subject): void {
  const [first] = rig.exports;
  for (const cgroup of model.parents.keys()) {
    const charged = first!.chargedBytes(cgroup);
    if (charges === "slabs") expect(charged).toBe(first!.ownedBytes(cgroup));
    else if (charges === "nothing") expect(charged).toBe(0);
    else {
      const top = model.incarnations.get(cgroup)!;
      let bytes = 0;
      for (const cache of model.objects.values()) {
        const { owner, geometry } = model.caches.get(cache)!;
        const isWithin = owner !== 0 && (owner === top || model.ancestors.get(owner)!.includes(top));
        // An object and its cell.
        if (isWithin) bytes += geometries[geometry]!.objectSize + 8;
      }
      expect(charged).toBe(bytes);
    }
  }
}

describe("does what the model says", () => {
  test.each(subjects.map((subject) => [subject.name, subject] as const))(
    "%s",
    { timeout: 60_000 },
    async (_, subject) => {
      const compiled = await compileSlabOffline(subject.variant, "traced", {
        ...subject.constants,
        LAB_MIN_PARTIAL: 2,
      });
      const rig = slabRigOf(compiled, sizes);
      const [first] = rig.exports;
      const reached = { dead: 0, freesDead: 0, moved: 0, destroyed: 0 };
      fc.assert(
        fc.property(programs, (commands) => {
          renew(rig);
          const model = new Model();
          perform(rig, 0, { kind: "create-cgroup", cgroup: 0, parent: 0 });
          const baseline = first!.allocatedBytes();
          commands.forEach((one, index) => {
            for (const step of stepsOf(model, one)) {
              perform(rig, one.cpu, step);
              rig.clock.nowNs += 1000;
            }
            expect(first!.usedObjectCount()).toBe(model.objects.size);
            checkOverlaps(rig, model);
            if (index % 12 === 11) {
              settle(rig);
              checkSettled(rig, model, subject);
            }
          });
          reached.dead += [...model.caches.values()].filter(({ isDead }) => isDead).length;
          // Everything goes.
          for (const [object, cache] of model.objects)
            perform(rig, object % sizes.cpus, { kind: "free", object, cache });
          model.objects.clear();
          for (const [cache, { owner, isDestroyed }] of model.caches) {
            if (owner === 0 && !isDestroyed) perform(rig, 0, { kind: "destroy", cache });
          }
          for (const cgroup of [...model.parents.keys()].sort(
            (one, other) => model.incarnations.get(other)! - model.incarnations.get(one)!,
          )) {
            if (cgroup === 0) continue;
            const incarnation = model.incarnations.get(cgroup)!;
            for (const cache of model.caches.values()) if (cache.owner === incarnation) cache.isDead = true;
            model.parents.delete(cgroup);
            model.offline.add(incarnation);
            perform(rig, 1, { kind: "offline", cgroup });
          }
          settle(rig);
          expect(first!.usedObjectCount()).toBe(0);
          expect(first!.misplacedSlabs()).toBe(0);
          if (subject.frees) {
            expect(first!.gauge(counters.gaugeDeadCaches)).toBe(0);
            expect(first!.gauge(counters.gaugeDyingCgroups)).toBe(0);
            expect(first!.chargedBytes(0)).toBe(0);
            // What is left are root caches, of which there is at most one per geometry, and tables of their empty slabs.
            const spare = first!.allocatedBytes() - baseline;
            expect(spare).toBeLessThanOrEqual(geometries.length * 1024 + (subject.charges === "objects" ? 8192 : 0));
          }
          reached.freesDead += total(rig, counters.counterFreesDead);
          reached.moved += total(rig, counters.counterSlabsMoved) + total(rig, counters.counterReparented);
          reached.destroyed += total(rig, counters.counterCachesDestroyed);
        }),
        { seed, numRuns: 10 },
      );
      // The programs have seen what the test is for.
      expect(Math.min(reached.dead, reached.freesDead)).toBeGreaterThan(0);
      if (subject.hasClones) expect(reached.destroyed).toBeGreaterThan(0);
      if (subject.variant.startsWith("reparent") || subject.charges === "objects") {
        expect(reached.moved).toBeGreaterThan(0);
      }
    },
  );
});
