// Where a comparison goes: its folder, its report, standard output, and the files that the user names.

import { existsSync, statSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Comparison, comparisonFile, comparisonSchema } from "../compare/comparison.ts";
import { InputError } from "../errors.ts";
import { writeJsonFile, writeTextFile } from "../records/atomic-file.ts";
import { readJsonFile } from "../records/json-file.ts";
import { compareFormats } from "../report/compare/formats.ts";
import type { Io } from "./io.ts";
import { checkWritable } from "./writable.ts";

export interface CompareOutput {
  /** Format of standard output. */
  readonly format: string;
  readonly targets: readonly { readonly format: string; readonly file: string }[];
}

/**
 * Reads `--format name[=file]`.
 *
 * @throws {InputError} for an unknown format, two different ones that go to the same place, or a file that cannot be written
 */
export async function planFormats(given: readonly string[]): Promise<CompareOutput> {
  const shown: string[] = [];
  const targets: { format: string; file: string }[] = [];
  for (const text of given) {
    const equals = text.indexOf("=");
    const format = equals < 0 ? text : text.slice(0, equals);
    if (!Object.hasOwn(compareFormats, format)) {
      throw new InputError(`--format ${format}: unknown; one of: ${Object.keys(compareFormats).join(", ")}`);
    }
    if (equals < 0) {
      if (!shown.includes(format)) shown.push(format);
      continue;
    }
    const file = text.slice(equals + 1);
    if (file === "" || file.endsWith("/")) throw new InputError(`--format ${text}: name a file after the equals sign`);
    const same = targets.find((one) => path.resolve(one.file) === path.resolve(file));
    // Who adds formats to those of a script may name one that is among them.
    if (same?.format === format) continue;
    if (same !== undefined) {
      throw new InputError(`--format ${text}: goes to the same file as --format ${same.format}=${same.file}`);
    }
    if (existsSync(file) && statSync(file).isDirectory()) throw new InputError(`--format ${text}: is a folder`);
    await checkWritable(path.dirname(path.resolve(file)), text, "--format");
    targets.push({ format, file });
  }
  if (shown.length > 1) {
    throw new InputError(
      `--format: ${shown.join(" and ")} cannot both go to standard output; name files for them: ${shown[1]}=FILE`,
    );
  }
  return { format: shown[0] ?? "terminal", targets };
}

/** Writes a file whole. What is no file, such as `/dev/stdout`, is written to, not replaced. */
async function writeTarget(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(path.resolve(file)), { recursive: true });
  if (existsSync(file) && !statSync(file).isFile()) await writeFile(file, text);
  else await writeTextFile(file, text);
}

/** Prints a comparison, writes its report beside the other reports and the files that the user named. */
export async function showComparison(
  comparison: Comparison,
  { format, targets }: CompareOutput,
  places: { readonly folder: string; readonly reports: string },
  io: Io,
): Promise<void> {
  const report = path.join(places.reports, `${comparison.id}.md`);
  await writeTarget(report, compareFormats.markdown!.render(comparison));
  for (const { format: name, file } of targets) await writeTarget(file, compareFormats[name]!.render(comparison));
  for (const name of new Set([format, ...targets.map((target) => target.format)])) {
    if (compareFormats[name]!.results?.(comparison) === 0) {
      io.warn(`reclaim-bench: --format ${name}: is without results, as nothing that it shows was compared\n`);
    }
  }
  io.write(compareFormats[format]!.render(comparison));
  // Other formats are read by programs.
  const tell = format === "terminal" ? io.write : io.warn;
  tell(`\nrecords ${places.folder}\nreport  ${report}\n`);
  for (const { file } of targets) tell(`report  ${file}\n`);
}

/** The folder of a comparison while it is made. It gets its name when it is whole. */
export class ComparisonFolder {
  /** Where to write. */
  readonly temporary: string;
  readonly #folder: string;

  constructor(results: string, id: string) {
    this.#folder = path.join(results, id);
    this.temporary = path.join(results, `.${id}.tmp`);
  }

  async open(): Promise<void> {
    await mkdir(this.temporary, { recursive: true });
  }

  /** @returns the folder */
  async finish(comparison: Comparison): Promise<string> {
    await writeJsonFile(path.join(this.temporary, comparisonFile), comparisonSchema.parse(comparison));
    await rename(this.temporary, this.#folder);
    return this.#folder;
  }

  /** Removes what was written. Harmless after {@link finish}. */
  async abandon(): Promise<void> {
    await rm(this.temporary, { recursive: true, force: true });
  }
}

/** Whether a folder is a comparison's. */
export function isComparison(folder: string): boolean {
  return existsSync(path.join(folder, comparisonFile));
}

/** @throws {InputError} when it is missing or damaged */
export function readComparison(folder: string): Promise<Comparison> {
  return readJsonFile(path.join(folder, comparisonFile), comparisonSchema);
}
