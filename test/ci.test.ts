// Holds what runs in CI to the program: workflows, the action and the examples can be read, and the commands that they give
// exist with their options.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { planFormats } from "../src/cli/compare-output.ts";
import { packageRoot } from "../src/package-root.ts";
import { compareFormats } from "../src/report/compare/formats.ts";
import { call } from "./cli/program.ts";

interface Input {
  readonly default?: string | boolean | number;
}
interface Step {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}
interface Job {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly steps?: readonly Step[];
}

function read(file: string): string {
  return readFileSync(path.join(packageRoot, file), "utf8");
}

/** A file of YAML, in which nothing is doubtful. */
// biome-ignore lint/suspicious/noExplicitAny: each kind of file has its own form
function parseYaml(file: string): any {
  const document = parseDocument(read(file), { strict: true, uniqueKeys: true });
  expect([file, ...document.errors, ...document.warnings]).toEqual([file]);
  return document.toJS();
}

function filesIn(folder: string): string[] {
  return readdirSync(path.join(packageRoot, folder))
    .filter((name) => name.endsWith(".yml"))
    .map((name) => path.posix.join(folder, name));
}

const workflows = [...filesIn(".github/workflows"), "docs/ci/history.yml"];
const gitlab = "docs/ci/gitlab-ci.yml";

function jobsOf(workflow: string): Job[] {
  return Object.values(parseYaml(workflow).jobs);
}

function actionOf(): { readonly inputs: Readonly<Record<string, Input>>; readonly runs: { readonly steps: Step[] } } {
  return parseYaml("action.yml");
}

const steps = (): Step[] => [...workflows.flatMap(jobsOf).flatMap((job) => job.steps ?? []), ...actionOf().runs.steps];

/** Lines of a script, those that go on with a backslash in one. */
function linesOf(script: string): string[] {
  return script.replaceAll("\\\n", " ").split("\n");
}

