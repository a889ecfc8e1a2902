import { expect, test } from "vitest";
import { readTopology, type SystemReader } from "../../src/native/host-topology.ts";

interface Machine {
  /** For each CPU: socket, list of the CPUs of its core, list of those that share its last-level cache. */
  readonly cpus: readonly (readonly [socket: number, core: string, sharers: string])[];
  readonly l3: readonly [size: string, ways: string];
  readonly allowed?: string;
}

/** The files of a machine as Linux shows them. */
function files({ cpus, l3, allowed }: Machine): SystemReader {
  const found = new Map<string, string>([["/sys/devices/system/cpu/online", `0-${cpus.length - 1}\n`]]);
  if (allowed !== undefined) found.set("/proc/self/status", `Name:\tnode\nCpus_allowed_list:\t${allowed}\n`);
  for (const [cpu, [socket, core, sharers]] of cpus.entries()) {
    const at = `/sys/devices/system/cpu/cpu${cpu}`;
    found.set(`${at}/topology/physical_package_id`, `${socket}\n`);
    found.set(`${at}/topology/core_cpus_list`, `${core}\n`);
    const caches = [
      ["1", "Data", "32K", "8", core],
      ["1", "Instruction", "64K", "4", core],
      ["2", "Unified", "1024K", "16", core],
      ["3", "Unified", ...l3, sharers],
    ];
    for (const [index, [level, type, size, ways, shared]] of caches.entries()) {
      found.set(`${at}/cache/index${index}/level`, `${level}\n`);
      found.set(`${at}/cache/index${index}/type`, `${type}\n`);
      found.set(`${at}/cache/index${index}/size`, `${size}\n`);
      found.set(`${at}/cache/index${index}/ways_of_associativity`, `${ways}\n`);
      found.set(`${at}/cache/index${index}/shared_cpu_list`, `${shared}\n`);
    }
  }
  return async (file) => found.get(file) ?? null;
}

const xeon: Machine = {
  // Two sockets of two cores of two threads; siblings come last.
  cpus: [
    [0, "0,4", "0-1,4-5"],
    [0, "1,5", "0-1,4-5"],
    [1, "2,6", "2-3,6-7"],
    [1, "3,7", "2-3,6-7"],
    [0, "0,4", "0-1,4-5"],
    [0, "1,5", "0-1,4-5"],
    [1, "2,6", "2-3,6-7"],
    [1, "3,7", "2-3,6-7"],
  ],
  l3: ["36608K", "11"],
};

test("a machine of two sockets with siblings", async () => {
  const topology = await readTopology(files(xeon));
  expect(topology).toMatchObject({
    isKnown: true,
    sockets: 2,
    clustersPerSocket: 1,
    coresPerCluster: 2,
    threadsPerCore: 2,
  });
  expect(topology.cpus).toHaveLength(8);
  expect(topology.cpus[4]).toEqual({ cpu: 4, core: 0, cluster: 0, socket: 0 });
  expect(topology.cpus[7]).toEqual({ cpu: 7, core: 3, cluster: 1, socket: 1 });
  expect([...topology.caches]).toEqual([
    [1, { bytes: 32_768, ways: 8 }],
    [2, { bytes: 1_048_576, ways: 16 }],
    [3, { bytes: 37_486_592, ways: 11 }],
  ]);
});

test("a socket with a last-level cache per group of cores has clusters", async () => {
  const cpus = ["0", "1", "2", "3"].map((cpu): [number, string, string] => [0, cpu, Number(cpu) < 2 ? "0-1" : "2-3"]);
  expect(await readTopology(files({ cpus, l3: ["32M", "16"] }))).toMatchObject({
    sockets: 1,
    clustersPerSocket: 2,
    coresPerCluster: 2,
    threadsPerCore: 1,
  });
});

test("only CPUs that the process may use are usable", async () => {
  const { usable } = await readTopology(files({ ...xeon, allowed: "1,6-7,100" }));
  expect(usable.map(({ cpu }) => cpu)).toEqual([1, 6, 7]);
});

test("a cache that does not have a whole number of sets is not believed", async () => {
  const { caches } = await readTopology(files({ ...xeon, l3: ["36608K", "0"] }));
  expect([...caches.keys()]).toEqual([1, 2]);
  expect([...(await readTopology(files({ ...xeon, l3: ["100K", "11"] }))).caches.keys()]).toEqual([1, 2]);
});

test("where the system tells nothing, the CPUs are cores of one cluster", async () => {
  const topology = await readTopology(async () => null);
  expect(topology).toMatchObject({ isKnown: false, sockets: 1, clustersPerSocket: 1, threadsPerCore: 1 });
  expect(topology.cpus).toHaveLength(topology.coresPerCluster);
  expect(topology.usable.length).toBeGreaterThan(0);
  expect(topology.caches.size).toBe(0);
});

test("this host has at least one CPU that may be used", async () => {
  const { cpus, usable } = await readTopology();
  expect(usable.length).toBeGreaterThan(0);
  expect(cpus).toEqual(expect.arrayContaining([...usable]));
});
