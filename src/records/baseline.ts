// Baselines: what a later comparison is held against. Each is the records of a run and the code that it measured, so that the
// code can be timed again beside the candidate's, on whatever machine there is. Modules are kept under the hash of their
// content, once for all baselines.

import { createHash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, readdirSync, renameSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { z } from "zod";
import { InputError } from "../errors.ts";
import { renameForGood, writeJsonFile } from "./atomic-file.ts";
import { readRecords, recordsFile, recordsFileOf } from "./csv.ts";
import { readJsonFile } from "./json-file.ts";
import { type Run, readRun, runFile } from "./run-file.ts";

/** Name of the file that makes a folder a baseline. */
export const baselineFile = "baseline.json";
/** Folder of the modules of all baselines. */
const modulesFolder = "modules";
const answersFile = "answers.json";

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal digits");

const moduleSchema = z.strictObject({
  problem: z.string(),
  /** The variant's id. */
  variant: z.string(),
  /** Every parameter, defaults and those of the suite included. */
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  skipWhenEmpty: z.boolean(),
  isFloor: z.boolean(),
  /** Of what the module shares with its host: with another host it cannot be timed. */
  interfaceSha256: sha256Schema,
  /** Of the native form, and its file's name. */
  wasmSha256: sha256Schema,
});

export const baselineSchema = z.strictObject({
  schemaVersion: z.literal(1),
  name: z.string(),
  savedAt: z.iso.datetime(),
  runId: z.string(),
  /** Of the table's text: a table that lost whole lines reads well. Absent in baselines that were saved before there was one. */
  recordsSha256: sha256Schema.optional(),
  modules: z.array(moduleSchema),
});

export type Baseline = z.infer<typeof baselineSchema>;
export type BaselineModule = z.infer<typeof moduleSchema>;

/** A module to be saved, with its code. */
export type CodeOfModule = Omit<BaselineModule, "wasmSha256"> & { readonly wasm: Uint8Array };

/** A baseline that was read and found whole. */
export interface StoredBaseline {
  readonly folder: string;
  readonly baseline: Baseline;
  readonly run: Run;
  /** The table; read it with `readRecords`. */
  readonly records: string;
}

/** @throws {InputError} for a name that cannot be a folder's */
function checkName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw new InputError(`baseline '${name}': the name must be letters, digits, dots, hyphens and underscores`);
  }
  if (name === modulesFolder)
    throw new InputError(`baseline '${name}': the name is taken by the folder of the modules`);
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Of a place where nothing may be written. */
const forbiddenCodes: ReadonlySet<string> = new Set(["EROFS", "EACCES", "EPERM"]);

/** The baselines in a folder. */
export class BaselineStore {
  readonly #folder: string;

  /** @param folder such as `results/baseline`; made when something is saved */
  constructor(folder: string) {
    this.#folder = folder;
  }

