// Holds the documents to what the project is: the README's commands are executed and its examples are compiled, and
// links, paths, options and names that any document mentions exist.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { suites } from "../bench/index.ts";
import { compileModule } from "../src/build/compile.ts";
import { problemChecks } from "../src/checker/problems/index.ts";
import type { Io } from "../src/cli/io.ts";
import { main } from "../src/cli/main.ts";
import { packageRoot } from "../src/package-root.ts";
import { planVariant, skipWhenEmptyName } from "../src/plan/variant.ts";
import { metrics } from "../src/records/metrics.ts";
import { compareFormats } from "../src/report/compare/formats.ts";
import { profileNames } from "../src/simulator/profile.ts";
import { workloadTypes } from "../src/workloads/index.ts";

interface Document {
  /** Path from the project's root. */
  readonly name: string;
  readonly text: string;
}

const documents: readonly Document[] = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...readdirSync(path.join(packageRoot, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => path.posix.join("docs", name)),
].map((name) => ({ name, text: readFileSync(path.join(packageRoot, name), "utf8") }));

const readme = documents[0]!.text;
/** Its inputs and outputs are names, too. */
const actionText = readFileSync(path.join(packageRoot, "action.yml"), "utf8");

/** Fenced blocks: language tag and text. */
function fencesOf(text: string): { readonly tag: string; readonly body: string }[] {
  return [...text.matchAll(/^```(\S*)\n(.*?)^```$/gms)].map(([, tag = "", body = ""]) => ({ tag, body }));
}

