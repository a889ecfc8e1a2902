// The history of headline numbers: one CSV file for each problem, to which every run adds its rows. Rows are only ever added,
// so that the files can be kept under version control.

import { existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CsvError, type Info } from "csv-parse";
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { z } from "zod";
import { InputError } from "../errors.ts";
import { writeTextFile } from "./atomic-file.ts";
import { guardFormula, unguardFormula } from "./csv.ts";
import type { Environment } from "./environment.ts";

const text = z.string().transform(unguardFormula);
const word = z.string().min(1, "expected a text").transform(unguardFormula);

/** A row as it is read: every field is a text. */
const rowSchema = z.strictObject({
  /** Full hash of the revision that was measured. */
  commit: z.string().regex(/^[0-9a-f]{7,64}$/, "expected the hash of a commit"),
  /** When it was committed; where the checkout did not know, when the run began. */
  committed_at: z.iso.datetime("expected a time in UTC"),
  run_id: word,
  environment_id: word,
  /** {@link machineOf} the run's environment. Ratios of one series have it in common. */
  machine: word,
  problem: word,
  variant: word,
  workload: word,
  instrument: z.enum(["native", "traced", "simulator"]),
  cpus: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, "expected a whole number of at least 1")
    .transform(Number),
  /** Sorted `key=value` pairs of the case, the seed included. */
  parameters: text,
  metric: word,
  unit: text,
  better: z.enum(["lower", "higher", ""]),
  /** `sampled` ones are ratios to the reference variant in the same run. */
  assume: z.enum(["exact", "sampled"]),
  value: z
    .string()
    .regex(/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i, "expected a decimal number")
    .transform(Number)
    .refine(Number.isFinite, "expected a finite number"),
});

export type HistoryRow = z.infer<typeof rowSchema>;

/** The columns of the files, in order. */
export const historyColumns = Object.keys(rowSchema.shape) as (keyof HistoryRow)[];

/**
 * What ratios of one run depend on: processor, number of cores, and the compiler, which is that of the major version of Node.js.
 * Not the kernel, a patch of Node.js or the memory: both sides of a ratio have the same, and a series that began anew with each
 * of them would never be long enough.
 */
export function machineOf({ cpuModel, arch, coreCount, node }: Environment): string {
  const cores = coreCount === null ? [] : [coreCount === 1 ? "1 core" : `${coreCount} cores`];
  return [cpuModel ?? arch, ...cores, `Node.js ${node.split(".")[0]}`].join(", ");
}

const extension = ".csv";

/** One line instead of what the system says: a folder where a file should be, a file where a folder should be, no permission. */
async function plainly<Value>(place: string, action: Promise<Value>): Promise<Value> {
  try {
    return await action;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const isOther = { EISDIR: "is a folder, not a file", ENOTDIR: "is not a folder", EEXIST: "is not a folder" }[code];
    throw new InputError(`${place}: ${isOther ?? `cannot be used (${code})`}`);
  }
}

function rowOf(fields: readonly string[], where: string): HistoryRow {
  if (fields.length !== historyColumns.length) {
    throw new InputError(`${where}: ${fields.length} fields; each row has ${historyColumns.length}`);
  }
  const found = rowSchema.safeParse(Object.fromEntries(historyColumns.map((column, index) => [column, fields[index]])));
  if (found.success) return found.data;
  const { path: place, message } = found.error.issues[0]!;
  throw new InputError(`${where}: column '${String(place[0])}': ${message}`);
}

