// Is this machine fit to measure? Gathers what disturbs native timings and says what to do about each. It judges the
// machine at this moment only; a run repeats the check and adds its own canary rows.
//
// Reading, parsing and judging are apart, so that tests can feed texts and readings of any machine.

import { quantileSorted } from "simple-statistics";
import { type Environment, readSystemFile } from "../records/environment.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  /** With its unit, for people; `unknown` where the system does not tell. */
  readonly value: string;
  /** `bad`: native timings from here answer nothing. `warn`: they are noisier, or say less. */
  readonly verdict: "ok" | "warn" | "bad";
  /** What to do, or what to keep in mind. Empty when there is nothing. */
  readonly advice: string;
}

/** What the judgement rests on. `null` stands where the system does not tell, or sets no limit. */
export interface Readings {
  /** Version of Node.js, such as `20.20.0`. */
  readonly node: string;
  /** Logical CPUs online. */
  readonly coresOnline: number;
  /** Of those, the ones that this process may run on. */
  readonly coresAllowed: number | null;
  /** CPU time per time that the cgroup may use: 1.5 is one and a half CPUs. */
  readonly quotaCores: number | null;
  readonly clockResolutionNs: number;
  readonly clockCostNs: number;
  /** Load average of the last minute. */
  readonly load: number | null;
  /** Of the time in which CPUs had work, the share that the hypervisor gave to others; 0 to 1. */
  readonly stealShare: number | null;
  readonly governor: string | null;
  readonly memoryAvailableBytes: number | null;
  readonly memoryLimitBytes: number | null;
  readonly swapUsedBytes: number | null;
  readonly virtualised: boolean | null;
  readonly noise: Noise;
}

/** How long one and the same loop took, over many repetitions. */
export interface Noise {
  readonly loopNsP50: number;
  readonly loopNsP99: number;
}

/**
 * Where a reading becomes bad, or worth a warning. Steal and load are the limits at which a comparison is called
 * inconclusive, because beyond them the same code compared with itself differs too often.
 */
export const thresholds = {
  loadPerCoreBad: 1.5,
  loadPerCoreWarn: 0.5,
  stealShareBad: 0.05,
  stealShareWarn: 0.01,
  /** An epoch of some ms could not be told from one 0.1 % longer. */
  clockResolutionNsBad: 1000,
  /** An epoch should last 1000 times the clock's cost; beyond this that is more than 0.2 ms. */
  clockCostNsWarn: 200,
  /** With one core two threads take turns, and a lock is hardly ever contended. */
  coresBad: 2,
  memoryBytesBad: 256 * 2 ** 20,
  memoryBytesWarn: 2 ** 30,
  swapUsedBytesWarn: 64 * 2 ** 20,
  noiseRatioWarn: 1.5,
  nodeOldest: "20.19",
} as const;