  folderOf(name: string): string {
    checkName(name);
    return path.join(this.#folder, name);
  }

  /** Whether there is a baseline of that name, be it damaged. */
  has(name: string): boolean {
    this.#putBack();
    return existsSync(this.folderOf(name));
  }

  /** Gives a baseline its name again that somebody was replacing when the plug was pulled: it is the only one of that name. */
  #putBack(): void {
    for (const entry of existsSync(this.#folder) ? readdirSync(this.#folder) : []) {
      const [, name] = /^\.(.+)\.[0-9a-f]{12}\.tmp\.old\.tmp$/.exec(entry) ?? [];
      if (name === undefined || existsSync(this.folderOf(name))) continue;
      try {
        renameSync(path.join(this.#folder, entry), this.folderOf(name));
      } catch (error) {
        const { code = "" } = error as NodeJS.ErrnoException;
        if (forbiddenCodes.has(code)) {
          throw new InputError(
            `baseline '${name}': a save was interrupted, and ${path.join(this.#folder, entry)} cannot be given its name again (${code}); rename it, or make ${this.#folder} writable`,
          );
        }
        // Another process may have done the same meanwhile.
        if (!existsSync(this.folderOf(name))) throw error;
      }
    }
  }

  moduleFile(module: Pick<BaselineModule, "wasmSha256">): string {
    return path.join(this.#folder, modulesFolder, `${module.wasmSha256}.wasm`);
  }

  /** Names of all baselines, sorted, damaged ones included. */
  async names(): Promise<string[]> {
    if (!existsSync(this.#folder)) return [];
    this.#putBack();
    const entries = await readdir(this.#folder, { withFileTypes: true });
    // What begins with a dot is being written, or was when somebody pulled the plug.
    const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
    return folders.flatMap(({ name }) => (name === modulesFolder ? [] : name)).sort();
  }

  /**
   * Reads a baseline and checks that all of it is what was saved. What its records say is checked as they are read.
   *
   * @throws {InputError} when there is none, or a part of it is missing, damaged or of another version
   */
  async read(name: string): Promise<StoredBaseline> {
    const folder = this.folderOf(name);
    if (!this.has(name)) {
      const names = await this.names();
      const known = names.length === 0 ? `none in ${this.#folder}` : `there are: ${names.join(", ")}`;
      throw new InputError(
        `baseline '${name}': no such baseline; ${known}; save one with: reclaim-bench baseline save`,
      );
    }
    const file = path.join(folder, baselineFile);
    const baseline = await readJsonFile(file, baselineSchema);
    const run = await readRun(folder);
    if (baseline.name !== name) throw new InputError(`${file}: is of baseline '${baseline.name}'; it was moved here`);
    if (baseline.runId !== run.runId) {
      throw new InputError(`${file}: names run ${baseline.runId}, and ${runFile} beside it is of run ${run.runId}`);
    }
    const records = path.join(folder, recordsFile);
    await checkTable(records, baseline.recordsSha256);
    for (const module of baseline.modules) await this.#checkModule(module);
    return { folder, baseline, run, records };
  }

  async #checkModule(module: BaselineModule): Promise<void> {
    const file = this.moduleFile(module);
    const content = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      const reason = error.code === "ENOENT" ? "no such file" : `cannot be read (${error.code})`;
      throw new InputError(`${file}: ${reason}; it is the code of ${module.problem} ${module.variant}`);
    });
    if (sha256(content) !== module.wasmSha256) {
      throw new InputError(
        `${file}: damaged, its content is not what its name says; it is the code of ${module.problem} ${module.variant}`,
      );
    }
  }

  /**
   * Saves a run as a baseline. It takes its place only when all of it is written and was read again.
   *
   * @param runFolder that of a complete run, without failed cases
   * @param modulesOf called when the run was found whole
   * @param force replaces a baseline of that name
   * @throws {InputError} when there is one and `force` is not given, or the run is not whole; what was there stays
   */
  async save(
    name: string,
    runFolder: string,
    modulesOf: (run: Run) => Promise<readonly CodeOfModule[]>,
    { savedAt, force }: { readonly savedAt: string; readonly force: boolean },
  ): Promise<StoredBaseline> {
    const folder = this.folderOf(name);
    if (this.has(name) && !force) {
      throw new InputError(`baseline '${name}': there is one in ${folder}; replace it with --force`);
    }
    const run = await readRun(runFolder);
    checkWhole(run);
    await checkRecords(run, path.join(runFolder, recordsFile));
    const modules = await modulesOf(run);
    await mkdir(path.join(this.#folder, modulesFolder), { recursive: true });
    const temporary = path.join(this.#folder, `.${name}.${randomBytes(6).toString("hex")}.tmp`);
    await mkdir(temporary);
    try {
      await copyFile(path.join(runFolder, runFile), path.join(temporary, runFile));
      const answers = path.join(runFolder, answersFile);
      if (existsSync(answers)) await copyFile(answers, path.join(temporary, answersFile));
      const recordsSha256 = await copyRecords(path.join(runFolder, recordsFile), path.join(temporary, recordsFile));
      const saved: BaselineModule[] = [];
      for (const { wasm, ...about } of modules) {
        const module = { ...about, wasmSha256: sha256(wasm) };
        await this.#keepModule(module, wasm);
        saved.push(module);
      }
      const baseline: Baseline = { schemaVersion: 1, name, savedAt, runId: run.runId, recordsSha256, modules: saved };
      await writeJsonFile(path.join(temporary, baselineFile), baselineSchema.parse(baseline));
      await replaceFolder(temporary, folder);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
    return await this.read(name);
  }

  /** Writes a module's file, unless it is there and whole. */
  async #keepModule(module: BaselineModule, wasm: Uint8Array): Promise<void> {
    const file = this.moduleFile(module);
    if (existsSync(file) && sha256(await readFile(file)) === module.wasmSha256) return;
    const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      await writeFile(temporary, wasm, { flush: true });
      await renameForGood(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Removes a baseline; its modules are removed by {@link removeUnnamed}. */
  async remove(name: string): Promise<void> {
    await rm(this.folderOf(name), { recursive: true });
  }

  /**
   * Removes modules that no baseline names, and what an interrupted save has left.
   *
   * @returns how many modules went, and their bytes
   * @throws {InputError} when a baseline cannot be read: it may name any of them
   */
  async removeUnnamed(): Promise<{ readonly modules: number; readonly bytes: number }> {
    const named = new Set<string>();
    for (const name of await this.names()) {
      const { modules } = await readJsonFile(path.join(this.folderOf(name), baselineFile), baselineSchema);
      for (const module of modules) named.add(path.basename(this.moduleFile(module)));
    }
    const removed = { modules: 0, bytes: 0 };
    const folder = path.join(this.#folder, modulesFolder);
    for (const name of existsSync(folder) ? await readdir(folder) : []) {
      if (named.has(name)) continue;
      const file = path.join(folder, name);
      removed.modules += 1;
      removed.bytes += (await stat(file)).size;
      await rm(file);
    }
    for (const name of existsSync(this.#folder) ? await readdir(this.#folder) : []) {
      if (/^\..*\.tmp$/.test(name)) await rm(path.join(this.#folder, name), { recursive: true });
    }
    return removed;
  }
}

/** @throws {InputError} for a run of which a part is missing */
function checkWhole(run: Run): void {
  if (run.state !== "complete") {
    throw new InputError(`run ${run.runId}: it is incomplete; finish it with: reclaim-bench run --resume ${run.runId}`);
  }
  const failed = run.cases.filter(({ state }) => state === "failed");
  const [first] = failed;
  if (first === undefined) return;
  throw new InputError(
    `run ${run.runId}: ${failed.length} of its cases failed, so it cannot be a baseline; the first: ${first.id}: ${first.error ?? ""}`,
  );
}

/**
 * Copies a table, compressed, and reads the copy again.
 *
 * @returns hash of its text
 */
async function copyRecords(from: string, to: string): Promise<string> {
  const source = recordsFileOf(from);
  const target = createWriteStream(`${to}.gz`, { flush: true });
  if (source === from) await pipeline(createReadStream(source), createGzip({ level: 9 }), target);
  else await pipeline(createReadStream(source), target);
  const hash = await hashOfTable(to);
  if ((await hashOfTable(from)) !== hash) throw new Error(`${to}.gz: is not what was written`);
  return hash;
}

/** @throws {InputError} when a baseline's table is missing, damaged, or not the only one */
async function checkTable(records: string, expected: string | undefined): Promise<void> {
  const file = `${records}.gz`;
  if (!existsSync(file)) throw new InputError(`${file}: no such file`);
  // It would be read in the place of the other.
  if (existsSync(records)) throw new InputError(`${records}: is not the baseline's, whose table is ${file}; remove it`);
  const found = await hashOfTable(records).catch((error: NodeJS.ErrnoException) => {
    if (error.code?.startsWith("Z_")) throw new InputError(`${file}: a damaged gzip file: ${error.message}`);
    throw new InputError(`${file}: cannot be read (${error.code ?? error.message})`);
  });
  if (expected !== undefined && found !== expected) {
    throw new InputError(`${file}: damaged, its content is not what was saved`);
  }
}

/** Hash of a table's text. */
async function hashOfTable(table: string): Promise<string> {
  const file = recordsFileOf(table);
  const hash = createHash("sha256");
  if (file === table) await pipeline(createReadStream(file), hash);
  else await pipeline(createReadStream(file), createGunzip(), hash);
  return hash.digest("hex");
}

/** @throws {InputError} when the table is damaged, or holds rows of another run or none */
async function checkRecords(run: Run, records: string): Promise<void> {
  const problems = new Set(run.modules.map(({ problem }) => problem));
  const seen = new Set<string>();
  for await (const row of readRecords(records)) {
    checkOfRun(run, row, records);
    if (!problems.has(row.problem)) {
      throw new InputError(`${records}: has a row of problem '${row.problem}', of which the run has no module`);
    }
    seen.add(row.problem);
  }
  const missing = [...problems].find((problem) => !seen.has(problem));
  if (missing !== undefined) throw new InputError(`run ${run.runId}: its records have no row of problem '${missing}'`);
}

/** @throws {InputError} when a row is of another run, or of another machine, than `run.json` beside it says */
export function checkOfRun(
  run: Run,
  row: { readonly run_id: string; readonly environment_id: string },
  records: string,
): void {
  if (row.run_id !== run.runId) {
    throw new InputError(`${records}: has a row of run '${row.run_id}' among those of run ${run.runId}`);
  }
  if (row.environment_id !== run.environment.id) {
    throw new InputError(
      `${records}: has a row of machine '${row.environment_id}'; all of run ${run.runId} were measured on ${run.environment.id}`,
    );
  }
}

/** Puts a whole folder in the place of another one, which is gone only when the new one is there. */
async function replaceFolder(whole: string, place: string): Promise<void> {
  const before = `${whole}.old.tmp`;
  const replaces = existsSync(place);
  if (replaces) await rename(place, before);
  try {
    await renameForGood(whole, place);
  } catch (error) {
    // Another process that looked meanwhile has put it back already.
    if (replaces) {
      await rename(before, place).catch((undone: NodeJS.ErrnoException) => {
        if (undone.code !== "ENOENT") throw undone;
      });
    }
    throw error;
  }
  if (replaces) await rm(before, { recursive: true });
}