/** @throws {InputError} with file and line */
function parseFile(file: string, content: string): HistoryRow[] {
  if (content === "") throw new InputError(`${file}: damaged: it is empty`);
  // Half a line may look like a whole one with a smaller number.
  if (!content.endsWith("\n")) throw new InputError(`${file}: damaged: its last line is not whole`);
  let records: { record: string[]; info: Info }[];
  try {
    // The types do not know what `info` makes of a record.
    records = parse(content, { info: true, relax_column_count: true }) as never;
  } catch (error) {
    if (error instanceof CsvError) throw new InputError(`${file}:${error.lines}: not CSV: ${error.message}`);
    throw error;
  }
  const [header, ...rows] = records;
  if (header?.record.join() === historyColumns.filter((column) => column !== "machine").join()) {
    throw new InputError(
      `${file}: of an earlier version, without the column 'machine'; remove it and add its runs again`,
    );
  }
  if (header?.record.join() !== historyColumns.join()) {
    throw new InputError(`${file}:1: the columns are not ${historyColumns.join(",")}`);
  }
  const problem = path.basename(file, extension);
  return rows.map(({ record, info }) => {
    const row = rowOf(record, `${file}:${info.lines}`);
    if (row.problem === problem) return row;
    throw new InputError(`${file}:${info.lines}: column 'problem': '${row.problem}' is in the file of '${problem}'`);
  });
}

function fileOf(folder: string, problem: string): string {
  return path.join(folder, `${problem}${extension}`);
}

/**
 * Reads the rows of all problems, in the order in which they were added.
 *
 * @param folder such as `results/history`
 * @returns empty when there is no such folder
 * @throws {InputError} for a damaged file, with its line
 */
export async function readHistory(folder: string): Promise<HistoryRow[]> {
  if (!existsSync(folder)) return [];
  const names = (await plainly(folder, readdir(folder)))
    .filter((name) => name.endsWith(extension) && !name.startsWith("."))
    .sort();
  const rows: HistoryRow[] = [];
  for (const name of names) {
    const file = path.join(folder, name);
    for (const row of parseFile(file, await plainly(file, readFile(file, "utf8")))) rows.push(row);
  }
  return rows;
}

/**
 * Does something while nobody else adds to the folder: an addition reads what is there and replaces it, so that of two at the
 * same time one would be lost.
 *
 * @throws {InputError} when somebody else adds to it for longer than the patience, or died over it
 */
async function alone<Value>(folder: string, patienceMs: number, action: () => Promise<Value>): Promise<Value> {
  const lock = path.join(folder, ".lock");
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      await (await open(lock, "wx")).close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") return await plainly(lock, Promise.reject(error));
      if (performance.now() >= end) {
        throw new InputError(`${lock}: somebody else adds to this history; if nobody does, remove that file`);
      }
      await sleep(20);
    }
  }
  try {
    return await action();
  } finally {
    await rm(lock, { force: true });
  }
}

/**
 * Adds the rows of one run, a file at a time and each of them whole or not at all. A file that has the run already is left
 * as it is, so that what an interruption left undone is done by the next call.
 *
 * @param patienceMs for others that add at the same time
 * @returns the rows that were added
 * @throws {InputError} when all files have the run, or one is damaged; then nothing was written
 */
export async function appendHistory(
  folder: string,
  rows: readonly HistoryRow[],
  patienceMs = 10_000,
): Promise<HistoryRow[]> {
  await plainly(folder, mkdir(folder, { recursive: true }));
  return await alone(folder, patienceMs, async () => {
    const known = new Set((await readHistory(folder)).map(({ run_id, problem }) => `${run_id} ${problem}`));
    const added = rows.filter(({ run_id, problem }) => !known.has(`${run_id} ${problem}`));
    if (added.length === 0) throw new InputError(`run ${rows[0]?.run_id}: is in ${folder} already`);
    for (const problem of new Set(added.map((row) => row.problem))) {
      const file = fileOf(folder, problem);
      const before = existsSync(file) ? await readFile(file, "utf8") : `${historyColumns.join(",")}\n`;
      const own = added.filter((row) => row.problem === problem);
      const lines = stringify(own, { columns: historyColumns, cast: { string: guardFormula } });
      await plainly(file, writeTextFile(file, before + lines));
    }
    return added;
  });
}
