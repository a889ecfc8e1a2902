// `reclaim-bench doctor --study`: what the native gate finds on this machine, and what it raises false alarms about. The same
// code is compared with itself many times, then with code that really is slower, as the gate does it; every process is kept,
// so that a study that was stopped goes on.

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { z } from "zod";
import { gate } from "../../bench/gate.ts";
import { type MachineFloor, machineFloorFile, studyFolder } from "../compare/machine-floor.ts";
import { processesOf } from "../compare/native.ts";
import { floorsOf, Resampler, resampleEffect, resampleFamilies, type Study, summariseSame } from "../compare/study.ts";
import { InputError, StoppedError } from "../errors.ts";
import { watchMachine } from "../native/machine-watch.ts";
import { gateRounds } from "../plan/gate.ts";
import { writeJsonFile, writeTextFile } from "../records/atomic-file.ts";
import { readEnvironment } from "../records/environment.ts";
import { readJsonFile } from "../records/json-file.ts";
import { StudyLog } from "../records/study-log.ts";
import { renderStudy } from "../report/study.ts";
import { checkSeed } from "../workloads/parameters.ts";
import { ModuleFiles } from "./compare-native.ts";
import type { Io } from "./io.ts";
import { integerOf, stoppedCode, withinBounds } from "./options.ts";
import { Progress } from "./progress.ts";
import { compareSame, compareSlowed, StudyBench } from "./study-bench.ts";
import { chooseCases, chooseSlowed, gateCases, type StudyCase, without } from "./study-cases.ts";
import { checkWritable } from "./writable.ts";

/** What the user may say. */
export interface StudyOptions {
  readonly comparisons: string;
  /** Pattern of names of rows. */
  readonly rows?: string;
  readonly injections: string;
  /** Pattern of names of rows that are slowed. */
  readonly inject?: string;
  readonly effects: string;
  readonly processes?: string;
  readonly rounds?: string;
  readonly families: string;
  readonly seed: string;
  readonly out: string;
  /** Folder of all results. */
  readonly results: string;
  readonly resume: boolean;
}

interface Wishes {
  readonly comparisons: number;
  readonly injections: number;
  readonly families: number;
  readonly effects: readonly number[];
  /** Null for as many as the gate has. */
  readonly processes: number | null;
  readonly rounds: number;
  readonly seed: number;
}

function readEffects(text: string): number[] {
  const effects = text.split(",").map((part) => Number(part.trim() === "" ? Number.NaN : part));
  if (effects.every((effect) => effect >= 0.001 && effect <= 0.5)) return [...new Set(effects)].sort((a, b) => a - b);
  throw new InputError(`--effects ${text}: must be shares from 0.001 to 0.5, such as 0.03,0.05`);
}

function readWishes(options: StudyOptions): Wishes {
  const { processes, rounds } = options;
  return {
    comparisons: withinBounds("--comparisons", options.comparisons, 100_000),
    injections: withinBounds("--injections", options.injections, 100_000, 0),
    families: withinBounds("--families", options.families, 1_000_000),
    effects: readEffects(options.effects),
    // With fewer no interval at 95 % exists.
    processes: processes === undefined ? null : withinBounds("--processes", processes, 1000, 6),
    rounds: rounds === undefined ? gateRounds : withinBounds("--rounds", rounds, gateRounds),
    seed: checkSeed(integerOf("--seed", options.seed)),
  };
}

/** What makes a study; one that goes on must be told the same. */
const planSchema = z.strictObject({
  schemaVersion: z.literal(1),
  environmentId: z.string(),
  startedAt: z.iso.datetime(),
  /** Of every case of the gate. */
  processes: z.int().min(1),
  rounds: z.int().min(1),
  seed: z.int().min(0),
  /** By case: whoever measures other code makes another study. */
  modules: z.record(z.string(), z.string()),
});

type Plan = z.infer<typeof planSchema>;

/** Begins a study, or takes one up. */
async function openPlan(folder: string, wanted: Plan, isResumed: boolean): Promise<Plan> {
  const file = path.join(folder, "study.json");
  if (!existsSync(file)) {
    await mkdir(folder, { recursive: true });
    await writeJsonFile(file, wanted);
    return wanted;
  }
  if (!isResumed) throw new InputError(`${folder}: has a study of this machine; go on with --resume, or move it away`);
  const found = await readJsonFile(file, planSchema);
  const sameText = ({ startedAt: _, ...rest }: Plan): string => JSON.stringify(rest);
  if (sameText(found) !== sameText(wanted)) {
    const differing = (["processes", "rounds", "seed", "modules"] as const).filter(
      (key) => JSON.stringify(found[key]) !== JSON.stringify(wanted[key]),
    );
    throw new InputError(`${file}: the study was begun with other ${differing.join(", ")}; move it away`);
  }
  return found;
}

/** Draws for each effect that is a factor. */
const multipliedFamilies = 1000;

