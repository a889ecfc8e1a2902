import { describe, expect, test } from "vitest";
import type { MeasuredRow } from "../../../src/records/record.ts";
import type { VariantAnswers, WorkloadAnswers } from "../../../src/report/quarantine/answers.ts";
import { answer, fixedOrder, fixedRows, floor, reference, removals, removalsByLaw, rowsOf, times } from "./rows.ts";

const timed = { stage: "timed" } as const;
const order = [reference, "hash-buckets", floor];

async function only(rows: readonly MeasuredRow[]): Promise<WorkloadAnswers> {
  const [workload, ...others] = await answer(rows, order);
  expect(others).toEqual([]);
  return workload!;
}

async function answersOf(id: string, rows: readonly MeasuredRow[]): Promise<VariantAnswers> {
  return (await only(rows)).variants.find((one) => one.id === id)!;
}

describe("a time per operation", () => {
  // Round 3 was disturbed: everything took 100 ns more.
  const disturbed = (ns: number): number[] => [ns, ns, ns, ns + 100, ns, ns, ns];
  const rows = [
    ...rowsOf(reference, timed, { "put-ns": disturbed(30) }),
    ...rowsOf("hash-buckets", timed, { "put-ns": disturbed(20) }),
    ...rowsOf(floor, timed, { "put-ns": disturbed(10) }),
  ];

  test("has the floor's time of the same round subtracted, so that a disturbance cancels", async () => {
    const { put } = await answersOf("hash-buckets", rows);
    expect(put).toMatchObject({ ns: 10, low: 10, high: 10 });
  });

  test("is compared with the reference round by round, both without the harness", async () => {
    const { put } = await answersOf("hash-buckets", rows);
    // (20 - 10) / (30 - 10), in the disturbed round too.
    expect(put!.ratio).toEqual({ ratio: 0.5, low: 0.5, high: 0.5, rounds: 7 });
    expect((await answersOf(reference, rows)).put!.ratio).toEqual({ ratio: 1, low: 1, high: 1, rounds: 7 });
  });

  test("keeps the tail of the raw batches", async () => {
    const { put } = await answersOf("hash-buckets", rows);
    // Of seven samples the 99th percentile lies between the two longest, 20 and 120.
    expect(put!.rawP99Ns).toBeGreaterThan(20);
    expect(put!.rawP99Ns).toBeLessThanOrEqual(120.001);
  });

  test("of the floor is nothing, and is the harness's time", async () => {
    const workload = await only(rows);
    const { put } = workload.variants.at(-1)!;
    expect(put).toBeNull();
    expect(workload.harness).toEqual({ putNs: 10, allocateNs: null, mixedNs: null, removeNs: null });
  });

  test("is unknown where the floor was not measured", async () => {
    const without = rows.filter((row) => row.variant !== floor);
    expect((await answersOf("hash-buckets", without)).put).toBeNull();
  });

  test("has no ratio where the reference was not measured", async () => {
    const without = rows.filter((row) => row.variant !== reference);
    expect((await answersOf("hash-buckets", without)).put).toMatchObject({ ns: 10, ratio: null });
  });

  test("is unknown where the value is missing", async () => {
    const missing = rows.map((row) => (row.variant === "hash-buckets" ? { ...row, value: null } : row));
    expect((await answersOf("hash-buckets", missing)).put).toBeNull();
  });
});

test("the time of a reduction is that above the floor's, per object let go, idle reductions included", async () => {
  const rows = [
    ...rowsOf("hash-buckets", timed, { "allocate-ns": [25, 5, 45, 35], "evicted-per-allocation": [2, 0, 4, 2] }),
    ...rowsOf(floor, timed, { "allocate-ns": times(4, 5), "evicted-per-allocation": times(4, 0) }),
  ];
  // 20, 0, 40 and 30 above the floor, for 2, 0, 4 and 2 objects.
  expect((await answersOf("hash-buckets", rows)).reduceNs).toBe(90 / 8);
  expect((await answersOf(floor, rows)).reduceNs).toBeNull();
});

