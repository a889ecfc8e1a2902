// `reclaim-bench replay`: performs the schedule of a token, and draws what happens.

import { existsSync } from "node:fs";
import path from "node:path";
import { suites } from "../../bench/index.ts";
import { type CompiledModule, compileCheckerCore, compileModule, type ModuleSource } from "../build/compile.ts";
import { defectOf, framesOf, replaySchedule } from "../checker/job.ts";
import { problemCheckOf } from "../checker/problems/index.ts";
import { timeline } from "../checker/timeline.ts";
import { decodeToken, type TokenContent } from "../checker/token.ts";
import { InputError, ViolationError } from "../errors.ts";
import { planVariant } from "../plan/variant.ts";
import { findingText, frameText, mainFrame } from "../report/check/report.ts";
import { terminalWidth, wrapText } from "../report/terminal.ts";
import { jobOf, ownFrame } from "./check-cases.ts";
import { defaults, tableBytesMax } from "./check-options.ts";
import { type CheckCase, checkedSource } from "./check-plan.ts";
import type { Io } from "./io.ts";
import { stoppedCode } from "./options.ts";

/** Options as the command line gives them. */
export interface ReplayOptions {
  readonly variantFile?: string;
  /** Whether every operation is drawn. */
  readonly all: boolean;
  /** Whether each row waits for Enter. */
  readonly step: boolean;
}

/** Exit code of a replay in which nothing was found. */
const nothingFoundCode = 3;

/** What a replay needs of the world; tests bring their own. */
export interface ReplayWorld {
  readonly compile: (source: ModuleSource) => Promise<CompiledModule>;
  readonly compileCore: () => Promise<CompiledModule>;
  readonly replay: typeof replaySchedule;
  /** Waits until the user wants to go on; false when the user wants to stop. Null where nobody can be asked. */
  readonly pause: ((signal: AbortSignal) => Promise<boolean>) | null;
}

/** What of a terminal's input a pause needs. */
export type Keys = Pick<NodeJS.ReadStream, "setRawMode" | "on" | "off" | "resume" | "pause">;

/** Waits for Enter, which is not echoed; false for Ctrl-C, Ctrl-D and the end of the input. */
export async function pauseForEnter(signal: AbortSignal, keys: Keys = process.stdin): Promise<boolean> {
  if (signal.aborted) return false;
  let answer: (goesOn: boolean) => void = () => {};
  const answered = new Promise<boolean>((resolve) => {
    answer = resolve;
  });
  const stop = (): void => answer(false);
  const read = (typed: Buffer): void => {
    // In raw mode they arrive as what is typed.
    if (typed.includes(0x03) || typed.includes(0x04)) stop();
    else if (typed.includes("\r") || typed.includes("\n")) answer(true);
  };
  keys.on("data", read).on("end", stop);
  signal.addEventListener("abort", stop);
  keys.setRawMode(true);
  keys.resume();
  try {
    return await answered;
  } finally {
    keys.off("data", read).off("end", stop);
    signal.removeEventListener("abort", stop);
    keys.pause();
    keys.setRawMode(false);
  }
}

export const replayWorld: ReplayWorld = {
  compile: compileModule,
  compileCore: compileCheckerCore,
  replay: replaySchedule,
  pause: process.stdin.isTTY ? pauseForEnter : null,
};

/** Columns for the drawing. */
function widthOf({ isTerminal, columns }: Io): number {
  return isTerminal ? Math.max(columns, 80) : terminalWidth;
}

/** The case that a token belongs to. */
function caseOf(token: TokenContent, variantFile: string | undefined): CheckCase {
  const { problem, scenario: wanted, model, variant: id } = token;
  const suite = suites.find((one) => one.problem === problem);
  if (suite === undefined) throw new InputError(`token: problem '${problem}' is not known to this version`);
  const [name = ""] = id.split(" ");
  if (variantFile === undefined && !suite.variants.some((one) => one.name === name)) {
    throw new InputError(
      `token: '${name}' is no variant of problem '${problem}' in this version; if it is one of your own, name its file with --variant-file`,
    );
  }
  if (variantFile !== undefined && !(variantFile.endsWith(".ts") && existsSync(variantFile))) {
    throw new InputError(`--variant-file ${variantFile}: must be a .ts file that exists`);
  }
  // The file may have been renamed since.
  const outside = new Map(variantFile === undefined ? [] : [[name, path.resolve(variantFile)]]);
  const variant = planVariant(suite, id, outside);
  const scenario = problemCheckOf(problem).scenarios.find((one) => one.name === wanted);
  if (scenario === undefined) {
    throw new InputError(`token: scenario '${wanted}' of problem '${problem}' is not known to this version`);
  }
  return { problem, variant, scenario, model };
}

/**
 * Replays.
 *
 * @param signal raised when the user stops
 * @returns 4 when the violation shows, 3 when nothing is wrong any more
 * @throws {InputError} for a damaged token, or one of what this version does not have
 */
export async function replayCommand(
  text: string,
  options: ReplayOptions,
  io: Io,
  signal: AbortSignal,
  world: ReplayWorld = replayWorld,
): Promise<number> {
  const token = decodeToken(text);
  const one = caseOf(token, options.variantFile);
  const compiled = await world.compile(checkedSource(one));
  if (!compiled.sha256.startsWith(token.moduleHash)) {
    io.warn(
      "reclaim-bench: the variant, or what it stands on, has changed since the token was made; the schedule is followed as far as it goes\n",
    );
  }
  const job = jobOf(
    one,
    { compiled, core: await world.compileCore() },
    {
      scheduler: { name: "exhaustive", reduction: false },
      statesMax: Number(defaults.statesMax),
      stepsMax: Number(defaults.stepsMax),
      msMax: 1000 * Number(defaults.secondsMax),
      bytesMax: tableBytesMax,
    },
  );
  const { scenario, variant, problem, model } = one;
  const width = widthOf(io);
  const about = `${problem}: ${variant.id}, ${scenario.name} (${scenario.size}), ${model}: ${scenario.description}`;
  io.write(`${wrapText(about, width)}\n\n`);
  let shown: ReturnType<typeof replaySchedule>;
  try {
    shown = world.replay(job, token.schedule);
  } catch (error) {
    if (!(error instanceof ViolationError)) throw error;
    io.write(`${error.message}\n`);
    return 4;
  }
  const { operations, agents, finding } = shown;
  const [head = "", ...rows] = timeline(operations, agents, { all: options.all, width }).split("\n");
  io.write(`${head}\n`);
  const pause = options.step ? world.pause : null;
  for (const row of rows) {
    if (pause !== null && !(await pause(signal))) return stoppedCode;
    io.write(`${row}\n`);
  }
  if (finding === undefined) {
    io.write("\nnothing is wrong at the end of this schedule\n");
    return nothingFoundCode;
  }
  const frame = mainFrame({ frames: framesOf(operations, finding).map((found) => ownFrame(one, found)) });
  io.write(`\n${findingText(finding)}\n`);
  if (frame !== undefined) io.write(`at ${frameText(frame)}\n`);
  const known = defectOf(job);
  if (known !== undefined) io.write(`${wrapText(`known: ${known.why}`, width)}\n`);
  return 4;
}
