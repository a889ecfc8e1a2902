// A process that performs one paired job: the job as JSON on standard input, the samples as JSON on standard output.

import { text } from "node:stream/consumers";
import { z } from "zod";
import { InputError } from "../errors.ts";
import { badJobExitCode } from "../json-process.ts";
import { pairedJobSchema } from "../plan/paired.ts";
import { keepToCpus } from "./affinity.ts";
import { performPaired } from "./paired.ts";

try {
  const parsed = pairedJobSchema.safeParse(JSON.parse(await text(process.stdin)));
  if (!parsed.success) throw new InputError(`paired job: ${z.prettifyError(parsed.error)}`);
  keepToCpus(parsed.data.cpus, parsed.data.seed);
  // Whoever wants it stopped ends the process.
  const samples = await performPaired(parsed.data, new AbortController().signal);
  process.stdout.write(JSON.stringify(samples));
} catch (error) {
  const isBadJob = error instanceof InputError || error instanceof SyntaxError;
  process.stderr.write(`${isBadJob ? error.message : (error as Error).stack}\n`);
  process.exitCode = isBadJob ? badJobExitCode : 5;
}
