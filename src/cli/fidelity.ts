// `reclaim-bench fidelity`: simulates what has been published and writes the page that holds it beside ours.

import { existsSync, readFileSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { InputError, StoppedError } from "../errors.ts";
import { type Lab, PooledLab, TimedLab } from "../fidelity/lab.ts";
import { hostSectionOf, type RowResult, renderPage, renderRows } from "../fidelity/page.ts";
import type { Row } from "../fidelity/row.ts";
import { rows } from "../fidelity/rows/index.ts";
import { writeTextFile } from "../records/atomic-file.ts";
import { checkHost, writeHostSection } from "./fidelity-host.ts";
import type { Io } from "./io.ts";
import { Progress } from "./progress.ts";

/** What the user may say. */
export interface FidelityOptions {
  readonly out: string;
  /** Ids of rows; empty for all, which make a page. */
  readonly row: readonly string[];
  readonly workers?: string;
  /** Name or file of a profile of this host: only its section of the page is written. */
  readonly host?: string;
}

/**
 * Simulates the rows. All of them become the page; some are printed. How long each took goes to standard error. With a host,
 * its section of the page is written anew instead.
 *
 * @returns 0, or 130 when the user stopped it; then nothing is written
 * @throws {InputError} for an unknown row, a wrong number of workers, or a host's profile or page that is none
 */
export async function fidelity(options: FidelityOptions, io: Io, signal: AbortSignal): Promise<number> {
  const chosen = chooseRows(options.row);
  const workers = parseWorkers(options.workers);
  const { out, host } = options;
  if (host !== undefined) {
    if (options.row.length > 0) throw new InputError("--host: writes its own section only; leave out --row");
    checkHost({ out, host });
  }
  // Before minutes of work.
  if (options.row.length === 0) checkTarget(out);
  const lab = new PooledLab(workers, signal);
  try {
    if (host === undefined) await writeRows(chosen, options, lab, io);
    else await writeHostSection({ out, host }, lab, io, signal);
    return 0;
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    io.warn("stopped; nothing was written\n");
    return 130;
  } finally {
    await lab.close();
  }
}

async function writeRows(chosen: readonly Row[], { out, row }: FidelityOptions, lab: Lab, io: Io): Promise<void> {
  const progress = new Progress(io, { unitsTotal: chosen.reduce((sum, { seconds }) => sum + seconds, 0) });
  progress.begin(chosen.map(({ id }) => id).join(" "));
  const timed = await Promise.all(
    chosen.map(async (one): Promise<{ result: RowResult; seconds: number }> => {
      const own = new TimedLab(lab);
      const found = await one.simulate(own);
      progress.finish(one.seconds);
      return { result: { row: one, found }, seconds: own.seconds };
    }),
  );
  progress.clear();
  for (const { result, seconds } of timed)
    io.warn(`${result.row.id}  ${seconds.toFixed(1)} s, all its cases added up\n`);
  const results = timed.map(({ result }) => result);
  if (row.length > 0) {
    io.write(renderRows(results));
    return;
  }
  const host = existsSync(out) ? hostSectionOf(readFileSync(out, "utf8")) : null;
  await writeTextFile(out, renderPage(results, host));
  io.write(`page  ${out}\n`);
}

function checkTarget(out: string): void {
  const folder = path.dirname(out);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new InputError(`--out ${out}: no folder ${folder}`);
  if (existsSync(out) && statSync(out).isDirectory()) throw new InputError(`--out ${out}: is a folder; name a file`);
}

function chooseRows(ids: readonly string[]): readonly Row[] {
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
