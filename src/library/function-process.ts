// A process that times functions of modules against each other: the job as JSON on standard input, the times as JSON on
// standard output.

import { text } from "node:stream/consumers";
import { InputError } from "../errors.ts";
import { badJobExitCode } from "../json-process.ts";
import { Random } from "../workloads/random.ts";
import { timeEpochs } from "./epochs.ts";
import { type FunctionJob, functionJobSchema } from "./job.ts";

/**
 * @throws {InputError} when the module cannot be loaded, or has no such function, or one that does not do its work at once or
 * takes too long for it
 */
async function load(
  { module, export: name }: FunctionJob["subjects"][number],
  { rounds, functionMs }: FunctionJob,
): Promise<() => unknown> {
  let loaded: Record<string, unknown>;
  try {
    loaded = (await import(module)) as Record<string, unknown>;
  } catch (error) {
    throw new InputError(`${module}: cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  }
  const timed = loaded[name];
  if (typeof timed !== "function") {
    const functions = Object.keys(loaded).filter((key) => typeof loaded[key] === "function");
    throw new InputError(`${module}: has no function '${name}'; it has: ${functions.join(", ") || "none"}`);
  }
  const call = (): number => {
    const begin = performance.now();
    let given: unknown;
    try {
      given = timed();
    } catch (error) {
      throw new InputError(`${module}: ${name}() failed: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (typeof (given as { then?: unknown } | null | undefined)?.then === "function") {
      throw new InputError(
        `${module}: ${name}() gives a promise; only what is done when the call returns can be timed`,
      );
    }
    return performance.now() - begin;
  };
  let callMs = call();
  // The first call may prepare what all others use.
  if (rounds * callMs > functionMs && callMs < functionMs) callMs = call();
  if (rounds * callMs > functionMs) {
    const times = `takes ${(callMs / 1000).toPrecision(2)} s, and ${rounds} of them may take ${Math.round(functionMs / 1000)} s`;
    throw new InputError(`${module}: a call of ${name}() ${times}: ask for fewer rounds, or do less in a call`);
  }
  return timed as () => unknown;
}

/** Loads the modules in drawn order, which decides where their code and data lie. */
async function perform(job: FunctionJob): Promise<string> {
  const order = Uint32Array.from(job.subjects.keys());
  new Random(job.seed).shuffle(order);
  const functions = new Array<() => unknown>(job.subjects.length);
  for (const place of order) functions[place] = await load(job.subjects[place]!, job);
  return JSON.stringify(timeEpochs(functions, job));
}

// What the functions print is not the answer.
const answer = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
try {
  answer(await perform(functionJobSchema.parse(JSON.parse(await text(process.stdin)))));
} catch (error) {
  const isBadJob = error instanceof InputError;
  process.stderr.write(`${isBadJob ? error.message : (error as Error).stack}\n`);
  process.exitCode = isBadJob ? badJobExitCode : 5;
}
