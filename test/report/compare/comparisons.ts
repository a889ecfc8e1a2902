// Comparisons made by hand: every verdict, every change, a machine that cannot be trusted, and nothing at all.

import type {
  Canary,
  Comparison,
  ExactRow,
  ExactValue,
  NativeRow,
  PairedProcess,
} from "../../../src/compare/comparison.ts";
import { comparisonSchema } from "../../../src/compare/comparison.ts";
import { estimate } from "../../../src/compare/judge.ts";
import { Random } from "../../../src/workloads/random.ts";

const name = {
  problem: "quarantine",
  workload: "libvirt-teardown",
  cpus: 1,
  parameters: "batches=1024 slabinfo=packaged:libvirt-guest stage=timed",
} as const;

/** Processes whose pairs lie around a ratio, on a machine whose speed differs from one to the next. */
export function processes(ratio: number, base = 100, count = 12, seed = 1): PairedProcess[] {
  const random = new Random(seed);
  const noise = (size: number): number => 1 + size * (random.below(2001) / 1000 - 1);
  return Array.from({ length: count }, () => {
    const own = base * noise(0.15);
    const pair = ratio * noise(0.012);
    return { base: own, head: own * pair, logRatio: Math.log(pair), rounds: 60 };
  });
}

export function native(more: Partial<NativeRow> & { ratio?: number } = {}): NativeRow {
  const { ratio = 1, ...rest } = more;
  const measured = rest.processes ?? processes(ratio);
  const found = measured.length === 0 ? null : estimate(measured);
  return {
    ...name,
    variant: "doubly-linked",
    metric: "put-ns",
    unit: "ns/object",
    better: "lower",
    gated: true,
    baseSha256: "a".repeat(64),
    headSha256: "b".repeat(64),
    processes: measured,
    estimate: found,
    delta: 0.03,
    holm: found === null ? null : Math.min(1, 4 * found.p),
    falseDiscovery: found === null ? null : Math.min(1, 2 * found.p),
    confirmation: null,
    verdict: "equivalent",
    reason: "the whole interval at 90 % lies within 3 %",
    ...rest,
  };
}

export function value(sum: number, samples = 1, max = sum, digit = "0"): ExactValue {
  return { samples, sum, max, sha256: digit.repeat(64) };
}

export function exact(more: Partial<ExactRow> = {}): ExactRow {
  return {
    ...name,
    parameters: "batches=1024 slabinfo=packaged:libvirt-guest stage=counted",
    variant: "doubly-linked",
    metric: "put-accesses-mean",
    unit: "accesses/object",
    better: "lower",
    instrument: "traced",
    base: value(12),
    head: value(12),
    change: "same",
    budget: 0,
    fails: false,
    ...more,
  };
}

export function canary(ratio = 1.001, sings = false): Canary {
  const measured = processes(ratio, 80, 12, 9);
  return {
    ...name,
    variant: "singly-linked-fifo",
    metric: "put-ns",
    unit: "ns/object",
    better: "lower",
    processes: measured,
    estimate: estimate(measured),
    delta: 0.03,
    sings,
  };
}

const fresh = processes(1.095, 104, 12, 5);

/** Fails, is gated, and fresh processes say the same. */
export const regressed = native({
  ratio: 1.098,
  verdict: "regressed",
  reason: "slower by more than 3 %",
  confirmation: { processes: fresh, estimate: estimate(fresh), confirmed: true },
});

const other = processes(1.01, 104, 12, 6);

