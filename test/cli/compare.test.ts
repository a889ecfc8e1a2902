// Exact comparisons with a baseline or a run, by the command line: what they find, leave and refuse; and baselines.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { type Comparison, comparisonSchema } from "../../src/compare/comparison.ts";
import { packageRoot } from "../../src/package-root.ts";
import { edit, mine, original, out, runId, saved, timeout } from "./compared.ts";
import { call, type Outcome } from "./program.ts";

beforeAll(async () => {
  const { code, stdout } = await call(["baseline", "save", "--out", saved]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^baseline main: run .*, 5 modules \(\d+ KiB\), in /)]);
}, timeout);

function baselineFile(name: string): string {
  return path.join(out, "results", "baseline", "main", name);
}

/** Changes the baseline's table as text. */
function editRecords(change: (text: string) => string): void {
  const file = baselineFile("records.csv.gz");
  const before = gunzipSync(readFileSync(file)).toString();
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(file, gzipSync(after));
  edit(baselineFile("baseline.json"), (text) =>
    text.replace(/(?<="recordsSha256": ")[0-9a-f]+/, createHash("sha256").update(after).digest("hex")),
  );
}

function compare(options: readonly string[] = [], stopAt?: string): Promise<Outcome> {
  return call(["compare", "--exact-only", "--out", out, ...options], stopAt);
}

/** Folders of `results/` that were not there before, those in the making included. */
function made(): string[] {
  return readdirSync(path.join(out, "results")).filter((name) => name !== "baseline" && name !== runId);
}

/** The only comparison in `results/`. */
function comparison(): Comparison {
  const folders = made().filter((name) => existsSync(path.join(out, "results", name, "comparison.json")));
  expect(folders).toHaveLength(1);
  const text = readFileSync(path.join(out, "results", folders[0]!, "comparison.json"), "utf8");
  return comparisonSchema.parse(JSON.parse(text));
}

describe("a comparison of what is there now", { timeout }, () => {
  test("passes where nothing has changed, and leaves its run, itself and its report", async () => {
    const { code, stdout } = await compare();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^passed: \d+ exact values compared, all the same\n/);
    const { id, kind, exact, native, base, head, outcome, warnings } = comparison();
    expect([kind, outcome, native, warnings]).toEqual(["revisions", "passed", null, []]);
    expect(exact!.compared).toBeGreaterThan(30);
    expect(exact!.rows).toHaveLength(exact!.compared);
    expect([base.label, base.runId, head.label]).toEqual(["main", runId, "working tree"]);
    expect(made().sort()).toEqual([id, head.runId].sort());
    expect(readdirSync(path.join(out, "results", head.runId!)).sort()).toEqual(["records.csv", "run.json"]);
    expect(readdirSync(path.join(out, "reports"))).toEqual([`${id}.md`]);
  });

  test("fails at one access more, names the variant and the metric, and passes when it is undone", async () => {
    edit(mine, (text) =>
      text.replace(
        "  lockContext(task);\n",
        '  lockContext(task);\n  load32(transaction + offsetof<Transaction>("first"));\n',
      ),
    );
    const { code, stdout } = await compare();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^regressed: .*my-buffers.*accesses-mean/);
    const failed = comparison().exact!.rows.filter(({ fails }) => fails);
    expect(new Set(failed.map(({ variant }) => variant))).toEqual(new Set(["my-buffers"]));
    expect(failed.find(({ metric }) => metric === "accesses-mean[xlog_cil_commit]")).toMatchObject({
      change: "worse",
      problem: "cil",
      workload: "metadata-commits",
    });
    writeFileSync(mine, original);
    expect((await compare()).code).toBe(0);
  });

  test("ends with 0 when it is told to", async () => {
    // The base had fewer.
    editRecords((text) =>
      text.replace(/(,my-buffers,.*,accesses-mean\[xlog_cil_commit\],[^,]*,lower,exact,)\d/g, "$10"),
    );
    const { code, stdout } = await compare(["--exit-zero", "--variant", "floor"]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^passed: /)]);
    const other = await compare(["--exit-zero"]);
    expect([other.code, other.stdout]).toEqual([0, expect.stringMatching(/^regressed: /)]);
  });

  test("is of a variant alone when it is told to be", async () => {
    await compare(["--variant", "floor", "--problem", "cil"]);
    expect(new Set(comparison().exact!.rows.map(({ variant }) => variant))).toEqual(new Set(["floor"]));
    expect(comparison().warnings).toEqual([]);
  });

  test("ends with 4 when a variant does what none may do", async () => {
    edit(mine, (text) => text.replace("): void {\n  commitWith(", "): void {\n  unreachable();\n  commitWith("));
    const { code, stdout } = await compare();
    expect([code, stdout]).toEqual([4, expect.stringMatching(/^violated: .*my-buffers/)]);
    const { violations, exact } = comparison();
    expect(violations[0]).toMatchObject({ case: expect.stringContaining("cil / my-buffers / metadata-commits") });
    // Its numbers are void: they have not vanished.
    expect(exact!.rows.filter(({ variant, fails }) => fails || variant === "my-buffers")).toEqual([]);
  });

  test("ends with 4 where only that variant is compared", async () => {
    edit(mine, (text) => text.replace("): void {\n  commitWith(", "): void {\n  unreachable();\n  commitWith("));
    const { code, stdout } = await compare(["--variant", "my-buffers"]);
    expect([code, stdout]).toEqual([4, expect.stringMatching(/^violated: .*my-buffers/)]);
    expect(comparison().exact).toEqual({ compared: 0, rows: [] });
    // Nor is it wrong use where the base did it, too, and so has no values.
    editRecords((text) => text.replaceAll(/.*,my-buffers,.*\n/g, ""));
    expect((await compare(["--variant", "my-buffers"])).code).toBe(4);
  });

  test("says what the base has of native runs alone", async () => {
    editRecords((text) => {
      const row = /\n(.*,my-buffers,.*,traced,.*,)(accesses-mean\[\w+\],[^,]*)(,lower,exact,.*\n)/.exec(text)!;
      const [start, metric, end] = [row[1]!.replace(",traced,", ",native,"), row[2]!, row[3]!];
      // Of the first the counted case has the same; of the last two one says nothing of the variant, and one is never but 0.
      const metrics = [metric, "shrinker-bytes,bytes", "events-skipped,events", "disordered-records,records"];
      const native = metrics.map((one) => {
        const ended = one.startsWith("events-skipped") ? end.replace(",lower,", ",,") : end;
        return `${start}${one}${ended}`;
      });
      return `${text}${native.join("")}`;
    });
    expect((await compare()).code).toBe(0);
    expect(comparison().warnings).toEqual([
      "the candidate is not run natively, so what the base has of native runs alone is not compared: shrinker-bytes",
    ]);
  });

  test("fails where a case has vanished", async () => {
    editRecords((text) => text.replaceAll(",floor,", ",gone-variant,"));
    edit(baselineFile("run.json"), (text) => text.replaceAll('"floor"', '"gone-variant"'));
    // The choices of the run name what it measured.
    edit(baselineFile("run.json"), (text) => text.replace(/"variants": ".*"/, '"variants": "[]"'));
    const { code } = await compare(["--problem", "cil"]);
    expect(code).toBe(1);
    const changes = comparison().exact!.rows.filter(({ variant }) => variant === "gone-variant");
    expect(new Set(changes.map(({ change, fails }) => `${change} ${fails}`))).toEqual(new Set(["gone true"]));
  });

  test("leaves nothing behind when it is stopped", async () => {
    const { code, stderr } = await compare([], "metadata-commits, counted");
    expect([code, stderr]).toEqual([130, expect.stringContaining("stopped; nothing was compared")]);
    expect(made()).toEqual([]);
    expect(existsSync(path.join(out, "reports"))).toBe(false);
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("leaves nothing behind when it gets %s", async (name) => {
    const program = path.join(packageRoot, "dist", "src", "cli", "bin.js");
    const child = spawn(process.execPath, [program, "compare", "--exact-only", "--out", out], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      // It is told when the folder of the comparison is there and the first case begins.
      if (!stderr.includes("the working tree") && (stderr + text).includes("the working tree")) child.kill(name);
      stderr += text;
    });
    const ended = await new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
    expect(ended).toEqual({ code: 130, signal: null });
    expect(stderr).toContain("stopped; nothing was compared");
    expect(made()).toEqual([]);
  });

  test("holds on any machine, and says where they differ", async () => {
    const { id } = (JSON.parse(readFileSync(baselineFile("run.json"), "utf8")) as Comparison).environment;
    editRecords((text) => text.replaceAll(id, "0123456789ab"));
    edit(baselineFile("run.json"), (text) => text.replaceAll(id, "0123456789ab"));
    const { code } = await compare();
    expect(code).toBe(0);
    expect(comparison().warnings).toEqual([expect.stringMatching(/another machine or Node.js \(0123456789ab, /)]);
  });
});

