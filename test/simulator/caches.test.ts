// What single accesses cost: worked out by hand, and against a plain model of the caches.

import { describe, expect, test } from "vitest";
import { placeCpus } from "../../src/simulator/topology.ts";
import { Random } from "../../src/workloads/random.ts";
import { CacheModel, type Kind, type Source } from "./cache-model.ts";
import {
  add,
  barrier,
  cellAt,
  compareExchange,
  exchange,
  load,
  loadMany,
  pause,
  plainCosts,
  profileOf,
  Rig,
  type Shape,
  storeLocked,
  storeRelaxed,
  tick,
} from "./rig.ts";

const { l1, l2, l3, memoryLocal, memoryRemote, store, locked, barrier: barrierNs, pause: pauseNs } = plainCosts;
const { transferSameCluster, transferSameSocket, transferCrossSocket } = plainCosts;
const cell = cellAt(0);

/** Two sockets of two clusters of two cores of two threads. */
const nested: Shape = { sockets: 2, clusters: 2, cores: 2, threads: 2, l3SharedBy: "cluster" };
/** Its CPUs: 0 and 8 are one core; 4 is of the same cluster, 2 of the same socket, 1 of the other. */
const [one, sibling, sameCluster, sameSocket, otherSocket] = [0, 8, 4, 2, 1] as const;

describe("one CPU", () => {
  test("finds a line in memory, then in its first cache", async () => {
    const rig = await Rig.make({ cpus: 1 });
    expect(rig.alone(0, load(cell), load(cell), load(cell + 60), load(cell + 64))).toEqual([
      memoryLocal,
      l1,
      l1,
      memoryLocal,
    ]);
    expect(rig.machine.counts()).toMatchObject({ accesses: 4, fetched: { "memory-local": 2, l2: 0 } });
  });

  test("pays more for memory of another socket; pages are dealt in turn", async () => {
    const rig = await Rig.make({ cpus: 2, shape: { sockets: 2, cores: 1 } });
    expect(rig.alone(0, load(cellAt(0)), load(cellAt(1)), load(cellAt(2, 63)))).toEqual([
      memoryLocal,
      memoryRemote,
      memoryLocal,
    ]);
    expect(rig.alone(1, load(cellAt(4)), load(cellAt(5)))).toEqual([memoryRemote, memoryLocal]);
  });

  test("finds in the second cache what the first has no room for", async () => {
    const rig = await Rig.make({ cpus: 1 });
    // 8 ways of 64 sets: nine lines that are 4096 bytes apart are one too many, and the oldest goes.
    const lines = Array.from({ length: 9 }, (_, page) => cellAt(page));
    expect(rig.alone(0, ...lines.map((line) => load(line)))).toEqual(lines.map(() => memoryLocal));
    expect(rig.alone(0, load(lines[1]!), load(lines[0]!), load(lines[2]!), load(lines[0]!))).toEqual([l1, l2, l2, l1]);
  });

  test("finds in the last cache what the second has no room for, and behind that in memory", async () => {
    const rig = await Rig.make({ cpus: 1, shape: { l1: [128, 2], l2: [256, 4], l3: [512, 8] } });
    const lines = Array.from({ length: 14 }, (_, index) => cellAt(0, index));
    const loads = lines.map((line) => load(line));
    rig.alone(0, ...loads);
    // One set each, of 2, 4 and 8 lines: the youngest two, the next two, the next eight, and the oldest two are gone.
    const oldestFirst = rig.alone(0, load(lines[13]!), load(lines[11]!), load(lines[9]!), load(lines[1]!));
    expect(oldestFirst).toEqual([l1, l2, l3, memoryLocal]);
  });

  test("performs stores in the background, and a barrier waits for them", async () => {
    const rig = await Rig.make({ cpus: 1 });
    expect(rig.alone(0, storeRelaxed(cell, 1), load(cell), barrier, barrier)).toEqual([
      store,
      l1,
      memoryLocal - store - l1 + barrierNs,
      barrierNs,
    ]);
  });

  test("waits for its stores before a locked operation, also on another line", async () => {
    const rig = await Rig.make({ cpus: 1 });
    const other = cellAt(2);
    expect(rig.alone(0, load(other), storeRelaxed(cell, 1), add(other), add(other))).toEqual([
      memoryLocal,
      store,
      memoryLocal - store + locked,
      locked,
    ]);
  });

  test("has twelve stores on their way at a time, and stops when its buffer of 56 is full", async () => {
    const rig = await Rig.make({ cpus: 1, shape: { costs: { memoryLocal: 120 } } });
    // The n-th store is performed 120 + 10 n ns after the first was begun, or 2 n + 120 after its own beginning.
    const stores = Array.from({ length: 100 }, (_, index) => storeRelaxed(cellAt(index), 1));
    const took = rig.alone(0, ...stores, barrier);
    expect(took.slice(0, 56)).toEqual(took.slice(0, 56).map(() => store));
    // The 57th waits for the first to be performed, and each behind it for the next.
    expect(took[56]).toBe(120 - 56 * store);
    expect(took.slice(57, 100)).toEqual(took.slice(57, 100).map(() => 10));
    expect(took.reduce((sum, ns) => sum + ns, 0)).toBe(120 + 99 * 10 + barrierNs);
  });

  test("pays for a locked operation what fetching takes, and its own cost", async () => {
    const rig = await Rig.make({ cpus: 1 });
    expect(rig.alone(0, add(cell), add(cell), exchange(cell, 3), compareExchange(cell, 0, 1))).toEqual([
      memoryLocal + locked,
      locked,
      locked,
      locked,
    ]);
    expect(rig.alone(0, storeLocked(cell, 9), storeLocked(cellAt(2), 9))).toEqual([locked, memoryLocal + locked]);
  });

  test("pays for pauses and for an empty barrier", async () => {
    const rig = await Rig.make({ cpus: 1 });
    expect(rig.alone(0, pause, barrier)).toEqual([pauseNs, barrierNs]);
  });

  test("computes with what it loads and stores", async () => {
    const rig = await Rig.make({ cpus: 1 });
    const [task] = rig.round([
      {
        cpu: 0,
        steps: [
          storeRelaxed(cell, 5),
          load(cell),
          add(cell, 3),
          exchange(cell, 20),
          compareExchange(cell, 20, 30),
          compareExchange(cell, 20, 40),
          storeLocked(cell, 50),
          load(cell),
        ],
      },
    ]);
    expect(task!.results).toEqual([0, 5, 5, 8, 20, 30, 0, 50]);
  });
});