/** Measures all that the log lacks, and sums it up. */
async function performStudy(
  { all, chosen, toSlow }: { readonly [Name in "all" | "chosen" | "toSlow"]: readonly StudyCase[] },
  { log, files, sources }: { readonly log: StudyLog; readonly files: ModuleFiles; readonly sources: string },
  { processes, rounds, seed }: Plan,
  wishes: Wishes,
  io: Io,
  signal: AbortSignal,
): Promise<Pick<Study, "family" | "same" | "families" | "slowed" | "notSlowed" | "multiplied" | "times" | "floors">> {
  const { comparisons, injections, effects, families } = wishes;
  const comparisonsTotal = chosen.length * comparisons + toSlow.length * effects.length * injections;
  const firsts = gate.rows.map((gateRow) => all.find((one) => one.gateRow === gateRow)!);
  const progress = new Progress(io, { unitsTotal: firsts.length + comparisonsTotal * processes });
  const bench = new StudyBench(log, { rounds, seed }, progress, signal);
  try {
    progress.begin("study");
    const cost = { stage: "cost", steps: 0, comparison: 0, phase: "first" } as const;
    await bench.time(firsts, cost, 1);
    const secondsOf = ({ rows }: StudyCase): number => log.find({ ...cost, row: rows[0]!.name, process: 0 })!.seconds;
    const same = await compareSame(bench, chosen, comparisons, processes);
    const draw = new Resampler(new Map([...same].map(([row, { pool }]) => [row, pool])), seed);
    const family = all.flatMap(({ rows }) => rows.map(({ cpus }) => cpus));
    const { slowed, notSlowed } = await compareSlowed(
      bench,
      toSlow,
      { files, sources, draw },
      { family, processes, effects, injections },
    );
    progress.update(0, "resampling");
    const counts = [...new Set([...same.keys()].map(({ cpus }) => cpus))].sort((a, b) => a - b);
    return {
      family: family.length,
      same: [...same].map(([row, { verdicts, pool }]) => summariseSame(row, verdicts, pool)),
      families: resampleFamilies(draw, family, processes, families),
      ...{ slowed, notSlowed },
      multiplied: counts.flatMap((cpus) =>
        effects.map((effect) => {
          const rates = resampleEffect(draw, cpus, effect, without(family, cpus), processes, multipliedFamilies);
          return { cpus, effect, ...rates };
        }),
      ),
      times: firsts.map((first) => {
        const { problem, workload, cpus } = first.gateRow;
        const variants = all.filter(({ gateRow }) => gateRow === first.gateRow).length;
        const metrics = first.rows.map(({ metric }) => metric);
        return { problem, workload, cpus, variants, metrics, seconds: variants * secondsOf(first) };
      }),
      floors: floorsOf(new Map([...same].map(([row, { verdicts }]) => [row, verdicts.map(({ shift }) => shift)]))),
    };
  } finally {
    progress.clear();
  }
}

/**
 * Studies this machine.
 *
 * @param command the command line, for the page
 * @returns exit code
 * @throws {InputError} for wrong options, and a study that is there already or does not fit
 */
export async function doctorStudy(
  options: StudyOptions,
  command: string,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  const wishes = readWishes(options);
  const { rounds, seed } = wishes;
  const { out, results, resume } = options;
  await checkWritable(path.dirname(path.resolve(out)), out);
  const environment = await readEnvironment();
  const folder = studyFolder(results, environment.id);
  await checkWritable(folder, results, "--results");
  const files = await ModuleFiles.open(io);
  const sources = await mkdtemp(path.join(os.tmpdir(), "reclaim-bench-slowed-"));
  try {
    const all = await gateCases(files);
    const chosen = chooseCases(all, options.rows);
    const toSlow = wishes.injections === 0 ? [] : chooseSlowed(chosen, options.inject);
    const family = all.flatMap(({ rows }) => rows).length;
    const wanted: Plan = {
      ...{ schemaVersion: 1, environmentId: environment.id, startedAt: io.clock().toISOString() },
      ...{ processes: wishes.processes ?? processesOf(family), rounds, seed },
      modules: Object.fromEntries(all.map(({ rows, what }) => [rows[0]!.name, what.base.sha256])),
    };
    const plan = await openPlan(folder, wanted, resume);
    const log = await StudyLog.open(path.join(folder, "processes.csv"));
    const watch = await watchMachine();
    const found = await performStudy({ all, chosen, toSlow }, { log, files, sources }, plan, wishes, io, signal);
    const finishedAt = io.clock().toISOString();
    const { processes, startedAt } = plan;
    const study: Study = {
      ...{ startedAt, finishedAt, command, environment, processes, rounds, seed, ...found },
      ...{ loadPerCore: watch.loadPerCore, stealShare: await watch.stealShare() },
    };
    const { loadPerCore, stealShare } = study;
    const isTrusted = (loadPerCore ?? 0) <= watch.limits.loadPerCore && (stealShare ?? 0) <= watch.limits.stealShare;
    const isLikeTheGate = processes >= processesOf(family) && rounds >= gateRounds;
    if (study.floors.length > 0 && !(isTrusted && isLikeTheGate)) {
      io.warn(
        `reclaim-bench: comparisons do not take over the floor: ${isTrusted ? "the gate has more processes or rounds" : "the machine was not to be trusted"}\n`,
      );
    } else if (study.floors.length > 0) {
      const { floors } = study;
      const floor: MachineFloor = {
        ...{ schemaVersion: 1, environmentId: environment.id, studiedAt: finishedAt, processes, floors },
      };
      await writeJsonFile(machineFloorFile(results, environment.id), floor);
    }
    await mkdir(path.dirname(path.resolve(out)), { recursive: true });
    await writeTextFile(out, renderStudy(study));
    io.write(`records ${folder}\npage    ${out}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    io.warn("reclaim-bench: stopped; go on with the same options and --resume\n");
    return stoppedCode;
  } finally {
    await files.close();
    await rm(sources, { recursive: true });
  }
}