/** Inline code outside of fenced blocks. */
function inlineCodeOf(text: string): string[] {
  return [...text.replace(/^```.*?^```$/gms, "").matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}

/** Commands of the blocks with a tag; in `console` blocks they follow a `$`, and the rest is output. */
function commandsOf(text: string, tag: "sh" | "console"): string[] {
  return fencesOf(text)
    .filter((fence) => fence.tag === tag)
    .flatMap(({ body }) => body.split("\n"))
    .flatMap((line) => (tag === "sh" ? [line] : line.startsWith("$ ") ? [line.slice(2)] : []))
    .filter((line) => line.trim() !== "");
}

/** The README's examples of variants: what to call each, its source, and the problem of the command that runs it. */
function exampleVariants(): { readonly file: string; readonly source: string; readonly problem: string }[] {
  const files = [...readme.matchAll(/[Ss]ave this as `([^`]+\.ts)`/g)].map(([, file = ""]) => file);
  const examples = fencesOf(readme).filter(({ tag }) => tag === "ts");
  if (examples.length !== files.length) throw new Error("expected 'save this as `...`' before each ts block");
  return examples.map(({ body }, index) => {
    const file = files[index]!;
    const line = commandsOf(readme, "sh").find((command) => command.includes(` --variant-file ${file} `)) ?? "";
    return { file, source: body, problem: / run (\w+) /.exec(line)?.[1] ?? `no problem of ${file}` };
  });
}

/** Functions that a problem's variants export. */
function contractOf(problem: string): string[] {
  const text = readFileSync(path.join(packageRoot, "src/kernel", problem, "contract.ts"), "utf8");
  return [...text.matchAll(/^export const contract\w+: .*? = (\w+);$/gm)].map(([, name = ""]) => name);
}

/** Reads a variant's id as every suite that knows its name does. */
function planKnown(id: string): void {
  const [name = ""] = id.split(" ");
  const knowing = suites.filter((suite) => suite.variants.some((variant) => variant.name === name));
  if (knowing.length === 0) throw new Error(`no suite has a variant '${name}'`);
  for (const suite of knowing) planVariant(suite, id);
}

/** Heads of the columns of all tables of variants in a text. Those of a wide table stand in a line of their own. */
function headsOf(text: string): string[] {
  const lines = [...text.matchAll(/^variant(?: {2}.*|\n {4}.*)$/gm)].map(([line]) => line.replace("\n", "  "));
  return [...new Set(lines.flatMap((line) => line.split(/ {2,}/)))];
}

async function helpOf(command: string): Promise<string> {
  let text = "";
  const io: Io = {
    write: (part) => {
      text += part;
    },
    warn: () => {},
    clock: () => new Date(0),
    isTerminal: false,
    columns: 80,
  };
  expect(await main([...command.split(" "), "--help"], io, new AbortController().signal)).toBe(0);
  return text;
}

/** Long options that a command's help names, except `--help`. */
async function optionsOf(command: string): Promise<string[]> {
  const found = [...(await helpOf(command)).matchAll(/^\s+(?:-\w, )?(--[a-z-]+)/gm)].map(([, option = ""]) => option);
  return found.filter((option) => option !== "--help");
}

const commands = [
  ...["list", "run", "check", "replay", "report", "compare", "save", "doctor", "calibrate", "fidelity"],
  ...["save", "list", "show", "prune"].map((part) => `baseline ${part}`),
  ...["add", "show"].map((part) => `history ${part}`),
];

describe("the README", () => {
  /** Links to everything that a clone has after `npm ci`, with a build of its own, so that nothing is written here. */
  let clone = "";

  beforeAll(() => {
    clone = mkdtempSync(path.join(os.tmpdir(), "reclaim-bench-readme-"));
    for (const name of ["bench", "node_modules", "package.json", "src"]) {
      symlinkSync(path.join(packageRoot, name), path.join(clone, name));
    }
    mkdirSync(path.join(clone, "results"));
    symlinkSync(path.join(packageRoot, "results", "baseline"), path.join(clone, "results", "baseline"));
    const compiler = path.join(packageRoot, "node_modules", "typescript", "bin", "tsc");
    const outDir = path.join(clone, "dist");
    const built = spawnSync(process.execPath, [compiler, "-p", packageRoot, "--outDir", outDir], { encoding: "utf8" });
    expect(built.stdout + built.stderr).toBe("");
  });

  afterAll(() => rmSync(clone, { recursive: true, force: true }));

  test("marks every block with a tag that says what happens to it", () => {
    for (const { name, text } of documents) {
      for (const { tag } of fencesOf(text)) expect(["sh", "console", "ts", "text"], name).toContain(tag);
      if (name !== "README.md") expect(commandsOf(text, "sh"), `${name}: only the README's are executed`).toEqual([]);
    }
  });

  test("has examples of variants, and each compiles in every form", async () => {
    expect(exampleVariants().map(({ problem }) => problem)).toEqual(["quarantine", "shrinker"]);
    for (const { file, source, problem } of exampleVariants()) {
      const variantFile = path.join(clone, file);
      writeFileSync(variantFile, source);
      const variant = path.basename(file, ".ts");
      for (const machine of ["native", "instrumented", "profiled", "traced", "simulated"] as const) {
        const { wasm } = await compileModule({ problem, variant, variantFile, machine, constants: {} });
        expect(WebAssembly.validate(wasm)).toBe(true);
      }
    }
  }, 60_000);

  test("says how many functions a variant exports", () => {
    const words = new Map([
      [11, "eleven"],
      [17, "seventeen"],
    ]);
    for (const { problem } of exampleVariants()) {
      const number = words.get(contractOf(problem).length) ?? `no word for ${contractOf(problem).length}`;
      expect(readme.replaceAll("\n", " ")).toMatch(
        new RegExp(`the ${number}(?: functions)? of \\[src/kernel/${problem}/contract\\.ts\\]`),
      );
    }
  });

  test("has commands that work as they are written", () => {
    for (const { file, source } of exampleVariants()) writeFileSync(path.join(clone, file), source);
    const lines = commandsOf(readme, "sh");
    expect(lines.length).toBeGreaterThan(0);
    // Which columns a run prints depends on what it found, so those of the golden files count as well.
    const golden = ["report.txt", "shrinker.txt"].map((name) =>
      readFileSync(path.join(packageRoot, "test/golden", name), "utf8"),
    );
    const heads = new Set(golden.flatMap(headsOf));
    for (const line of lines) {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", line], { cwd: clone, encoding: "utf8" });
      // A machine that is unfit to measure is what `doctor` is to find.
      expect(line.endsWith(" doctor") ? [0, 3] : [0], `${line}\n${stderr}`).toContain(status);
      expect(stdout, line).not.toBe("");
      if (!/ (run|report) /.test(line)) continue;
      const report = /^report {2}(\S+)$/m.exec(stdout)?.[1] ?? "no report was named";
      expect(existsSync(path.join(clone, report)), `${line}\n${report}`).toBe(true);
      for (const head of headsOf(stdout)) heads.add(head);
    }
    // The sample output has the columns that the program prints.
    const sample = headsOf(readme);
    expect(sample.length).toBeGreaterThan(10);
    expect([...heads]).toEqual(expect.arrayContaining(sample));
    // Programs that are started one after the other take long on a machine that does something else as well.
  }, 240_000);

  test("shows a sample run, of workloads and variants that run by default", () => {
    const sample = fencesOf(readme).find(({ body }) => body.includes("(reference)"))?.body ?? "";
    const [, ...parts] = sample.split(/^problem (?=[\w-]+$)/m);
    const shown = parts.map((part) => part.split("\n", 1)[0]);
    expect(shown).toEqual(["quarantine", "shrinker", "cil"]);
    for (const [index, { lines, workloads }] of suites.filter(({ problem }) => shown.includes(problem)).entries()) {
      // Where a table is too wide, each id stands on a line of its own.
      const rows = [
        ...parts[index]!.matchAll(/^(\S.*?)(?: \((?:reference|floor|known defect|, )+\))?(?: {2,}|\n {4,})\S.*$/gm),
      ];
      const heads = ["variant", "report", ...workloads.map(({ name }) => name)];
      const ids = rows.map(([, id = ""]) => id.replace(/, simulated on .*/, "")).filter((id) => !heads.includes(id));
      expect(ids.length).toBeGreaterThanOrEqual(5);
      expect(lines).toEqual(expect.arrayContaining(ids));
    }
  });
});