export const nativeRows: readonly NativeRow[] = [
  native({ variant: "singly-linked-fifo", ratio: 1.002 }),
  regressed,
  native({
    variant: "hash-buckets buckets=16 skip-when-empty=true",
    ratio: 0.91,
    verdict: "improved",
    reason: "faster by more than 3 %",
  }),
  native({
    variant: "ring",
    processes: processes(1.035, 100, 12, 3),
    verdict: "inconclusive",
    reason: "fresh processes did not confirm it",
    confirmation: { processes: other, estimate: estimate(other), confirmed: false },
  }),
  // A rate, on two CPUs, which is worth a look only.
  native({
    problem: "shrinker",
    variant: "srcu",
    workload: "stress-ng-ramfs",
    cpus: 2,
    parameters: "mounters=2 stage=timed",
    metric: "bogo-ops-per-s",
    unit: "ops/s",
    better: "higher",
    gated: false,
    processes: processes(0.88, 812_000, 12, 4),
    delta: 0.05,
    holm: null,
    verdict: "regressed",
    reason: "slower by more than 5 %",
  }),
  // Two of the same name that differ in a parameter; one is of the same code.
  native({ variant: "ring", metric: "remove-ns", unit: "ns", parameters: "batches=1024 fill=1.25 stage=timed" }),
  native({
    variant: "ring",
    metric: "remove-ns",
    unit: "ns",
    parameters: "batches=1024 fill=2 stage=timed",
    headSha256: "a".repeat(64),
    processes: [],
    reason: "the same code on both sides",
  }),
];

export const exactRows: readonly ExactRow[] = [
  exact(),
  exact({ variant: "ring", head: value(13), change: "worse", fails: true }),
  exact({
    variant: "hash-buckets buckets=16",
    metric: "put-lines-mean",
    unit: "lines/object",
    base: value(4.125),
    head: value(4.0625),
    change: "better",
  }),
  exact({
    variant: "ring",
    metric: "removal-delay-puts",
    unit: "objects",
    base: value(1000, 50, 40, "1"),
    head: value(1000, 50, 40, "2"),
    change: "changed",
    fails: true,
  }),
  exact({
    variant: "ring",
    metric: "remove-accesses",
    unit: "accesses",
    base: value(1000, 50, 40, "1"),
    head: value(1010, 50, 41, "2"),
    change: "within budget",
    budget: 0.05,
  }),
  exact({
    problem: "shrinker",
    variant: "rwsem",
    metric: "line-transfers[slab pages (nodes) 10]",
    unit: "transfers",
    base: value(120),
    head: null,
    change: "gone",
    fails: true,
    parameters: "machine=two%20sockets stage=simulated",
    instrument: "simulator",
    workload: "stress-ng-ramfs",
    cpus: 64,
  }),
  exact({
    problem: "shrinker",
    variant: "srcu",
    metric: "virtual-bogo-ops-per-s",
    unit: "ops/s",
    better: "higher",
    base: null,
    head: value(1234567.891),
    change: "added",
    parameters: "machine=two%20sockets stage=simulated",
    instrument: "simulator",
    workload: "stress-ng-ramfs",
    cpus: 64,
  }),
];

export function comparison(more: Partial<Comparison> = {}): Comparison {
  const made: Comparison = {
    schemaVersion: 1,
    id: "20261122T001500Z-0a1b2c",
    kind: "revisions",
    command: "reclaim-bench compare --base main --problem 'a & b'",
    startedAt: "2026-11-22T00:15:00.000Z",
    finishedAt: "2026-11-22T00:19:30.500Z",
    environment: {
      id: "0123456789ab",
      node: "20.20.2",
      v8: "11.3.244.8",
      os: "linux",
      kernel: "6.1.0",
      arch: "x64",
      cpuModel: "Example CPU @ 2.50GHz",
      coreCount: 2,
      memoryBytes: 24 * 1024 ** 3,
      governor: null,
      virtualised: true,
      loadAverage: [0.4, 0.3, 0.2],
      clockResolutionNs: 31,
      clockCostNs: 44,
      commit: "",
    },
    seed: 1,
    base: { label: "main", commit: "1".repeat(40), runId: "20261101T000000Z-111111", environmentId: "111111111111" },
    head: { label: "working tree", commit: "", runId: "20261122T001500Z-222222", environmentId: "0123456789ab" },
    exact: { compared: 12_345, rows: [...exactRows] },
    native: {
      alpha: 0.05,
      processes: 12,
      rounds: 60,
      rows: [...nativeRows],
      canaries: [canary()],
      stealShare: 0.012,
      loadPerCore: 0.2,
      distrust: [],
    },
    violations: [],
    warnings: [],
    outcome: "regressed",
    ...more,
  };
  return comparisonSchema.parse(made);
}

const natively = comparison().native!;

export const passed = comparison({
  exact: { compared: 12_345, rows: [exact()] },
  native: { ...natively, rows: nativeRows.filter(({ verdict }) => verdict === "improved" || verdict === "equivalent") },
  outcome: "passed",
});

