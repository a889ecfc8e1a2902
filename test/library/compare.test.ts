// The library's comparison. Whether a clear difference is found is tried by the example in `docs/examples/compare`.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compare, loadingArguments } from "../../src/library/compare.ts";
import { timeEpochs } from "../../src/library/epochs.ts";
import { packageRoot } from "../../src/package-root.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "compare-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function moduleOf(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** As little as the options allow. */
const least = { processes: 7, rounds: 10, epochMs: 0.2, warmupMs: 0 };

describe("what cannot be compared is refused:", () => {
  const working = (): string => moduleOf("working.mjs", "export default () => 1;");

  test.each([
    ["no such module", "missing.mjs", undefined, /missing\.mjs: cannot be loaded/],
    ["no such export", "named.mjs", "export function other() {}", /has no function 'default'; it has: other/],
    ["an export that is no function", "value.mjs", "export default 5;", /has no function 'default'; it has: none/],
    ["a promise", "later.mjs", "export default async () => 1;", /gives a promise/],
    [
      "a function that is too slow for its rounds",
      "slow.mjs",
      // Says that much time has passed without taking it.
      "let ms = 0; performance.now = () => ms; export default () => { ms += 13_000; };",
      /slow\.mjs: a call of default\(\) takes 13 s, and 10 of them may take 60 s: ask for fewer rounds/,
    ],
    ["a function that throws", "broken.mjs", "export default () => { throw new Error('no luck'); };", /no luck/],
  ])("%s", async (_what, name, text, message) => {
    const head = text === undefined ? path.join(folder, name) : moduleOf(name, text);
    await expect(compare({ base: { module: working() }, head: { module: head }, ...least })).rejects.toThrow(message);
  });

  test.each([
    ["processes", 6, "processes: must be whole and at least 7, got 6"],
    ["rounds", 2.5, "rounds: must be whole and at least 10, got 2.5"],
    ["epochMs", 0, "epochMs: must be at least 0.2, got 0"],
    ["minEffect", Number.NaN, "minEffect: must be at least 0, got NaN"],
  ])("%s out of range", async (option, value, message) => {
    const sides = { base: { module: working() }, head: { module: working() } };
    await expect(compare({ ...sides, [option]: value })).rejects.toThrow(message);
  });

  test("when the user stops it", async () => {
    const sides = { base: { module: working() }, head: { module: working() } };
    await expect(compare({ ...sides, ...least, signal: AbortSignal.abort() })).rejects.toThrow("stopped");
  });
});

test("a function whose first call alone is slow is not refused", { timeout: 120_000 }, async () => {
  const text =
    "const now = performance.now.bind(performance); let ms = 0, calls = 0; performance.now = () => now() + ms; " +
    "export default () => { if (calls++ === 0) ms += 13_000; };";
  const module = moduleOf("prepares.mjs", text);
  const result = await compare({ base: { module }, head: { module }, ...least, canary: false });
  expect(result.processes).toHaveLength(7);
});

describe("code that was given to Node.js itself compares once:", () => {
  const library = pathToFileURL(path.join(packageRoot, "dist", "src", "index.js")).href;

  /** Notes each start, and ends what would be an endless chain of them. */
  function codeOf(name: string): { readonly code: string; readonly starts: () => number } {
    const module = moduleOf(`${name}.mjs`, "export default () => 1;");
    const starts = moduleOf(`${name}.txt`, "");
    const code = `import { appendFileSync, readFileSync } from "node:fs"; import { compare } from ${JSON.stringify(library)};
      const starts = ${JSON.stringify(starts)}; appendFileSync(starts, "x");
      if (readFileSync(starts, "utf8").length > 2) process.exit(9);
      const one = { module: ${JSON.stringify(module)} };
      const { processes } = await compare({ base: one, head: one, canary: false, ...${JSON.stringify(least)} });
      console.log(processes.length);`;
    return { code, starts: () => readFileSync(starts, "utf8").length };
  }

  test.each([
    ["as an argument", (code: string) => ({ words: ["--input-type=module", "-e", code], input: "" })],
    ["on standard input", (code: string) => ({ words: ["--input-type=module", "-"], input: code })],
  ])("%s", { timeout: 120_000 }, (what, callOf) => {
    const { code, starts } = codeOf(what.replaceAll(" ", "-"));
    const { words, input } = callOf(code);
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { input, encoding: "utf8" });
    expect([status, stdout, starts()], stderr).toEqual([0, "7\n", 1]);
  });

  test("a module that compares itself is told so", { timeout: 120_000 }, () => {
    const { code, starts } = codeOf("own");
    const own = `${code.replace(/module: "[^"]*"/, "module: import.meta.url")}; export default () => 1;`;
    const { status, stderr } = spawnSync(process.execPath, [moduleOf("itself.mjs", own)], { encoding: "utf8" });
    expect([status, starts()]).toEqual([1, 2]);
    expect(stderr).toMatch(/itself\.mjs: cannot be loaded: compare was called while a module was loaded/);
  });

  test("of its arguments processes take over those that say how modules are loaded", () => {
    const kept = ["--import", "tsx", "--conditions=dev", "-r", "./setup.cjs", "--experimental-strip-types"];
    const dropped = [
      "--test",
      "--watch",
      "--watch-path=src",
      "--inspect-brk",
      "--print",
      "1",
      "-pe",
      "1",
      "-e",
      "code",
    ];
    expect(loadingArguments([...dropped, ...kept, ...dropped])).toEqual(kept);
  });
});

test("what a function prints does not disturb the answer", { timeout: 120_000 }, async () => {
  const text = "let calls = 0; export default () => { if (calls++ === 0) console.log('{ hello'); };";
  const module = moduleOf("loud.mjs", text);
  const result = await compare({ base: { module }, head: { module }, ...least, canary: false });
  expect(result.processes).toHaveLength(7);
  expect(result.processes.every(({ rounds }) => rounds === 10)).toBe(true);
  expect(result.canary).toBeNull();
  // Whatever the machine does: the same code is never far apart in all of seven processes.
  expect(result.estimate.ratio).toBeGreaterThan(0.2);
  expect(result.estimate.ratio).toBeLessThan(5);
});

test("epochs of all functions have the same number of calls, and each its rounds", () => {
  const calls = [0, 0];
  const timed = calls.map((_, index) => () => {
    calls[index]!++;
  });
  const epochs = timeEpochs(timed, { rounds: 12, epochMs: 0.1, warmupMs: 0, seed: 1 });
  expect(epochs.ns.map((rounds) => rounds.length)).toEqual([12, 12]);
  expect(epochs.ns.flat().every((ns) => ns > 0)).toBe(true);
  // Warm-up and calibration call both as often, too.
  expect(calls[0]).toBe(calls[1]);
  expect(calls[0]).toBeGreaterThanOrEqual(epochs.calls * 12);
});

test("nine times the work takes longer in nearly every round", () => {
  const work = (steps: number) => (): number => {
    let sum = 0;
    for (let step = 0; step < steps; step++) sum = (sum * 31 + step) | 0;
    return sum;
  };
  const { ns } = timeEpochs([work(1000), work(9000)], { rounds: 20, epochMs: 0.3, warmupMs: 5, seed: 2 });
  const longer = ns[0]!.filter((base, round) => ns[1]![round]! > 2 * base);
  expect(longer.length).toBeGreaterThan(15);
});
