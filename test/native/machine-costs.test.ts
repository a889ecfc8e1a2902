import { beforeAll, describe, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { StoppedError } from "../../src/errors.ts";
import { choosePairs, layOutRings, linesOf, pairKind, windowLines } from "../../src/native/cost-layout.ts";
import { type HostCpu, type HostTopology, readTopology } from "../../src/native/host-topology.ts";
import { type MachineCosts, measurableCosts, measureMachineCosts } from "../../src/native/machine-costs.ts";

const cacheSizes = { l1: 32_768, l2: 1_048_576, l3: 16 * 1_048_576 };

async function measure(topology: HostTopology, rounds = 2): Promise<MachineCosts> {
  return await measureMachineCosts({ topology, cacheSizes, rounds, signal: new AbortController().signal });
}

/** What cannot be had with so many usable CPUs, whatever the host. */
function impossible(topology: HostTopology): string[] {
  const pairs = ["transferSameCluster", "transferSameSocket", "wakeUp", "wakeIdle"];
  return [
    ...(topology.sockets === 1 ? ["memoryRemote", "transferCrossSocket"] : []),
    ...(topology.usable.length === 1 ? pairs : []),
  ];
}

describe("the measurement", () => {
  test("gives positive times for this host, or says why not", async () => {
    const topology = await readTopology();
    const { measured, unmeasured } = await measure(topology);
    for (const [cost, { ns, spread, rounds, how }] of measured) {
      expect(ns, cost).toBeGreaterThan(0);
      expect(Number.isFinite(ns), cost).toBe(true);
      expect(spread, cost).toBeGreaterThanOrEqual(0);
      expect(rounds, cost).toBeGreaterThan(0);
      expect(how, cost).not.toBe("");
    }
    for (const [cost, why] of unmeasured) expect(why, cost).not.toBe("");
    expect([...measured.keys(), ...unmeasured.keys()].sort()).toEqual([...measurableCosts].sort());
    expect([...measured.keys()]).toEqual(expect.arrayContaining(["l1", "l2", "store", "locked", "barrier"]));
    expect([...unmeasured.keys()]).toEqual(expect.arrayContaining(impossible(topology)));
  });

  test("on one CPU leaves out what takes two", async () => {
    const topology = await readTopology();
    const { measured, unmeasured } = await measure({ ...topology, usable: topology.usable.slice(0, 1) }, 1);
    for (const cost of ["transferSameCluster", "wakeUp", "wakeIdle"] as const) {
      expect(unmeasured.get(cost)).toBe("only one CPU may be used");
    }
    expect(measured.has("l1")).toBe(true);
  });

  test("without knowledge of the CPUs binds no thread", async () => {
    const topology = { ...(await readTopology()), isKnown: false, caches: new Map() };
    const { measured, unmeasured, isBound } = await measure(topology, 1);
    expect(isBound).toBe(false);
    expect(measured.has("l1")).toBe(true);
    if (topology.usable.length > 1) {
      expect(unmeasured.get("contextSwitch")).toMatch(/cannot be bound|no named pipes/);
      expect(measured.has("wakeIdle")).toBe(true);
    }
  });

  test("stops when it is told to", async () => {
    const topology = await readTopology();
    const options = { topology, cacheSizes, signal: AbortSignal.abort() };
    await expect(measureMachineCosts(options)).rejects.toThrow(StoppedError);
  });
});

describe("the working sets", () => {
  const mib = 1_048_576;

  test("fit into their level and not into the one below", () => {
    const { l1, l2, l3, local, remote } = layOutRings(cacheSizes, 64 * 1024 * mib, true);
    const cachedBytes = (ring: { bytes: number; stride: number } | null) => linesOf({ base: 0, ...ring! }) * 64;
    expect(cachedBytes(l1)).toBeLessThan(cacheSizes.l1);
    expect(cachedBytes(l2)).toBeGreaterThan(2 * cacheSizes.l1);
    expect(cachedBytes(l2)).toBeLessThan(cacheSizes.l2);
    // One line of each pair goes into half of the sets.
    expect(cachedBytes(l3)).toBeGreaterThanOrEqual(2 * (cacheSizes.l2 / 2));
    expect(cachedBytes(l3)).toBeLessThan(cacheSizes.l3);
    expect(cachedBytes(local)).toBeGreaterThanOrEqual(2 * cacheSizes.l3);
    expect(remote?.bytes).toBe(local?.bytes);
  });

  test("do not overlap", () => {
    const { end, ...rings } = layOutRings(cacheSizes, 64 * 1024 * mib, true);
    const sorted = Object.values(rings).sort((one, other) => one!.base - other!.base);
    for (const [index, ring] of sorted.entries()) {
      expect(ring!.base + ring!.bytes).toBeLessThanOrEqual(sorted[index + 1]?.base ?? end);
    }
  });

  test("are left out where the host cannot have them", () => {
    expect(layOutRings(cacheSizes, 64 * mib, true)).toMatchObject({ local: null, remote: null });
    expect(layOutRings(cacheSizes, 64 * 1024 * mib, false).remote).toBeNull();
    expect(layOutRings({ ...cacheSizes, l3: 2 * mib }, 64 * 1024 * mib, false).l3).toBeNull();
    // More cache than memory that is walked through.
    expect(layOutRings({ ...cacheSizes, l3: 768 * mib }, 64 * 1024 * mib, false).local).toBeNull();
  });
});

describe("pairs of CPUs", () => {
  // Two sockets of two clusters of two cores of two threads.
  const cpus = Array.from(
    { length: 16 },
    (_, cpu): HostCpu => ({ cpu, core: cpu >> 1, cluster: cpu >> 2, socket: cpu >> 3 }),
  );

  test.each([
    [0, 1, null],
    [0, 2, "transferSameCluster"],
    [1, 4, "transferSameSocket"],
    [7, 8, "transferCrossSocket"],
  ])("%i and %i", (one, other, kind) => {
    expect(pairKind([cpus[one]!, cpus[other]!])).toBe(kind);
  });

  test("are all there when there are few, and spread when there are many", () => {
    const all = choosePairs(cpus, 1000);
    expect([...all].map(([kind, pairs]) => [kind, pairs.length])).toEqual([
      ["transferSameCluster", 4 * 4],
      ["transferSameSocket", 2 * 16],
      ["transferCrossSocket", 64],
    ]);
    for (const [kind, pairs] of choosePairs(cpus, 5)) {
      expect(new Set(pairs).size).toBe(5);
      for (const pair of pairs) expect(pairKind(pair)).toBe(kind);
    }
    expect(choosePairs(cpus.slice(0, 2), 5).size).toBe(0);
  });
});

describe("the loops", () => {
  const base = 1_048_576;
  let memory: WebAssembly.Memory;
  let words: Int32Array;
  let exports: Record<string, (...args: readonly number[]) => number>;

  beforeAll(async () => {
    const source = { problem: "litmus", variant: "machine-costs", entry: "machine-costs" };
    const { wasm } = await compileModule({ ...source, machine: "native", constants: {} });
    memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
    words = new Int32Array(memory.buffer);
    const layout = { thisCpu: 0, cpuCount: 2, cpuBlocks: 65_536, taskStacks: 69_632, spinsPerMicrosecond: 1000 };
    const imports = { env: { memory }, layout, access: { clockNs: () => 0 } };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), imports);
    exports = instance.exports as unknown as typeof exports;
  });

  test.each([
    [512, 64, 512],
    [1000, 64, 256],
    [1025, 128, 1024],
    [1, 64, 8],
    [1, 64, 1],
  ])("link %i lines of %i bytes, %i a window, into one ring, window after window", (lines, stride, perWindow) => {
    exports.link!(base, lines, stride, perWindow, 1);
    const order: number[] = [];
    for (let at = words[base / 4]!; order.length < lines; at = words[at / 4]!) order.push((at - base) / stride);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: lines }, (_, line) => line));
    expect(order.at(-1)).toBe(0);
    // The walk begins within the last window and ends in the first one.
    const windows = order.map((line) => Math.floor(line / perWindow));
    const changes = windows.filter((window, index) => index > 0 && window !== windows[index - 1]).length;
    expect(changes).toBe(new Set(windows).size - 1);
  });

  test("walk as many steps as they are told, and in no simple order", () => {
    exports.link!(base, 512, 64, 512, 1);
    let at = base;
    for (let step = 0; step < 11; step++) at = words[at / 4]!;
    expect(exports.chase!(base, 11)).toBe(at);
    expect(exports.chase!(base, 512)).toBe(base);
    const distances = new Set<number>();
    for (let step = 0; step < 100; step++) {
      const next = words[at / 4]!;
      distances.add(next - at);
      at = next;
    }
    expect(distances.size).toBeGreaterThan(80);
  });

  test("exchange successfully each time", () => {
    words[base / 4] = 5;
    exports.compareExchanges!(base, 40);
    expect(words[base / 4]).toBe(45);
    exports.stores!(base, 16);
    expect([...words.slice(base / 4, base / 4 + 8)]).toEqual(Array(8).fill(8));
  });

  test("give a game up when nobody answers", () => {
    words[base / 4] = 0;
    expect(exports.pingPong!(base, 0, 10)).toBe(2);
    expect(words[base / 4]).toBe(1);
    expect(exports.pingPong!(base, 1, 2)).toBe(3);
    expect(words[base / 4]).toBe(2);
  });

  test("a window is 32 pages", () => {
    expect(windowLines({ base, bytes: 0, stride: 64 }) * 64).toBe(32 * 4096);
    expect(windowLines({ base, bytes: 0, stride: 128 }) * 128).toBe(32 * 4096);
  });
});