describe("a line of another core", () => {
  test.each([
    ["of the same cluster", sameCluster, transferSameCluster],
    ["of another cluster of the socket", sameSocket, transferSameSocket],
    ["of another socket", otherSocket, transferCrossSocket],
    ["that is the same core", sibling, l1],
  ] as const)("%s takes one transfer", async (_where, cpu, ns) => {
    const rig = await Rig.make({ cpus: 16, shape: nested });
    rig.alone(cpu, storeRelaxed(cell, 1));
    expect(rig.alone(one, load(cell), load(cell))).toEqual([ns, l1]);
  });

  test("takes one transfer also when it was only read there", async () => {
    const rig = await Rig.make({ cpus: 16, shape: nested });
    rig.alone(sameCluster, load(cell));
    expect(rig.alone(one, load(cell), load(cell))).toEqual([transferSameCluster, l1]);
  });

  test("comes with a locked operation for a transfer and the operation", async () => {
    const rig = await Rig.make({ cpus: 16, shape: nested });
    rig.alone(otherSocket, storeRelaxed(cell, 1));
    expect(rig.alone(one, add(cell), add(cell))).toEqual([transferCrossSocket + locked, locked]);
  });

  test("comes behind a store's back", async () => {
    const rig = await Rig.make({ cpus: 16, shape: nested });
    rig.alone(otherSocket, storeRelaxed(cell, 1));
    expect(rig.alone(one, storeRelaxed(cell, 2), load(cell), barrier)).toEqual([
      store,
      l1,
      transferCrossSocket - store - l1 + barrierNs,
    ]);
  });

  test("is had by many that only read: the first copy is a transfer, those of its last cache are not", async () => {
    const rig = await Rig.make({ cpus: 16, shape: nested });
    rig.alone(one, storeRelaxed(cell, 1));
    expect(rig.alone(otherSocket, load(cell))).toEqual([transferCrossSocket]);
    // CPU 5 is of the same cluster as the reader, CPU 3 of another one of that socket.
    expect(rig.alone(5, load(cell))).toEqual([l3]);
    expect(rig.alone(3, load(cell))).toEqual([transferSameSocket]);
    expect(rig.alone(sameCluster, load(cell))).toEqual([l3]);
    for (const cpu of [one, otherSocket, 5, 3, sameCluster]) expect(rig.alone(cpu, load(cell))).toEqual([l1]);
  });

  test("is had by one after a write, which asks the farthest reader", async () => {
    const rig = await Rig.make({ cpus: 16, shape: nested });
    for (const cpu of [one, sameCluster, sameSocket]) rig.alone(cpu, load(cell));
    expect(rig.alone(one, add(cell))).toEqual([transferSameSocket + locked]);
    rig.alone(otherSocket, load(cell));
    expect(rig.alone(one, add(cell), add(cell))).toEqual([transferCrossSocket + locked, locked]);
    expect(rig.alone(sameCluster, load(cell))).toEqual([transferSameCluster]);
  });

  test("that has fallen out of its caches is found below", async () => {
    const rig = await Rig.make({ cpus: 2, shape: { cores: 2, l1: [128, 2], l2: [256, 4], l3: [65_536, 16] } });
    rig.alone(0, storeRelaxed(cell, 1), loadMany(cellAt(1), 8, 64));
    expect(rig.alone(1, load(cell))).toEqual([l3]);
  });

  test("that was changed elsewhere is not found in the own last cache any more", async () => {
    const small: Shape = { sockets: 2, cores: 1, l1: [128, 2], l2: [256, 4], l3: [65_536, 16] };
    const rig = await Rig.make({ cpus: 2, shape: small });
    const wipe = loadMany(cellAt(10), 8, 64);
    rig.alone(0, load(cell), wipe);
    expect(rig.alone(0, load(cell), wipe)[0]).toBe(l3);
    rig.alone(1, storeRelaxed(cell, 1), loadMany(cellAt(20), 8, 64));
    expect(rig.alone(0, load(cell))).toEqual([memoryLocal]);
  });

  test("that comes and goes does not push others out of the cache", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const neighbour = cellAt(1);
    rig.alone(0, load(neighbour));
    // Both lines are of the same set of 8.
    for (let round = 0; round < 40; round++) for (const cpu of [0, 1]) rig.alone(cpu, add(cell));
    expect(rig.alone(0, load(neighbour))).toEqual([l1]);
  });
});