/** Judges readings. The findings are always the same ones, in the same order. */
export function judge(readings: Readings): Finding[] {
  const { coresOnline, coresAllowed, quotaCores, noise } = readings;
  const cores = Math.min(coresAllowed ?? coresOnline, quotaCores ?? coresOnline);
  const loadPerCore = readings.load === null ? null : readings.load / coresOnline;
  const noiseRatio = noise.loopNsP99 / noise.loopNsP50;
  return [
    {
      name: "usable cores",
      value: `${Number(cores.toFixed(2))} of ${coresOnline}`,
      verdict: cores < thresholds.coresBad ? "bad" : "ok",
      advice:
        cores < thresholds.coresBad
          ? "locks are not contended on one core: use more, or simulate the machine instead"
          : "",
    },
    finding("allowed CPUs", coresAllowed, {
      show: (value) => `${value} of ${coresOnline}`,
      verdict: (value) => (value < coresOnline ? "warn" : "ok"),
      advice:
        "taskset or a cpuset keeps this process from other CPUs: fine if meant, and if nothing else runs on these",
    }),
    {
      name: "CPU quota",
      value: quotaCores === null ? "none" : `${Number(quotaCores.toFixed(2))} CPUs`,
      verdict: quotaCores === null || quotaCores >= coresOnline ? "ok" : "warn",
      advice:
        quotaCores === null || quotaCores >= coresOnline
          ? ""
          : "the cgroup stops its threads in every period once the quota is used: run without --cpus or a CPU limit",
    },
    finding("load per core", loadPerCore, {
      show: (value) => value.toFixed(2),
      verdict: above(thresholds.loadPerCoreWarn, thresholds.loadPerCoreBad),
      advice: "other programs are running: end them, and wait a minute until the load average has fallen",
      unknown: "warn",
    }),
    finding("steal", readings.stealShare, {
      show: (value) => `${(100 * value).toFixed(1)} %`,
      verdict: above(thresholds.stealShareWarn, thresholds.stealShareBad),
      advice: "the hypervisor gives this machine's CPUs to others: try another time, another host, or dedicated CPUs",
      unknown: "warn",
    }),
    finding("clock resolution", readings.clockResolutionNs, {
      show: (value) => `${Math.round(value)} ns or less`,
      verdict: (value) => (value > thresholds.clockResolutionNsBad ? "bad" : "ok"),
      advice: "the clock is too coarse to time a batch: see /sys/devices/system/clocksource/*/current_clocksource",
    }),
    finding("clock cost", readings.clockCostNs, {
      show: (value) => `${Math.round(value)} ns`,
      verdict: (value) => (value > thresholds.clockCostNsWarn ? "warn" : "ok"),
      advice: "reading the clock is slow (no tsc clock source?): time batches of at least 1000 times as long",
    }),
    {
      name: "noise",
      value: `p50 ${formatTime(noise.loopNsP50)}, p99/p50 ${noiseRatio.toFixed(2)}`,
      verdict: noiseRatio > thresholds.noiseRatioWarn ? "warn" : "ok",
      advice:
        noiseRatio > thresholds.noiseRatioWarn
          ? "the same loop takes unequal times: trust paired comparisons only"
          : "",
    },
    finding("governor", readings.governor, {
      show: (value) => value,
      verdict: (value) => (value === "performance" ? "ok" : "warn"),
      advice: "the clock frequency follows the load: sudo cpupower frequency-set -g performance",
    }),
    finding("virtualised", readings.virtualised, {
      show: (value) => (value ? "yes" : "no"),
      verdict: (value) => (value ? "warn" : "ok"),
      advice: "neighbours and the hypervisor disturb timings unseen: compare in one run only, never with stored times",
    }),
    finding("memory available", readings.memoryAvailableBytes, {
      show: formatBytes,
      verdict: below(thresholds.memoryBytesWarn, thresholds.memoryBytesBad),
      advice: "large cases may swap or be killed: end other programs",
    }),
    readings.memoryLimitBytes === null
      ? { name: "memory limit", value: "none", verdict: "ok", advice: "" }
      : finding("memory limit", readings.memoryLimitBytes, {
          show: formatBytes,
          verdict: below(thresholds.memoryBytesWarn, thresholds.memoryBytesBad),
          advice: "large cases may be killed: raise the memory limit of the cgroup",
        }),
    finding("swap in use", readings.swapUsedBytes, {
      show: formatBytes,
      verdict: (value) => (value > thresholds.swapUsedBytesWarn ? "warn" : "ok"),
      advice: "memory has run short before; pages may be read back while something is timed",
    }),
    finding("Node.js", readings.node, {
      show: (value) => value,
      verdict: (value) => (isOlder(value, thresholds.nodeOldest) ? "bad" : "ok"),
      advice: `install Node.js ${thresholds.nodeOldest} or later`,
    }),
  ];
}

/** 3 when a finding is bad (this machine cannot answer), else 0. */
export function fitnessExitCode(findings: readonly Finding[]): 0 | 3 {
  return findings.some(({ verdict }) => verdict === "bad") ? 3 : 0;
}

/** An aligned table, one line per finding, each followed by its advice on a line of its own. Ends with a newline. */
export function renderFitness(findings: readonly Finding[]): string {
  const width = (column: (finding: Finding) => string) =>
    Math.max(...findings.map((finding) => column(finding).length));
  const nameWidth = width(({ name }) => name);
  const valueWidth = width(({ value }) => value);
  return findings
    .map(({ name, value, verdict, advice }) => {
      const line = `${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${verdict}\n`;
      return advice === "" ? line : `${line}${" ".repeat(nameWidth + 2)}${advice}\n`;
    })
    .join("");
}

/**
 * Reads everything that {@link judge} needs beyond the environment.
 *
 * @param environment read just before, for what it holds already
 * @param options.noiseMs how long to repeat the loop, in ms. Steal is sampled over the same time, since only a CPU
 *   with work can be robbed of it; the kernel counts it in ticks of 10 ms, so 1 % needs a second. @default 1000
 */
