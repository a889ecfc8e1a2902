import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { suites } from "../bench/index.ts";
import { packageRoot } from "../src/package-root.ts";
import { workloadTypes } from "../src/workloads/index.ts";

interface Source {
  /** Path from the project's root, with slashes. */
  readonly file: string;
  readonly lines: readonly string[];
}

function readFolder(folder: string, extension: RegExp, depth: "deep" | "flat" = "deep"): Source[] {
  return readdirSync(path.join(packageRoot, folder), { recursive: depth === "deep", withFileTypes: true })
    .filter((entry) => entry.isFile() && extension.test(entry.name))
    .map((entry) => {
      const absolute = path.join(entry.parentPath, entry.name);
      const file = path.relative(packageRoot, absolute).split(path.sep).join("/");
      return { file, lines: readFileSync(absolute, "utf8").split("\n") };
    })
    .sort((one, other) => (one.file < other.file ? -1 : 1));
}

const code = ["src", "bench", "test"].flatMap((folder) => readFolder(folder, /\.ts$/));
const kernel = code.filter(({ file }) => file.startsWith("src/kernel/"));
const texts = [
  ...code,
  ...["src", "bench", "test", "docs"].flatMap((folder) => readFolder(folder, /\.(md|c|json)$/)),
  ...readFolder(".", /\.(md|ts|json)$/, "flat").filter(({ file }) => file !== "package-lock.json"),
];

/** Each line that a pattern matches, with its place; empty when the rule is kept. */
function find(sources: readonly Source[], pattern: RegExp): string[] {
  return sources.flatMap(({ file, lines }) =>
    lines.flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

/** The same without what is written in comments. */
function findInCode(sources: readonly Source[], pattern: RegExp): string[] {
  return find(
    sources.map(({ file, lines }) => ({ file, lines: withoutComments(lines) })),
    pattern,
  );
}

/** Lines with their comments blanked. Good enough for this project's own text; it knows nothing of strings. */
function withoutComments(lines: readonly string[]): string[] {
  return lines
    .join("\n")
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ""))
    .replace(/(^|\s)\/\/.*$/gm, "$1")
    .split("\n");
}

/** Files of the project that a file imports, with slashes, as they are resolved. */
function importsOf({ file, lines }: Source): string[] {
  const found: string[] = [];
  for (const [, specifier = ""] of withoutComments(lines)
    .join("\n")
    .matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
    const target = path.posix.join(path.posix.dirname(file), specifier);
    found.push(/\.\w+$/.test(target) ? target : `${target}.ts`);
  }
  return found;
}

/** Constants that both languages compile. */
const sharedConstants = [
  "src/kernel/cpu-block.ts",
  "src/kernel/events.ts",
  "src/kernel/notes.ts",
  "src/kernel/symbols.ts",
  "src/kernel/shrinker/counters.ts",
];
/** Code of the harnesses that problems share. It keeps the harness's own memory, so it may touch it plainly. */
const harnessPieces = ["src/kernel/crew.ts", "src/kernel/histogram.ts"];
const small = ["src/errors.ts", "src/package-root.ts", ...sharedConstants];

