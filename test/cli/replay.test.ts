import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { suites } from "../../bench/index.ts";
import { compileModule } from "../../src/build/compile.ts";
import { decodeToken, encodeToken, type TokenContent } from "../../src/checker/token.ts";
import { checkedSource, planChecks } from "../../src/cli/check-plan.ts";
import type { Io } from "../../src/cli/io.ts";
import { type Keys, pauseForEnter, replayCommand, replayWorld } from "../../src/cli/replay.ts";
import { packageRoot } from "../../src/package-root.ts";
import { call, complaints, file, type Outcome } from "./program.ts";

/** Forgets to interrupt other CPUs when a cache is destroyed, so objects of it stay in their queues. */
function mistaken(): string {
  const source = readFileSync(path.join(packageRoot, "src/kernel/quarantine/singly-linked-fifo.ts"), "utf8");
  const changed = source.replace(/^ {2}runOnEveryCpu\(.*$/m, "");
  if (changed === source) throw new Error("the variant sends no interrupts by this name any more");
  return file("mistaken.ts", changed);
}

const checked = ["--problem", "quarantine", "--scenario", "put-against-remove", "--memory-model", "sc"];

describe("a violation of a user's variant", { timeout: 120_000 }, () => {
  let mine: string;
  let checking: Outcome;
  let token: string;
  beforeAll(async () => {
    mine = mistaken();
    checking = await call(["check", "mistaken", ...checked, "--variant-file", mine]);
    token = /^reclaim-bench replay (\S+) --variant-file \S+$/m.exec(checking.stdout)?.[1] ?? "";
  }, 120_000);

  test("is found, with exit code 4, and named by its place in the user's file or in what that stands on", () => {
    expect(checking.code).toBe(4);
    expect(checking.stdout).toMatch(/^violation in quarantine: mistaken, put-against-remove /m);
    expect(checking.stdout).toMatch(/^at .*\.ts:\d+:\d+$/m);
    expect(decodeToken(token)).toMatchObject({ variant: "mistaken", scenario: "put-against-remove", model: "sc" });
  });

  test("shows again from its token, with the same finding", async () => {
    const { code, stdout, stderr } = await call(["replay", token, "--variant-file", mine]);
    expect({ code, stderr }).toEqual({ code: 4, stderr: "" });
    expect(stdout).toMatch(/^quarantine: mistaken, put-against-remove \(/);
    const found = stdout.trimEnd().split("\n").slice(-2);
    for (const line of found) expect(checking.stdout.replace(/\s+/g, " ")).toContain(line.replace(/\s+/g, " "));
  });

  test("is drawn with every operation when that is asked for", async () => {
    const some = await call(["replay", token, "--variant-file", mine]);
    const all = await call(["replay", token, "--variant-file", mine, "--all"]);
    expect(all.code).toBe(4);
    expect(all.stdout.length).toBeGreaterThan(2 * some.stdout.length);
  });

  test("is stepped through where somebody can press Enter, who may also stop", async () => {
    const written: string[] = [];
    const io: Io = {
      write: (text) => void written.push(text),
      warn: () => {},
      clock: () => new Date(0),
      isTerminal: false,
      columns: 80,
    };
    const options = { variantFile: mine, all: false, step: true };
    const stepped = async (pause: (() => Promise<boolean>) | null): Promise<number> =>
      replayCommand(token, options, io, new AbortController().signal, { ...replayWorld, pause });
    expect(await stepped(null)).toBe(4);
    const whole = written.splice(0);
    let presses = 0;
    expect(
      await stepped(() => {
        presses++;
        return Promise.resolve(true);
      }),
    ).toBe(4);
    expect(written.splice(0)).toEqual(whole);
    expect(presses).toBeGreaterThan(3);
    expect(await stepped(() => Promise.resolve(false))).toBe(130);
    expect(written.length).toBeLessThan(whole.length);
  });

  test("is gone when the variant was repaired: exit code 3, and a word that it has changed", async () => {
    const repaired = file(
      "mistaken.ts",
      readFileSync(path.join(packageRoot, "src/kernel/quarantine/singly-linked-fifo.ts")),
    );
    const { code, stdout, stderr } = await call(["replay", token, "--variant-file", repaired]);
    expect(code).toBe(3);
    expect(stdout).toContain("nothing is wrong at the end of this schedule");
    expect(complaints(stderr)).toEqual([expect.stringContaining("has changed since the token was made")]);
  });

  test("of a variant that traps before the schedule begins has nothing to draw", async () => {
    const source = readFileSync(path.join(packageRoot, "src/kernel/quarantine/singly-linked-fifo.ts"), "utf8");
    const trapping = file("trapping.ts", source.replace(/^export function put\(.*$/m, "$&\n  unreachable();"));
    const { code, stdout } = await call(["replay", token, "--variant-file", trapping]);
    expect(code).toBe(4);
    expect(stdout).toMatch(/\n\ntrapped in the scenario's setup: unreachable\n$/);
    const checking = await call(["check", "trapping", ...checked, "--variant-file", trapping]);
    expect(checking.code).toBe(4);
    expect(checking.stdout).toContain("\ntrap: trapped in the scenario's setup: unreachable\n");
    expect(checking.stdout).not.toContain("reclaim-bench replay");
  });

  test("needs the user's file", async () => {
    const { code, stdout, stderr } = await call(["replay", token]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(
      "'mistaken' is no variant of problem 'quarantine' in this version; if it is one of your own",
    );
  });
});

describe("a pause", () => {
  /** A terminal's input, and whether it is read key by key. */
  class Terminal extends EventEmitter {
    isRaw = false;
    setRawMode(isRaw: boolean): this {
      this.isRaw = isRaw;
      return this;
    }
    resume(): this {
      return this;
    }
    pause(): this {
      return this;
    }
  }

  test.each<[string, (terminal: Terminal, stop: AbortController) => void, boolean]>([
    ["ends with Enter", (terminal) => terminal.emit("data", Buffer.from("x\r")), true],
    ["is a stop with Ctrl-C", (terminal) => terminal.emit("data", Buffer.from("\u0003")), false],
    ["is a stop with Ctrl-D", (terminal) => terminal.emit("data", Buffer.from("\u0004")), false],
    ["is a stop at the end of the input", (terminal) => terminal.emit("end"), false],
    ["is a stop when the signal is raised", (_, stop) => stop.abort(), false],
  ])("%s, and leaves the terminal as it was", async (_, act, expected) => {
    const terminal = new Terminal();
    const stop = new AbortController();
    const paused = pauseForEnter(stop.signal, terminal as unknown as Keys);
    expect(terminal.isRaw).toBe(true);
    terminal.emit("data", Buffer.from("x"));
    act(terminal, stop);
    expect(await paused).toBe(expected);
    expect([terminal.isRaw, terminal.listenerCount("data"), terminal.listenerCount("end")]).toEqual([false, 0, 0]);
  });
});

const content: TokenContent = {
  problem: "quarantine",
  variant: "single-list",
  moduleHash: "ab".repeat(8),
  scenario: "put-against-remove",
  model: "sc",
  skipWhenEmpty: false,
  schedule: [],
};

describe("bad input gives exit code 2 and one line that says what is wrong:", () => {
  test.each<[string, () => readonly string[], string]>([
    ["a token that is none", () => ["lucky"], "token: "],
    ["a token that was cut off", () => [encodeToken(content).slice(0, -3)], "token: "],
    [
      "a variant that is gone",
      () => [encodeToken({ ...content, variant: "triply-linked" })],
      "'triply-linked' is no variant",
    ],
    ["a scenario that is gone", () => [encodeToken({ ...content, scenario: "lunch" })], "token: scenario 'lunch'"],
    [
      "a file that is missing",
      () => [encodeToken(content), "--variant-file", "/none/mine.ts"],
      "--variant-file /none/mine.ts: must be a .ts file that exists",
    ],
  ])("%s", async (_, argv, message) => {
    const { code, stdout, stderr } = await call(["replay", ...argv()]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(complaints(stderr)).toEqual([expect.stringContaining(message)]);
  });
});

test("a schedule under which nothing is wrong, of the variant as it is, ends with exit code 3 and no warning", async () => {
  const [one] = planChecks(suites, {
    problems: [],
    variants: ["single-list"],
    outside: new Map(),
    scenarios: ["put-against-remove"],
    models: ["sc"],
  });
  const { sha256 } = await compileModule(checkedSource(one!));
  const token = encodeToken({ ...content, moduleHash: sha256.slice(0, 16) });
  const { code, stdout, stderr } = await call(["replay", token]);
  expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
  expect(stdout).toContain("nothing is wrong at the end of this schedule");
});
