import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { suites } from "../../bench/index.ts";
import { type Io, processIo } from "../../src/cli/io.ts";
import { makeReport, type Reported, showReport } from "../../src/cli/report.ts";
import { RecordWriter } from "../../src/records/csv.ts";
import type { MeasuredRow } from "../../src/records/record.ts";
import { type Run, writeRun } from "../../src/records/run-file.ts";
import { reporterOfProblem } from "../../src/report/problems.ts";
import * as quarantine from "./quarantine/rows.ts";
import * as shrinker from "./shrinker/rows.ts";

const modulesOf = (problem: string, order: readonly string[]): Run["modules"] =>
  order.map((variant) => ({ problem, variant, machine: "native", wasmSha256: "ab".repeat(32) }));

const both: Run = {
  ...quarantine.fixedRun,
  modules: [...modulesOf("quarantine", quarantine.fixedOrder), ...modulesOf("shrinker", shrinker.order)],
};

/** A run's folder with its records, and its report. */
async function report(folder: string, run: Run, rows: readonly MeasuredRow[]): Promise<Reported> {
  await writeRun(folder, run);
  const writer = await RecordWriter.open(folder);
  for (const row of rows) await writer.write(row);
  await writer.finish();
  return await makeReport(folder, path.join(folder, "reports"));
}

