import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { VariantAnswers } from "../../../src/report/shrinker/answers.ts";
import { chooseFor } from "../../../src/report/shrinker/verdict.ts";
import { times } from "../rows.ts";
import {
  answer,
  answerOnly,
  answersOf,
  fixedRows,
  floor,
  latencies,
  type Origin,
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

  test("is the median of rounds, and is compared with the reference round by round", async () => {
    const { bogoOps } = await answersOf("srcu", rows);
    expect(bogoOps).toMatchObject({ perSecond: 20, low: 10, high: 20 });
    // A round that disturbed both does not widen the interval.
    expect(bogoOps!.ratio).toEqual({ ratio: 0.2, low: 0.2, high: 0.2, rounds: 6 });
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

test("a rate of more than ten rounds is of ten blocks, in each all that was done over all the time", async () => {
  const rows = rowsOf(reference, timed, {
    "bogo-ops-per-s": [...times(9, 19), 100, 10],
    "round-ns": [...times(10, 1e9), 9e9],
  });
  expect((await answersOf(reference, rows)).bogoOps).toMatchObject({ perSecond: 19, low: 19, high: 19 });
});

describe("the first round of a workload in chunks", () => {
  const chunks = { ...timed, workload: "cgroups-4000", isSliced: false } as const;
  const visits = (first: number, later: readonly number[], origin: Origin = chunks) => [
    ...rowsOf(reference, origin, { "visits-per-s": [10, ...later], "visit-ns": [5000, ...later.map(() => 150)] }),
    ...rowsOf("srcu", origin, { "visits-per-s": [first, ...later], "visit-ns": [first, ...later.map(() => 250)] }),
    ...rowsOf(floor, origin, { "visits-per-s": [1e6, ...later], "visit-ns": [500, ...later.map(() => 50)] }),
  ];

  test("stands apart, and is in no other number", async () => {
    const [one, other] = await Promise.all([
      answersOf("srcu", visits(9000, times(6, 1000))),
      answersOf("srcu", visits(600, times(6, 1000))),
    ]);
    expect(one).toMatchObject({
      isPooled: false,
      firstVisits: 9000,
      firstVisitNs: 8500,
      visits: { perSecond: 1000, low: 1000, high: 1000, ratio: { ratio: 1, rounds: 6 } },
      visit: { ns: 200, low: 200, high: 200, ratio: { ratio: 2, rounds: 6 } },
    });
    const { firstVisits, firstVisitNs, ...others } = one;
    expect(other).toMatchObject({ firstVisits: 600, firstVisitNs: 100 });
    expect(JSON.stringify({ ...other, firstVisits, firstVisitNs })).toBe(JSON.stringify(one));
    expect(others.walked).toBeNull();
  });

  test("is left out of visits without those given up, too, and no callback's price mixes rounds", async () => {
    const some = once({ visits: 100, "visits-given-up": 50, callbacks: 200 });
    const rows = [...visits(9000, times(6, 1000)), ...rowsOf("srcu", chunks, some), ...rowsOf(reference, chunks, some)];
    expect(await answersOf("srcu", rows)).toMatchObject({
      walked: { perSecond: 500, ratio: { ratio: 1, low: 1, high: 1, rounds: 6 } },
      callbackNs: null,
    });
  });

  test("is the workload's first with passes, whoever lacks it", async () => {
    const rows = visits(9000, times(6, 1000)).filter((row) => row.variant !== "srcu" || row.round > 0);
    expect(await answersOf("srcu", rows)).toMatchObject({ firstVisits: null, visits: { ratio: { rounds: 6 } } });
  });

  test("is taken with the others where there are fewer than four", async () => {
    expect(await answersOf("srcu", visits(9000, [1000, 1000, 1000]))).toMatchObject({ isPooled: false });
    expect(await answersOf("srcu", visits(7000, [1000, 3000]))).toMatchObject({
      isPooled: true,
      firstVisits: null,
      firstVisitNs: null,
      visits: { perSecond: 3000, low: null, ratio: { low: null, high: null, rounds: 3 } },
    });
  });

  test("is like any other where rounds are slices of time", async () => {
    const slices = { ...chunks, isSliced: true };
    expect(await answersOf("srcu", visits(9000, times(6, 1000), slices))).toMatchObject({
      isPooled: false,
      firstVisits: null,
      visits: { ratio: { rounds: 7 } },
    });
  });
});

/** Estimates with their intervals, of which the report shows all three numbers. */
function intervalsOf(one: VariantAnswers): { low: number | null; estimate: number; high: number | null }[] {
  const found = [one.bogoOps, one.visits, one.walked, one.visit].flatMap((of) => {
    if (of === null) return [];
    const estimate = "ns" in of ? of.ns : of.perSecond;
    const { ratio } = of;
    return [{ ...of, estimate }, ...(ratio === null ? [] : [{ ...ratio, estimate: ratio.ratio }])];
  });
  return found.map(({ low, estimate, high }) => ({ low, estimate, high }));
}

test("no estimate lies outside of its interval, and no choice's sentence says so", async () => {
  const round = fc.record({
    rate: fc.oneof(fc.nat(1e7), fc.double({ min: 0, max: 1e7, noNaN: true })),
    ns: fc.double({ min: 1, max: 1e10, noNaN: true }),
    visitNs: fc.double({ min: 1, max: 1e6, noNaN: true }),
  });
  const rounds = fc.array(round, { minLength: 1, maxLength: 35 });
  const some = fc.record({ of: rounds, other: rounds, floor: rounds, isSliced: fc.boolean(), givenUp: fc.nat(60) });
  let intervals = 0;
  let sentences = 0;
  await fc.assert(
    fc.asyncProperty(some, async ({ of, other, floor: ofFloor, isSliced, givenUp }) => {
      const origin = { ...timed, workload: "cgroups-4000", isSliced } as const;
      const rowsFrom = (id: string, from: typeof of, share: number) =>
        rowsOf(id, origin, {
          "round-ns": from.map((one) => one.ns),
          "visits-per-s": from.map((one) => one.rate),
          "visit-ns": from.map((one) => one.visitNs),
          ...(isSliced ? { "bogo-ops-per-s": from.map((one) => one.rate) } : {}),
          ...once({ visits: 100, "visits-given-up": share, callbacks: 100 }),
        });
      const workload = await answerOnly([
        ...rowsFrom(reference, of, givenUp),
        ...rowsFrom("srcu", other, 0),
        ...rowsFrom(floor, ofFloor, 0),
      ]);
      for (const { low, estimate, high } of workload.variants.flatMap(intervalsOf)) {
        expect(low === null).toBe(high === null);
        if (low === null || high === null) continue;
        intervals++;
        expect(low).toBeLessThanOrEqual(estimate);
        expect(estimate).toBeLessThanOrEqual(high);
      }
      const reason = chooseFor(workload, [workload])?.reason ?? "";
      const shown = /([\d.,∞e+-]+)×[^×]*95 % interval ([\d.,∞e+-]+)× to ([\d.,∞e+-]+)×/.exec(reason);
      if (shown === null) return;
      sentences++;
      const [ratio, low, high] = shown
        .slice(1)
        .map((text) => (text === "∞" ? Infinity : Number(text.replace(/,/g, ""))));
      expect(low).toBeLessThanOrEqual(ratio!);
      expect(ratio).toBeLessThanOrEqual(high!);
    }),
    { seed: 4, numRuns: 300 },
  );
  expect(intervals).toBeGreaterThan(500);
  expect(sentences).toBeGreaterThan(10);
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
  expect(unregister).toEqual({ count: 4, p50Ns: 20, p99Ns: null, p999Ns: null, maxNs: 40 });
  expect([register, pass]).toEqual([null, null]);
});

test.each([
  [99, null, null],
  [100, 20, null],
  [999, 20, null],
  [1000, 20, 20],
])("of %i durations the 99 %% quantile is %s and the 99.9 %% quantile %s", async (count, p99Ns, p999Ns) => {
  const rows = rowsOf(reference, timed, latencies("pass-latency-ns", ...times(count, 20)));
  expect((await answersOf(reference, rows)).pass).toEqual({ count, p50Ns: 20, p99Ns, p999Ns, maxNs: 20 });
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
