import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { suites } from "../../bench/index.ts";
import { packageRoot } from "../../src/package-root.ts";
import { call, complaints, file, newOut, savedWorkload, set, smallest, teardown } from "./program.ts";

const commands = [
  ...["list", "run", "check", "replay", "report", "compare", "baseline", "history"],
  ...["save", "doctor", "calibrate", "fidelity"],
];

describe("help, version and the list", () => {
  test("help names every command and the exit codes", async () => {
    const { code, stdout, stderr } = await call(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of commands) expect(stdout).toContain(`\n  ${command}`);
    expect(stdout).toContain("Exit codes: 0 done;");
  });

  test("each command has its help", async () => {
    for (const command of commands) {
      const { code, stdout } = await call([command, "--help"]);
      expect([code, stdout]).toEqual([0, expect.stringContaining(`Usage: reclaim-bench ${command}`)]);
    }
  });

  test("the version is the package's", async () => {
    const { version } = JSON.parse(readFileSync(path.join(packageRoot, "package.json"), "utf8"));
    expect(await call(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  test("the list shows problems, variants, workloads and their parameters", async () => {
    const { code, stdout, stderr } = await call(["list"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const text of [
      "problem quarantine",
      "  hash-buckets",
      "    buckets=16",
      "workload libvirt-teardown",
      "  guests=46",
    ]) {
      expect(stdout).toContain(`${text}`);
    }
  });

  test("the list as JSON is the same catalogue", async () => {
    const { code, stdout } = await call(["list", "--json"]);
    const { problems, workloads } = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(problems[0].variants.map((one: { name: string }) => one.name)).toContain("hash-buckets");
    expect(workloads.map((one: { name: string }) => one.name)).toContain("libvirt-teardown");
  });

  test.each([
    ["no command", []],
    ["an unknown command", ["fly"]],
    ["an unknown option", ["run", "--zzz"]],
    ["an unknown option of the program", ["--zzz"]],
    ["an option without its value", ["run", "--seed"]],
    ["an argument too many", ["list", "everything"]],
    ["a missing argument", ["report"]],
  ])("%s gives exit code 2 and says so on standard error", async (_, argv) => {
    const { code, stdout, stderr } = await call(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).not.toBe("");
  });
});

const slabinfoText = readFileSync(path.join(packageRoot, "src/workloads/inputs/libvirt-guest.slabinfo"), "utf8");
async function damagedWorkload(): Promise<string> {
  const bytes = readFileSync(await savedWorkload(smallest));
  bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
  return file("damaged.bin", bytes);
}

describe("bad input gives exit code 2, one line that says what is wrong, and leaves nothing behind:", () => {
  test.each<[string, () => readonly string[] | Promise<readonly string[]>, string]>([
    ["an unknown problem", () => ["fork-bomb"], "problem 'fork-bomb': unknown; one of: quarantine, shrinker"],
    ["an unknown variant", () => ["--variant", "triply-linked"], "variant 'triply-linked': unknown"],
    ["an unknown parameter", () => ["--variant", "floor speed=9"], "unknown parameter 'speed'"],
    ["an unknown workload", () => ["--workload", "fork-bomb"], "workload 'fork-bomb': unknown"],
    ["--set without =", () => ["--set", "guests"], "--set guests: not of the form key=value"],
    ["--set twice", () => ["--set", "guests=1", "--set", "guests=2"], "--set guests: given twice"],
    ["an unknown --set key", () => ["--set", "gusts=1"], "--set gusts: no chosen workload has this parameter"],
    [
      "no cgroups",
      () => ["--workload", "cgroups-4000", "--set", "cgroups=0"],
      "parameter 'cgroups': must be at least 1",
    ],
    ["a quarantine too small", () => [...teardown, "--set", "quarantine-bytes=1000"], "must be from 2097152 to"],
    [
      "a quarantine too large",
      () => [...teardown, "--set", "quarantine-bytes=4294967297"],
      "(3.75 GiB; Wasm has 4 GiB of memory)",
    ],
    [
      "less than no guests",
      () => [...teardown, "--set", "guests=-1"],
      "parameter 'guests': must be at least 1, got -1",
    ],
    ["guests that are no number", () => [...teardown, "--set", "guests=many"], "parameter 'guests': must be a number"],
    ["a seed that is no number", () => ["--seed", "lucky"], "--seed: must be a whole number, got 'lucky'"],
    ["a seed too large", () => ["--seed", "4294967296"], "seed: must be a whole number from 0 to 4294967295"],
    ["no CPUs", () => ["--cpus", "0"], "--cpus 0: must be from 1 to 256, got 0; give a count, a list or a range"],
    [
      "more CPUs than threads are sensible",
      () => ["--cpus", "65"],
      "--cpus: must be at most 64 in native stages, got 65; leave them out with --instrument simulator",
    ],
    [
      "several counts of CPUs for threads",
      () => ["--cpus", "1..4"],
      "--cpus: native stages take one count; leave them out with --instrument simulator",
    ],
    ["CPUs that are no number", () => ["--cpus", "all"], "--cpus all: 'all' is not a whole number; give a count"],
    ["CPUs in a range that goes down", () => ["--cpus", "96..1"], "--cpus 96..1: the first count is above the last"],
    [
      "an unknown instrument",
      () => ["--instrument", "sundial"],
      "--instrument sundial: unknown; one of: native, traced, simulator",
    ],
    [
      "a variant of one problem with a workload of the other",
      () => ["--variant", "hash-buckets", "--workload", "container-start"],
      `no problem of ${suites.map(({ problem }) => problem).join(", ")} knows both the variants and the workloads`,
    ],
    [
      "a workload that the problem refuses",
      () => ["quarantine", "--workload", "container-start"],
      "workload 'container-start': exercises nothing of problem 'quarantine'",
    ],
    [
      "a parameter of the quarantine's variants for a shrinker",
      () => ["shrinker", "--variant", "rwsem skip-when-empty=true"],
      "variant 'rwsem skip-when-empty=true': unknown parameter 'skip-when-empty'; it has none",
    ],
    ["--quick with --full", () => ["--quick", "--full"], "--quick and --full exclude each other"],
    ["a missing slabinfo file", () => [...teardown, "--slabinfo", "/none/slabinfo"], "/none/slabinfo:1: field 'file'"],
    [
      "a truncated slabinfo file",
      () => [...teardown, "--slabinfo", file("cut", slabinfoText.slice(0, slabinfoText.length - 30))],
      "field ",
    ],
    [
      "a slabinfo file of another version",
      () => [...teardown, "--slabinfo", file("old", slabinfoText.replace("version: 2.1", "version: 1.1"))],
      "old:1: field ",
    ],
    [
      "a binary slabinfo file",
      () => [
        ...teardown,
        "--slabinfo",
        file(
          "binary",
          Uint8Array.from({ length: 256 }, (_, byte) => byte),
        ),
      ],
      "which is not plain text",
    ],
    ["slabinfo twice", () => [...teardown, "--slabinfo", "a", "--set", "slabinfo=b"], "exclude each other"],
    ["a missing workload file", () => ["quarantine", "--workload-file", "/none/w.bin"], "/none/w.bin: field 'file'"],
    [
      "a workload file that is none",
      () => ["quarantine", "--workload-file", file("w.bin", slabinfoText)],
      "field 'magic': not a saved workload",
    ],
    [
      "a damaged workload file",
      async () => ["quarantine", "--workload-file", await damagedWorkload()],
      "damaged.bin: ",
    ],
    [
      "a workload file with --set",
      async () => ["quarantine", "--workload-file", await savedWorkload(smallest), "--set", "guests=1"],
      "--workload-file: brings its own workload and parameters",
    ],
    [
      "a missing variant file",
      () => ["quarantine", "--variant-file", "/none/mine.ts"],
      "--variant-file /none/mine.ts: no such file",
    ],
    [
      "a variant file of another kind",
      () => ["quarantine", "--variant-file", file("mine.js", "")],
      "must be a .ts file",
    ],
    [
      "a misnamed variant file",
      () => ["quarantine", "--variant-file", file("my variant.ts", "")],
      "must be letters, digits and hyphens",
    ],
    [
      "a variant file named as a variant",
      () => ["quarantine", "--variant-file", file("hash-buckets.ts", "")],
      "'hash-buckets' is taken",
    ],
    [
      "a variant file named as the harness",
      () => ["quarantine", "--variant-file", file("harness.ts", "")],
      "'harness' is taken",
    ],
    [
      "a variant file that does not compile",
      () => [
        "quarantine",
        ...teardown,
        ...set(smallest),
        "--variant",
        "floor",
        "--variant-file",
        file("mine.ts", "export let x: i32 = ;\n"),
      ],
      "mine.ts:1:",
    ],
    [
      "a variant file that lacks the contract",
      () => [
        "quarantine",
        ...teardown,
        ...set(smallest),
        "--variant",
        "floor",
        "--variant-file",
        file("mine.ts", "// Nothing.\n"),
      ],
      "the contract is in src/kernel/quarantine/contract.ts",
    ],
    ["--resume without a run", () => ["--resume"], "--resume: no incomplete run in "],
    ["--resume of an unknown run", () => ["--resume", "20250131T235959Z-0a1b2c"], "run.json: no such file"],
  ])("%s", async (_, options, message) => {
    const out = newOut();
    const { code, stdout, stderr } = await call(["run", "--quick", "--out", out, ...(await options())]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(complaints(stderr)).toEqual([expect.stringMatching(/^reclaim-bench: /)]);
    expect(stderr).toContain(message);
    expect(readdirSync(out)).toEqual([]);
  });
});
