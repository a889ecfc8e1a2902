// A process of its own that performs jobs. Run as `node job-process.mjs JOBS OUT`: JOBS is what `runProcess` in
// `processes.ts` has written, and OUT becomes a list of outcomes. Plain JavaScript, because Node.js 20 cannot load
// TypeScript.

import { readFileSync, writeFileSync } from "node:fs";

const [, , jobsFile, outFile] = process.argv;
const { performJob } = await import(new URL("../../dist/src/simulator/job.js", import.meta.url).href);
const outcomes = [];
for (const job of JSON.parse(readFileSync(String(jobsFile), "utf8"))) {
  const wasm = (/** @type {string} */ text) => new Uint8Array(Buffer.from(text, "base64"));
  const restored = { ...job, core: wasm(job.core), compiled: { ...job.compiled, wasm: wasm(job.compiled.wasm) } };
  outcomes.push(await performJob(restored, () => {}));
}
writeFileSync(String(outFile), JSON.stringify(outcomes));
