// `reclaim-bench baseline`: saves, shows and removes what comparisons are held against.

import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { interfaceOf } from "../build/interface.ts";
import { InputError } from "../errors.ts";
import { type Baseline, BaselineStore, type CodeOfModule, type StoredBaseline } from "../records/baseline.ts";
import { readRecords } from "../records/csv.ts";
import { readEnvironment } from "../records/environment.ts";
import { type Run, readRun, runFile } from "../records/run-file.ts";
import { gateVariants } from "./gate-variants.ts";
import type { Io } from "./io.ts";
import { compileAll } from "./modules.ts";
import { withinBounds } from "./options.ts";
import { listOf, prepare, recordedOptions } from "./run.ts";
import { checkWritable } from "./writable.ts";

/** The name of a baseline when the user gives none. */
export const defaultBaseline = "main";

/** The baselines of a folder that holds `results/`. */
export function storeIn(out: string): BaselineStore {
  return new BaselineStore(path.join(out, "results", "baseline"));
}

/** The folder of a run that is named by its path, or by its id in `results/`. */
export function runFolderOf(run: string, out: string): string {
  const inResults = path.join(out, "results", run);
  const isPath = existsSync(path.join(run, runFile)) || !existsSync(path.join(inResults, runFile));
  return isPath ? run : inResults;
}

/** The newest complete run in `results/` that measured all that it was told to: those of comparisons leave out what is timed. */
export async function newestRun(out: string): Promise<string> {
  const results = path.join(out, "results");
  // Sorted as texts, runs are sorted by time.
  const names = existsSync(results) ? readdirSync(results).sort().reverse() : [];
  for (const name of names) {
    const folder = path.join(results, name);
    if (!existsSync(path.join(folder, runFile))) continue;
    const { state, command } = await readRun(folder);
    if (state === "complete" && /^reclaim-bench run\b/.test(command)) return folder;
  }
  throw new InputError(`no complete run in ${results}; measure one with: reclaim-bench run`);
}

/**
 * Compiles the code that goes with a run.
 *
 * @throws {InputError} when the sources are not those of the run: its numbers would be of other code
 */
async function codeOf(run: Run, io: Io): Promise<CodeOfModule[]> {
  const problems = listOf(run, "problems");
  const { run: now } = await prepare(problems, recordedOptions(run, { out: ".", json: false }), run.command, io);
  const keyOf = (one: Run["modules"][number]): string => `${one.problem} ${one.variant}, ${one.machine}`;
  const present = new Map(now.modules.map((one) => [keyOf(one), one.wasmSha256]));
  const changed = run.modules.find((one) => present.get(keyOf(one)) !== one.wasmSha256);
  if (changed !== undefined) {
    throw new InputError(
      `run ${run.runId}: the sources of ${keyOf(changed)}, have changed since it was measured; measure again, then save`,
    );
  }
  const planned = problems.flatMap((problem) => gateVariants(problem).map((variant) => ({ problem, variant })));
  const sources = planned.map(({ problem, variant: { name, constants } }) => ({
    ...{ problem, variant: name, constants },
    machine: "native" as const,
  }));
  const moduleOf = await compileAll(sources, io);
  return planned.map(({ problem, variant: { id, parameters, skipWhenEmpty, isFloor } }, index) => {
    const { wasm } = moduleOf(sources[index]!);
    const interfaceSha256 = interfaceOf(problem, wasm);
    return { problem, variant: id, parameters, skipWhenEmpty, isFloor, interfaceSha256, wasm };
  });
}

export interface SaveOptions {
  readonly name: string;
  readonly force: boolean;
  readonly out: string;
}

/** `baseline save`. */
export async function saveBaseline(run: string | undefined, options: SaveOptions, io: Io): Promise<number> {
  const { name, force, out } = options;
  const store = storeIn(out);
  await checkWritable(out);
  const folder = run === undefined ? await newestRun(out) : runFolderOf(run, out);
  const savedAt = io.clock().toISOString();
  const { baseline } = await store.save(name, folder, (saved) => codeOf(saved, io), { savedAt, force });
  const { modules, bytes } = codeSize(store, baseline);
  io.write(
    `baseline ${name}: run ${baseline.runId}, ${modules} modules (${kibibytes(bytes)}), in ${store.folderOf(name)}\n`,
  );
  return 0;
}

