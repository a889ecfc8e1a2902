// The page about the native gate's statistics, of a small study.

import { describe, expect, test } from "vitest";
import { rateOf, type Study, type StudyRow } from "../../src/compare/study.ts";
import { renderStudy } from "../../src/report/study.ts";

const row: StudyRow = {
  ...{ name: "cil/shadow-buffers/metadata-commits/1/commits-per-s", problem: "cil", variant: "shadow-buffers" },
  ...{ workload: "metadata-commits", cpus: 1, metric: "commits-per-s", better: "higher", delta: 0.03 },
};

const study: Study = {
  ...{ startedAt: "2025-01-30T22:00:00.000Z", finishedAt: "2025-01-31T06:00:00.000Z" },
  command: "reclaim-bench doctor --study --comparisons 100",
  environment: {
    ...{ id: "0123456789ab", node: "20.20.0", v8: "11.3", os: "linux", kernel: "6.1.0", arch: "x64" },
    ...{ cpuModel: "Example CPU", coreCount: 2, memoryBytes: 2 ** 33, governor: null, virtualised: true },
    ...{ loadAverage: [0.1, 0, 0], clockResolutionNs: 20, clockCostNs: 25, commit: "abc" },
  },
  ...{ loadPerCore: 0.1, stealShare: 0.012, processes: 12, rounds: 60, seed: 1, family: 50 },
  same: [
    {
      ...{ row, suspected: rateOf(1, 100), confirmed: rateOf(0, 100), improved: rateOf(2, 100) },
      ...{ shift50: 0.004, shift95: 0.01, shift99: 0.0123, deviation: 0.015 },
    },
  ],
  families: { suspected: rateOf(10, 2000), confirmed: rateOf(0, 2000) },
  slowed: [
    {
      ...{ row, effect: 0.05, calibrated: 0.052, steps: 340, every: 1 },
      ...{ suspected: rateOf(18, 20), confirmed: rateOf(17, 20), shiftLow: 0.041, shift50: 0.05, shiftHigh: 0.063 },
    },
  ],
  notSlowed: ["`x/y`: its code is another variant's"],
  multiplied: [{ cpus: 1, effect: 0.05, suspected: rateOf(900, 1000), confirmed: rateOf(850, 1000) }],
  times: [
    { problem: "cil", workload: "metadata-commits", cpus: 1, metrics: ["commits-per-s"], variants: 4, seconds: 5 },
    { problem: "cil", workload: "metadata-commits", cpus: 2, metrics: ["commits-per-s"], variants: 4, seconds: 7 },
  ],
  floors: [{ cpus: 1, shift: 0.0123, comparisons: 100 }],
};

const page = renderStudy(study);

/** Lines of a section, by its heading. */
function section(heading: string, of = page): string {
  const begin = of.indexOf(`# ${heading}\n`);
  expect(begin, heading).toBeGreaterThan(0);
  const end = of.indexOf("\n#", begin);
  return of.slice(begin, end < 0 ? undefined : end);
}

describe("the page of a study", () => {
  test("names date, command, commit and machine", () => {
    const text = section("A study of it");
    expect(text).toContain("```text\nreclaim-bench doctor --study --comparisons 100\n```");
    for (const line of [
      "| date | 2025-01-30 to 2025-01-31 |",
      "| commit | abc |",
      "| CPU | Example CPU |",
      "| CPU time that the hypervisor took | 1.2 % |",
      "| processes of a comparison, rounds of each, seed | 12, 60, 1 |",
    ]) {
      expect(text.split("\n")).toContain(line);
    }
  });

  test("says of each table whether it was measured or resampled", () => {
    expect(section("The same code on both sides")).toMatch(/\n\nMeasured\. /);
    expect(section("The whole suite")).toMatch(/\n\nResampled from these processes, not measured: families of 50 rows/);
    expect(section("Slow-downs")).toMatch(/\n\nMeasured\. [\s\S]*\n\nResampled, not measured: /);
  });

  test("gives counts with exact intervals", () => {
    expect(section("The same code on both sides")).toContain(
      "| 1 of 100 (0.0–5.4 %) | 0 of 100 (0.0–3.6 %) | 2 of 100 (0.2–7.0 %) | 0.40 % | 1.00 % | 1.23 % | 1.50 % |",
    );
    expect(section("The whole suite")).toContain("| 2,000 | 10 of 2,000 (0.24–0.92 %) | 0 of 2,000 (0.00–0.18 %) |");
  });

  test("tells of slow-downs what was aimed at, what it came to, and what was found", () => {
    const text = section("Slow-downs");
    expect(text).toContain(
      "| 5.0 % | 5.2 % | 340 / 1 | 18 of 20 (68.3–98.8 %) | 17 of 20 (62.1–96.8 %) | 5.0 % | 4.1 % | 6.3 % |",
    );
    expect(text).toContain("Not slowed:\n\n- `x/y`: its code is another variant's\n");
    expect(text).toContain("| 1 | 5.0 % | 900 of 1,000 (");
  });

  test("adds up what it takes", () => {
    const text = section("What it takes");
    expect(text).toContain("| cil, metadata-commits: commits-per-s | 1 | 4 | 1.25 s | 15 s | 60 s |");
    expect(text).toContain("| all | | 8 | 1.50 s | 18 s | 2.40 min |");
  });

  test("tells the machine's floor, or why there is none", () => {
    expect(section("This machine's floor")).toContain("| 1 | 1.23 % | 100 |");
    const none = renderStudy({ ...study, floors: [], slowed: [], notSlowed: [] });
    expect(section("This machine's floor", none)).toContain("Not told: it takes 100 comparisons");
    expect(section("Slow-downs", none)).not.toContain("Measured.");
  });
});
