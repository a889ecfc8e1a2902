// How this host's CPUs share cores, caches and sockets, as far as the system tells.

import { availableParallelism, cpus as osCpus } from "node:os";
import { readSystemFile } from "../records/environment.ts";
import { parseCpuList } from "./fitness.ts";

/** Where a CPU stands. Indices count over the whole machine, from 0. */
export interface HostCpu {
  /** Its number in the system. */
  readonly cpu: number;
  readonly core: number;
  /** Group of cores with a last-level cache of their own. */
  readonly cluster: number;
  readonly socket: number;
}

export interface HostCache {
  readonly bytes: number;
  readonly ways: number;
}

export interface HostTopology {
  /** CPUs online, in the order of their numbers. */
  readonly cpus: readonly HostCpu[];
  /** Of {@link cpus}, those that this process may use. */
  readonly usable: readonly HostCpu[];
  /** Whether the system told; otherwise the CPUs are taken for cores of one cluster of one socket. */
  readonly isKnown: boolean;
  readonly sockets: number;
  /** The most of any socket; so are the two below of any cluster and core. */
  readonly clustersPerSocket: number;
  readonly coresPerCluster: number;
  readonly threadsPerCore: number;
  /** Data and unified caches of the first CPU, by level; what the system does not tell is left out. */
  readonly caches: ReadonlyMap<1 | 2 | 3, HostCache>;
}

/** Content of a file of the system, or `null` where there is none. */
export type SystemReader = (file: string) => Promise<string | null>;

const folder = "/sys/devices/system/cpu";
const levels = [1, 2, 3] as const;

/** Gives each new key the next number. */
class Numbering {
  readonly #numbers = new Map<string, number>();

  of(key: string): number {
    const number = this.#numbers.get(key) ?? this.#numbers.size;
    this.#numbers.set(key, number);
    return number;
  }
}

/** Bytes of a size as the kernel writes it, such as `1024K`; `null` for any other text. */
function parseSize(text: string): number | null {
  const [, digits, unit = ""] = /^(\d+)([KM]?)\s*$/.exec(text) ?? [];
  if (digits === undefined) return null;
  return Number(digits) * (unit === "M" ? 2 ** 20 : unit === "K" ? 1024 : 1);
}

/** How many different `inner` there are in the `outer` that has most of them. */
function mostWithin(cpus: readonly HostCpu[], outer: keyof HostCpu, inner: keyof HostCpu): number {
  const found = new Map<number, Set<number>>();
  for (const cpu of cpus) {
    const within = found.get(cpu[outer]) ?? new Set();
    found.set(cpu[outer], within.add(cpu[inner]));
  }
  return Math.max(...[...found.values()].map((within) => within.size));
}

function describe(
  cpus: readonly HostCpu[],
): Pick<HostTopology, "sockets" | "clustersPerSocket" | "coresPerCluster" | "threadsPerCore"> {
  return {
    sockets: new Set(cpus.map(({ socket }) => socket)).size,
    clustersPerSocket: mostWithin(cpus, "socket", "cluster"),
    coresPerCluster: mostWithin(cpus, "cluster", "core"),
    threadsPerCore: mostWithin(cpus, "core", "cpu"),
  };
}

/** The first CPU's caches, and the number under which the kernel lists that of the third level. */
async function readCaches(
  read: SystemReader,
  cpu: number,
): Promise<{ caches: Map<1 | 2 | 3, HostCache>; lastIndex: number | null }> {
  const caches = new Map<1 | 2 | 3, HostCache>();
  let lastIndex: number | null = null;
  for (let index = 0; index < 8; index++) {
    const field = async (name: string): Promise<string> =>
      ((await read(`${folder}/cpu${cpu}/cache/index${index}/${name}`)) ?? "").trim();
    const number = Number(await field("level"));
    const level = levels.find((known) => known === number);
    const type = await field("type");
    if (level === undefined || (type !== "Data" && type !== "Unified")) continue;
    if (level === 3) lastIndex = index;
    const bytes = parseSize(await field("size"));
    const ways = Number(await field("ways_of_associativity"));
    // A hypervisor may tell sizes and hide the ways.
    if (bytes === null || !(ways > 0) || bytes % (64 * ways) !== 0) continue;
    caches.set(level, { bytes, ways });
  }
  return { caches, lastIndex };
}

/**
 * Reads what Linux tells under `/sys`; elsewhere, or where that is hidden, assumes one socket with one cluster.
 *
 * @param read for tests: files of another machine
 */
export async function readTopology(read: SystemReader = readSystemFile): Promise<HostTopology> {
  const online = [...parseCpuList((await read(`${folder}/online`)) ?? "")];
  const first = online[0];
  const packageOf = async (cpu: number): Promise<string | null> =>
    await read(`${folder}/cpu${cpu}/topology/physical_package_id`);
  if (first === undefined || (await packageOf(first)) === null) return assumed();
  const { caches, lastIndex } = await readCaches(read, first);
  const texts = await Promise.all(
    online.map(async (cpu) => {
      const at = `${folder}/cpu${cpu}`;
      return {
        cpu,
        socket: (await packageOf(cpu)) ?? "",
        siblings:
          (await read(`${at}/topology/core_cpus_list`)) ??
          (await read(`${at}/topology/thread_siblings_list`)) ??
          String(cpu),
        sharers: lastIndex === null ? "" : ((await read(`${at}/cache/index${lastIndex}/shared_cpu_list`)) ?? ""),
      };
    }),
  );
  const sockets = new Numbering();
  const clusters = new Numbering();
  const cores = new Numbering();
  const cpus = texts.map(
    ({ cpu, socket, siblings, sharers }): HostCpu => ({
      cpu,
      socket: sockets.of(socket),
      cluster: clusters.of(`${socket} ${sharers}`),
      core: cores.of(`${socket} ${siblings}`),
    }),
  );
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec((await read("/proc/self/status")) ?? "")?.[1];
  const allowed = list === undefined ? null : parseCpuList(list);
  const usable = cpus.filter(({ cpu }) => allowed?.has(cpu) ?? true);
  return { cpus, usable, isKnown: true, caches, ...describe(cpus) };
}

function assumed(): HostTopology {
  const count = Math.max(1, osCpus().length);
  const cpus = Array.from({ length: count }, (_, cpu): HostCpu => ({ cpu, core: cpu, cluster: 0, socket: 0 }));
  return {
    cpus,
    usable: cpus.slice(0, availableParallelism()),
    isKnown: false,
    caches: new Map(),
    ...describe(cpus),
  };
}