/** What is written to standard output. */
function shown(reported: Reported, own: string, options: { readonly json: boolean }): string {
  const written: string[] = [];
  const io: Io = { ...processIo(), write: (text) => written.push(text) };
  showReport(reported, own, options, io);
  return written.join("");
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "report-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});
const newFolder = (): Promise<string> => mkdtemp(path.join(folder, "run-"));

test("every problem that can be run can be reported", () => {
  expect(suites.map((one) => one.problem).filter((problem) => reporterOfProblem(problem) === undefined)).toEqual([]);
});

describe("a run of two problems", () => {
  let reported: Reported;
  let text: string;
  let own: string;
  beforeAll(async () => {
    own = await newFolder();
    // Rows of the problems may stand in any order.
    const rows = [...shrinker.fixedRows(), ...quarantine.fixedRows()];
    reported = await report(own, both, rows);
    text = await readFile(reported.file, "utf8");
  });

  test("has a part for each in the order of its modules, in one file with one frame", () => {
    const heads = text.split("\n").filter((line) => /^##? /.test(line));
    expect(heads).toEqual([
      "# quarantine and shrinker: which variant to choose",
      "## quarantine",
      "## shrinker",
      "## How this was made",
    ]);
    expect(text.match(/^### Verdict$/gm)).toHaveLength(2);
    expect(text.match(/^### stress-ng-ramfs$/gm)).toHaveLength(2);
    expect(text).toContain(
      "Instrument: of quarantine: native, 1 CPU; exact numbers: counted; of shrinker: native, 2 CPUs",
    );
  });

  test("says first what to choose in each", () => {
    const begin = text.slice(0, text.indexOf("\n## "));
    expect(begin).toContain("| quarantine | libvirt-teardown | `hash-buckets` (unchecked) |");
    expect(begin).toContain("| shrinker | stress-ng-ramfs | `refcount-rcu` (unchecked) |");
  });

  test("has the answers of each under its name, in the file and on standard output", async () => {
    const answers = JSON.parse(await readFile(path.join(own, "answers.json"), "utf8"));
    expect(Object.keys(answers)).toEqual(["quarantine", "shrinker"]);
    expect(answers.quarantine[0].variants[0]).toMatchObject({
      id: "singly-linked-fifo",
      exact: { "global-bytes": 1024 },
    });
    expect(answers.shrinker[2].variants[2]).toMatchObject({ id: "refcount-rcu", visit: { ns: 80 } });
    expect(JSON.parse(shown(reported, own, { json: true }))).toEqual({
      run: JSON.parse(JSON.stringify(both)),
      answers,
    });
  });

  test("shows each under its name on the terminal", () => {
    const written = shown(reported, own, { json: false });
    expect(written).toMatch(/^problem quarantine\n\nlibvirt-teardown {2}\(/);
    expect(written).toContain("\nproblem shrinker\n\nstress-ng-ramfs  (2 CPUs; workers=2)\n");
  });
});

describe("cases that failed or are to come", () => {
  const order = shrinker.order;
  const one = (variant: string, workload: string, stage: string): string =>
    `shrinker / ${variant} / ${workload} / ${stage} cpus=2`;
  const choicesOf = async (cases: Run["cases"], state: Run["state"]) => {
    const run: Run = { ...both, modules: modulesOf("shrinker", order), cases, state, finishedAt: null };
    const finished = state === "complete" ? { finishedAt: "2025-02-01T00:00:59.000Z" } : {};
    const folderOfRun = await newFolder();
    const { parts, file } = await report(folderOfRun, { ...run, ...finished }, shrinker.fixedRows());
    return {
      choices: parts[0]!.choices.map(({ variant }) => variant),
      part: parts[0]!,
      text: await readFile(file, "utf8"),
    };
  };
  const chosen = ["refcount-rcu", "refcount-rcu", "refcount-rcu"];

  test("make a variant void, whatever the stage, unless it was the case that was too large", async () => {
    const failed = (error: string) =>
      choicesOf([{ id: one("refcount-rcu", "container-start", "profiled"), state: "failed", error }], "complete");
    for (const error of [
      "variant 'refcount-rcu': trapped on CPU 1: memory access out of bounds",
      "variant 'refcount-rcu': 3 callbacks ran after their shrinker had been unregistered",
      "variant 'refcount-rcu': no CPU got on for 20 s: CPU 0: done",
    ]) {
      const { choices, part } = await failed(error);
      expect(choices).toEqual([null, null, null]);
      expect(part.subject.voids).toEqual(new Set(["refcount-rcu"]));
    }
    for (const error of [
      "variant 'refcount-rcu': the memory of workload 'a' is used up; lower the number of cgroups or superblocks",
      "workload 'a': the case's memory is used up; use fewer cgroups or superblocks",
      "cannot reserve 4096 MiB of Wasm memory; use fewer cgroups",
      "workload 'a': exact counting takes at most 1 GiB of Wasm memory, this needs 2000 MiB",
      "4000 cgroups with 9 superblocks on 2 nodes need 9 MiB of maps, more than 32-bit Wasm can address beside the rest",
      "the workload needs 9 object and 9 cache entries, which leave no room in 4 GiB; use fewer",
    ]) {
      expect((await failed(error)).choices).toEqual(chosen);
    }
  });

  test("leave a workload without a choice while some of its timed ones are to come", async () => {
    const pending = (stage: string) =>
      choicesOf([{ id: one("srcu", "container-start", stage), state: "pending" }], "incomplete");
    const { choices, part } = await pending("timed");
    expect(choices).toEqual(["refcount-rcu", null, "refcount-rcu"]);
    expect(part.terminal).toContain("incomplete: not all of its timed cases were tried");
    expect((await pending("profiled")).choices).toEqual(chosen);
    const other = [{ id: "quarantine / srcu / container-start / timed", state: "pending" as const }];
    expect((await choicesOf(other, "incomplete")).choices).toEqual(chosen);
  });
});

test("a problem that the run has, and of which nothing was measured yet, is empty", async () => {
  const run = { ...both, modules: modulesOf("quarantine", quarantine.fixedOrder) };
  const { parts } = await report(await newFolder(), { ...run, state: "incomplete", finishedAt: null }, []);
  expect(parts.map(({ choices }) => choices)).toEqual([[]]);
});

test("a problem that this version does not know is refused by name", async () => {
  const run = { ...both, modules: modulesOf("unknown", ["a"]) };
  await expect(report(await newFolder(), run, [])).rejects.toThrow("problem 'unknown' is not known to this version");
});

test("rows of a problem that the run does not have are refused", async () => {
  const run = { ...both, modules: modulesOf("quarantine", quarantine.fixedOrder) };
  await expect(report(await newFolder(), run, shrinker.fixedRows())).rejects.toThrow("a row of problem 'shrinker'");
});
