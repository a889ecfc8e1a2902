import { describe, expect, test } from "vitest";
import { times } from "../rows.ts";
import {
  answer,
  answerOnly,
  answersOf,
  fixedRows,
  floor,
  latencies,
  once,
  profile,
  reference,
  rowsOf,
} from "./rows.ts";

const timed = { stage: "timed" } as const;

describe("a rate", () => {
  const rows = [
    ...rowsOf(reference, timed, { "bogo-ops-per-s": [100, 50, 100, 100, 100, 100] }),
    ...rowsOf("srcu", timed, { "bogo-ops-per-s": [20, 10, 20, 20, 20, 20] }),
  ];

  test("is the mean over rounds, and is compared with the reference round by round", async () => {
    const { bogoOps } = await answersOf("srcu", rows);
    expect(bogoOps!.perSecond).toBeCloseTo(110 / 6, 9);
    // A round that disturbed both does not widen the interval.
    expect(bogoOps!.ratio).toMatchObject({ low: 0.2, high: 0.2, rounds: 6 });
    expect(bogoOps!.ratio!.ratio).toBeCloseTo(0.2, 9);
  });

  test("is compared by the rounds that both have", async () => {
    const stopped = rows.filter((row) => row.variant === reference || row.round >= 2);
    const { bogoOps } = await answersOf("srcu", stopped);
    expect(bogoOps!.ratio).toMatchObject({ low: null, high: null, rounds: 4 });
    expect(bogoOps!.ratio!.ratio).toBeCloseTo(0.2, 9);
  });

  test("has no ratio where the reference has none, or did nothing", async () => {
    const ofSrcu = rows.filter((row) => row.variant === "srcu");
    expect((await answersOf("srcu", ofSrcu)).bogoOps!.ratio).toBeNull();
    const idle = rowsOf(reference, timed, { "bogo-ops-per-s": times(6, 0) });
    expect((await answersOf("srcu", [...ofSrcu, ...idle])).bogoOps!.ratio).toBeNull();
  });
});

describe("visits", () => {
  const visits = (givenUp: number) => ({
    "visits-per-s": times(6, 1000),
    ...once({ visits: 400, "visits-given-up": givenUp }),
  });

  test("without those given up are all less their share, and so is their ratio", async () => {
    const rows = [...rowsOf(reference, timed, visits(100)), ...rowsOf("srcu", timed, visits(0))];
    const ofReference = await answersOf(reference, rows);
    expect([ofReference.givenUp, ofReference.walked!.perSecond]).toEqual([0.25, 750]);
    const { visits: all, walked } = await answersOf("srcu", rows);
    expect(all!.ratio!.ratio).toBe(1);
    expect(walked!.ratio!.ratio).toBeCloseTo(4 / 3, 9);
  });

  test("that nobody made have no share, and no rate without those given up", async () => {
    const rows = rowsOf(reference, timed, {
      "visits-per-s": times(6, 0),
      ...once({ visits: 0, "visits-given-up": 0, callbacks: 0 }),
    });
    expect(await answersOf(reference, rows)).toMatchObject({ givenUp: null, walked: null, callbackNs: null });
  });

  test("of which nobody knows how many were given up have no rate without them", async () => {
    const rows = rowsOf(reference, timed, { "visits-per-s": times(6, 1000) });
    expect(await answersOf(reference, rows)).toMatchObject({ givenUp: null, walked: null });
  });
});

test("a rate is all that was done over all the time", async () => {
  const rows = rowsOf(reference, timed, { "bogo-ops-per-s": [100, 10], "round-ns": [1e9, 9e9] });
  expect((await answersOf(reference, rows)).bogoOps).toMatchObject({ perSecond: 19 });
});

describe("the time of a visit", () => {
  const rows = [
    ...rowsOf(reference, timed, { "visit-ns": times(6, 150), ...once({ visits: 10, callbacks: 20 }) }),
    ...rowsOf("srcu", timed, { "visit-ns": times(6, 100), ...once({ visits: 10, callbacks: 0 }) }),
    ...rowsOf(floor, timed, { "visit-ns": times(6, 50), ...once({ visits: 10 }) }),
  ];

  test("is above the floor's, as is its ratio", async () => {
    const { visit } = await answersOf("srcu", rows);
    expect(visit).toMatchObject({ ns: 50, ratio: { ratio: 0.5 } });
    expect((await answerOnly(rows)).harness.visitNs).toBe(50);
    expect((await answersOf(floor, rows)).visit).toBeNull();
  });

  test("is told apart in the first round and later, where there are enough rounds", async () => {
    const first = [
      ...rowsOf(reference, timed, { "visit-ns": [1050, 150, 170, 160] }),
      ...rowsOf("srcu", timed, { "visit-ns": [1050, 150] }),
      ...rowsOf(floor, timed, { "visit-ns": times(4, 50) }),
    ];
    expect(await answersOf(reference, first)).toMatchObject({ firstVisitNs: 1000, laterVisitNs: 110 });
    for (const id of ["srcu", floor]) {
      expect(await answersOf(id, first)).toMatchObject({ firstVisitNs: null, laterVisitNs: null });
    }
  });

  test("is divided among the callbacks, where there were any", async () => {
    expect((await answersOf(reference, rows)).callbackNs).toBe(50);
    expect((await answersOf("srcu", rows)).callbackNs).toBeNull();
  });
});

