// Measures how fast the simulator is: what an access costs, how that grows with the CPUs, and what a case takes of memory.
//
// Everything runs in one process, in short rounds in turn; rates of one round are compared with each other only. Not a
// record and not a gate.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus as hostCpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { markdownTable } from "markdown-table";
import { compileModule, compileSimulatorCore } from "../../../src/build/compile.ts";
import { shrinker } from "../../../src/problems/shrinker.ts";
import { simulateProblem } from "../../../src/simulator/problem.ts";
import { loadProfile } from "../../../src/simulator/profile.ts";
import { createWorkload } from "../../../src/workloads/index.ts";
import {
  BareLoops,
  compileModules,
  cpuMs,
  loopContended,
  loopOwn,
  type Measured,
  SimulatedLoops,
  wideMachine,
} from "./rigs.ts";

const usage = `usage: node --no-liftoff measure.js [options]
  --rounds N    rounds of each measurement   (default 15)
`;

/** CPUs of the measurements that have targets. */
const manyCpus = 24;
const cpuCounts = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const accessesAtOnce = 200_000;
const warmUpRounds = 3;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const millionsPerS = (count: number, ms: number): number => count / ms / 1000;
const table = (rows: readonly (readonly string[])[]): string =>
  `${markdownTable(rows as string[][], { align: ["l", ...rows[0]!.slice(1).map(() => "r")] })}\n\n`;

/** A case as users run them. */
async function realCase(cpus: number): Promise<() => Promise<Measured>> {
  const core = new WebAssembly.Module((await compileSimulatorCore()).wasm);
  const compiled = await compileModule({
    problem: "shrinker",
    variant: "rwsem",
    machine: "simulated",
    constants: { LAB_HZ: 1000 },
  });
  const profile = loadProfile("xeon-8260-2s");
  return async () => {
    const workload = createWorkload("cgroups-4000", { cgroups: 100 }, 1);
    const begun = cpuMs();
    const { counts } = await simulateProblem(shrinker, { core, compiled, workload, profile, cpus, virtualMs: 1 });
    return { accesses: counts.accesses, suspensions: counts.suspensions, ms: cpuMs() - begun };
  };
}

/** Memory that a process takes for a case beyond what it takes when all is loaded, in MiB. */
function caseMiB(cpus: number): number {
  const { stdout, status, stderr } = spawnSync(
    process.execPath,
    ["--no-liftoff", fileURLToPath(import.meta.url), "--case", String(cpus)],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`the case on ${cpus} CPUs failed: ${stderr}`);
  return Number(stdout);
}

