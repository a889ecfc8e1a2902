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
/** Instruments with a core of their own, in AssemblyScript. */
const coreOwners = ["simulator", "checker"];
const core = code.filter(({ file }) => coreOwners.some((owner) => file.startsWith(`src/${owner}/core/`)));
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

/** Constants that both languages compile: what a problem's harness counts and shows, and what all have in common. */
const sharedConstants = [
  "src/kernel/cpu-block.ts",
  "src/kernel/events.ts",
  "src/kernel/litmus/instructions.ts",
  "src/kernel/notes.ts",
  "src/kernel/symbols.ts",
  ...kernel.map(({ file }) => file).filter((file) => /^src\/kernel\/[^/]+\/(areas|counters|gauges)\.ts$/.test(file)),
];
/** The same of an instrument alone: its core and its host. */
const protocols = coreOwners.map((owner) => `src/${owner}/core/protocol.ts`);
/** Code of the harnesses that problems share. It keeps the harness's own memory, so it may touch it plainly. */
const harnessPieces = ["common-harness", "crew", "histogram", "statistics"].map((name) => `src/kernel/${name}.ts`);
const small = [
  "src/errors.ts",
  "src/job-pool.ts",
  "src/json-process.ts",
  "src/package-root.ts",
  "src/symbol-names.ts",
  ...sharedConstants,
];

/** Instruments measure the same thing in different ways, so none of them may lean on another one. */
const instruments = ["fiber", "native", "traced", "simulator", "checker"];

/** What each part of `src/` may import besides itself: folders, or single files. Parts come after those they stand on. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  workloads: small,
  problems: [...small, "workloads"],
  records: [...small, "problems"],
  statistics: small,
  build: [...small, "workloads", "problems", "records"],
  plan: [...small, "workloads", "problems", "records", "build"],
  checker: [...small, "workloads", "problems", "records", "statistics", "build", "plan"],
  // It judges what others have measured.
  compare: [...small, "workloads", "problems", "records", "statistics", "build", "plan"],
  // What a check has found is data of the checker's, and what a comparison has, of its own.
  report: [...small, "workloads", "problems", "records", "statistics", "build", "plan", "checker", "compare"],
  fiber: [...small, "workloads", "problems", "records", "statistics", "build", "plan"],
  native: [...small, "workloads", "problems", "records", "statistics", "build", "plan"],
  traced: [...small, "workloads", "problems", "records", "statistics", "build", "plan"],
  simulator: [...small, "workloads", "problems", "records", "statistics", "build", "plan"],
  // It compares what the simulator and the checker tell with what was published, and writes the result down.
  fidelity: [
    ...small,
    "workloads",
    "problems",
    "records",
    "statistics",
    "build",
    "plan",
    "report",
    "simulator",
    "checker",
  ],
  // The paired comparison for other programs' own functions.
  library: [...small, "workloads", "plan", "compare", "native"],
  cli: [
    ...small,
    "bench/index.ts",
    "bench/gate.ts",
    ...["workloads", "problems", "records", "statistics", "build", "plan", "compare", "report", "fidelity"],
    ...instruments,
  ],
};

/**
 * What has to come to the same bits on every host. Statistics over exact values are exact values: whether a knee lies at
 * 24 CPUs or at 25 may hang on the last bit of a sum.
 */
