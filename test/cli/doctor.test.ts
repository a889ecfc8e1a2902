import { expect, test } from "vitest";
import { type Checkup, doctor } from "../../src/cli/doctor.ts";
import type { Io } from "../../src/cli/io.ts";

const checkup: Checkup = {
  environment: {
    id: "0123456789ab",
    node: "20.20.0",
    v8: "11.3",
    os: "linux",
    kernel: "6.1.0",
    arch: "x64",
    cpuModel: "Example CPU",
    coreCount: 4,
    memoryBytes: 2 ** 34,
    governor: "performance",
    virtualised: true,
    loadAverage: [0.4, 0, 0],
    clockResolutionNs: 20,
    clockCostNs: 25,
    commit: "",
  },
  readings: {
    node: "20.20.0",
    coresOnline: 4,
    coresAllowed: 4,
    quotaCores: null,
    clockResolutionNs: 20,
    clockCostNs: 25,
    load: 0.4,
    stealShare: 0,
    governor: "performance",
    memoryAvailableBytes: 2 ** 33,
    memoryLimitBytes: null,
    swapUsedBytes: 0,
    virtualised: true,
    noise: { loopNsP50: 200_000, loopNsP99: 220_000 },
  },
};

function recordingIo(): Io & { readonly written: string[]; readonly warned: string[] } {
  const written: string[] = [];
  const warned: string[] = [];
  return {
    written,
    warned,
    write: (text) => void written.push(text),
    warn: (text) => void warned.push(text),
    clock: () => new Date(0),
    isTerminal: false,
    columns: 80,
  };
}

test("a fit machine gets exit code 0, its environment and every finding", async () => {
  const io = recordingIo();
  expect(await doctor(io, async () => checkup)).toBe(0);
  const output = io.written.join("");
  expect(output).toMatch(/^environment 0123456789ab: Example CPU, 4 CPUs, linux 6\.1\.0 x64, Node\.js 20\.20\.0\n\n/);
  expect(output).toContain("load per core     0.10");
  expect(output).toMatch(/\nfit to measure: 0 bad, 1 to keep in mind\n$/);
  expect(io.warned).toEqual([]);
});

test("a machine that cannot answer gets exit code 3", async () => {
  const io = recordingIo();
  const readings = { ...checkup.readings, stealShare: 0.2, load: 100 };
  expect(await doctor(io, async () => ({ ...checkup, readings }))).toBe(3);
  expect(io.written.join("")).toMatch(/\nnot fit to measure: 2 bad, 1 to keep in mind\n$/);
});

test("this machine gets either answer", async () => {
  const io = recordingIo();
  expect([0, 3]).toContain(await doctor(io));
  expect(io.written.join("")).toContain("fit to measure");
});