/** What each part of `src/` may import besides itself: folders, or single files. Parts come after those they stand on. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  workloads: small,
  records: small,
  statistics: small,
  build: [...small, "workloads"],
  plan: [...small, "workloads", "records", "build"],
  report: [...small, "workloads", "records", "statistics", "build", "plan"],
  fiber: [...small, "workloads", "records", "statistics", "build", "plan"],
  native: [...small, "workloads", "records", "statistics", "build", "plan"],
  traced: [...small, "workloads", "records", "statistics", "build", "plan"],
  cli: [
    ...small,
    "bench/index.ts",
    ...["workloads", "records", "statistics", "build", "plan", "report", "fiber", "native", "traced"],
  ],
};

/** What every variant defines itself, whatever it takes from others. */
const isOfVariant = /^export function (removeCache|unregister)\(/;

/** `src/cli/run.ts` is of the part `cli`; what lies above the folders is a part of its own. */
function partOf(file: string): string {
  const [top = "", part = "", ...rest] = file.split("/");
  return top === "src" && part !== "kernel" && rest.length > 0 ? part : file;
}

describe("imports point one way:", () => {
  const host = code.filter(({ file }) => file.startsWith("src/") && !file.startsWith("src/kernel/"));

  test("every part of src has its place", () => {
    const parts = new Set(host.map(({ file }) => partOf(file)).filter((part) => !part.includes("/")));
    expect([...parts].filter((part) => !Object.hasOwn(allowed, part))).toEqual([]);
  });

  test.each(Object.keys(allowed))("%s imports only what it stands on", (part) => {
    const wrong = host
      .filter(({ file }) => partOf(file) === part)
      .flatMap((source) =>
        importsOf(source)
          .filter((target) => partOf(target) !== part && !allowed[part]!.includes(partOf(target)))
          .map((target) => `${source.file} imports ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  test("instruments never import each other", () => {
    const instruments = ["fiber", "native", "traced"];
    for (const one of instruments) for (const other of instruments) expect(allowed[one]).not.toContain(other);
  });

  test("the small shared pieces import nothing of the project", () => {
    const pieces = code.filter(({ file }) => small.includes(file));
    expect(pieces.map((source) => [source.file, importsOf(source)])).toEqual(pieces.map(({ file }) => [file, []]));
    expect(pieces).toHaveLength(small.length);
  });

  test("a suite is data: it imports types only", () => {
    const suites = code.filter(({ file }) => /^bench\/[^/]+\.ts$/.test(file));
    expect(findInCode(suites, /^import (?!type ).*"\.\.\//)).toEqual([]);
  });

  test("in the kernel, problems stand on slab and sync, those on the machine, and no problem on another", () => {
    const constants = [...sharedConstants, "src/kernel/layout.ts"];
    const everybody = [...constants, ...harnessPieces];
    const below: Readonly<Record<string, readonly string[]>> = {
      machine: [],
      sync: ["machine"],
      // An allocator locks.
      slab: ["machine", "sync"],
    };
    const folderOf = (file: string): string => file.split("/")[2] ?? "";
    const wrong = kernel.flatMap((source) => {
      const folder = folderOf(source.file);
      const allowedFolders = below[folder] ?? ["machine", "sync", "slab"];
      return importsOf(source)
        .filter((target) => folderOf(target) !== folder || constants.includes(source.file))
        .filter((target) => !everybody.includes(target) && !allowedFolders.includes(folderOf(target)))
        .map((target) => `${source.file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test("outside the machine's folder its form is bound by impl.ts alone", () => {
    const outside = kernel.filter(({ file }) => !file.startsWith("src/kernel/machine/"));
    const wrong = outside.flatMap((source) =>
      importsOf(source)
        .filter((target) => target.startsWith("src/kernel/machine/") && target !== "src/kernel/machine/impl.ts")
        .map((target) => `${source.file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe("in the kernel", () => {
  test("no module has mutable globals, because one memory is shared by several instances", () => {
    expect(findInCode(kernel, /^(export )?(let|var)\b/)).toEqual([]);
  });

  test("shared memory is touched through the machine; only harnesses read their events plainly", () => {
    const bound = kernel.filter(
      ({ file }) =>
        !file.startsWith("src/kernel/machine/") && !file.endsWith("/harness.ts") && !harnessPieces.includes(file),
    );
    expect(findInCode(bound, /(^|[^.\w])(load|store)</)).toEqual([]);
    expect(findInCode(bound, /\batomic\.|\bmemory\.(copy|fill)\b/)).toEqual([]);
  });

  test.each(sharedConstants)("%s holds untyped integer constants only, which both languages compile alike", (file) => {
    const lines = withoutComments(code.find((source) => source.file === file)!.lines);
    const constants = lines.filter((line) => line.trim() !== "");
    expect(constants.filter((line) => !/^export const [a-z]\w* = \d+;\s*$/.test(line))).toEqual([]);
    expect(constants.length).toBeGreaterThan(0);
  });

  test.each(suites)(
    "every variant of the $problem is listed in its suite, and every listed one has a file",
    (suite) => {
      const files = kernel
        .filter(({ lines }) => lines.some((line) => isOfVariant.test(line)))
        .map(({ file }) => new RegExp(`^src/kernel/${suite.problem}/([^/]+)\\.ts$`).exec(file)?.[1])
        .filter((name) => name !== undefined && name !== "harness");
      expect(files.sort()).toEqual(suite.variants.map((variant) => variant.name).sort());
    },
  );

  test("every suite says of every workload whether it takes it", () => {
    const names = workloadTypes.map((type) => type.name).sort();
    for (const suite of suites) {
      expect(Object.keys(suite.takes).sort(), suite.problem).toEqual(names);
      for (const { name } of suite.workloads) expect(suite.takes[name], `${suite.problem} ${name}`).not.toBe("refused");
    }
  });
});

describe("in every file", () => {
  test("generators and the counting machine use nothing that differs between hosts", () => {
    const exact = code.filter(({ file }) => /^src\/(workloads|traced)\//.test(file));
    expect(exact.length).toBeGreaterThan(0);
    expect(findInCode(exact, /\bMath\.(pow|log\w*|exp\w*|sin|cos|tan|random)\b|\bDate\.now\b|\bnew Date\(\)/)).toEqual(
      [],
    );
  });

  test("the first line says what the file is; a test's names do", () => {
    const missing = code
      .filter(({ file }) => !file.endsWith(".test.ts"))
      .filter(({ lines }) => !/^(\/\/|\/\*)/.test(lines[0]!.startsWith("#!") ? lines[1]! : lines[0]!));
    expect(missing.map(({ file }) => file)).toEqual([]);
  });

  test("code is less than 500 lines long", () => {
    expect(code.filter(({ lines }) => lines.length >= 500).map(({ file }) => file)).toEqual([]);
  });

  test("what is left to do has the number of an issue", () => {
    const words = ["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|");
    expect(find(texts, new RegExp(`\\b(${words})\\b(?! ?\\(?#\\d+)`))).toEqual([]);
  });

  test("no test is skipped, and none runs alone", () => {
    const tests = code.filter(({ file }) => file.startsWith("test/"));
    expect(findInCode(tests, /\b(test|it|describe)(\.\w+)*\.(skip|only|todo|fails)\b/)).toEqual([]);
    expect(findInCode(tests, /^\s*(xtest|xit|xdescribe|fit|fdescribe)\(/)).toEqual([]);
  });
});

describe("the rules themselves", () => {
  const source = (text: string): Source => ({ file: "src/kernel/quarantine/a.ts", lines: text.split("\n") });

  test("see imports of every form, and none in comments", () => {
    const text = `import { a } from "../slab/page";
export * from "./impl";
import type { B } from "../machine/impl.ts";
import {
  c,
} from "../../errors.ts";
const d = await import("./queue");
// import { e } from "./none";
/** from "./neither" */
import { f } from "elsewhere";`;
    expect(importsOf(source(text))).toEqual([
      "src/kernel/slab/page.ts",
      "src/kernel/quarantine/impl.ts",
      "src/kernel/machine/impl.ts",
      "src/errors.ts",
      "src/kernel/quarantine/queue.ts",
    ]);
  });

  test("tell where a line breaks them", () => {
    const text = "// let it be\n/*\nlet a = 1;\n*/\nexport let b: u32 = 1; // let\n  let c = 2;";
    expect(findInCode([source(text)], /^(export )?let\b/)).toEqual([
      "src/kernel/quarantine/a.ts:5: export let b: u32 = 1;",
    ]);
  });
});