/** Calls of the program in a script, by their words without the quotes. */
function callsIn(script: string): string[][] {
  return linesOf(script).flatMap((line) => {
    const [, text] = /(?:\bnode dist\/src\/cli\/bin\.js|\breclaim-bench) ([a-z].*)/.exec(line) ?? [];
    if (text === undefined) return [];
    const [call = ""] = text.split(/\s(?:[|>]|&&)/);
    const words = call.match(/(?:"[^"]*"|'[^']*'|[^\s"'|&>])+/g) ?? [];
    return [words.map((word) => word.replace(/["']/g, ""))];
  });
}

const helps = new Map<string, string>();

async function helpOf(command: readonly string[]): Promise<string> {
  const key = command.join(" ");
  if (!helps.has(key)) {
    const { code, stdout } = await call([...command, "--help"]);
    // An unknown command ends with the help of the whole program.
    expect([key, code, stdout]).toEqual([key, 0, expect.stringContaining(`Usage: reclaim-bench ${key} `)]);
    helps.set(key, stdout);
  }
  return helps.get(key)!;
}

/** Fails unless the program takes these words. */
async function checkCall(words: readonly string[]): Promise<void> {
  const line = words.join(" ");
  const length = ["baseline", "history"].includes(words[0]!) ? 2 : 1;
  const help = await helpOf(words.slice(0, length));
  const options = new Map(
    [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)( [<[])?/gm)].map(([, name = "", value]) => [
      name,
      value !== undefined,
    ]),
  );
  const usage = /^Usage: .*$/m.exec(help)?.[0] ?? "";
  let places = usage.match(/[<[](?!options)/g)?.length ?? 0;
  for (let index = length; index < words.length; index++) {
    const word = words[index]!;
    if (word.startsWith("$") && word.includes("[@]")) continue;
    if (!word.startsWith("--")) {
      expect(places--, `${line}: ${word}`).toBeGreaterThan(0);
      continue;
    }
    expect([...options.keys()], line).toContain(word);
    if (!options.get(word)) continue;
    const value = words[++index];
    expect(value, `${line}: ${word}`).toBeDefined();
    if (word === "--format") expect(Object.keys(compareFormats), line).toContain(value!.split("=")[0]);
  }
}

describe("workflows, the action and the examples", () => {
  test("can be read", () => {
    expect(workflows).toEqual(
      expect.arrayContaining([".github/workflows/ci.yml", ".github/workflows/compare.yml", "docs/ci/history.yml"]),
    );
    for (const workflow of workflows) {
      expect(Object.keys(parseYaml(workflow))).toEqual(expect.arrayContaining(["name", "on", "jobs"]));
      expect(jobsOf(workflow).length).toBeGreaterThan(0);
    }
    expect(actionOf().runs).toMatchObject({ using: "composite" });
    expect(Object.keys(parseYaml(gitlab))).toEqual(["compare"]);
  });

  test("use actions of a version, or their own with inputs that it has", () => {
    const inputs = { "./": Object.keys(actionOf().inputs) } as Record<string, string[]>;
    for (const file of filesIn(".github/workflows")) {
      const called = parseYaml(file).on?.workflow_call?.inputs;
      if (called !== undefined) inputs[`./${file}`] = Object.keys(called);
    }
    const users = [...workflows.flatMap(jobsOf), ...steps()].filter(({ uses }) => uses !== undefined);
    expect(users.length).toBeGreaterThan(5);
    for (const { uses = "", with: given = {} } of users) {
      if (!uses.startsWith("./")) expect(uses).toMatch(/^[\w-]+\/[\w/-]+@v\d+$/);
      else expect(inputs[uses], uses).toEqual(expect.arrayContaining(Object.keys(given)));
    }
  });

  test("give the action what the workflow is given, with the same defaults", () => {
    const workflow = parseYaml(".github/workflows/compare.yml").on.workflow_call.inputs as Record<string, Input>;
    const { inputs } = actionOf();
    const shared = Object.keys(workflow).filter((name) => Object.hasOwn(inputs, name));
    expect(shared).toEqual(["base", "problems", "native", "fail-on-inconclusive", "formats", "upload-sarif"]);
    for (const name of shared) expect(String(workflow[name]!.default), name).toBe(inputs[name]!.default);
    const [job] = jobsOf(".github/workflows/compare.yml");
    const used = job!.steps!.find(({ uses }) => uses === "./")!;
    expect(used.with).toEqual(Object.fromEntries(shared.map((name) => [name, `\${{ inputs.${name} }}`])));
  });

  test("put no expression into a script, where it could be any command", () => {
    for (const { run = "" } of steps()) expect(run).not.toContain("${{");
  });

  test("hold a pull request against what it is merged into", () => {
    const [base] = jobsOf(".github/workflows/ci.yml").flatMap(({ uses, with: given }) => (uses ? [given?.base] : []));
    const checkout = mkdtempSync(path.join(tmpdir(), "merge-"));
    try {
      const git = (...words: string[]): string => {
        const identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        const { status, stdout, stderr } = spawnSync("git", [...identity, ...words], {
          cwd: checkout,
          encoding: "utf8",
        });
        expect([status, words], stderr).toEqual([0, words]);
        return stdout.trim();
      };
      const commit = (text: string): string => {
        git("commit", "--quiet", "--allow-empty", "--message", text);
        return git("rev-parse", "HEAD");
      };
      git("init", "--quiet", "--initial-branch", "main");
      commit("where the branch begins");
      git("switch", "--quiet", "--create", "change");
      commit("the change");
      git("switch", "--quiet", "main");
      const into = commit("what came meanwhile");
      git("merge", "--quiet", "--no-ff", "--message", "the merge", "change");
      expect(git("rev-parse", String(base))).toBe(into);
    } finally {
      rmSync(checkout, { recursive: true });
    }
  });

  test("show of a history in the job's summary what is bounded", () => {
    const scripts = jobsOf("docs/ci/history.yml").flatMap((job) => (job.steps ?? []).map(({ run = "" }) => run));
    const summary = scripts.find((script) => script.includes("GITHUB_STEP_SUMMARY"))!;
    const folder = mkdtempSync(path.join(tmpdir(), "summary-"));
    try {
      mkdirSync(path.join(folder, "dist/src/cli"), { recursive: true });
      writeFileSync(
        path.join(folder, "dist/src/cli/bin.js"),
        `require("node:fs").writeFileSync("reports/history.md", "![chart](history/a.svg)"); console.log("history: short");`,
      );
      const target = path.join(folder, "summary");
      const { status } = spawnSync("bash", ["-e", "-c", summary], {
        ...{ cwd: folder, env: { PATH: process.env.PATH, GITHUB_STEP_SUMMARY: target } },
      });
      expect([status, readFileSync(target, "utf8")]).toEqual([0, "```text\nhistory: short\n```\n"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("give commands and options that exist", async () => {
    const scripts = [
      ...steps().map(({ run = "" }) => run),
      ...(parseYaml(gitlab).compare.script as string[]),
      read(".ci/run"),
      ...[...read("docs/ci.md").matchAll(/^```console\n(.*?)^```$/gms)].map(([, body = ""]) => body),
    ];
    const calls = scripts.flatMap(callsIn);
    expect(calls.length).toBeGreaterThanOrEqual(9);
    expect(new Set(calls.map(([command]) => command))).toEqual(new Set(["compare", "run", "history"]));
    for (const words of calls) await checkCall(words);
  });

  test("are held to that: a misspelt option, format, command or a word too many is found", async () => {
    await checkCall(["compare", "--base", "main", "--exact-only", "--format", "junit=a.xml"]);
    for (const wrong of [
      "compare --bases main",
      "compare --format junitt=a.xml",
      "compare --base",
      "compare one two",
      "histories add",
      "history remove",
    ]) {
      await expect(checkCall(wrong.split(" ")), wrong).rejects.toThrow();
    }
  });

  test("are the documented ones", () => {
    const text = read("docs/ci.md");
    const { inputs } = actionOf();
    const rows = text.split("\n").filter((line) => /^\| `\w/.test(line));
    const documented = rows.map((row) => {
      const [, name = "", value = ""] = row.split("|").map((cell) => cell.trim().replace(/^`(.*)`$/, "$1"));
      return [name, value] as const;
    });
    const defaults = Object.entries(inputs).map(([name, input]) => [name, input.default] as const);
    const words: Readonly<Record<string, string>> = { base: "none", problems: "all", formats: "none" };
    expect(documented.slice(0, defaults.length)).toEqual(
      defaults.map(([name, value]) => [name, value === "" ? words[name] : value]),
    );
    expect(documented.slice(defaults.length).map(([name]) => name)).toEqual(Object.keys(compareFormats));
  });
});

describe("the action's script", () => {
  const root = mkdtempSync(path.join(tmpdir(), "action-"));
  afterAll(() => rmSync(root, { recursive: true }));

  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(root, "job-"));
    mkdirSync(path.join(folder, "dist/src/cli"), { recursive: true });
  });

  /** Stands in for the program: writes down its words and the files of its formats, and ends as it is told. */
  const standIn = `
    const { mkdirSync, writeFileSync } = require("node:fs");
    const path = require("node:path");
    const words = process.argv.slice(2);
    writeFileSync("words.json", JSON.stringify(words));
    const code = Number(process.env.CODE);
    if (code !== 2) {
      for (const word of words.filter((one) => one.includes("=reports/"))) {
        const [format, file] = word.split("=");
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, "this is " + format + "\\n");
      }
    }
    process.exit(code);`;

  function run(code: number, given: Readonly<Record<string, string>> = {}) {
    const step = actionOf().runs.steps.find(({ run: script }) => script?.includes("compare"))!;
    const { inputs } = actionOf();
    const env = Object.entries(step.env!).map(([name, text]) => {
      const input = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(text)?.[1] ?? "no input";
      expect(Object.keys(inputs)).toContain(input);
      return [name, given[input] ?? String(inputs[input]!.default)];
    });
    writeFileSync(path.join(folder, "dist/src/cli/bin.js"), standIn);
    const result = spawnSync("bash", ["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step.run!], {
      cwd: folder,
      encoding: "utf8",
      env: {
        ...Object.fromEntries(env),
        ...{ PATH: process.env.PATH, CODE: String(code) },
        ...{ GITHUB_OUTPUT: path.join(folder, "output"), GITHUB_STEP_SUMMARY: path.join(folder, "summary") },
      },
    });
    const text = (name: string): string =>
      existsSync(path.join(folder, name)) ? readFileSync(path.join(folder, name), "utf8") : "";
    return {
      ...{ status: result.status, stdout: result.stdout, output: text("output"), summary: text("summary") },
      words: JSON.parse(text("words.json")) as string[],
    };
  }

  test("compares as it is told, with options that exist", async () => {
    const plain = run(0);
    expect(plain.words.slice(0, 2)).toEqual(["compare", "--format"]);
    await checkCall(plain.words);
    const told = run(0, { base: "a b; exit 7", problems: "cil shrinker", native: "false", formats: "csv benchfmt" });
    expect(told.words.slice(0, 8)).toEqual([
      "compare",
      "--base",
      "a b; exit 7",
      "--problem",
      "cil",
      "--problem",
      "shrinker",
      "--exact-only",
    ]);
    expect(told.words).toEqual(
      expect.arrayContaining(["csv=reports/ci/compare.csv", "benchfmt=reports/ci/compare.benchfmt"]),
    );
    await checkCall(told.words);
    // A format that the script writes itself may be named as well.
    for (const format of Object.keys(compareFormats)) {
      const { words } = run(0, { formats: format });
      const given = words.flatMap((word, index) => (words[index - 1] === "--format" ? [word] : []));
      const files = given.map((one) => path.join(folder, one.slice(one.indexOf("=") + 1)));
      const named = given.map((one, index) => `${one.slice(0, one.indexOf("="))}=${files[index]}`);
      const { targets } = await planFormats(named);
      expect(targets.map((one) => one.format)).toContain(format);
    }
  });

  test("shows summary and annotations, and tells exit code and findings, whatever came of it", () => {
    for (const code of [0, 1, 3, 4]) {
      rmSync(path.join(folder, "summary"), { force: true });
      rmSync(path.join(folder, "output"), { force: true });
      const { summary, stdout, output } = run(code);
      expect(summary).toBe("this is github-summary\n");
      expect(stdout).toContain("this is github-annotations\n");
      expect(output).toBe(`exit-code=${code}\nsarif=reports/ci/compare.sarif\n`);
    }
  });

  test("ends as the comparison did, and where the machine cannot answer as it was asked to", () => {
    expect([0, 1, 2, 4, 5, 130].map((code) => run(code).status)).toEqual([0, 1, 2, 4, 5, 130]);
    const allowed = run(3);
    // It may be the machine, or a row that could not be timed.
    expect([allowed.status, allowed.stdout]).toEqual([
      0,
      expect.stringContaining("::warning::inconclusive: the times could not be told;"),
    ]);
    expect(run(3, { "fail-on-inconclusive": "true" }).status).toBe(3);
  });

  test("shows nothing where the comparison could not begin, not even what one before it left", () => {
    run(0);
    for (const file of ["summary", "output"]) rmSync(path.join(folder, file));
    const { summary, output, stdout } = run(2);
    expect([summary, output, stdout]).toEqual(["", "exit-code=2\n", ""]);
  });
});