describe("the documents", () => {
  test.each(documents)("$name links to files that exist", ({ name, text }) => {
    const folder = path.dirname(path.join(packageRoot, name));
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      expect(existsSync(path.join(folder, target.replace(/#.*$/, ""))), target).toBe(true);
    }
  });

  test.each(documents)("$name names paths that exist", ({ text }) => {
    const paths = inlineCodeOf(text).filter((code) => /^(src|test|bench|docs|\.ci)\/[^<\s]*$/.test(code));
    for (const one of paths) expect(existsSync(path.join(packageRoot, one)), one).toBe(true);
  });

  test.each(commands)("describe every option of '%s'", async (command) => {
    const text = documents.map((one) => one.text).join("\n");
    for (const option of await optionsOf(command)) expect(text).toMatch(new RegExp(`${option}(?![\\w-])`));
  });

  test("use options that the command has", async () => {
    const known = new Map(
      await Promise.all(commands.map(async (command) => [command, await optionsOf(command)] as const)),
    );
    const lines = documents.flatMap(({ text }) => [...commandsOf(text, "sh"), ...commandsOf(text, "console")]);
    for (const line of lines) {
      const command = /bin\.js ((?:baseline |history )?\w+)/.exec(line)?.[1];
      if (command === undefined) continue;
      expect([...known.keys()], line).toContain(command);
      for (const [, option = ""] of line.matchAll(/ (--[a-z-]+)/g)) expect(known.get(command), line).toContain(option);
    }
  });

  test("name variants and workloads that exist", () => {
    const workloads = workloadTypes.map(({ name }) => name);
    for (const { name, text } of documents) {
      for (const { body } of fencesOf(text)) {
        for (const [, workload = ""] of body.matchAll(/--workload ([^\s<]+)/g))
          expect(workloads, name).toContain(workload);
        for (const [, quoted, plain] of body.matchAll(/--variant (?:"([^"]+)"|([^\s<"]+))/g)) {
          expect(() => planKnown(quoted ?? plain ?? ""), name).not.toThrow();
        }
      }
    }
  });

  // Words with hyphens in inline code are names of ours: a variant, a workload, a parameter or a metric.
  test.each(documents)("$name uses no name that is gone", ({ text }) => {
    const variants = suites.flatMap((suite) => suite.variants);
    const parameters = new Set([
      skipWhenEmptyName,
      ...variants.flatMap((variant) => Object.keys(variant.parameters ?? {})),
      ...workloadTypes.flatMap((type) => Object.keys(type.parameters)),
    ]);
    const names = new Set<string>([
      "reclaim-bench",
      // What rows say of how they were measured.
      "slice-ms",
      "virtual-ms",
      ...variants.map((variant) => variant.name),
      ...Object.keys(compareFormats),
      ...[...actionText.matchAll(/^ {2}([a-z][a-z-]+):$/gm)].map(([, name = ""]) => name),
      ...Object.values(problemChecks).flatMap(({ scenarios }) => scenarios.map(({ name }) => name)),
      ...workloadTypes.map((type) => type.name),
      ...metrics.keys(),
      ...profileNames,
      ...parameters,
    ]);
    for (const code of inlineCodeOf(text)) {
      if (/^[a-z][a-z0-9]*(-[a-z0-9]+)+$/.test(code)) expect([...names]).toContain(code);
      else if (/^[a-z-]+=[\w-]+$/.test(code)) expect([...parameters]).toContain(code.split("=")[0]);
      else if (/^[a-z-]+( [a-z-]+=[\w-]+)+$/.test(code)) expect(() => planKnown(code)).not.toThrow();
    }
  });
});