describe("a comparison of a run's folder", { timeout }, () => {
  test("measures nothing", async () => {
    const { code, stdout } = await compare([path.join(out, "results", runId)]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^passed: /)]);
    expect(made()).toEqual([comparison().id]);
    expect(comparison().head).toMatchObject({ label: runId, runId });
  });

  test("finds it by its id, also as the base", async () => {
    const { code } = await compare([runId, "--base", runId]);
    expect([code, comparison().base.label]).toEqual([0, runId]);
  });

  test("says that sizes have changed", async () => {
    editRecords((text) => text.replaceAll(" transactions=6", " transactions=5"));
    const { code, stdout } = await compare([runId]);
    expect([code, stdout]).toEqual([1, expect.stringContaining("sizes have changed")]);
    expect(comparison().warnings.join()).toContain("(transactions=5 to transactions=6)");
  });

  test("says what the candidate was not told to measure", async () => {
    edit(path.join(out, "results", runId, "run.json"), (text) =>
      text.replace(/"instruments": ".*"/, '"instruments": "[\\"simulator\\"]"'),
    );
    // Nothing of it is compared, and that does not pass.
    const { code, stderr } = await compare([runId]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("the base has no exact metric of what is to be compared"),
    ]);
  });
});

describe("formats", { timeout }, () => {
  test("go to files and to standard output, and can be made again", async () => {
    const junit = path.join(out, "made", "junit.xml");
    const { code, stdout } = await compare([runId, "--format", `junit=${junit}`, "--format", "json"]);
    expect(code).toBe(0);
    const folder = path.join(out, "results", comparison().id);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(readFileSync(path.join(folder, "comparison.json"), "utf8")));
    const report = readFileSync(path.join(out, "reports", `${comparison().id}.md`), "utf8");
    const again = path.join(out, "again");
    const reported = await call(["report", folder, "--out", again, "--format", `junit=${junit}.2`]);
    expect([reported.code, reported.stdout]).toEqual([0, expect.stringMatching(/^passed: /)]);
    expect(readFileSync(`${junit}.2`, "utf8")).toBe(readFileSync(junit, "utf8"));
    expect(readFileSync(path.join(again, `${comparison().id}.md`), "utf8")).toBe(report);
  });

  test("are not made of a damaged comparison", async () => {
    expect((await compare([runId])).code).toBe(0);
    const folder = path.join(out, "results", comparison().id);
    edit(path.join(folder, "comparison.json"), (text) => text.replace('"outcome": "passed"', '"outcome": "good"'));
    const { code, stderr } = await call(["report", folder, "--out", out]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/comparison\.json: field 'outcome': [^\n]*\n$/)]);
  });

  test("are for comparisons", async () => {
    const { code, stderr } = await call(["report", path.join(out, "results", runId), "--format", "junit"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("--format: is for comparisons")]);
  });

  test("that make no sense are refused before anything is measured", async () => {
    for (const [options, message] of [
      [["--format", "html"], "--format html: unknown; one of: terminal, markdown, "],
      [["--format", "json", "--format", "csv"], "json and csv cannot both go to standard output"],
      [["--format", "json="], "--format json=: name a file after the equals sign"],
      [["--native-only"], "--exact-only and --native-only exclude each other"],
    ] as const) {
      const { code, stderr } = await compare(options);
      expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    }
    expect(made()).toEqual([]);
  });
});