async function measure(rounds: number): Promise<void> {
  const modules = await compileModules();
  const bare = new BareLoops(modules);
  const profile = wideMachine();
  const loops = new Map(cpuCounts.concat(manyCpus).map((cpus) => [cpus, new SimulatedLoops(modules, profile, cpus)]));
  const real = await realCase(manyCpus);
  const series = new Map<string, Measured[]>();
  for (let round = -warmUpRounds; round < rounds; round++) {
    const keep = (name: string, one: Measured): void => {
      if (round < 0) return;
      const all = series.get(name);
      if (all === undefined) series.set(name, [one]);
      else all.push(one);
    };
    keep("bare", bare.measure(accessesAtOnce * 4));
    for (const [cpus, machine] of loops) {
      keep(`contended ${cpus}`, machine.measure(loopContended, accessesAtOnce));
      keep(`own ${cpus}`, machine.measure(loopOwn, accessesAtOnce * 4));
    }
    keep("real", await real());
  }
  const of = (name: string): readonly Measured[] => series.get(name) as readonly Measured[];
  const middle = (name: string, rate: (one: Measured, round: number) => number): number => median(of(name).map(rate));
  const accessRate = (name: string): number => middle(name, ({ accesses, ms }) => millionsPerS(accesses, ms));
  const suspensionRate = (name: string): number => middle(name, ({ suspensions, ms }) => millionsPerS(suspensions, ms));
  const bareShare = (name: string): number =>
    middle(
      name,
      ({ suspensions, ms }, round) => suspensions / ms / (of("bare")[round]!.suspensions / of("bare")[round]!.ms),
    );
  const accessShare = (name: string): number =>
    middle(name, ({ accesses, ms }, round) => accesses / ms / (of("bare")[round]!.suspensions / of("bare")[round]!.ms));

  process.stdout.write(
    `${process.version} ${process.execArgv.join(" ")}, ${rounds} rounds, ${availableParallelism()} x ` +
      `${hostCpus()[0]?.model ?? "unknown CPU"}, ${new Date().toISOString().slice(0, 10)}\n\n`,
  );
  const rowOf = (what: string, name: string): string[] => [
    what,
    accessRate(name).toFixed(1),
    suspensionRate(name).toFixed(2),
    middle(name, ({ accesses, suspensions }) => accesses / suspensions).toFixed(2),
    `${(100 * bareShare(name)).toFixed(0)} %`,
    `${(100 * accessShare(name)).toFixed(0)} %`,
  ];
  process.stdout.write(
    table([
      [
        "what",
        "M accesses/s",
        "M suspensions/s",
        "accesses per suspension",
        "suspensions, of bare",
        "accesses, of bare",
      ],
      rowOf("bare suspend and resume", "bare"),
      rowOf(`${manyCpus} CPUs add to one cell`, `contended ${manyCpus}`),
      rowOf(`${manyCpus} CPUs rarely meet`, `own ${manyCpus}`),
      rowOf(`rwsem, cgroups-4000 with 100 cgroups, ${manyCpus} CPUs, everything included`, "real"),
    ]),
  );
  const nsOf = (name: string): number => middle(name, ({ accesses, ms }) => (ms * 1e6) / accesses);
  process.stdout.write(
    table([
      ["CPUs", "contended, ns per access", "per suspension", "rarely meet, ns per access", "per suspension"],
      ...cpuCounts.map((cpus) => [
        String(cpus),
        ...["contended", "own"].flatMap((kind) => [
          nsOf(`${kind} ${cpus}`).toFixed(1),
          middle(`${kind} ${cpus}`, ({ suspensions, ms }) => (ms * 1e6) / suspensions).toFixed(1),
        ]),
      ]),
    ]),
  );
  process.stdout.write(
    table([
      ["CPUs", "memory of rwsem, cgroups-4000 with 500 cgroups, MiB"],
      ...[1, 24, 96].map((cpus) => [String(cpus), caseMiB(cpus).toFixed(0)]),
    ]),
  );
}

/** A field of /proc/self/status in kB. */
function statusOf(field: string): number {
  const value = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  if (value === undefined) throw new Error(`/proc/self/status has no ${field}`);
  return Number(value);
}

/** Runs one case, for its memory. */
async function runCase(cpus: number): Promise<void> {
  const core = new WebAssembly.Module((await compileSimulatorCore()).wasm);
  const compiled = await compileModule({
    problem: "shrinker",
    variant: "rwsem",
    machine: "simulated",
    constants: { LAB_HZ: 1000 },
  });
  const workload = createWorkload("cgroups-4000", { cgroups: 500 }, 1);
  // Has Linux forget the peak so far, which is that of the compiler.
  writeFileSync("/proc/self/clear_refs", "5");
  const before = statusOf("VmRSS");
  await simulateProblem(shrinker, {
    core,
    compiled,
    workload,
    profile: loadProfile("xeon-8260-2s"),
    cpus,
    virtualMs: 1,
  });
  process.stdout.write(String((statusOf("VmHWM") - before) / 1024));
}

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "15" }, case: { type: "string" }, help: { type: "boolean" } },
});
const rounds = Number(values.rounds);
if (values.help || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(usage);
  process.exitCode = values.help ? 0 : 2;
} else if (values.case !== undefined) await runCase(Number(values.case));
else await measure(rounds);
