import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { quarantine } from "../../bench/quarantine.ts";
import { RecordWriter } from "../../src/records/csv.ts";
import type { Run } from "../../src/records/run-file.ts";
import type { WorkloadAnswers } from "../../src/report/answers.ts";
import { formatBytes, formatNs, formatNumber, formatRatio, ratioOf } from "../../src/report/format.ts";
import { renderMarkdown } from "../../src/report/markdown.ts";
import { overviewTable, removalTable, type Table } from "../../src/report/tables.ts";
import { renderColumns, renderTerminal } from "../../src/report/terminal.ts";
import { answer, fixedOrder, fixedRows, fixedRun, floor, reference, removals, rowsOf, times } from "./rows.ts";

function markdown(workloads: readonly WorkloadAnswers[], run: Run = fixedRun): string {
  return renderMarkdown(run, workloads, {
    problem: quarantine.problem,
    statement: "What the problem is.",
    reference,
    questions: new Map([["libvirt-teardown", "How long?"]]),
  });
}

describe("a fixed set of rows", () => {
  test("gives the Markdown in test/golden", async () => {
    await expect(markdown(await answer(fixedRows(), fixedOrder))).toMatchFileSnapshot("../golden/report.md");
  });

  test("gives the terminal's text in test/golden", async () => {
    await expect(renderTerminal(await answer(fixedRows(), fixedOrder))).toMatchFileSnapshot("../golden/report.txt");
  });

  test("gives the CSV in test/golden", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "golden-"));
    const writer = await RecordWriter.open(folder);
    for (const row of fixedRows()) await writer.write(row);
    await writer.write({ ...fixedRows()[0]!, value: null });
    const text = await readFile(await writer.finish(), "utf8");
    await rm(folder, { recursive: true });
    await expect(text).toMatchFileSnapshot("../golden/records.csv");
  });
});

/** The cell of a row in a column, by its head. */
function cell(table: Table, id: string, head: string): string | undefined {
  return table.find((row) => row[0]!.startsWith(id))?.[table[0]!.indexOf(head)];
}

describe("a missing value", () => {
  test("is written as a dash, never as 0", () => {
    for (const format of [formatNumber, formatNs, formatBytes, formatRatio]) {
      expect([format(null), format(undefined)]).toEqual(["–", "–"]);
      expect(format(0)).toMatch(/^0/);
    }
  });

  test("stays one in every table of a variant that was hardly measured", async () => {
    const workloads = await answer(
      [...fixedRows(), ...rowsOf("single-list", { stage: "timed" }, { "put-ns": times(3, 1) })],
      [...fixedOrder, "single-list"],
    );
    const [workload] = workloads as [WorkloadAnswers];
    const overview = overviewTable(workload, workloads);
    for (const head of ["teardown", "ratio", "remove p50", "remove max", "reduce/obj", "lock max", "+B/object"]) {
      expect(cell(overview, "single-list", head)).toBe("–");
    }
    const removal = removalTable(workload)!;
    expect(removal.at(-1)).toEqual(["single-list", ...times(removal[0]!.length - 1, 0).map(() => "–")]);
  });

  test("of one stage leaves the others as they are", async () => {
    const rows = fixedRows().filter((row) => !row.parameters.includes("stage=counted"));
    const text = markdown(await answer(rows, fixedOrder));
    expect(text).toContain("- `hash-buckets`: –");
    expect(text).not.toContain("NaN");
    expect(text).not.toContain("null");
    expect(text).not.toContain("undefined");
  });

  test("of the environment is a dash", async () => {
    const { environment } = fixedRun;
    const unknown = { ...environment, cpuModel: null, coreCount: null, virtualised: null, loadAverage: null };
    const text = markdown([], { ...fixedRun, environment: unknown });
    for (const key of ["CPU", "cores", "virtual machine", "load when the run began", "commit"]) {
      expect(text).toMatch(new RegExp(`^\\| ${key} +\\| – +\\|$`, "m"));
    }
  });

  test("does not show where no variant has the value: the column is left out", async () => {
    const workloads = await answer(rowsOf(reference, { stage: "timed" }, { "put-ns": [1] }), fixedOrder);
    expect(overviewTable(workloads[0]!, workloads)[0]).toEqual(["variant", "breaks"]);
  });
});