test("a time is a mean, because evictions come in bursts, and is compared by blocks of batches", async () => {
  // Every fifth batch evicts. Fifty batches are ten blocks of five, and each holds one burst.
  const bursts = (low: number, high: number): number[] =>
    Array.from({ length: 50 }, (_, index) => (index % 5 === 4 ? high : low));
  const rows = [
    ...rowsOf(reference, timed, { "mixed-ns": bursts(30, 130) }),
    ...rowsOf("hash-buckets", timed, { "mixed-ns": bursts(20, 60) }),
    ...rowsOf(floor, timed, { "mixed-ns": times(50, 10) }),
  ];
  const { mixed, bogoOp } = await answersOf("hash-buckets", rows);
  // Without the harness: (4 * 10 + 50) / 5 = 18 against (4 * 20 + 120) / 5 = 40.
  expect(mixed).toMatchObject({ ns: 18, ratio: { ratio: 0.45, low: 0.45, high: 0.45, rounds: 10 } });
  expect(bogoOp).toBeNull();
  expect((await only(rows)).harness.mixedNs).toBe(10);
});

describe("a teardown", () => {
  const rows = [
    ...rowsOf(reference, timed, { "teardown-ns": [2000, 3000], ...removals(50, 60, 3000) }),
    ...rowsOf("hash-buckets", timed, {
      "teardown-ns": [700, 900],
      "worker-ns": [undefined, 100, 250],
      ...removals(1, 2),
    }),
  ];

  test("is the sum of its parts, and of its workers", async () => {
    const { teardownNs, teardownParts, workerNs } = await answersOf("hash-buckets", rows);
    expect({ teardownNs, parts: [...teardownParts], workerNs }).toEqual({
      teardownNs: 1600,
      parts: [
        [0, 700],
        [1, 900],
      ],
      workerNs: 350,
    });
  });

  test("has the distribution of its removals", async () => {
    expect((await answersOf(reference, rows)).removals).toEqual({ count: 3, p50Ns: 60, p99Ns: 3000, maxNs: 3000 });
  });

  test("without workers has none of their time", async () => {
    expect((await answersOf(reference, rows)).workerNs).toBe(0);
  });

  test("is unknown where nothing is removed", async () => {
    const { teardownNs, workerNs, removals: none } = await answersOf(floor, rowsOf(floor, timed, { "put-ns": [1] }));
    expect({ teardownNs, workerNs, none }).toEqual({ teardownNs: null, workerNs: null, none: null });
  });

  test("that was stopped halfway is unknown: the sum would be one of a part", async () => {
    const stopped = rowsOf("hash-buckets", timed, { "teardown-ns": [700], "worker-ns": [undefined, 100] });
    const { teardownNs, workerNs } = await answersOf("hash-buckets", stopped);
    expect({ teardownNs, workerNs }).toEqual({ teardownNs: null, workerNs: null });
  });
});

test("the longest section is the least of several runs', because a preempted holder is the machine's doing", async () => {
  const rows = rowsOf(
    reference,
    { stage: "instrumented" },
    { "lock-hold-ns-max": [900, 500, 700], "irq-off-ns-max": [80] },
  );
  const { lockHoldNsMax, irqOffNsMax } = await answersOf(reference, rows);
  expect({ lockHoldNsMax, irqOffNsMax }).toEqual({ lockHoldNsMax: 500, irqOffNsMax: 80 });
});

test("exact values come from the counted run, those of memory from the timed one", async () => {
  const rows = [
    ...rowsOf(reference, timed, { "global-bytes": [4096], "true-size": [0], "put-ns": [5] }),
    ...rowsOf(
      reference,
      { stage: "counted" },
      { "put-accesses-mean": [7.5], "remove-accesses": [1, 2, 3], "global-bytes": [2048], "cache-extra-bytes": [16] },
    ),
  ];
  const { exact, trueSize } = await answersOf(reference, rows);
  // The counted run has one CPU; a size that the timed one does not tell is the counted one's.
  expect(Object.fromEntries(exact)).toEqual({
    "put-accesses-mean": 7.5,
    "cache-extra-bytes": 16,
    "global-bytes": 4096,
  });
  expect(trueSize).toBe(false);
  expect((await answersOf(floor, rowsOf(floor, timed, { "put-ns": [5] }))).trueSize).toBeNull();
});