describe("a bad base or candidate is told in one line:", { timeout }, () => {
  const moduleFolder = (): string => path.join(out, "results", "baseline", "modules");
  const cases: readonly [what: string, damage: () => void, options: () => readonly string[], message: string][] = [
    [
      "no baseline",
      () => rmSync(path.join(out, "results", "baseline"), { recursive: true }),
      () => [],
      "no such baseline",
    ],
    [
      "no such base",
      () => {},
      () => ["--base", "nothing-like-it"],
      "neither a baseline, nor a run's folder, nor a git",
    ],
    [
      "a folder that is no run's",
      () => mkdirSync(path.join(out, "empty")),
      () => ["--base", path.join(out, "empty")],
      "has no run.json",
    ],
    [
      "a cut table",
      () => writeFileSync(baselineFile("records.csv.gz"), "x"),
      () => [runId],
      "records.csv.gz: a damaged gzip",
    ],
    [
      "a newer baseline",
      () => edit(baselineFile("baseline.json"), (text) => text.replace('"schemaVersion": 1', '"schemaVersion": 2')),
      () => [],
      "a newer version",
    ],
    [
      "a lost module",
      () => rmSync(path.join(moduleFolder(), readdirSync(moduleFolder())[0]!)),
      () => [],
      ".wasm: no such file",
    ],
    ["an unknown candidate", () => {}, () => ["20250131T000000Z-000000"], "run.json: no such file"],
    [
      "an incomplete candidate",
      () => edit(path.join(out, "results", runId, "run.json"), (text) => text.replace('"complete"', '"incomplete"')),
      () => [runId],
      "it is incomplete; finish it with",
    ],
    [
      "rows of several machines",
      () => editRecords((text) => text.replace(/,[0-9a-f]{12}\n$/, ",0123456789ab\n")),
      // It is found before anything is measured, which would be told on standard error.
      () => [],
      "has a row of machine '0123456789ab'",
    ],
    [
      "another seed",
      () =>
        edit(path.join(out, "results", runId, "run.json"), (text) =>
          text.replace('"seed": 1,\n  "flags"', '"seed": 2,\n  "flags"'),
        ),
      () => [runId],
      "seeds 1 and 2",
    ],
    [
      "a problem that is not in the base",
      () => {},
      () => ["--problem", "quarantine"],
      "--problem quarantine: is not in run",
    ],
    ["an unknown problem", () => {}, () => ["--problem", "nothing"], "problem 'nothing': unknown"],
  ];
  test.each(cases)("%s", async (_, damage, options, message) => {
    damage();
    const { code, stderr } = await compare(options());
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(made()).toEqual([]);
  });
});