describe("a table's cell with a bar", () => {
  test("does not begin another cell, be it a variant's or the environment's", async () => {
    const rows = [
      ...rowsOf(reference, { stage: "timed" }, { "teardown-ns": [10], ...removals(10) }),
      ...rowsOf("a|b", { stage: "timed" }, { "teardown-ns": [5], ...removals(5) }),
    ];
    const text = markdown(await answer(rows, [reference, "a|b"]));
    expect(text).toContain("a\\|b");
    expect(text).toContain("Example CPU \\| 2 GHz");
    const bars = (line: string): number => line.replaceAll("\\|", "").split("|").length;
    const lines = text.split("\n");
    for (const [index, line] of lines.entries()) {
      if (line.startsWith("|") && lines[index - 1]!.startsWith("|")) expect(bars(line)).toBe(bars(lines[index - 1]!));
    }
  });
});

describe("the Markdown", () => {
  test("says what is missing of an incomplete run, and how to go on", async () => {
    const text = markdown(await answer(fixedRows(), fixedOrder), {
      ...fixedRun,
      state: "incomplete",
      finishedAt: null,
    });
    expect(text).toContain("> **Incomplete.**");
    expect(text).toContain("reclaim-bench run --resume");
    expect(markdown(await answer(fixedRows(), fixedOrder))).not.toContain("Incomplete");
  });

  test("names failed cases and warnings", () => {
    const text = markdown([], { ...fixedRun, cases: [{ id: "a / b", state: "failed", error: "out of memory" }] });
    expect(text).toContain("> - a / b: out of memory");
    expect(text).toContain("> - two cores only");
  });

  test("marks a ratio that the rounds do not tell from 1", async () => {
    const rows = [
      ...rowsOf(reference, { stage: "timed" }, { "put-ns": [20, 22, 20, 22, 20, 22] }),
      ...rowsOf("hash-buckets", { stage: "timed" }, { "put-ns": [22, 20, 22, 20, 22, 20] }),
      ...rowsOf(floor, { stage: "timed" }, { "put-ns": times(6, 10) }),
    ];
    expect(markdown(await answer(rows, fixedOrder))).toMatch(/\| hash-buckets .*\| ~1× \|/);
  });

  test("tells when mitata disagrees by more than a tenth, and with which variants", async () => {
    const text = markdown(await answer(fixedRows(), fixedOrder));
    expect(text).toContain(
      "**mitata disagrees by more than 10 %** for 1 of 2 variants: hash-buckets (ours 32 ns, mitata 40 ns, +25 %).",
    );
  });
});

test("columns are aligned by characters, the first and the last to the left", () => {
  const table = [
    ["variant", "µs", "note"],
    ["é", "10", "x"],
    ["long one", "1", ""],
  ];
  expect(renderColumns(table)).toBe("variant   µs  note\né         10  x\nlong one   1");
});

test.each([
  [formatNs(0), "0 ns"],
  [formatNs(1.234), "1.23 ns"],
  [formatNs(-12.34), "-12.3 ns"],
  [formatNs(999), "999 ns"],
  [formatNs(1500), "1.50 µs"],
  [formatNs(2_500_000), "2.50 ms"],
  [formatNs(119e9), "119 s"],
  [formatNs(180e9), "3 min"],
  [formatBytes(1023), "1023 B"],
  [formatBytes(1536), "1.50 KiB"],
  [formatBytes(2 ** 20), "1 MiB"],
  [formatBytes(3_646_449_664), "3.40 GiB"],
  [formatNumber(1_234_567), "1,234,567"],
  [formatNumber(1234.5), "1,235"],
  [formatNumber(0.00123), "0.0012"],
  [formatRatio(1), "1×"],
  [formatRatio(0.0021), "0.0021×"],
  [formatRatio(Number.POSITIVE_INFINITY), "∞"],
  [formatRatio(Number.NaN), "–"],
])("a number for people: %s", (written, text) => {
  expect(written).toBe(text);
});

test.each([
  [6, 3, 2],
  [6, 0, null],
  [null, 3, null],
  [undefined, 3, null],
  [6, null, null],
  [0, 3, 0],
])("the ratio of %s to %s is %s", (value, base, ratio) => {
  expect(ratioOf(value, base)).toBe(ratio);
});