describe("the machine's shape", () => {
  test("CPUs go round the sockets, then the clusters, then the cores, and siblings come last", () => {
    const { cpus } = placeCpus(profileOf(nested), 16);
    expect(cpus.map(({ socket }) => socket)).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(cpus.slice(0, 8).map(({ cluster }) => cluster)).toEqual([0, 2, 1, 3, 0, 2, 1, 3]);
    expect(cpus.map(({ core }) => core)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]);
    expect(cpus.slice(0, 4).map(({ socketClusters }) => socketClusters)).toEqual([3, 12, 3, 12]);
  });
});

describe("accesses one after the other cost what a plain model of the caches says", () => {
  const tiny = { l1: [512, 2], l2: [2048, 4], l3: [3328, 4] } as const;
  const shapes: readonly (readonly [name: string, cpus: number, shape: Shape & typeof tiny])[] = [
    ["on one CPU", 1, { cores: 1, ...tiny }],
    ["on one socket", 4, { cores: 4, ...tiny }],
    ["with siblings", 4, { cores: 2, threads: 2, ...tiny }],
    ["on two sockets", 6, { sockets: 2, cores: 3, ...tiny }],
    ["with clusters", 16, { ...nested, ...tiny }],
    ["with a last cache per socket", 16, { ...nested, ...tiny, l3SharedBy: "socket" }],
    ["with caches of one way", 4, { cores: 4, l1: [256, 1], l2: [512, 1], l3: [1024, 1] } as never],
  ];

  test.each(shapes)("%s", async (_name, cpus, shape) => {
    const seed = 11;
    const random = new Random(seed);
    const rig = await Rig.make({ cpus, shape, pages: 16 });
    const model = new CacheModel(shape, plainCosts, cpus);
    const steps: Readonly<Record<Kind, (line: number) => ReturnType<typeof load>>> = {
      load: (line) => load(line),
      store: (line) => storeRelaxed(line, 1),
      locked: (line) => add(line),
    };
    for (let count = 0; count < 3000; count++) {
      const cpu = random.below(cpus);
      // Few lines are used often, many seldom; four pages are of both sockets.
      const page = random.below(4);
      const line = cellAt(page, random.below(random.below(3) === 0 ? 24 : 6));
      const kind = (["load", "load", "store", "locked"] as const)[random.below(4)]!;
      const [took] = rig.alone(cpu, steps[kind](line), tick);
      const expected = model.access(cpu, line / 64, kind);
      if (took !== expected) {
        expect(took, `access ${count}: CPU ${cpu}, page ${page}, ${kind}, seed ${seed}`).toBe(expected);
      }
    }
    const { fetched } = rig.machine.counts();
    const expected = Object.fromEntries(
      Object.keys(fetched).map((source) => [source, model.fetched.get(source as Source) ?? 0]),
    );
    expect(fetched).toEqual(expected);
    expect(fetched.l2 + fetched.l3).toBeGreaterThan(100);
  });
});
