// `reclaim-bench fidelity`: simulates what has been published and writes the page that holds it beside ours.

import { existsSync, readFileSync } from "node:fs";
import os from "node:os";
import { InputError, StoppedError } from "../errors.ts";
import { PooledLab } from "../fidelity/lab.ts";
import { hostSectionOf, type RowResult, renderPage, renderRows } from "../fidelity/page.ts";
import { rows } from "../fidelity/rows/index.ts";
import { writeTextFile } from "../records/atomic-file.ts";
import type { Io } from "./io.ts";
import { Progress } from "./progress.ts";

/** What the user may say. */
export interface FidelityOptions {
  readonly out: string;
  /** Ids of rows; empty for all, which make a page. */
  readonly row: readonly string[];
  readonly workers?: string;
}

/**
 * Simulates the rows. All of them become the page; some are printed.
 *
 * @returns 0, or 130 when the user stopped it; then nothing is written
 * @throws {InputError} for an unknown row or a wrong number of workers
 */
export async function fidelity(options: FidelityOptions, io: Io, signal: AbortSignal): Promise<number> {
  const chosen = chooseRows(options.row);
  const workers = parseWorkers(options.workers);
  const progress = new Progress(io, { unitsTotal: chosen.reduce((sum, { seconds }) => sum + seconds, 0) });
  const lab = new PooledLab(workers, signal);
  let results: RowResult[];
  try {
    progress.begin(chosen.map(({ id }) => id).join(" "));
    results = await Promise.all(
      chosen.map(async (row) => {
        const found = await row.simulate(lab);
        progress.finish(row.seconds);
        return { row, found };
      }),
    );
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    io.warn("stopped; nothing was written\n");
    return 130;
  } finally {
    await lab.close();
  }
  progress.clear();
  if (options.row.length > 0) {
    io.write(renderRows(results));
    return 0;
  }
  const host = existsSync(options.out) ? hostSectionOf(readFileSync(options.out, "utf8")) : null;
  await writeTextFile(options.out, renderPage(results, host));
  io.write(`page  ${options.out}\n`);
  return 0;
}

function chooseRows(ids: readonly string[]): typeof rows {
  const known = rows.map(({ id }) => id);
  const unknown = ids.find((id) => !known.includes(id));
  if (unknown !== undefined) throw new InputError(`row '${unknown}': unknown; one of: ${known.join(", ")}`);
  return ids.length === 0 ? rows : rows.filter(({ id }) => ids.includes(id));
}

function parseWorkers(given: string | undefined): number {
  if (given === undefined) return os.availableParallelism();
  const workers = Number(given);
  if (/^\d+$/.test(given) && workers >= 1 && workers <= 256) return workers;
  throw new InputError(`--workers ${given}: must be a whole number from 1 to 256`);
}
