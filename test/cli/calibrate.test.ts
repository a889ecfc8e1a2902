import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { type CalibrationHost, calibrate, chooseBase, fitShape } from "../../src/cli/calibrate.ts";
import type { Io } from "../../src/cli/io.ts";
import { InputError, StoppedError } from "../../src/errors.ts";
import type { HostTopology } from "../../src/native/host-topology.ts";
import type { MachineCosts } from "../../src/native/machine-costs.ts";
import { cpusOf, loadProfile } from "../../src/simulator/profile.ts";
import { call, folder, newOut } from "./program.ts";

const topology: HostTopology = {
  cpus: [0, 1, 2, 3].map((cpu) => ({ cpu, core: cpu >> 1, cluster: 0, socket: 0 })),
  usable: [{ cpu: 0, core: 0, cluster: 0, socket: 0 }],
  isKnown: true,
  sockets: 1,
  clustersPerSocket: 1,
  coresPerCluster: 2,
  threadsPerCore: 2,
  caches: new Map([[2, { bytes: 2 * 1_048_576, ways: 16 }]]),
};

const costs: MachineCosts = {
  measured: new Map([
    ["l1", { ns: 1.23456, spread: 0.01, rounds: 9, how: "a walk" }],
    ["store", { ns: 0.04, spread: 0.1, rounds: 9, how: "stores" }],
    ["wakeIdle", { ns: 23_456.7, spread: 0.3, rounds: 7, how: "wakes" }],
  ]),
  unmeasured: new Map([["transferSameCluster", "only one CPU may be used"]]),
  isBound: true,
};

const host: CalibrationHost = {
  cpuModel: "Intel(R) Xeon(R) Gold 6252 CPU @ 2.10GHz",
  readTopology: async () => topology,
  measure: async () => costs,
};

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(options: Parameters<typeof calibrate>[0], on: CalibrationHost = host): Promise<Result> {
  let stdout = "";
  let stderr = "";
  const io: Io = {
    write: (text) => {
      stdout += text;
    },
    warn: (text) => {
      stderr += text;
    },
    clock: () => new Date(Date.UTC(2025, 0, 31)),
    isTerminal: false,
    columns: 80,
  };
  return { code: await calibrate(options, io, new AbortController().signal, on), stdout, stderr };
}

describe("the profile", () => {
  test("has what was measured, and the rest of the base", async () => {
    const out = path.join(newOut(), "my box.json");
    expect((await run({ out, force: false })).code).toBe(0);
    const profile = loadProfile(out);
    const base = loadProfile("xeon-6252-2s");
    const where = "on Intel(R) Xeon(R) Gold 6252 CPU @ 2.10GHz, Node.js";
    expect(profile.name).toBe("my-box");
    expect(profile.description).toContain("2025-01-31; what could not be measured is of xeon-6252-2s");
    expect(profile.costs.l1).toEqual({
      value: 1.23,
      source: `measured ${where} ${process.versions.node}, 2025-01-31, median of 9 rounds: a walk`,
      mark: "measured",
    });
    expect(profile.costs.store.value).toBe(0.1);
    expect(profile.costs.wakeIdle.value).toBe(23_457);
    const { l1, store, wakeIdle, ...kept } = base.costs;
    expect([l1.mark, store.mark, wakeIdle.mark]).not.toContain("measured");
    expect(profile.costs).toMatchObject(kept);
    expect([profile.l1, profile.l3]).toEqual([base.l1, base.l3]);
    expect(profile.l2.bytes).toEqual({ value: 2 * 1_048_576, source: expect.any(String), mark: "measured" });
    expect(profile.coresPerCluster).toMatchObject({ value: 2, mark: "measured" });
    expect(cpusOf(profile)).toBe(4);
  });

  test("of a host that tells nothing about its CPUs says so", async () => {
    const out = path.join(newOut(), "dark.json");
    const dark = { ...topology, isKnown: false, caches: new Map() };
    await run({ out, force: false }, { ...host, readTopology: async () => dark });
    expect(loadProfile(out).sockets).toMatchObject({ mark: "derived" });
    expect(loadProfile(out).sockets.source).toContain("the system does not tell more");
  });

  test("can rest on a file of one's own", async () => {
    const [first, second] = [path.join(newOut(), "a.json"), path.join(newOut(), "b.json")];
    await run({ out: first, base: "epyc-7r13-2s", force: false });
    await run({ out: second, base: first, force: false });
    expect(loadProfile(second).costs.transferSameCluster.value).toBe(23);
  });
});