test("mitata's median is compared with ours of the same session", async () => {
  const rows = rowsOf(reference, { stage: "mitata" }, { "put-ns-mitata": [12], "put-ns-checked": [10] });
  const { crossChecked } = await answersOf(reference, rows);
  expect(crossChecked).toEqual({ oursNs: 10, mitataNs: 12, difference: expect.closeTo(0.2, 9) });
  const half = rowsOf(reference, { stage: "mitata" }, { "put-ns-mitata": [12] });
  expect((await answersOf(reference, half)).crossChecked).toBeNull();
});

describe("the law of growth", () => {
  const sizes = [
    [2_097_152, [100, 200, 150, 400], 40_000],
    [4_194_304, [200, 400, 300, 900], 80_000],
    [8_388_608, [400, 800, 600, 1700], 160_000],
  ] as const;
  const rows = sizes.flatMap(([growthBytes, foreign, teardownNs]) => [
    ...rowsOf(reference, { stage: "counted", growthBytes }, removalsByLaw(foreign)),
    ...rowsOf(reference, { stage: "timed", growthBytes }, { "teardown-ns": [teardownNs], ...removals(1, 2, 3, 4) }),
  ]);

  test("fits every counted removal", async () => {
    const [growth] = (await only(rows)).growth;
    expect(growth!.law!.observations).toBe(12);
    for (const [index, planted] of [120, 11, 29, 14].entries()) {
      expect(growth!.law!.coefficients[index]).toBeCloseTo(planted, 4);
    }
    expect(growth!.law!.rSquared).toBeCloseTo(1, 9);
  });

  test("has the mean of a removal at each size, and its exponent", async () => {
    const [growth] = (await only(rows)).growth;
    expect(growth!.native).toEqual(sizes.map(([bytes, , ns]) => [bytes, ns / 4]));
    expect(growth!.nativeExponent).toBeCloseTo(1, 9);
    // 4 * 120 + 11 * 850 + 29 * 11 + 14 * 18 = 10401, over four removals.
    expect(growth!.counted[0]).toEqual([2_097_152, 2600.25]);
    expect(growth!.countedExponent).toBeGreaterThan(0.9);
    expect(growth!.countedExponent).toBeLessThan(1);
  });

  test("is not fitted to removals that a worker does, whose accesses count nevertheless", async () => {
    const byWorker = rowsOf(
      reference,
      { stage: "counted", growthBytes: 2_097_152 },
      { "remove-accesses": [10, 10], "worker-accesses": [180] },
    );
    const [growth] = (await only(byWorker)).growth;
    expect(growth).toMatchObject({ law: null, counted: [[2_097_152, 100]], countedExponent: null });
  });

  test("does not mix with the answers", async () => {
    expect((await only(rows)).variants).toEqual([]);
  });
});

test("workloads keep the order of their rows, and variants the order asked for", async () => {
  const workloads = await answer(fixedRows().reverse(), fixedOrder);
  expect(workloads.map((one) => one.name)).toEqual(["stress-ng-ramfs", "libvirt-teardown"]);
  expect(workloads[1]!.variants.map((one) => [one.id, one.role])).toEqual([
    [reference, "reference"],
    ["hash-buckets", ""],
    ["batched-async form=deferred", ""],
    [floor, "floor"],
  ]);
});

test("parameters are shown where they are not at their defaults, the quarantine's size always, those of a variant never", async () => {
  const parameters = "buckets=16 churn-cycles=8 guests=2 quarantine-bytes=67108864 skip-when-empty=false";
  const rows = rowsOf(reference, { stage: "timed", parameters }, { "put-ns": [1] });
  expect((await only(rows)).parameters).toEqual({
    timed: "guests=2 quarantine-bytes=67108864",
    instrumented: "",
    counted: "",
  });
});

test("no rows give no answers", async () => {
  expect(await answer([], order)).toEqual([]);
});