export async function readReadings(
  environment: Environment,
  { noiseMs = 1000 }: { readonly noiseMs?: number } = {},
): Promise<Readings> {
  const [status, online, cgroup] = await Promise.all([
    readSystemFile("/proc/self/status"),
    readSystemFile("/sys/devices/system/cpu/online"),
    readSystemFile("/proc/self/cgroup"),
  ]);
  const memory = parseMemory((await readSystemFile("/proc/meminfo")) ?? "");
  const before = parseCpuTimes((await readSystemFile("/proc/stat")) ?? "");
  const noise = measureNoise(noiseMs);
  const after = parseCpuTimes((await readSystemFile("/proc/stat")) ?? "");
  return {
    node: environment.node,
    coresOnline: environment.coreCount ?? 1,
    coresAllowed: parseAllowedCores(status ?? "", online ?? ""),
    quotaCores: await readQuota(cgroupFolders(cgroup ?? "", "cpu")),
    clockResolutionNs: environment.clockResolutionNs,
    clockCostNs: environment.clockCostNs,
    load: environment.loadAverage?.[0] ?? null,
    stealShare: stealShare(before, after),
    governor: environment.governor,
    memoryAvailableBytes: memory.availableBytes,
    memoryLimitBytes: await readMemoryLimit(cgroupFolders(cgroup ?? "", "memory"), environment.memoryBytes),
    swapUsedBytes: memory.swapUsedBytes,
    virtualised: environment.virtualised,
    noise,
  };
}

/** Ticks of all CPUs together since the machine was started. */
export interface CpuTimes {
  /** Ticks in which a CPU ran something. */
  readonly busy: number;
  /** Ticks in which a CPU had work and the hypervisor did not let it run. */
  readonly steal: number;
}

/** @returns `null` when the text is no `/proc/stat`, or of a kernel that does not count steal */
export function parseCpuTimes(stat: string): CpuTimes | null {
  const ticks = /^cpu +(\d+(?: \d+)*)/m.exec(stat)?.[1]?.split(" ").map(Number) ?? [];
  const [user, nice, system, , , irq, softirq, steal] = ticks;
  if (steal === undefined) return null;
  return { busy: user! + nice! + system! + irq! + softirq!, steal };
}

/**
 * Steal over busy time and steal, from 0 to 1. Idle CPUs do not count: they would hide what happens to the busy one.
 *
 * @returns `null` when either reading is missing, or no tick has passed
 */
export function stealShare(before: CpuTimes | null, after: CpuTimes | null): number | null {
  if (before === null || after === null) return null;
  const steal = Math.max(0, after.steal - before.steal);
  const busy = Math.max(0, after.busy - before.busy);
  return steal + busy === 0 ? null : steal / (steal + busy);
}

/** From the text of `/proc/meminfo`; `null` for what it does not hold. */
export function parseMemory(meminfo: string): { availableBytes: number | null; swapUsedBytes: number | null } {
  const bytes = (field: string) => {
    const kib = new RegExp(`^${field}: +(\\d+) kB$`, "m").exec(meminfo)?.[1];
    return kib === undefined ? null : Number(kib) * 1024;
  };
  const swapTotal = bytes("SwapTotal");
  const swapFree = bytes("SwapFree");
  return {
    availableBytes: bytes("MemAvailable"),
    swapUsedBytes: swapTotal === null || swapFree === null ? null : swapTotal - swapFree,
  };
}

/** The CPUs of a kernel list such as `0-3,8,10-11`. */
export function parseCpuList(list: string): Set<number> {
  const cpus = new Set<number>();
  for (const [, first, last] of list.matchAll(/(\d+)(?:-(\d+))?/g)) {
    for (let cpu = Number(first); cpu <= Number(last ?? first); cpu += 1) cpus.add(cpu);
  }
  return cpus;
}

/**
 * The CPUs online that this process may use.
 *
 * @param status text of `/proc/self/status`; its list may name CPUs that the machine does not have
 * @param online text of `/sys/devices/system/cpu/online`
 * @returns `null` when either text does not tell
 */
export function parseAllowedCpus(status: string, online: string): number[] | null {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
  if (list === undefined || online.trim() === "") return null;
  const allowed = parseCpuList(list);
  return [...parseCpuList(online)].filter((cpu) => allowed.has(cpu));
}

/** How many {@link parseAllowedCpus} finds. */
export function parseAllowedCores(status: string, online: string): number | null {
  return parseAllowedCpus(status, online)?.length ?? null;
}

/**
 * The folders that may limit this process, from its own cgroup up to the root, since every ancestor's limit holds.
 * A container often sees its own cgroup as the root, so some of the folders do not exist.
 *
 * @param cgroup text of `/proc/self/cgroup`
 */
export function cgroupFolders(cgroup: string, controller: "cpu" | "memory"): string[] {
  const folders = new Set<string>();
  for (const [, controllers, path] of cgroup.matchAll(/^\d+:([^:]*):(.*)$/gm)) {
    const mounts = controllers === "" ? ["", "/unified"] : [`/${controller}`, `/${controllers}`];
    if (controllers !== "" && !controllers!.split(",").includes(controller)) continue;
    const parts = path!.split("/").filter((part) => part !== "");
    for (const mount of mounts) {
      for (let depth = parts.length; depth >= 0; depth -= 1) {
        folders.add([`/sys/fs/cgroup${mount}`, ...parts.slice(0, depth)].join("/"));
      }
    }
  }
  return [...folders];
}

