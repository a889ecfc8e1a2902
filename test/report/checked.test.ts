import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeReport, type Reported } from "../../src/cli/report.ts";
import { RecordWriter } from "../../src/records/csv.ts";
import type { MeasuredRow } from "../../src/records/record.ts";
import { type Run, writeRun } from "../../src/records/run-file.ts";
import { CheckedRows, CheckSummary } from "../../src/report/checked.ts";
import * as quarantine from "./quarantine/rows.ts";
import { rowsOfCase, type Values } from "./rows.ts";
import * as shrinker from "./shrinker/rows.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "checked-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const [reference, srcu, refcount, floor] = shrinker.order as [string, string, string, string];

function checked(variant: string, workload: string, metrics: Values): MeasuredRow[] {
  const parameters = "memory-model=sc scheduler=exhaustive size=2%20tasks%20x%202%20operations";
  return rowsOfCase({ problem: "shrinker", variant, workload, stage: "checked", cpus: 2, parameters }, metrics);
}

const exhausted = { "check-exhausted": [1], "check-states": [1234], "check-ms": [5] };
const stopped = { "check-exhausted": [0], "check-bound[10 states]": [1], "check-states-reached": [10] };

async function report(
  rows: readonly MeasuredRow[],
  some: Partial<Run> = {},
): Promise<{ readonly reported: Reported; readonly text: string }> {
  const own = await mkdtemp(path.join(folder, "run-"));
  const modules = shrinker.order.map((variant) => ({
    problem: "shrinker",
    variant,
    machine: "native",
    wasmSha256: "ab".repeat(32),
  }));
  await writeRun(own, { ...quarantine.fixedRun, modules, ...some });
  const writer = await RecordWriter.open(own);
  for (const row of rows) await writer.write(row);
  await writer.finish();
  const reported = await makeReport(own, path.join(own, "reports"));
  return { reported, text: await readFile(reported.file, "utf8") };
}

describe("a run whose variants were checked", () => {
  const rows = [
    ...checked(reference, "walk", exhausted),
    ...checked(reference, "register", exhausted),
    ...checked(srcu, "walk", exhausted),
    ...checked(srcu, "register", stopped),
    ...shrinker.fixedRows(),
  ];
  const error = `variant '${refcount}': use after free in walk (2 tasks x 2 operations) under sc: task 1 loads`;
  const failed = { id: `shrinker / ${refcount} / walk / checked sc`, state: "failed" as const, error };
  let reported: Reported;
  let text: string;
  beforeAll(async () => {
    ({ reported, text } = await report(rows, { cases: [failed] }));
  });

  test("has a table of what was explored of each, by scenario", () => {
    const section = text.slice(text.indexOf("## Checked"), text.indexOf("## How this was made"));
    expect(section.split("\n").filter((line) => line.startsWith("|"))).toEqual([
      "| variant | scenario | size | model | states | outcome |",
      "| :- | -: | -: | -: | -: | -: |",
      `| ${reference} | walk | 2 tasks x 2 operations | sc | 1,234 | exhausted |`,
      `| ${reference} | register | 2 tasks x 2 operations | sc | 1,234 | exhausted |`,
      `| ${srcu} | walk | 2 tasks x 2 operations | sc | 1,234 | exhausted |`,
      `| ${srcu} | register | 2 tasks x 2 operations | sc | 10 | stopped at 10 states |`,
      `| ${refcount} | walk | – | sc | – | **violation** |`,
      `| ${floor} | – | – | – | – | unchecked |`,
    ]);
  });

  test("says at its head that it was checked, and names on the terminal whoever is not exhausted", () => {
    expect(text).toContain("> The variants' correctness is tested against a model, and interleavings of short");
    expect(text).not.toContain("no interleavings were explored");
    const [part] = reported.parts;
    expect(part?.terminal.replaceAll("\n", " ")).toContain(
      `checked in short scenarios: 1 of 4 variants exhausted; stopped at a bound: ${srcu}; violation: ${refcount}; unchecked: ${floor}`,
    );
  });

  test("a variant with a known defect stands so, and is not void", () => {
    const rows = new CheckedRows();
    for (const row of [
      ...checked(srcu, "walk", exhausted),
      ...checked(srcu, "register", { "check-defect[leak]": [1] }),
    ]) {
      rows.add(row);
    }
    const summary = new CheckSummary(rows, [], [srcu, floor]);
    expect(summary.standingOf(srcu)).toBe("known defect");
    expect(summary.table).toContainEqual([srcu, "register", "2 tasks x 2 operations", "sc", "–", "known defect: leak"]);
    expect(summary.line).toContain(`0 of 2 variants exhausted; known defect: ${srcu}; unchecked: ${floor}`);
  });

  test("takes a variant that the check has failed for void", () => {
    const [part] = reported.parts;
    expect([...(part?.subject.voids ?? [])]).toEqual([refcount]);
    expect(part?.choices.map(({ variant }) => variant)).not.toContain(refcount);
    expect(text).toContain(`> - ${failed.id}: ${error}`);
  });

  test("has no workload made of scenarios", () => {
    expect(text).not.toMatch(/^#+ (walk|register)$/m);
    expect(reported.parts[0]?.answers.map(({ name }) => name)).not.toContain("walk");
  });
});

test("a run that was not checked says so at its head and on the terminal", async () => {
  const { reported, text } = await report(shrinker.fixedRows());
  expect(text).toContain("no interleavings were explored for this report.");
  expect(text).not.toContain("## Checked");
  expect(reported.parts[0]?.terminal).toContain("\nunchecked: no interleavings were explored\n");
});

test("in a report of several problems a choice says how far it was checked", async () => {
  const modules = [
    ...shrinker.order.map((variant) => ({ problem: "shrinker", variant })),
    ...quarantine.fixedOrder.map((variant) => ({ problem: "quarantine", variant })),
  ].map((one) => ({ ...one, machine: "native", wasmSha256: "ab".repeat(32) }));
  const measured = [...shrinker.fixedRows(), ...quarantine.fixedRows()];
  const choiceOf = async (rows: readonly MeasuredRow[]): Promise<string | undefined> => {
    const { text } = await report([...rows, ...measured], { modules });
    return /^\| shrinker \| stress-ng-ramfs \| (.*) \|$/m.exec(text)?.[1];
  };
  expect(await choiceOf([])).toBe(`\`${refcount}\` (unchecked)`);
  expect(await choiceOf(checked(refcount, "walk", exhausted))).toBe(`\`${refcount}\``);
  expect(await choiceOf(checked(refcount, "walk", stopped))).toBe(`\`${refcount}\` (check stopped at a bound)`);
  const { text } = await report([...checked(refcount, "walk", exhausted), ...measured], { modules });
  expect(text).toContain("interleavings of short scenarios were explored, but none of quarantine; see _Checked_.");
});
