// Writes and reads `records.csv`, the long table of measured rows, without holding it in memory.
//
// A text that a spreadsheet would run as a formula (it begins with = + - @, a tab or a carriage return) is written
// with an apostrophe before it, and one that begins with an apostrophe with a second one, so that reading can take
// it off again. Numbers are never touched.

import { createReadStream, existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { CsvError, type Info, parse } from "csv-parse";
import { stringify } from "csv-stringify/sync";
import { InputError } from "../errors.ts";
import { renameForGood } from "./atomic-file.ts";
import { type MeasuredRow, recordColumns } from "./record.ts";

/** Name of the table in the folder of its run. Until it is whole it has `.partial` at its end. */
export const recordsFile = "records.csv";

/** What is at the end of the name of a table that is compressed, as a baseline's. */
const zippedEnd = ".gz";

/** Rows held before they go to the file: some 200 KB of text. */
const rowsPerWrite = 1000;

/**
 * Writes rows to `records.csv.partial`, which becomes `records.csv` when it is whole. Await each call before the
 * next one: that is also what keeps a fast producer from filling the memory.
 */
export class RecordWriter {
  readonly #folder: string;
  readonly #handle: FileHandle;
  #rows: MeasuredRow[] = [];
  #state: "open" | "failed" | "closed" = "open";

  private constructor(folder: string, handle: FileHandle) {
    this.#folder = folder;
    this.#handle = handle;
  }

  /**
   * Begins a table with its header.
   *
   * @param folder an existing folder
   * @throws {InputError} when the folder holds a table already, whole or partial: nothing is overwritten
   * @throws the system's error: folder missing, no permission, disk full
   */
  static async open(folder: string): Promise<RecordWriter> {
    const file = join(folder, recordsFile);
    for (const existing of [file, `${file}.partial`]) {
      if (existsSync(existing)) {
        throw new InputError(`${existing}: exists; choose another folder, or move the file away`);
      }
    }
    const writer = new RecordWriter(folder, await open(`${file}.partial`, "wx"));
    try {
      await writer.#append(`${recordColumns.join(",")}\n`);
    } catch (error) {
      await writer.abort();
      throw error;
    }
    return writer;
  }

  /**
   * Adds one row. It is kept, not copied, until it is written, so it must not be changed afterwards.
   *
   * @throws {RangeError} when a number is NaN or infinite: a missing value is `null`. The row is left out.
   * @throws the system's error: disk full. The writer then takes no more rows, and only `abort` is left.
   */
  async write(row: MeasuredRow): Promise<void> {
    this.#mustBeOpen();
    for (const [column, value] of Object.entries(row)) {
      if (typeof value === "number" && !Number.isFinite(value)) {
        throw new RangeError(`a row's '${column}' is ${value}; a missing value is null`);
      }
    }
    this.#rows.push(row);
    if (this.#rows.length >= rowsPerWrite) await this.flush();
  }

  /** Hands all rows so far to the operating system, so that the partial file ends with a whole case, for example. */
  async flush(): Promise<void> {
    this.#mustBeOpen();
    const rows = this.#rows;
    if (rows.length === 0) return;
    this.#rows = [];
    await this.#append(stringify(rows, { columns: recordColumns, cast: { string: guardFormula } }));
  }

  /**
   * Ends the table, forces it to disk and gives it its name.
   *
   * @returns path of the table
   * @throws {Error} after a failed write: the table lacks rows
   * @throws the system's error: disk full
   */
  async finish(): Promise<string> {
    await this.flush();
    const file = join(this.#folder, recordsFile);
    try {
      await this.#handle.sync();
    } catch (error) {
      this.#state = "failed";
      throw error;
    }
    this.#state = "closed";
    await this.#handle.close();
    await renameForGood(`${file}.partial`, file);
    return file;
  }

  /**
   * Closes the table as it is, under its partial name, with all rows so far. Harmless after `finish`. After a failed
   * write the rows of that write are lost, and the last line may be torn.
   *
   * @throws the system's error: disk full. The file is closed nevertheless.
   */
  async abort(): Promise<void> {
    if (this.#state === "closed") return;
    try {
      if (this.#state === "open") await this.flush();
    } finally {
      this.#state = "closed";
      await this.#handle.close();
    }
  }

  async #append(text: string): Promise<void> {
    try {
      await this.#handle.appendFile(text);
    } catch (error) {
      this.#state = "failed";
      throw error;
    }
  }

  #mustBeOpen(): void {
    if (this.#state !== "open")
      throw new Error(
        `${join(this.#folder, recordsFile)}: the writer ${this.#state === "failed" ? "has failed" : "is closed"}`,
      );
  }
}

/** The file that has a table: itself, or where there is only a compressed one, that. */
export function recordsFileOf(file: string): string {
  return !existsSync(file) && existsSync(file + zippedEnd) ? file + zippedEnd : file;
}

/**
 * Reads a table row by row, in its order, and checks every field. What {@link RecordWriter} wrote comes back equal,
 * except that -0 becomes 0.
 *
 * @param table where there is no such file, `<table>.gz` is read
 * @throws {InputError} with file, line and column: no such file, a damaged gzip, wrong columns, wrong number of fields, a
 *   number that is none, a word that is not one of the column's. Rows before it have been yielded by then.
 */
export async function* readRecords(table: string): AsyncGenerator<MeasuredRow> {
  const file = recordsFileOf(table);
  const parser = parse({ info: true, relax_column_count: true, record_delimiter: ["\n", "\r\n"] });
  // The loop below receives the error of any stream, and its end closes all.
  if (file.endsWith(zippedEnd)) pipeline(createReadStream(file), createGunzip(), parser, () => undefined);
  else pipeline(createReadStream(file), parser, () => undefined);
  let lines = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      // The parser counts up to a record's last line; a quoted field may have begun earlier.
      const where = `${file}:${lines + 1}`;
      if (lines === 0) checkHeader(record, where);
      else yield rowOf(record, where);
      lines = info.lines;
    }
  } catch (error) {
    throw asInputError(error, file);
  }
  if (lines === 0) throw new InputError(`${file}:1: no header; the file is empty`);
}

function asInputError(error: unknown, file: string): unknown {
  if (error instanceof CsvError) return new InputError(`${file}:${error.lines}: not CSV: ${error.message}`);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return new InputError(`${file}: no such file`);
  if (code?.startsWith("Z_")) return new InputError(`${file}: a damaged gzip file: ${(error as Error).message}`);
  return syscall === undefined ? error : new InputError(`${file}: cannot be read (${code})`);
}

function checkHeader(header: readonly string[], where: string): void {
  for (const [index, column] of recordColumns.entries()) {
    if (header[index] !== column) {
      const found = header[index] === undefined ? "missing" : `${shown(header[index])} stands in its place`;
      throw new InputError(`${where}: column '${column}': ${found}; the columns are ${recordColumns.join(",")}`);
    }
  }
  if (header.length > recordColumns.length) {
    throw new InputError(
      `${where}: column ${shown(header[recordColumns.length]!)}: unknown; the columns end before it`,
    );
  }
}

function rowOf(fields: readonly string[], where: string): MeasuredRow {
  if (fields.length !== recordColumns.length) {
    throw new InputError(`${where}: ${fields.length} fields; each row has ${recordColumns.length}`);
  }
  const row: Record<string, unknown> = {};
  for (const [index, column] of recordColumns.entries()) {
    const { parse, expected } = columns[column];
    const value = parse(fields[index]!);
    if (value === undefined) {
      throw new InputError(`${where}: column '${column}': ${shown(fields[index]!)} found; expected ${expected}`);
    }
    row[column] = value;
  }
  return row as unknown as MeasuredRow;
}

interface Column<Value> {
  /** `undefined` when the field has no such value. */
  parse(field: string): Value | undefined;
  readonly expected: string;
}

const text: Column<string> = { parse: unguardFormula, expected: "a text" };

const columns: { readonly [Name in keyof MeasuredRow]: Column<MeasuredRow[Name]> } = {
  run_id: text,
  commit: text,
  problem: text,
  variant: text,
  workload: text,
  instrument: oneOf(["native", "traced", "simulator", "checker"]),
  cpus: integer(1),
  parameters: text,
  process: integer(0),
  round: integer(0),
  metric: text,
  unit: text,
  better: oneOf(["lower", "higher", ""]),
  assume: oneOf(["exact", "sampled"]),
  value: {
    parse: (field) => (field === "" ? null : numberOf(field)),
    expected: "a decimal number, or nothing where no value was measured",
  },
  seed: integer(0),
  environment_id: text,
};

function oneOf<Word extends string>(words: readonly Word[]): Column<Word> {
  return {
    parse: (field) => words.find((word) => word === field),
    expected: `one of ${words.map((word) => `'${word}'`).join(", ")}`,
  };
}

function integer(min: number): Column<number> {
  return {
    parse: (field) => {
      const value = numberOf(field);
      return value !== undefined && Number.isSafeInteger(value) && value >= min ? value : undefined;
    },
    expected: `an integer of at least ${min}`,
  };
}

function numberOf(field: string): number | undefined {
  // Stricter than Number(): no spaces, no hexadecimal, no Infinity, and nothing that overflows to it.
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(field)) return undefined;
  return Number.isFinite(Number(field)) ? Number(field) : undefined;
}

/** The usual four and their full-width forms, tab, carriage return, and the guard itself. */
const formula = /^[=+\-@＝＋－＠\t\r']/;

/** Keeps a spreadsheet from running a text as a formula. */
export function guardFormula(value: string): string {
  return formula.test(value) ? `'${value}` : value;
}

/** The way back from {@link guardFormula}. */
export function unguardFormula(field: string): string {
  return field.startsWith("'") && formula.test(field.slice(1)) ? field.slice(1) : field;
}

function shown(field: string): string {
  const short = field.length > 40 ? `${field.slice(0, 40)}…` : field;
  return `'${JSON.stringify(short).slice(1, -1)}'`;
}
