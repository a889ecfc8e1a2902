// `reclaim-bench calibrate`: writes a machine profile of this host. What can be measured is; the rest is taken from a
// packaged profile, with its source.

import { existsSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import { InputError, StoppedError } from "../errors.ts";
import { type HostTopology, readTopology } from "../native/host-topology.ts";
import { type MachineCosts, type MachineCostsOptions, measureMachineCosts } from "../native/machine-costs.ts";
import { writeJsonFile } from "../records/atomic-file.ts";
import { formatNs } from "../report/format.ts";
import { renderColumns } from "../report/terminal.ts";
import {
  type CacheShape,
  type CostName,
  checkProfile,
  clustersMax,
  costNames,
  cpusMax,
  cpusOf,
  loadProfile,
  type MachineProfile,
  profileNames,
  type Sourced,
} from "../simulator/profile.ts";
import type { Io } from "./io.ts";
import { v8Flags } from "./modules.ts";

/** What the user may say. */
export interface CalibrateOptions {
  readonly out: string;
  readonly base?: string;
  readonly force: boolean;
}

/** The host as `calibrate` sees it; tests pass another one. */
export interface CalibrationHost {
  readonly cpuModel: string;
  readTopology(): Promise<HostTopology>;
  measure(options: MachineCostsOptions): Promise<MachineCosts>;
}

const thisHost: CalibrationHost = {
  cpuModel: os.cpus()[0]?.model.trim() || "unknown CPU",
  readTopology: () => readTopology(),
  measure(options) {
    setFlagsFromString(v8Flags);
    return measureMachineCosts(options);
  },
};

/** The profile for what cannot be measured when no processor of the packaged ones resembles the host's. */
const baseByDefault = "xeon-24-1s";

/** The packaged profile whose name has most words in common with the host's processor. */
export function chooseBase(cpuModel: string): string {
  const words = cpuModel.toLowerCase().split(/[^a-z0-9]+/);
  const scoreOf = (name: string): number =>
    name.split("-").filter((part) => part.length > 2 && words.some((word) => word.startsWith(part))).length;
  const best = Math.max(...profileNames.map(scoreOf));
  const likeliest = profileNames.filter((name) => scoreOf(name) === best);
  return best === 0 || likeliest.includes(baseByDefault) ? baseByDefault : likeliest[0]!;
}

type Shape = Record<"sockets" | "clustersPerSocket" | "coresPerCluster" | "threadsPerCore", number>;

/** Shape of a regular machine like the host, cut down to what a profile may have. */
export function fitShape(topology: Shape): Shape {
  const { sockets, clustersPerSocket, coresPerCluster, threadsPerCore } = topology;
  const shape: Shape = { sockets, clustersPerSocket, coresPerCluster, threadsPerCore };
  const cpus = (): number => Object.values(shape).reduce((product, count) => product * count, 1);
  // Siblings of a core come last in a simulation, so they are what is missed least.
  if (cpus() > cpusMax) shape.threadsPerCore = 1;
  const clusters = Math.min(clustersMax, cpusMax);
  shape.sockets = Math.min(shape.sockets, clusters);
  shape.clustersPerSocket = Math.min(shape.clustersPerSocket, Math.floor(clusters / shape.sockets));
  const coresMax = Math.floor(cpusMax / (shape.sockets * shape.clustersPerSocket));
  shape.coresPerCluster = Math.min(shape.coresPerCluster, coresMax);
  return shape;
}

/** Why costs that nothing in user space could measure are kept. */
const neverMeasured: Readonly<Partial<Record<CostName, string>>> = {
  lineHold: "nothing tells it alone; in proportion to the transfer",
  pause: "WebAssembly has no such instruction",
  interruptSend: "a process cannot send interrupts",
  interrupt: "a process cannot take interrupts",
  timeSlice: "the scheduler decides it",
};

/** Spread above which a host counts as disturbed. */
const spreadMax = 0.2;

/** A measured time as it is written: in the simulator's unit at least, and with no more digits than it is worth. */
function rounded(ns: number): number {
  const digits = ns < 10 ? 2 : ns < 100 ? 1 : 0;
  return Math.max(0.1, Number(ns.toFixed(digits)));
}

interface Calibration {
  readonly name: string;
  readonly base: MachineProfile;
  readonly topology: HostTopology;
  readonly costs: MachineCosts;
  readonly cpuModel: string;
  readonly date: string;
}

function makeProfile({ name, base, topology, costs, cpuModel, date }: Calibration): MachineProfile {
  const host = `${cpuModel}, Node.js ${process.versions.node}, ${date}`;
  const shape = fitShape(topology);
  const counted = (value: number): Sourced => ({
    value,
    source: topology.isKnown
      ? `counted under /sys/devices/system/cpu on ${host}`
      : `CPUs of ${host}, taken for cores of one cluster: the system does not tell more`,
    mark: topology.isKnown ? "measured" : "derived",
  });
  const cache = (level: 1 | 2 | 3, otherwise: CacheShape): CacheShape => {
    const found = topology.caches.get(level);
    if (found === undefined) return { bytes: otherwise.bytes, ways: otherwise.ways };
    const source = `/sys/devices/system/cpu/cpu*/cache on ${host}`;
    const told = (value: number): Sourced => ({ value, source, mark: "measured" });
    return { bytes: told(found.bytes), ways: told(found.ways) };
  };
  const cost = (costName: CostName): Sourced => {
    const transfer = measuredOf(costs, "transferSameCluster");
    if (costName === "lineHold" && transfer !== undefined) {
      const share = base.costs.lineHold.value / base.costs.transferSameCluster.value;
      return {
        value: rounded(transfer.ns * share),
        source: `in the proportion to transferSameCluster that ${base.name} has`,
        mark: "derived",
      };
    }
    const measured = measuredOf(costs, costName);
    if (measured === undefined) return base.costs[costName];
    return {
      value: rounded(measured.ns),
      source: `measured on ${host}, median of ${measured.rounds} rounds: ${measured.how}`,
      mark: "measured",
    };
  };
  return {
    name,
    description: `${cpuModel}, measured by calibrate on ${date}; what could not be measured is of ${base.name}`,
    sockets: counted(shape.sockets),
    clustersPerSocket: counted(shape.clustersPerSocket),
    coresPerCluster: counted(shape.coresPerCluster),
    threadsPerCore: counted(shape.threadsPerCore),
    l1: cache(1, base.l1),
    l2: cache(2, base.l2),
    l3: { ...cache(3, base.l3), sharedBy: topology.clustersPerSocket > 1 ? "cluster" : "socket" },
    costs: Object.fromEntries(costNames.map((costName) => [costName, cost(costName)])) as MachineProfile["costs"],
  };
}

function measuredOf(costs: MachineCosts, name: CostName) {
  return (costs.measured as ReadonlyMap<string, ReturnType<MachineCosts["measured"]["get"]>>).get(name);
}

function whyKept(costs: MachineCosts, name: CostName): string {
  return neverMeasured[name] ?? (costs.unmeasured as ReadonlyMap<string, string>).get(name) ?? "not measured";
}

function renderCosts(profile: MachineProfile, base: MachineProfile, costs: MachineCosts): string {
  const rows = costNames.map((name) => {
    const measured = measuredOf(costs, name);
    const inBase = formatNs(base.costs[name].value);
    if (measured === undefined) return [name, "–", "–", inBase, `kept: ${whyKept(costs, name)}`];
    const spread = `${Math.round(100 * measured.spread)} %`;
    return [name, formatNs(profile.costs[name].value), spread, inBase, measured.how];
  });
  return renderColumns([["cost", "measured", "spread", base.name, "what was timed"], ...rows]);
}

function describeShape(profile: MachineProfile): string {
  const { sockets, clustersPerSocket, coresPerCluster, threadsPerCore } = profile;
  const of = (count: Sourced, what: string): string => `${count.value} ${what}${count.value === 1 ? "" : "s"}`;
  const parts = [
    of(sockets, "socket"),
    of(clustersPerSocket, "cluster"),
    of(coresPerCluster, "core"),
    of(threadsPerCore, "thread"),
  ];
  return `${parts.join(" of ")}: ${cpusOf(profile)} CPUs`;
}

function checkTarget({ out, force }: CalibrateOptions): void {
  const folder = path.dirname(out);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new InputError(`--out ${out}: no folder ${folder}`);
  if (!existsSync(out)) return;
  if (statSync(out).isDirectory()) throw new InputError(`--out ${out}: is a folder; name a file`);
  if (!force) throw new InputError(`${out}: exists already; name another file with --out, or replace it with --force`);
}

/**
 * Measures this host, writes its profile and prints what was measured beside the base profile. Takes some seconds.
 *
 * @returns 0, or 130 when the user stopped it; then nothing is written
 * @throws {InputError} when the file exists or cannot be there, or the base is no profile
 */
export async function calibrate(
  options: CalibrateOptions,
  io: Io,
  signal: AbortSignal,
  host: CalibrationHost = thisHost,
): Promise<number> {
  checkTarget(options);
  const { cpuModel } = host;
  const base = loadProfile(options.base ?? chooseBase(cpuModel));
  const topology = await host.readTopology();
  io.write(`${cpuModel}: measuring for some seconds; what cannot be measured is taken from ${base.name}\n\n`);
  const cacheSizes = { l1: base.l1.bytes.value, l2: base.l2.bytes.value, l3: base.l3.bytes.value };
  let costs: MachineCosts;
  try {
    costs = await host.measure({ topology, cacheSizes, signal });
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    io.warn("stopped; nothing was written\n");
    return 130;
  }
  const name = path
    .basename(options.out, ".json")
    .replace(/[^\w.+-]/g, "-")
    .slice(0, 64);
  const date = io.clock().toISOString().slice(0, 10);
  const profile = makeProfile({ name, base, topology, costs, cpuModel, date });
  await writeJsonFile(options.out, checkProfile(profile, options.out));
  io.write(`${renderCosts(profile, base, costs)}\n\n`);
  io.write(`machine  ${describeShape(profile)}\n`);
  io.write(`profile  ${options.out}\n`);
  warnOf(profile, topology, costs, io);
  return 0;
}

function warnOf(profile: MachineProfile, topology: HostTopology, costs: MachineCosts, io: Io): void {
  const cpus = cpusOf(profile);
  if (cpus !== topology.cpus.length) {
    io.warn(
      `warning: the host has ${topology.cpus.length} CPUs, the profile ${cpus}: it holds equal cores, ${cpusMax} CPUs and ${clustersMax} clusters at most\n`,
    );
  }
  if (!costs.isBound) {
    io.warn("warning: threads could not be bound to CPUs, so transfers are of those that the scheduler chose\n");
  }
  const wide = [...costs.measured].filter(([, { spread }]) => spread > spreadMax).map(([name]) => name);
  if (wide.length > 0) {
    io.warn(
      `warning: spread above ${100 * spreadMax} %: ${wide.join(", ")}; something else uses this host, or its CPUs differ: see 'doctor', and repeat when it is quiet\n`,
    );
  }
}