test("latencies of all rows of a distribution are taken together", async () => {
  const rows = [
    ...rowsOf(reference, timed, latencies("unregister-latency-ns", 40)),
    ...rowsOf(reference, timed, latencies("unregister-latency-ns", 10, 20, 30)),
  ];
  const { unregister, register, pass } = await answersOf(reference, rows);
  expect(unregister).toEqual({ count: 4, p50Ns: 20, p99Ns: 40, p999Ns: 40, maxNs: 40 });
  expect([register, pass]).toEqual([null, null]);
});

describe("a profile", () => {
  test("has shares of the busy samples, idle ones apart", async () => {
    const rows = rowsOf(
      reference,
      { stage: "profiled" },
      profile({ idle: 1000, down_read_trylock: 400, up_read: 200, osq_lock: 100, shrink_slab: 300 }),
    );
    const { profile: found } = await answersOf(reference, rows);
    expect(found).toMatchObject({ busy: 1000, idle: 1000, readerLocks: 0.6, writerLocks: 0.1 });
    expect([...found!.symbols.keys()]).toEqual(["down_read_trylock", "shrink_slab", "up_read", "osq_lock"]);
  });

  test("adds up the samples of several rounds", async () => {
    const rows = rowsOf(reference, { stage: "profiled" }, { "profile-samples[up_read]": [3, 4] });
    expect((await answersOf(reference, rows)).profile!.symbols.get("up_read")).toBe(7);
  });

  test("of few samples has no shares", async () => {
    const rows = rowsOf(reference, { stage: "profiled" }, profile({ up_read: 100, shrink_slab: 99 }));
    expect((await answersOf(reference, rows)).profile).toMatchObject({
      busy: 199,
      readerLocks: null,
      writerLocks: null,
    });
  });

  test("of an idle machine has no shares", async () => {
    const rows = rowsOf(reference, { stage: "profiled" }, profile({ idle: 10 }));
    expect((await answersOf(reference, rows)).profile).toMatchObject({ busy: 0, readerLocks: null, writerLocks: null });
  });

  test("is taken from its own stage only", async () => {
    expect((await answersOf(reference, rowsOf(reference, timed, profile({ up_read: 1 })))).profile).toBeNull();
  });
});

describe("jiffies per second", () => {
  const rows = (...hz: readonly string[]) => [
    ...rowsOf(reference, { ...timed, parameters: "workers=2" }, once({ visits: 1 })),
    ...hz.flatMap((value) => rowsOf("srcu", { ...timed, parameters: `workers=2 hz=${value}` }, once({ visits: 1 }))),
  ];

  test("of a variant without any are those of the others", async () => {
    expect((await answersOf(reference, rows("250"))).hz).toBe(250);
    expect((await answersOf("srcu", rows("250"))).hz).toBe(250);
  });

  test("are unknown where no variant has them, or where the others differ", async () => {
    expect((await answersOf(reference, rows())).hz).toBeNull();
    const other = rowsOf("refcount-rcu", { ...timed, parameters: "hz=1000" }, once({ visits: 1 }));
    expect((await answersOf(reference, [...rows("250"), ...other])).hz).toBeNull();
  });
});

test("the CPUs and the oversubscription of each stage come from its rows", async () => {
  const rows = [
    ...rowsOf(reference, { ...timed, cpus: 9, parameters: "oversubscribed=true" }, once({ visits: 1 })),
    ...rowsOf(reference, { stage: "counted" }, once({ "visit-lines-mean": 1 })),
  ];
  expect(await answerOnly(rows)).toMatchObject({
    timedOn: { cpus: [9], isOversubscribed: true },
    profiledOn: { cpus: [], isOversubscribed: false },
    countedOn: { cpus: [2], isOversubscribed: false },
  });
});

test("workloads keep the order of their rows, and variants the order asked for", async () => {
  const workloads = await answer(fixedRows().reverse());
  expect(workloads.map((one) => one.name)).toEqual(["cgroups-4000", "container-start", "stress-ng-ramfs"]);
  expect(workloads[0]!.variants.map((one) => [one.id, one.role])).toEqual([
    [reference, "reference"],
    ["srcu", ""],
    ["refcount-rcu", ""],
    [floor, "floor"],
  ]);
  expect(await answer([])).toEqual([]);
});
