// What the variants of the memcg iterator promise that no model has: their exports, the bytes of their cursors, what the
// end of a cgroup costs, and what is counted of it.

import { describe, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import * as counters from "../../src/kernel/memcg-iterator/counters.ts";
import {
  compileIterator,
  type IteratorRig,
  type IteratorStep,
  type IteratorVariant,
  iteratorVariants,
  perform,
  plainIteratorRig,
  settle,
  sharing,
  total,
} from "./memcg-iterator-rig.ts";

const variantOf = (id: string): IteratorVariant => iteratorVariants.find((one) => one.id === id)!;
const rigOf = async (one: IteratorVariant, nodes = 1, cgroups = 40): Promise<IteratorRig> =>
  plainIteratorRig(await compileIterator(one, "traced"), { cpus: 2, cgroups, nodes });

/** A root, two parents, and cgroups below them in turn. */
const tree = (cgroups: number): IteratorStep[] => [
  { kind: "create", cgroup: 0, parent: 0 },
  { kind: "create", cgroup: 1, parent: 0 },
  { kind: "create", cgroup: 2, parent: 0 },
  ...Array.from({ length: cgroups }, (_, index): IteratorStep => {
    return { kind: "create", cgroup: 3 + index, parent: 1 + (index % 2) };
  }),
];

test.each(iteratorVariants)("$id exports what the contract says", async ({ variant, constants }) => {
  const source = { problem: "memcg-iterator", variant, machine: "native", constants, entry: "contract" } as const;
  expect(WebAssembly.validate((await compileModule(source)).wasm)).toBe(true);
});

describe("bytes of the cursors of a cgroup on 2 nodes with 13 priorities", () => {
  test.each([
    // 24 bytes and 4 zones: 39 lines of 64 bytes.
    ["dead-count", {}, 2496],
    ["targeted-wipe", {}, 2496],
    ["targeted-wipe", { LAB_ZONES: 1 }, 624],
    ["pinned-position", {}, 1664],
    ["weak-position", {}, 416],
    ["floor", {}, 0],
  ])("%s %o", async (variant, constants, bytes) => {
    const rig = await rigOf({ id: variant, variant, constants }, 2);
    perform(rig, 0, ...tree(7));
    expect(rig.exports[0]!.gauge(counters.gaugeSlotBytes)).toBe(10 * bytes);
  });
});

describe("after a broken walk, the end of", () => {
  // The walk stands at cgroup 5, the second one below cgroup 1.
  const stand: IteratorStep[] = [...tree(8), { kind: "pass", root: 0, visits: 4 }];

  test.each([
    // Restarts by the end of another cgroup, and of the one at which the cursor stands.
    ["dead-count", 1, 1],
    ["targeted-wipe", 0, 1],
    ["pinned-position", 0, 0],
    ["weak-position", 0, 1],
    ["weak-position restart=winner", 0, 1],
  ])("another cgroup or of its own makes %s begin again %i and %i times", async (id, byOther, byOwn) => {
    const restartsAfter = async (cgroup: number): Promise<number> => {
      const rig = await rigOf(variantOf(id));
      perform(rig, 0, ...stand);
      perform(rig, 1, { kind: "offline", cgroup });
      settle(rig);
      perform(rig, 0, { kind: "pass", root: 0 });
      expect(total(rig, counters.counterHits)).toBe(cgroup === 5 ? 1 : 0);
      return total(rig, counters.counterRestarts);
    };
    expect(await restartsAfter(9)).toBe(byOther);
    expect(await restartsAfter(5)).toBe(byOwn);
  });

  test("its cgroup is looked for in the cursors of all ancestors, on all nodes, in all zones and priorities", async () => {
    const compared = async (id: string): Promise<number> => {
      const rig = await rigOf(variantOf(id), 2);
      perform(rig, 0, ...stand, { kind: "offline", cgroup: 9 });
      settle(rig);
      return total(rig, counters.counterCompared);
    };
    // Two levels of 2 nodes x 4 zones x 13 priorities; the released one's own are looked at, too.
    expect(await compared("targeted-wipe")).toBe(2 * 104);
    expect(await compared("weak-position")).toBe(3 * 26);
    expect(await compared("dead-count")).toBe(0);
    expect(await compared("pinned-position")).toBe(0);
  });

  test("its cgroup is kept by pinned-position until somebody walks on, with its ancestors", async () => {
    const rig = await rigOf(variantOf("pinned-position"));
    const dying = (): number => rig.exports[0]!.gauge(counters.gaugeDying);
    perform(rig, 0, ...tree(1), { kind: "pass", root: 0, visits: 3, priority: 7 });
    perform(rig, 1, { kind: "offline", cgroup: 3 }, { kind: "offline", cgroup: 1 });
    settle(rig);
    expect(dying()).toBe(2);
    expect(rig.exports[0]!.gauge(counters.gaugeDyingBytes)).toBe(2 * rig.exports[0]!.cgroupBytes());
    // Another priority has another cursor.
    perform(rig, 0, { kind: "pass", root: 0, priority: 8 });
    settle(rig);
    expect(dying()).toBe(2);
    perform(rig, 0, { kind: "pass", root: 0, priority: 7 });
    settle(rig);
    expect(dying()).toBe(0);
  });

  test("its root is kept by pinned-position for ever, and by no other", async () => {
    for (const one of sharing) {
      const rig = await rigOf(one);
      perform(rig, 0, ...tree(0), { kind: "pass", root: 1, visits: 1 }, { kind: "offline", cgroup: 1 });
      settle(rig);
      perform(rig, 0, { kind: "pass", root: 0 }, { kind: "pass", root: 0 });
      settle(rig);
      expect(rig.exports[0]!.gauge(counters.gaugeDying), one.id).toBe(one.id === "pinned-position" ? 1 : 0);
    }
  });
});

describe("what a round came to", () => {
  test.each(sharing)("$id visits each cgroup once in rounds in which nobody goes", async (one) => {
    const rig = await rigOf(one);
    perform(rig, 0, ...tree(20));
    for (let pass = 0; pass < 6; pass++)
      perform(rig, pass % 2, { kind: "pass", root: 0, visits: pass % 3 === 0 ? 7 : 0 });
    perform(rig, 0, { kind: "pass", root: 0 }, { kind: "pass", root: 0 });
    // The first round began before anybody looked, the last one is judged with the next.
    expect(total(rig, counters.counterWatched)).toBeGreaterThanOrEqual(3);
    expect(total(rig, counters.counterExpected)).toBe(23 * total(rig, counters.counterWatched));
    expect(total(rig, counters.counterTwice)).toBe(0);
    expect(total(rig, counters.counterNever)).toBe(0);
    expect(rig.exports[0]!.gauge(counters.gaugeUnvisited)).toBe(0);
  });

  test("a walk that begins again visits again", async () => {
    const rig = await rigOf(variantOf("dead-count"));
    const twoRounds: IteratorStep[] = [
      { kind: "pass", root: 0 },
      { kind: "pass", root: 0 },
    ];
    perform(rig, 0, ...tree(10), ...twoRounds, { kind: "pass", root: 0, visits: 5 }, { kind: "offline", cgroup: 12 });
    settle(rig);
    perform(rig, 0, ...twoRounds, ...twoRounds);
    expect(total(rig, counters.counterRestarts)).toBe(1);
    expect(total(rig, counters.counterTwice)).toBe(5);
    expect(rig.exports[0]!.gauge(counters.gaugeOverReclaim)).toBeGreaterThan(1);
  });
});

test("restarts below as many parents as workloads have are counted", async () => {
  const rig = await rigOf(variantOf("dead-count"));
  const parent = 17;
  perform(
    rig,
    0,
    ...Array.from({ length: parent + 1 }, (_, cgroup): IteratorStep => ({ kind: "create", cgroup, parent: 0 })),
    ...[18, 19, 20].map((cgroup): IteratorStep => ({ kind: "create", cgroup, parent })),
    { kind: "pass", root: parent, visits: 2 },
    { kind: "offline", cgroup: 20 },
  );
  settle(rig);
  perform(rig, 0, { kind: "pass", root: parent });
  expect(total(rig, counters.counterRestarts)).toBe(1);
});

test("what comes and goes leaves nothing, however often", async () => {
  for (const one of iteratorVariants) {
    const rig = await rigOf(one);
    perform(rig, 0, ...tree(20));
    const bytes = rig.exports[0]!.allocatedBytes();
    for (let round = 0; round < 60; round++) {
      const cgroup = 3 + ((round * 7) % 20);
      perform(rig, 0, { kind: "pass", root: round % 3, visits: round % 5, priority: round % 13 });
      perform(
        rig,
        1,
        { kind: "offline", cgroup },
        { kind: "create", cgroup, parent: 1 + (cgroup % 2) },
        { kind: "bogo" },
      );
    }
    for (const root of [0, 1, 2]) {
      for (let priority = 0; priority < 13; priority++) perform(rig, 0, { kind: "pass", root, priority });
    }
    settle(rig);
    expect(rig.exports[0]!.allocatedBytes(), one.id).toBe(bytes);
    expect(total(rig, counters.counterDestroys)).toBe(60);
    expect(rig.exports[0]!.gauge(counters.gaugeDying)).toBe(0);
    expect(total(rig, counters.counterFreedVisits)).toBe(0);
  }
});
