// The processes of a study, one line per process and row, in the order in which they were measured. A study takes hours and may
// be stopped at any moment; what it has measured is taken up when it goes on.

import { existsSync } from "node:fs";
import { appendFile, readFile } from "node:fs/promises";
import { CsvError, parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { z } from "zod";
import { InputError } from "../errors.ts";
import { writeTextFile } from "./atomic-file.ts";
import { firstIssue } from "./json-file.ts";

const number = z.string().regex(/^-?\d/).transform(Number).pipe(z.number());
const count = number.pipe(z.int().min(0));

const processSchema = z.strictObject({
  /**
   * `same`: the same code on both sides; `calibration` and `slowed`: the head computes besides; `cost`: how long a process of
   * each row takes.
   */
  stage: z.enum(["same", "calibration", "slowed", "cost"]),
  row: z.string(),
  /** What the head computes besides, in steps of a loop. */
  steps: count,
  /** Number of the comparison of this row. */
  comparison: count,
  phase: z.enum(["first", "confirmation"]),
  process: count,
  base: number,
  head: number,
  log_ratio: number,
  rounds: count,
  /** That the process took, with its start; of a process with several rows the same in each. */
  seconds: number,
});

export type StudyProcess = z.infer<typeof processSchema>;
type Key = Pick<StudyProcess, "stage" | "row" | "steps" | "comparison" | "phase" | "process">;

const columns = Object.keys(processSchema.shape) as readonly (keyof StudyProcess)[];
const header = `${columns.join(",")}\n`;

function keyOf({ stage, row, steps, comparison, phase, process }: Key): string {
  return JSON.stringify([stage, row, steps, comparison, phase, process]);
}

function readLines(file: string, text: string): StudyProcess[] {
  let lines: unknown[];
  try {
    lines = parse(text, { columns: true });
  } catch (error) {
    if (error instanceof CsvError) throw new InputError(`${file}:${error.lines}: not CSV: ${error.message}`);
    throw error;
  }
  return lines.map((line, index) => {
    const found = processSchema.safeParse(line);
    if (!found.success) throw new InputError(`${file}: process ${index + 1}: ${firstIssue(found.error)}`);
    return found.data;
  });
}

export class StudyLog {
  readonly #file: string;
  readonly #processes = new Map<string, StudyProcess>();

  private constructor(file: string, processes: readonly StudyProcess[]) {
    this.#file = file;
    for (const one of processes) this.#processes.set(keyOf(one), one);
  }

  /**
   * Opens the file, which is made if it does not exist. A last line that was not written to its end is taken off.
   *
   * @throws {InputError} when it is damaged
   */
  static async open(file: string): Promise<StudyLog> {
    const text = existsSync(file) ? await readFile(file, "utf8") : "";
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole !== "" && !whole.startsWith(header)) {
      throw new InputError(`${file}:1: not the header of a study; the columns are ${columns.join(",")}`);
    }
    if (whole === "") await writeTextFile(file, header);
    else if (whole !== text) await writeTextFile(file, whole);
    return new StudyLog(file, readLines(file, whole === "" ? header : whole));
  }

  /** What was measured under these names; undefined when nothing was. */
  find(key: Key): StudyProcess | undefined {
    return this.#processes.get(keyOf(key));
  }

  /** Adds what one process has measured, in one write. */
  async add(measured: readonly StudyProcess[]): Promise<void> {
    await appendFile(this.#file, stringify([...measured], { columns: [...columns] }));
    for (const one of measured) this.#processes.set(keyOf(one), one);
  }
}
