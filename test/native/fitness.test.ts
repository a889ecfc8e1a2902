import { expect, test } from "vitest";
import {
  cgroupFolders,
  fitnessExitCode,
  judge,
  measureNoise,
  parseAllowedCores,
  parseCpuList,
  parseCpuTimes,
  parseMemory,
  parseMemoryLimit,
  parseQuota,
  type Readings,
  readReadings,
  renderFitness,
  stealShare,
} from "../../src/native/fitness.ts";
import { readEnvironment } from "../../src/records/environment.ts";

const gib = 2 ** 30;

const fit: Readings = {
  node: "20.20.0",
  coresOnline: 4,
  coresAllowed: 4,
  quotaCores: null,
  clockResolutionNs: 20,
  clockCostNs: 25,
  load: 0.4,
  stealShare: 0,
  governor: "performance",
  memoryAvailableBytes: 8 * gib,
  memoryLimitBytes: null,
  swapUsedBytes: 0,
  virtualised: false,
  noise: { loopNsP50: 200_000, loopNsP99: 220_000 },
};

/** Names and verdicts of the findings that are not `ok`. */
function objections(change: Partial<Readings>): Record<string, string> {
  const findings = judge({ ...fit, ...change }).filter(({ verdict }) => verdict !== "ok");
  for (const { advice } of findings) expect(advice).not.toBe("");
  return Object.fromEntries(findings.map(({ name, verdict }) => [name, verdict]));
}

test("a quiet machine of four cores gives no objection and no advice", () => {
  expect(objections({})).toEqual({});
  expect(judge(fit).every(({ advice }) => advice === "")).toBe(true);
});

test.each<[Partial<Readings>, Record<string, string>]>([
  [{ load: 2.1 }, { "load per core": "warn" }],
  [{ load: 6 }, { "load per core": "warn" }],
  [{ load: 6.1 }, { "load per core": "bad" }],
  [{ stealShare: 0.05 }, { steal: "warn" }],
  [{ stealShare: 0.06 }, { steal: "bad" }],
  [{ clockResolutionNs: 1000 }, {}],
  [{ clockResolutionNs: 1001 }, { "clock resolution": "bad" }],
  [{ clockCostNs: 201 }, { "clock cost": "warn" }],
  [{ coresAllowed: 2 }, { "allowed CPUs": "warn" }],
  [{ coresAllowed: 1 }, { "usable cores": "bad", "allowed CPUs": "warn" }],
  [{ coresOnline: 1, coresAllowed: 1 }, { "usable cores": "bad" }],
  [{ quotaCores: 4 }, {}],
  [{ quotaCores: 2 }, { "CPU quota": "warn" }],
  [{ quotaCores: 1.5 }, { "usable cores": "bad", "CPU quota": "warn" }],
  [{ noise: { loopNsP50: 100, loopNsP99: 200 } }, { noise: "warn" }],
  [{ governor: "powersave" }, { governor: "warn" }],
  [{ virtualised: true }, { virtualised: "warn" }],
  [{ memoryAvailableBytes: gib / 2 }, { "memory available": "warn" }],
  [{ memoryAvailableBytes: gib / 8 }, { "memory available": "bad" }],
  [{ memoryLimitBytes: 2 * gib }, {}],
  [{ memoryLimitBytes: gib / 2 }, { "memory limit": "warn" }],
  [{ memoryLimitBytes: gib / 8 }, { "memory limit": "bad" }],
  [{ swapUsedBytes: gib }, { "swap in use": "warn" }],
  [{ node: "20.18.3" }, { "Node.js": "bad" }],
  [{ node: "18.99.0" }, { "Node.js": "bad" }],
  [{ node: "26.0.0" }, {}],
])("%o is judged %o", (change, expected) => {
  expect(objections(change)).toEqual(expected);
});

test("what a system does not tell is no objection, but unknown load and steal are worth a warning", () => {
  const silent = {
    coresAllowed: null,
    governor: null,
    memoryAvailableBytes: null,
    swapUsedBytes: null,
    virtualised: null,
  };
  expect(objections(silent)).toEqual({});
  expect(objections({ load: null, stealShare: null })).toEqual({ "load per core": "warn", steal: "warn" });
});

test("only a bad finding makes the machine unable to answer", () => {
  expect(fitnessExitCode(judge(fit))).toBe(0);
  expect(fitnessExitCode(judge({ ...fit, virtualised: true }))).toBe(0);
  expect(fitnessExitCode(judge({ ...fit, stealShare: 0.5 }))).toBe(3);
});

test("the table is aligned, and advice stands under the value", () => {
  const table = renderFitness([
    { name: "cores", value: "2", verdict: "ok", advice: "" },
    { name: "load per core", value: "1.80", verdict: "bad", advice: "wait" },
  ]);
  expect(table).toBe(["cores          2     ok", "load per core  1.80  bad", "               wait", ""].join("\n"));
});

