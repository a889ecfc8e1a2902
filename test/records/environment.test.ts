import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Environment,
  environmentId,
  environmentSchema,
  measureClock,
  parseVirtualised,
  readCommit,
  readEnvironment,
} from "../../src/records/environment.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(os.tmpdir(), "environment-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const environment: Environment = {
  id: "0123456789ab",
  node: "20.20.0",
  v8: "11.3",
  os: "linux",
  kernel: "6.1.0",
  arch: "x64",
  cpuModel: "CPU",
  coreCount: 2,
  memoryBytes: 2 ** 34,
  governor: null,
  virtualised: true,
  loadAverage: [0, 0, 0],
  clockResolutionNs: 1,
  clockCostNs: 25,
  commit: "",
};

test("this machine's environment fits the schema and carries its own id", async () => {
  const here = await readEnvironment();
  expect(environmentSchema.parse(here)).toEqual(here);
  expect(here.id).toBe(environmentId(here));
  expect(here.commit).toMatch(/^([0-9a-f]{40,64}(-dirty)?)?$/);
});

test("an environment names no person and no place", async () => {
  const here = await readEnvironment();
  // A new field must be added here, by somebody who has thought about what it gives away.
  expect(Object.keys(here).sort()).toEqual(Object.keys(environment).sort());
  for (const secret of [os.hostname(), os.userInfo().username, os.homedir(), process.cwd()]) {
    expect(Object.values(here)).not.toContain(secret);
  }
});

test("the id stays when load, clock, commit or a little memory changes", () => {
  const later: Environment = {
    ...environment,
    id: "",
    loadAverage: [9, 9, 9],
    clockResolutionNs: 2,
    clockCostNs: 30,
    commit: "abc",
    memoryBytes: environment.memoryBytes - 1_000_000,
  };
  expect(environmentId(later)).toBe(environmentId(environment));
});

test.each([
  { node: "22.0.0" },
  { v8: "12" },
  { os: "darwin" },
  { kernel: "6.2.0" },
  { arch: "arm64" },
  { cpuModel: null },
  { coreCount: 4 },
  { memoryBytes: 2 ** 35 },
  { governor: "performance" },
  { virtualised: null },
])("the id changes with %o", (change) => {
  expect(environmentId({ ...environment, ...change })).not.toBe(environmentId(environment));
});

test("a hypervisor is known by its flag, and unknown where there are no flags", () => {
  expect(parseVirtualised("model name\t: x\nflags\t\t: fpu hypervisor sse\n")).toBe(true);
  expect(parseVirtualised("flags\t\t: fpu sse\nbugs\t\t: hypervisor\n")).toBe(false);
  expect(parseVirtualised("Features\t: fp asimd\n")).toBeNull();
});

test("a clock of 100 ns steps that is read four times per step costs 25 ns", () => {
  let reading = 0;
  const clock = measureClock(() => BigInt(Math.floor(reading++ / 4) * 100));
  expect(clock.resolutionNs).toBe(100);
  expect(clock.costNs).toBeCloseTo(25, 0);
});

test("a clock that stands still has no cost, and is reported with a resolution above 0", () => {
  expect(measureClock(() => 5n)).toEqual({ resolutionNs: 1, costNs: 0 });
});

// Without GIT_* variables, which a hook sets, and which would point git at the repository of the project itself.
function git(...args: string[]): string {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_")));
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
  return execFileSync("git", [...identity, "-c", "core.hooksPath=/dev/null", ...args], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
}

test("the commit is the checkout's, and says when files differ from it", async () => {
  git("init", "--quiet");
  await writeFile(join(folder, "package.json"), "{}");
  git("add", "package.json");
  git("commit", "--quiet", "-m", "first");
  const commit = git("rev-parse", "HEAD").trim();
  expect(await readCommit(folder)).toBe(commit);
  await writeFile(join(folder, "new.ts"), "");
  expect(await readCommit(folder)).toBe(`${commit}-dirty`);
});

test("outside a checkout, or installed into somebody else's, the commit is empty", async () => {
  await writeFile(join(folder, "package.json"), "{}");
  expect(await readCommit(folder)).toBe("");
  git("init", "--quiet");
  git("add", "package.json");
  git("commit", "--quiet", "-m", "somebody else's");
  const installed = join(folder, "node_modules", "reclaim-bench");
  await mkdir(installed, { recursive: true });
  await writeFile(join(installed, "package.json"), "{}");
  expect(await readCommit(installed)).toBe("");
  expect(await readCommit(join(folder, "missing"))).toBe("");
});