describe("the output", () => {
  test("shows each cost beside the base's, and why one was kept", async () => {
    const { stdout, stderr } = await run({ out: path.join(newOut(), "a.json"), force: false });
    expect(stdout).toMatch(/^cost +measured +spread +xeon-6252-2s +what was timed$/m);
    expect(stdout).toMatch(/^l1 +1\.23 ns +1 % +1\.40 ns +a walk$/m);
    expect(stdout).toMatch(/^pause +– +– +50 ns +kept: WebAssembly has no such instruction$/m);
    expect(stdout).toMatch(/^transferSameCluster +– +– +47 ns +kept: only one CPU may be used$/m);
    expect(stdout).toContain("machine  1 socket of 1 cluster of 2 cores of 2 threads: 4 CPUs\n");
    expect(stderr).toBe(
      "warning: spread above 20 %: wakeIdle; something else uses this host, or its CPUs differ: see 'doctor', and repeat when it is quiet\n",
    );
  });

  test("warns when threads could not be bound, and when the profile has other CPUs than the host", async () => {
    const { stderr } = await run(
      { out: path.join(newOut(), "a.json"), force: false },
      {
        ...host,
        readTopology: async () => ({ ...topology, cpus: topology.cpus.slice(1) }),
        measure: async () => ({ ...costs, isBound: false }),
      },
    );
    expect(stderr).toContain("threads could not be bound to CPUs");
    expect(stderr).toContain("the host has 3 CPUs, the profile 4");
  });
});

describe("files", () => {
  test("an existing one is refused before anything is measured, and replaced when that is meant", async () => {
    const out = path.join(newOut(), "taken.json");
    writeFileSync(out, "mine");
    const measure = async (): Promise<MachineCosts> => {
      throw new Error("it measured");
    };
    await expect(run({ out, force: false }, { ...host, measure })).rejects.toThrow(InputError);
    await expect(run({ out, force: false }, { ...host, measure })).rejects.toThrow("exists already");
    expect(readFileSync(out, "utf8")).toBe("mine");
    await run({ out, force: true });
    expect(loadProfile(out).name).toBe("taken");
  });

  test.each([
    ["a missing folder", () => path.join(folder, "none", "a.json"), "no folder"],
    ["a folder", () => newOut(), "is a folder; name a file"],
  ])("%s is refused", async (_what, out, message) => {
    await expect(run({ out: out(), force: true })).rejects.toThrow(InputError);
    await expect(run({ out: out(), force: true })).rejects.toThrow(message);
  });

  test("nothing is written when the user stops it, or when the measurement fails", async () => {
    const out = newOut();
    const stopping = async (): Promise<MachineCosts> => {
      throw new StoppedError("stopped");
    };
    const { code, stderr } = await run({ out: path.join(out, "a.json"), force: false }, { ...host, measure: stopping });
    expect([code, stderr]).toEqual([130, "stopped; nothing was written\n"]);
    const failing = async (): Promise<MachineCosts> => {
      throw new Error("a measuring thread died");
    };
    await expect(run({ out: path.join(out, "a.json"), force: false }, { ...host, measure: failing })).rejects.toThrow(
      "died",
    );
    expect(readdirSync(out)).toEqual([]);
  });
});

test.each([
  ["Intel(R) Xeon(R) Platinum 8260L CPU @ 2.40GHz", "xeon-8260-2s"],
  ["Intel(R) Xeon(R) Gold 6252 CPU @ 2.10GHz", "xeon-6252-2s"],
  ["Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz", "xeon-24-1s"],
  ["Intel(R) Core(TM) i7-2460M", "xeon-24-1s"],
  ["AMD EPYC 7R13 Processor", "epyc-7r13-2s"],
  ["AMD EPYC 9654 96-Core Processor", "epyc-7r13-2s"],
  ["unknown CPU", "xeon-24-1s"],
])("the base of '%s' is %s", (cpuModel, base) => {
  expect(chooseBase(cpuModel)).toBe(base);
});

test.each([
  ["as it is", [2, 6, 8, 2], [2, 6, 8, 2]],
  ["without siblings", [2, 8, 9, 2], [2, 8, 9, 1]],
  ["with fewer cores", [1, 1, 288, 1], [1, 1, 256, 1]],
  ["with fewer clusters", [4, 12, 2, 1], [4, 8, 2, 1]],
])("a host is taken %s", (_how, given, expected) => {
  const shape = ([sockets, clustersPerSocket, coresPerCluster, threadsPerCore]: number[]) =>
    ({ sockets, clustersPerSocket, coresPerCluster, threadsPerCore }) as Parameters<typeof fitShape>[0];
  expect(fitShape(shape(given))).toEqual(shape(expected));
});

test("this host gets a profile that can be loaded, once", async () => {
  const out = path.join(newOut(), "host.json");
  const { code, stdout } = await call(["calibrate", "--out", out]);
  expect(code).toBe(0);
  expect(stdout).toContain(`profile  ${out}\n`);
  const { costs: found } = loadProfile(out);
  for (const name of ["l1", "store", "locked", "barrier"] as const) expect(found[name].mark).toBe("measured");
  expect(found.pause.mark).not.toBe("measured");
  const again = await call(["calibrate", "--out", out]);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("exists already")]);
  const wrong = await call(["calibrate", "--out", path.join(newOut(), "a.json"), "--base", "none"]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("machine 'none': neither a file nor one of")]);
});