/** Distinct modules of a baseline, and their bytes. */
function codeSize(store: BaselineStore, { modules }: Baseline): { readonly modules: number; readonly bytes: number } {
  const files = new Set(modules.map((module) => store.moduleFile(module)));
  return { modules: files.size, bytes: [...files].reduce((sum, file) => sum + statSync(file).size, 0) };
}

function kibibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}

/** `baseline list`: a line for each, also for those that are damaged. */
export async function listBaselines({ out }: { readonly out: string }, io: Io): Promise<number> {
  const store = storeIn(out);
  const names = await store.names();
  if (names.length === 0) io.write("no baselines; save one with: reclaim-bench baseline save\n");
  for (const name of names) {
    const line = await store.read(name).then(
      ({ baseline, run }) => `saved ${baseline.savedAt}, run ${run.runId}: ${listOf(run, "problems").join(", ")}`,
      (error: unknown) => {
        if (!(error instanceof InputError)) throw error;
        return error.message;
      },
    );
    io.write(`${name}  ${line}\n`);
  }
  return 0;
}

async function countExact({ records }: StoredBaseline): Promise<{ readonly rows: number; readonly exact: number }> {
  const counts = { rows: 0, exact: 0 };
  for await (const { assume } of readRecords(records)) {
    counts.rows += 1;
    if (assume === "exact") counts.exact += 1;
  }
  return counts;
}

/** `baseline show`. Reads all of it, so that damage is found. */
export async function showBaseline(name: string, { out }: { readonly out: string }, io: Io): Promise<number> {
  const store = storeIn(out);
  const stored = await store.read(name);
  const { baseline, run, folder } = stored;
  const { rows, exact } = await countExact(stored);
  const { modules, bytes } = codeSize(store, baseline);
  const { id, cpuModel, coreCount, node, commit } = run.environment;
  const isHere = (await readEnvironment()).id === id;
  const lines = [
    ["baseline", `${name}, saved ${baseline.savedAt}, in ${folder}`],
    ["run", `${run.runId}, seed ${run.seed}: ${run.command}`],
    ["revision", commit === "" ? "unknown" : commit],
    [
      "machine",
      `${id}${isHere ? ", this one" : ", another one"}: ${cpuModel ?? "unknown CPU"}, ${coreCount} CPUs, Node.js ${node}`,
    ],
    ["records", `${rows} rows, ${exact} of them exact`],
    ["code", `${modules} modules (${kibibytes(bytes)}) of ${baseline.modules.length} variants`],
  ] as const;
  for (const [key, text] of lines) io.write(`${key.padEnd(10)}${text}\n`);
  return 0;
}

export interface PruneOptions {
  readonly name: readonly string[];
  readonly keep?: string;
  readonly out: string;
}

/** `baseline prune`: removes baselines that are named or old, and the modules that none needs any more. */
export async function pruneBaselines({ name: named, keep, out }: PruneOptions, io: Io): Promise<number> {
  const store = storeIn(out);
  const removed = new Set<string>(named);
  for (const name of named) {
    if (!store.has(name)) throw new InputError(`--name ${name}: no such baseline`);
  }
  if (keep !== undefined) {
    const kept = withinBounds("--keep", keep, Number.MAX_SAFE_INTEGER, 0);
    const others = (await store.names()).filter((name) => name !== defaultBaseline && !removed.has(name));
    const read = await Promise.all(others.map(async (name) => (await store.read(name)).baseline));
    const newestFirst = read.sort((one, other) => Date.parse(other.savedAt) - Date.parse(one.savedAt));
    for (const { name } of newestFirst.slice(kept)) removed.add(name);
  }
  for (const name of removed) {
    await store.remove(name);
    io.write(`removed baseline ${name}\n`);
  }
  const { modules, bytes } = await store.removeUnnamed();
  io.write(`removed ${modules} modules that no baseline names (${kibibytes(bytes)})\n`);
  return 0;
}