/**
 * CPUs that a quota amounts to, from `cpu.max` (cgroup v2: `50000 100000`), or from `cpu.cfs_quota_us` and
 * `cpu.cfs_period_us` (v1) joined by a space.
 *
 * @returns `null` for no quota (`max`, -1) and for any other text
 */
export function parseQuota(text: string): number | null {
  const [, quota, period] = /^(\d+)\s+(\d+)\s*$/.exec(text) ?? [];
  return quota === undefined || Number(quota) === 0 || Number(period) === 0 ? null : Number(quota) / Number(period);
}

/**
 * Bytes of `memory.max` (cgroup v2) or `memory.limit_in_bytes` (v1).
 *
 * @returns `null` for no limit, be it `max` or a number at or above the machine's memory
 */
export function parseMemoryLimit(text: string, memoryBytes: number): number | null {
  return /^\d+\s*$/.test(text) && Number(text) < memoryBytes ? Number(text) : null;
}

async function readQuota(folders: readonly string[]): Promise<number | null> {
  const quotas = folders.map(async (folder) => {
    const [max, quota, period] = await Promise.all(
      ["cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"].map((file) => readSystemFile(`${folder}/${file}`)),
    );
    return parseQuota(max ?? `${quota?.trim()} ${period?.trim()}`);
  });
  return smallest(await Promise.all(quotas));
}

async function readMemoryLimit(folders: readonly string[], memoryBytes: number): Promise<number | null> {
  const limits = folders.map(async (folder) => {
    const text =
      (await readSystemFile(`${folder}/memory.max`)) ?? (await readSystemFile(`${folder}/memory.limit_in_bytes`));
    return parseMemoryLimit(text ?? "", memoryBytes);
  });
  return smallest(await Promise.all(limits));
}

function smallest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/**
 * Repeats a fixed loop of integer arithmetic, which touches no memory, and reports how unequal its times are.
 *
 * @param durationMs how long to repeat it; it runs at least 100 times besides
 */
export function measureNoise(durationMs: number): Noise {
  // The first runs are interpreted, then compiled: they would be the slowest ones of all.
  for (let warmUp = 0; warmUp < 50; warmUp += 1) timeLoop();
  const times: number[] = [];
  const end = process.hrtime.bigint() + BigInt(Math.round(durationMs * 1e6));
  while (times.length < 100 || process.hrtime.bigint() < end) times.push(timeLoop());
  times.sort((a, b) => a - b);
  return { loopNsP50: quantileSorted(times, 0.5), loopNsP99: quantileSorted(times, 0.99) };
}

/** Kept so that the compiler cannot leave the loop out. */
let loopState = 1;

/** Nanoseconds for one run of the loop: some 0.2 ms, a short epoch. The timed region is free of allocation. */
function timeLoop(): number {
  let state = loopState | 1;
  const begin = process.hrtime.bigint();
  for (let step = 0; step < 100_000; step += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  const end = process.hrtime.bigint();
  loopState = state;
  return Number(end - begin);
}

function finding<Value>(
  name: string,
  value: Value | null,
  {
    show,
    verdict,
    advice,
    unknown = "ok",
  }: {
    readonly show: (value: Value) => string;
    readonly verdict: (value: Value) => Finding["verdict"];
    readonly advice: string;
    /** Verdict when the system does not tell. @default ok */
    readonly unknown?: Finding["verdict"];
  },
): Finding {
  if (value === null) {
    const unseen = unknown === "ok" ? "" : "this system does not tell: a disturbed run cannot be recognised by it";
    return { name, value: "unknown", verdict: unknown, advice: unseen };
  }
  const judged = verdict(value);
  return { name, value: show(value), verdict: judged, advice: judged === "ok" ? "" : advice };
}

function above(warn: number, bad: number): (value: number) => Finding["verdict"] {
  return (value) => (value > bad ? "bad" : value > warn ? "warn" : "ok");
}

function below(warn: number, bad: number): (value: number) => Finding["verdict"] {
  return (value) => (value < bad ? "bad" : value < warn ? "warn" : "ok");
}

function isOlder(version: string, oldest: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split(".").map(Number);
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

function formatBytes(bytes: number): string {
  const mib = bytes / 2 ** 20;
  return mib < 1024 ? `${Math.round(mib)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

function formatTime(ns: number): string {
  return ns < 1e6 ? `${(ns / 1e3).toFixed(1)} µs` : `${(ns / 1e6).toFixed(2)} ms`;
}
