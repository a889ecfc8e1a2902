// Where a check's report goes: to standard output, to a file, or to a folder with a file for each format.

import { statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../errors.ts";
import { writeTextFile } from "../records/atomic-file.ts";
import { checkFormats } from "../report/check/formats.ts";
import type { CheckReport } from "../report/check/report.ts";
import type { Io } from "./io.ts";
import { checkWritable } from "./writable.ts";

/** A file to be written. */
interface Target {
  readonly format: string;
  readonly file: string;
}

export interface CheckOutput {
  /** Format of standard output. */
  readonly format: string;
  readonly targets: readonly Target[];
}

function isFolder(out: string): boolean {
  if (out.endsWith("/") || out.endsWith(path.sep)) return true;
  try {
    return statSync(out).isDirectory();
  } catch {
    // It does not exist yet, or cannot: whether it can be written is seen later.
    return false;
  }
}

/**
 * What to write where.
 *
 * @param formats in the order given; empty: what the file's name says, or every format in a folder
 * @throws {InputError} when formats and place do not go together, or the place cannot be written
 */
export async function planOutput(formats: readonly string[], out: string | undefined): Promise<CheckOutput> {
  if (out === undefined) {
    if (formats.length > 1) throw new InputError("--format: several go to files; name a folder for them with --out");
    return { format: formats[0] ?? "terminal", targets: [] };
  }
  const format = "terminal";
  if (isFolder(out)) {
    await checkWritable(out);
    const wanted = formats.length === 0 ? Object.keys(checkFormats) : formats;
    return {
      format,
      targets: wanted.map((name) => ({ format: name, file: path.join(out, `check.${checkFormats[name]!.extension}`) })),
    };
  }
  if (formats.length > 1)
    throw new InputError(`--out ${out}: is one file, and --format names ${formats.length} formats`);
  const extension = path.extname(out).slice(1);
  const named = formats[0] ?? Object.keys(checkFormats).find((name) => checkFormats[name]!.extension === extension);
  if (named === undefined) {
    const known = Object.values(checkFormats).map((one) => `.${one.extension}`);
    throw new InputError(`--out ${out}: name the format with --format, or end the name with ${known.join(", ")}`);
  }
  await checkWritable(path.dirname(path.resolve(out)), out);
  return { format, targets: [{ format: named, file: out }] };
}

/** Writes a report to all its places, and says where its files are. */
export async function writeOutput(report: CheckReport, { format, targets }: CheckOutput, io: Io): Promise<void> {
  io.write(checkFormats[format]!.render(report));
  for (const { format: name, file } of targets) {
    await mkdir(path.dirname(path.resolve(file)), { recursive: true });
    await writeTextFile(file, checkFormats[name]!.render(report));
    io.write(`report ${file}\n`);
  }
}