/** Only times, of which one regressed. */
export const slower = comparison({ exact: null });

/** What was measured cannot be trusted. */
export const inconclusive = comparison({
  exact: { compared: 2, rows: [] },
  native: {
    ...natively,
    rows: [native({ verdict: "inconclusive", reason: "the machine cannot be trusted", ratio: 1.2 })],
    canaries: [canary(), canary(1.08, true)],
    stealShare: null,
    loadPerCore: 1.75,
    distrust: ["1.75 runnable tasks per core before it began, more than 1.5"],
  },
  warnings: ["--min-effect 10 %: nothing below is found"],
  outcome: "inconclusive",
});

/** With a text that every format would stumble over. */
export const hostile = 'lost <b>2</b> objects | "50 %", a\\b `c` _d_ *e*\n::error::x [y](z) & ]]> =1+1\u0007\u{1f41b}';

export const violated = comparison({
  violations: [
    { case: "quarantine / ring / libvirt-teardown / timed", error: hostile },
    { case: "the machine", error: "1 object left" },
  ],
  outcome: "violated",
});

/** Variants against a reference. */
export const variants = comparison({
  kind: "variants",
  base: { label: "singly-linked-fifo", commit: "", runId: null, environmentId: null },
  head: { label: "variants", commit: "", runId: null, environmentId: null },
  exact: null,
  native: {
    ...natively,
    rows: [
      native({ variant: "ring", ratio: 0.5, verdict: "faster", reason: "its interval lies below 1" }),
      native({ variant: "doubly-linked", ratio: 1.4, verdict: "slower", reason: "its interval lies above 1" }),
      native({ variant: "batched", ratio: 1.001, verdict: "not separated", reason: "its interval holds 1" }),
    ],
  },
  outcome: "passed",
});

/** Of two exact values the sum is better, and the largest one worse, by which it fails. */
export const worseByMax = comparison({
  exact: {
    compared: 1,
    rows: [
      exact({
        problem: "cil",
        variant: "shadow-buffers",
        metric: "line-waited-ns",
        unit: "ns",
        base: value(1846.2, 8, 456, "1"),
        head: value(1793.4, 8, 466.2, "2"),
        change: "worse",
        fails: true,
      }),
    ],
  },
  native: null,
});

/** Of two exact values of which more is better the sum is the same, and the smallest one worse. */
export const worseByMin = comparison({
  exact: {
    compared: 1,
    rows: [
      exact({
        problem: "cil",
        variant: "shadow-buffers",
        metric: "checkpoint-fill",
        unit: "items",
        better: "higher",
        base: { ...value(10, 2, 5, "1"), min: 5 },
        head: { ...value(10, 2, 9, "2"), min: 1 },
        change: "worse",
        fails: true,
      }),
    ],
  },
  native: null,
});

export const empty = comparison({ exact: null, native: null, outcome: "passed" });

/** So few processes that there is no interval. */
export const few = comparison({
  exact: null,
  native: {
    ...natively,
    processes: 3,
    rows: [native({ processes: processes(1.3, 100, 3), verdict: "inconclusive", reason: "too few processes" })],
    canaries: [],
  },
  outcome: "passed",
});

/** A gated row that could not be timed. */
export const untimed = comparison({
  exact: null,
  native: {
    ...natively,
    rows: [
      native({}),
      {
        ...native({ variant: "ring", verdict: "inconclusive" }),
        processes: [],
        estimate: null,
        reason: "cannot be timed: trapped",
      },
    ],
  },
  outcome: "inconclusive",
});

/** A gated row that is suspected, and of which fresh processes could not be had. */
export const open = comparison({
  exact: null,
  native: {
    ...natively,
    rows: [
      native({}),
      native({
        variant: "ring",
        ratio: 1.098,
        verdict: "inconclusive",
        open: true,
        reason: "9.6 % worse; not confirmed: the process trapped",
      }),
    ],
  },
  outcome: "inconclusive",
});

export const all: Readonly<Record<string, Comparison>> = {
  regressed: comparison(),
  passed,
  slower,
  inconclusive,
  violated,
  variants,
  worseByMax,
  worseByMin,
  empty,
  few,
  untimed,
  open,
};