const exact = [
  ...code.filter(({ file }) => /^src\/(workloads|traced|simulator)\//.test(file)),
  ...code.filter(({ file }) => /^src\/statistics\/(usl|crossover|sensitivity|ahead)\.ts$/.test(file)),
  ...code.filter(({ file }) => file === "src/records/histogram.ts"),
];

/** What every variant defines itself, whatever it takes from others. */
const isOfVariant = /^export function (removeCache|unregister|iterate|offlineCaches|commit)\(/;

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
    expect(instruments.filter((one) => !Object.hasOwn(allowed, one))).toEqual([]);
    for (const one of instruments) for (const other of instruments) expect(allowed[one]).not.toContain(other);
  });

  test("the small shared pieces import nothing of the project but each other, and the constants nothing at all", () => {
    const pieces = code.filter(({ file }) => small.includes(file));
    const wrong = pieces.flatMap((source) =>
      importsOf(source)
        .filter((target) => sharedConstants.includes(source.file) || !small.includes(target))
        .map((target) => `${source.file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
    expect(pieces).toHaveLength(small.length);
  });

  test.each(coreOwners)(
    "the %s's core imports nothing but itself, and its host nothing of it but the protocol",
    (owner) => {
      const isOfCore = (file: string): boolean => file.startsWith(`src/${owner}/core/`);
      const across = code.flatMap((source) =>
        importsOf(source)
          .filter((target) => isOfCore(source.file) !== isOfCore(target) && !protocols.includes(target))
          .filter((target) => isOfCore(source.file) || isOfCore(target))
          .map((target) => `${source.file} imports ${target}`),
      );
      expect(across).toEqual([]);
      expect(core.filter(({ file }) => isOfCore(file)).length).toBeGreaterThan(1);
    },
  );

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

  test.each([...sharedConstants, ...protocols])(
    "%s holds untyped integer constants only, which both languages compile alike",
    (file) => {
      const lines = withoutComments(code.find((source) => source.file === file)!.lines);
      const constants = lines.filter((line) => line.trim() !== "");
      expect(constants.filter((line) => !/^export const [a-z]\w* = \d+;\s*$/.test(line))).toEqual([]);
      expect(constants.length).toBeGreaterThan(0);
    },
  );

  test("who repeats a shared number repeats it right", () => {
    const numbersOf = (owner: string): Map<string, string> => {
      const numbers = new Map<string, string>();
      for (const { file, lines } of code) {
        if (file !== `src/${owner}/core/protocol.ts` && file !== "src/kernel/notes.ts") continue;
        for (const [, name = "", value = ""] of lines.join("\n").matchAll(/^export const (\w+) = (\d+);/gm)) {
          numbers.set(name, value);
        }
      }
      return numbers;
    };
    const numbersByOwner = new Map(coreOwners.map((owner) => [owner, numbersOf(owner)]));
    const ownerOf = (file: string): string =>
      /^src\/(checker\/core\/|kernel\/machine\/checked\.ts)/.test(file) ? "checker" : "simulator";
    const repeated = [...kernel, ...core].flatMap(({ file, lines }) => {
      const numbers = numbersByOwner.get(ownerOf(file))!;
      return [...lines.join("\n").matchAll(/^(?:export )?const (\w+): u32 = (\d+);/gm)]
        .filter(([, name = ""]) => numbers.has(name))
        .map(([, name = "", value]) => ({ file, name, value, right: numbers.get(name) }));
    });
    expect(repeated.filter(({ value, right }) => value !== right)).toEqual([]);
    // The form of the machine, which may import nothing of the simulator, has most of them.
    expect(repeated.filter(({ file }) => file === "src/kernel/machine/simulated.ts").length).toBeGreaterThan(5);
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

describe("in an instrument's core", () => {
  test("nothing is allocated but what is laid out at the beginning", () => {
    expect(findInCode(core, /\bnew\b|=>|\bArray\b|\bMap\b|\bSet\b|`/)).toEqual([]);
  });

  // The checker's works on the memory of the code under test.
  test("the memory that the simulator's loads from and stores to is its own: no atomic, no wait, no second memory", () => {
    const own = core.filter(({ file }) => file.startsWith("src/simulator/"));
    expect(findInCode(own, /\batomic\b|\bmemory\.copy\b/)).toEqual([]);
  });
});

describe("what is exact", () => {
  test("uses nothing that differs between hosts or versions of the engine", () => {
    expect(exact.length).toBeGreaterThan(40);
    // ECMAScript leaves the last bits of all other functions, and of powers, to the engine; powers of 2 are exact.
    expect(findInCode(exact, /\bMath\.(?!(abs|ceil|clz32|floor|fround|imul|max|min|round|sqrt|trunc)\b)/)).toEqual([]);
    expect(findInCode(exact, /(?<!\b2) \*\* |\*\*=/)).toEqual([]);
    expect(findInCode(exact, /\bDate\b|\bperformance\b|\bhrtime\b|\blocaleCompare\b|\bIntl\b/)).toEqual([]);
  });

  test("in statistics stands on nothing that is not", () => {
    const statistics = exact.filter(({ file }) => file.startsWith("src/statistics/"));
    expect(statistics).toHaveLength(4);
    const files = statistics.map(({ file }) => file);
    expect(statistics.flatMap(importsOf).filter((target) => !files.includes(target))).toEqual([]);
    expect(findInCode(statistics, /\bfrom "[^.]/)).toEqual([]);
  });
});

describe("in every file", () => {
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
