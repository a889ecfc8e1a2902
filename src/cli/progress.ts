// Tells how far a run has come and how long it will take. On a terminal one line is redrawn; elsewhere (CI, a file)
// whole lines are printed when cases finish, but not many. It sets no timer: call `update` where there is time for it.

import type { Io } from "./io.ts";

/** A terminal is redrawn at most this often, so that drawing does not disturb what is measured. */
const redrawMs = 100;

/** Without a terminal, lines are at least this far apart; only the last case is always told. */
const lineMs = 10_000;

/** No estimate before this time. */
const estimateMs = 2_000;

/** Progress over cases whose weights are in any common unit, such as expected seconds. The estimate is linear. */
export class Progress {
  readonly #io: Io;
  #unitsTotal: number;
  readonly #unitsBefore: number;
  readonly #beginMs: number;
  readonly #msMax: number;
  #unitsDone: number;
  #unitsInCase = 0;
  #case = "";
  #printedMs = Number.NEGATIVE_INFINITY;

  /**
   * @param plan.unitsTotal weights of all cases together; above 0
   * @param plan.unitsDone weights of the cases that an earlier run has done; they do not count as speed. @default 0
   * @param plan.msMax when it will be over at the latest, if that is known
   */
  constructor(io: Io, plan: { readonly unitsTotal: number; readonly unitsDone?: number; readonly msMax?: number }) {
    this.#io = io;
    this.#unitsTotal = plan.unitsTotal;
    this.#unitsBefore = plan.unitsDone ?? 0;
    this.#unitsDone = this.#unitsBefore;
    this.#beginMs = io.clock().getTime();
    this.#msMax = plan.msMax ?? Number.POSITIVE_INFINITY;
  }

  /** Hears of cases that have come up meanwhile, by their weights. */
  expect(units: number): void {
    this.#unitsTotal += units;
  }

  /** Begins a case. */
  begin(name: string): void {
    this.#case = name;
    this.update(0);
  }

  /**
   * Redraws, if it is time to. Prints nothing without a terminal.
   *
   * @param units of the current case that are done
   * @param name what to tell of it from now on; as before when it is left out
   */
  update(units: number, name: string = this.#case): void {
    this.#case = name;
    this.#unitsInCase = units;
    if (this.#io.isTerminal) this.#print(redrawMs);
  }

  /** Ends the current case, which weighed `units`, whether it succeeded or not. */
  finish(units: number): void {
    this.#unitsDone += units;
    this.#unitsInCase = 0;
    // Sums of fractions may miss the total by their last bits.
    const last = this.#unitsDone >= this.#unitsTotal * (1 - 1e-9);
    if (last) this.#unitsDone = this.#unitsTotal;
    this.#print(last ? 0 : this.#io.isTerminal ? redrawMs : lineMs);
  }

  /** Clears the line of a terminal, so that results or a warning can follow. The next update draws it again. */
  clear(): void {
    if (!this.#io.isTerminal) return;
    this.#io.warn("\r\x1b[K");
    this.#printedMs = Number.NEGATIVE_INFINITY;
  }

  #print(intervalMs: number): void {
    const nowMs = this.#io.clock().getTime();
    if (nowMs - this.#printedMs < intervalMs) return;
    this.#printedMs = nowMs;
    const line = this.#line(nowMs - this.#beginMs);
    // One column stays free: a line that fills the terminal would wrap and could not be redrawn.
    this.#io.warn(this.#io.isTerminal ? `\r${line.slice(0, this.#io.columns - 1)}\x1b[K` : `${line}\n`);
  }

  #line(elapsedMs: number): string {
    const done = Math.min(this.#unitsTotal, this.#unitsDone + this.#unitsInCase);
    const gained = done - this.#unitsBefore;
    const remaining =
      gained > 0 && (elapsedMs >= estimateMs || done === this.#unitsTotal)
        ? formatDuration(
            Math.min((elapsedMs / gained) * (this.#unitsTotal - done), Math.max(0, this.#msMax - elapsedMs)),
          )
        : "?";
    const percent = Math.floor((100 * done) / this.#unitsTotal);
    const units = `${Number(done.toFixed(1))}/${Number(this.#unitsTotal.toFixed(1))}`;
    return `${percent}% ${units}  elapsed ${formatDuration(elapsedMs)}, remaining ${remaining}  ${this.#case}`;
  }
}

/** A duration for people, rounded to seconds, and to minutes from an hour on: `7s`, `3m 07s`, `2h 05m`. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const pad = (value: number) => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
}