describe("baselines", { timeout }, () => {
  const baseline = (...argv: readonly string[]): Promise<Outcome> => call(["baseline", ...argv, "--out", out]);

  test("are listed and shown, damaged ones with what is wrong", async () => {
    cpSync(path.join(out, "results", "baseline", "main"), path.join(out, "results", "baseline", "old"), {
      recursive: true,
    });
    const listed = await baseline("list");
    expect(listed.code).toBe(0);
    expect(listed.stdout).toMatch(/^main {2}saved .*: cil\nold {2}.*is of baseline 'main'; it was moved here\n$/);
    const shown = await baseline("show");
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/\nrecords +\d+ rows, \d+ of them exact\ncode +5 modules/);
    expect(shown.stdout).toContain(", this one: ");
    expect((await baseline("show", "none")).code).toBe(2);
  });

  test("are not replaced without force, nor by a run of other sources", async () => {
    const again = await baseline("save");
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("replace it with --force")]);
    edit(mine, (text) =>
      text.replace("account(transaction, old, -1);", "account(transaction, old, -1 - 0);\n load32(old);"),
    );
    const before = readFileSync(baselineFile("baseline.json"), "utf8");
    const changed = await baseline("save", runId, "--force");
    expect([changed.code, changed.stderr]).toEqual([
      2,
      expect.stringContaining("sources of cil my-buffers, traced, have"),
    ]);
    expect(readFileSync(baselineFile("baseline.json"), "utf8")).toBe(before);
    writeFileSync(mine, original);
    expect((await baseline("save", runId, "--force")).code).toBe(0);
  });

  test("are saved from the newest complete run that is no comparison's", async () => {
    expect((await compare()).code).toBe(0);
    const { stdout } = await baseline("save", "--name", "other");
    expect(stdout).toContain(`baseline other: run ${runId}, `);
    rmSync(path.join(out, "results", runId), { recursive: true });
    const none = await baseline("save", "--name", "third");
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("no complete run in")]);
  });

  test("are pruned by name and by number, but for the usual one", async () => {
    for (const name of ["a", "b", "c"]) expect((await baseline("save", runId, "--name", name)).code).toBe(0);
    for (const [name, day] of [
      ["a", 2],
      ["b", 4],
      ["c", 3],
    ]) {
      edit(path.join(out, "results", "baseline", `${name}`, "baseline.json"), (text) =>
        text.replace(/"savedAt": ".*"/, `"savedAt": "2025-02-0${day}T00:00:00.000Z"`),
      );
    }
    const first = await baseline("prune", "--keep", "1", "--name", "c");
    expect(first.stdout).toBe(
      "removed baseline c\nremoved baseline a\nremoved 0 modules that no baseline names (0 KiB)\n",
    );
    expect((await baseline("list")).stdout).toMatch(/^b {2}.*\nmain {2}.*\n$/);
    const second = await baseline("prune", "--name", "b", "--name", "main");
    expect(second.stdout).toMatch(/^removed baseline b\nremoved baseline main\nremoved 5 modules .* \(\d+ KiB\)\n$/);
    expect((await baseline("list")).stdout).toMatch(/^no baselines; save one with/);
    const unknown = await baseline("prune", "--name", "b");
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("--name b: no such baseline")]);
  });
});
