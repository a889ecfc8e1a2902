// A process of Node.js that gets one job as JSON on its standard input and gives the answer as JSON on its standard output.

import { spawn } from "node:child_process";
import { StoppedError } from "./errors.ts";

export interface JsonProcessOptions {
  /** Arguments of Node.js itself, before the program. */
  readonly nodeArguments?: readonly string[];
  /** What is done there, for errors. */
  readonly name: string;
  /** Longest time that it may take, in ms. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** How a process ended that had an answer, or a complaint for the user. */
export interface JsonProcessEnd {
  /** Exit code 2: what the job asks for is wrong; then the text says how, otherwise it is the answer. */
  readonly isBadJob: boolean;
  readonly text: string;
}

/** Exit code of a process whose job is wrong. */
export const badJobExitCode = 2;

/**
 * Performs a job in a process of its own.
 *
 * @param program the program's file, JavaScript
 * @throws {StoppedError} when the signal was raised
 * @throws {Error} when the process died or did not end
 */
export async function runJsonProcess(
  program: string,
  job: unknown,
  options: JsonProcessOptions,
): Promise<JsonProcessEnd> {
  const { nodeArguments = [], name, patienceMs, signal } = options;
  if (signal.aborted) throw new StoppedError("stopped");
  const timeout = AbortSignal.timeout(patienceMs);
  const child = spawn(process.execPath, [...nodeArguments, program], {
    stdio: "pipe",
    signal: AbortSignal.any([signal, timeout]),
    killSignal: "SIGKILL",
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  // A process that is gone takes no job; how it ended is told below.
  child.stdin.on("error", () => {}).end(JSON.stringify(job));
  const ended = await new Promise<string | number | null>((resolve, reject) => {
    child.on("error", (error) => (child.pid === undefined ? reject(error) : resolve(null)));
    child.on("close", (code, killedBy) => resolve(code ?? killedBy));
  });
  if (signal.aborted) throw new StoppedError("stopped");
  if (timeout.aborted) throw new Error(`${name}: the process did not end within ${patienceMs / 1000} s`);
  if (ended === badJobExitCode) return { isBadJob: true, text: errors.trim() };
  if (ended !== 0) throw new Error(`${name}: the process ended with ${ended}: ${errors.trim()}`);
  return { isBadJob: false, text: output };
}
