import { describe, expect, test } from "vitest";
import { gate } from "../../bench/gate.ts";
import { suites } from "../../bench/index.ts";
import { eventFlagsOffset, flagMeasured } from "../../src/kernel/events.ts";
import { splitIntoBatches } from "../../src/native/batches.ts";
import { gateRounds, gateWarmupRounds, timedVariants } from "../../src/plan/gate.ts";
import { planVariant } from "../../src/plan/variant.ts";
import { metricOf } from "../../src/records/metrics.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import type { Workload } from "../../src/workloads/workload.ts";

function isMeasured(chunk: Uint8Array): boolean {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return (view.getUint16(eventFlagsOffset, true) & flagMeasured) !== 0;
}

function chunksOf(workload: Workload): number {
  let count = 0;
  for (const chunk of workload.chunks()) if (isMeasured(chunk)) count++;
  return count;
}

function batchesOf(workload: Workload, kind: string): number {
  let count = 0;
  for (const chunk of workload.chunks()) {
    count += splitIntoBatches(chunk).filter((batch) => batch.measured && batch.kind === kind).length;
  }
  return count;
}

/** Rounds of a row's metric, where they hang on the workload. */
function roundsOf(problem: string, metric: string, workload: Workload): number {
  if (problem !== "quarantine") return chunksOf(workload);
  if (metric === "teardown-ns") return Number(workload.parameters.guests);
  return batchesOf(workload, metric === "put-ns" ? "free" : "allocate");
}

describe.each(gate.rows)("a row of $problem, $workload on $cpus CPUs", (row) => {
  const suite = suites.find(({ problem }) => problem === row.problem)!;
  const workload = createWorkload(row.workload, row.parameters, 1);

  test("is of a workload that the problem takes, and of metrics that have a direction", () => {
    expect(suite.takes[row.workload]).not.toBe("refused");
    for (const { metric } of row.metrics) {
      expect(metricOf(metric)).toMatchObject({ assume: "sampled", better: expect.stringMatching(/^(lower|higher)$/) });
    }
  });

  test("is short enough to be repeated in many processes, and has all rounds", () => {
    expect(workload.limits.events).toBeLessThan(1_000_000);
    if (workload.repeatable && row.problem !== "quarantine") return;
    for (const { metric } of row.metrics) {
      expect(roundsOf(row.problem, metric, workload), metric).toBeGreaterThanOrEqual(gateRounds + gateWarmupRounds);
    }
  });

  test("is timed with variants that exist, each code once", () => {
    const lines = suite.lines.map((line) => planVariant(suite, line));
    for (const id of row.without ?? []) expect(lines.map((line) => line.id)).toContain(id);
    const timed = timedVariants(row, lines);
    expect(timed.length).toBeGreaterThan(0);
    expect(timed.some(({ isFloor, skipWhenEmpty, id }) => isFloor || skipWhenEmpty || row.without?.includes(id))).toBe(
      false,
    );
  });
});

test("every problem has a gated row", () => {
  const gated = gate.rows.filter(({ metrics }) => metrics.some(({ isGated }) => isGated));
  expect(new Set(gated.map(({ problem }) => problem))).toEqual(new Set(suites.map(({ problem }) => problem)));
});

test("no two rows have the same name", () => {
  const names = gate.rows.flatMap(({ problem, workload, parameters, cpus, metrics }) =>
    metrics.map(({ metric }) => JSON.stringify([problem, workload, parameters, cpus, metric])),
  );
  expect(new Set(names).size).toBe(names.length);
});

test("a budget is of a metric that is exact", () => {
  for (const { problem, metric, share } of gate.budgets) {
    expect(suites.map((suite) => suite.problem)).toContain(problem);
    expect(share).toBeGreaterThan(0);
    expect(metricOf(metric.replace("[]", "[any]")).assume).toBe("exact");
  }
});