test("busy and stolen ticks are those of all CPUs together", () => {
  const stat = "cpu  10 1 20 1000 50 3 4 7 5 0\ncpu0 5 1 10 500 25 1 2 3 0 0\nintr 5\n";
  expect(parseCpuTimes(stat)).toEqual({ busy: 38, steal: 7 });
});

test.each(["", "intr 1\n", "cpu  1 2 3 4\n", "cpu0 1 2 3 4 5 6 7 8\n"])("%j tells no steal", (stat) => {
  expect(parseCpuTimes(stat)).toBeNull();
});

test("steal is a share of the time in which CPUs had work", () => {
  expect(stealShare({ busy: 100, steal: 10 }, { busy: 190, steal: 20 })).toBe(0.1);
  expect(stealShare({ busy: 100, steal: 10 }, { busy: 200, steal: 10 })).toBe(0);
});

test("steal is unknown without both readings, or when no tick has passed", () => {
  expect(stealShare(null, { busy: 1, steal: 0 })).toBeNull();
  expect(stealShare({ busy: 1, steal: 0 }, null)).toBeNull();
  expect(stealShare({ busy: 1, steal: 0 }, { busy: 1, steal: 0 })).toBeNull();
});

test("memory is read in bytes", () => {
  const meminfo = "MemTotal:  100 kB\nMemAvailable:       50 kB\nSwapTotal:    20 kB\nSwapFree:     5 kB\n";
  expect(parseMemory(meminfo)).toEqual({ availableBytes: 51_200, swapUsedBytes: 15_360 });
  expect(parseMemory("")).toEqual({ availableBytes: null, swapUsedBytes: null });
});

test("a list of CPUs may hold ranges and single ones", () => {
  expect([...parseCpuList("0-2,8,10-11\n")]).toEqual([0, 1, 2, 8, 10, 11]);
  expect([...parseCpuList("\n")]).toEqual([]);
});

test("allowed CPUs count only when they are online", () => {
  expect(parseAllowedCores("Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t0-127\n", "0-3\n")).toBe(4);
  expect(parseAllowedCores("Cpus_allowed_list:\t1,3\n", "0-3\n")).toBe(2);
  expect(parseAllowedCores("Cpus_allowed_list:\t1,3\n", "")).toBeNull();
  expect(parseAllowedCores("", "0-3\n")).toBeNull();
});

test("a cgroup's limits are looked for in it and in all its ancestors, for both versions", () => {
  expect(cgroupFolders("0::/a/b\n", "cpu")).toEqual([
    "/sys/fs/cgroup/a/b",
    "/sys/fs/cgroup/a",
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/unified/a/b",
    "/sys/fs/cgroup/unified/a",
    "/sys/fs/cgroup/unified",
  ]);
  expect(cgroupFolders("5:cpuset:/x\n4:cpu,cpuacct:/docker/1\n3:memory:/m\n", "cpu")).toEqual([
    "/sys/fs/cgroup/cpu/docker/1",
    "/sys/fs/cgroup/cpu/docker",
    "/sys/fs/cgroup/cpu",
    "/sys/fs/cgroup/cpu,cpuacct/docker/1",
    "/sys/fs/cgroup/cpu,cpuacct/docker",
    "/sys/fs/cgroup/cpu,cpuacct",
  ]);
  expect(cgroupFolders("4:memory:/\n", "memory")).toEqual(["/sys/fs/cgroup/memory"]);
  expect(cgroupFolders("", "memory")).toEqual([]);
});

test.each([
  ["150000 100000\n", 1.5],
  ["max 100000\n", null],
  ["-1 100000", null],
  ["undefined undefined", null],
  ["", null],
])("the CPU quota %j is %s CPUs", (text, cores) => {
  expect(parseQuota(text)).toBe(cores);
});

test.each([
  ["1073741824\n", gib],
  ["max\n", null],
  ["9223372036854771712\n", null],
  ["", null],
])("the memory limit %j is %s bytes", (text, bytes) => {
  expect(parseMemoryLimit(text, 16 * gib)).toBe(bytes);
});

test("the median of the noise loop is positive and not above its 99th percentile", () => {
  const { loopNsP50, loopNsP99 } = measureNoise(0);
  expect(loopNsP50).toBeGreaterThan(0);
  expect(loopNsP99).toBeGreaterThanOrEqual(loopNsP50);
});

test("this machine can be read and judged, whatever the outcome", async () => {
  const readings = await readReadings(await readEnvironment(), { noiseMs: 10 });
  expect(judge(readings).map(({ name }) => name)).toEqual(judge(fit).map(({ name }) => name));
  expect(readings.coresOnline).toBeGreaterThanOrEqual(readings.coresAllowed ?? 1);
});
