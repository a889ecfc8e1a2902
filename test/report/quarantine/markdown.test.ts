import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { quarantine } from "../../../bench/quarantine.ts";
import { RecordWriter } from "../../../src/records/csv.ts";
import type { MeasuredRow } from "../../../src/records/record.ts";
import type { Run } from "../../../src/records/run-file.ts";
import { renderMarkdown } from "../../../src/report/markdown.ts";
import type { Part, Subject } from "../../../src/report/part.ts";
import type { WorkloadAnswers } from "../../../src/report/quarantine/answers.ts";
import { reportQuarantine } from "../../../src/report/quarantine/markdown.ts";
import { overviewTable, removalTable } from "../../../src/report/quarantine/tables.ts";
import type { Table } from "../../../src/report/tables.ts";
import { renderTerminal } from "../../../src/report/terminal.ts";
import { collect } from "../rows.ts";
import { answer, fixedOrder, fixedRows, fixedRun, floor, reference, removals, rowsOf, times } from "./rows.ts";

async function part(
  rows: readonly MeasuredRow[],
  order: readonly string[] = fixedOrder,
  some: Partial<Subject> = {},
): Promise<Part> {
  return await reportQuarantine(collect(rows, reference), {
    problem: quarantine.problem,
    statement: "What the problem is.",
    reference,
    floor,
    order,
    questions: new Map([["libvirt-teardown", "How long?"]]),
    voids: new Set(),
    incomplete: new Set(),
    ...some,
  });
}

async function markdown(
  rows: readonly MeasuredRow[],
  { order = fixedOrder, run = fixedRun }: { order?: readonly string[]; run?: Run } = {},
): Promise<string> {
  return renderMarkdown(run, [await part(rows, order)]);
}

describe("a fixed set of rows", () => {
  test("gives the Markdown in test/golden", async () => {
    await expect(await markdown(fixedRows())).toMatchFileSnapshot("../../golden/report.md");
  });

  test("gives the terminal's text in test/golden", async () => {
    await expect(renderTerminal([await part(fixedRows())])).toMatchFileSnapshot("../../golden/report.txt");
  });

  test("gives the CSV in test/golden", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "golden-"));
    const writer = await RecordWriter.open(folder);
    for (const row of fixedRows()) await writer.write(row);
    await writer.write({ ...fixedRows()[0]!, value: null });
    const text = await readFile(await writer.finish(), "utf8");
    await rm(folder, { recursive: true });
    await expect(text).toMatchFileSnapshot("../../golden/records.csv");
  });
});

/** The cell of a row in a column, by its head. */
function cell(table: Table, id: string, head: string): string | undefined {
  return table.find((row) => row[0]!.startsWith(id))?.[table[0]!.indexOf(head)];
}

describe("a missing value", () => {
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
    const text = await markdown(rows);
    expect(text).toContain("- `hash-buckets`: –");
    expect(text).not.toContain("NaN");
    expect(text).not.toContain("null");
    expect(text).not.toContain("undefined");
  });

  test("of the environment is a dash", async () => {
    const { environment } = fixedRun;
    const unknown = { ...environment, cpuModel: null, coreCount: null, virtualised: null, loadAverage: null };
    const text = await markdown([], { run: { ...fixedRun, environment: unknown } });
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
    const text = await markdown(rows, { order: [reference, "a|b"] });
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
    const text = await markdown(fixedRows(), { run: { ...fixedRun, state: "incomplete", finishedAt: null } });
    expect(text).toContain("> **Incomplete.**");
    expect(text).toContain("reclaim-bench run --resume");
    expect(await markdown(fixedRows())).not.toContain("Incomplete");
  });

  test("names failed cases and warnings", async () => {
    const failed = { id: "a / b", state: "failed", error: "out of memory" } as const;
    const text = await markdown([], { run: { ...fixedRun, cases: [failed] } });
    expect(text).toContain("> - a / b: out of memory");
    expect(text).toContain("> - two cores only");
  });

  test("marks a ratio that the rounds do not tell from 1", async () => {
    const rows = [
      ...rowsOf(reference, { stage: "timed" }, { "put-ns": [20, 22, 20, 22, 20, 22] }),
      ...rowsOf("hash-buckets", { stage: "timed" }, { "put-ns": [22, 20, 22, 20, 22, 20] }),
      ...rowsOf(floor, { stage: "timed" }, { "put-ns": times(6, 10) }),
    ];
    expect(await markdown(rows)).toMatch(/\| hash-buckets .*\| ~1× \|/);
  });

  test("tells when mitata disagrees by more than a tenth, and with which variants", async () => {
    const text = await markdown(fixedRows());
    expect(text).toContain(
      "**mitata disagrees by more than 10 %** for 1 of 2 variants: hash-buckets (ours 32 ns, mitata 40 ns, +25 %).",
    );
  });
});

test("CPUs are those of the rows", async () => {
  const rows = [
    ...rowsOf(reference, { stage: "timed", cpus: 4 }, { "put-ns": [1] }),
    ...rowsOf(reference, { stage: "counted" }, { "put-accesses-mean": [1] }),
  ];
  const text = await markdown(rows);
  expect(text).toContain("global structures on 4 CPUs;");
  expect((await part(rows)).terminal).toMatch(/^libvirt-teardown {2}\(4 CPUs; guests=2/);
  expect(text).not.toContain("versubscribed");
  const crowded = rows.map((row) => ({ ...row, parameters: `oversubscribed=true ${row.parameters}` }));
  expect(await markdown(crowded)).toContain("> **Oversubscribed:** 4 CPUs, more than the machine has cores for them.");
  expect(text).toContain("Instrument: native, 4 CPUs; exact numbers: counted on 1 CPU of the traced machine.");
});

test("a void variant is marked in every table, and named above the verdict's", async () => {
  const voided = await part(fixedRows(), fixedOrder, { voids: new Set(["hash-buckets"]) });
  const [teardown] = voided.terminal.split("\n\n");
  expect(teardown).toMatch(/^hash-buckets \(void\)\n .* void$/m);
  expect(voided.choices.map(({ variant }) => variant)).not.toContain("hash-buckets");
  expect(voided.markdown).toContain("**Void:** `hash-buckets`");
  expect(voided.markdown).toMatch(/^\| hash-buckets \| \*\*void\*\* \| \*\*void\*\* \| \*\*void\*\* \|/m);
});

test("a variant of which not all constraints were judged is not said to break none", async () => {
  const rows = fixedRows().filter((row) => row.metric !== "fifo-rank-error-max");
  expect((await part(rows)).terminal).toMatch(/^hash-buckets .* none of 2 judged$/m);
});
