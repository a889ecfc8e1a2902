// A process of its own that replays a token. Run as `node replay-process.mjs JOB OUT`: JOB is what `replay` in `caught.ts`
// has written, and OUT becomes the finding. Plain JavaScript, because Node.js 20 cannot load TypeScript.

import { readFileSync, writeFileSync } from "node:fs";

const [, , jobFile, outFile] = process.argv;
const built = (/** @type {string} */ file) => import(new URL(`../../dist/src/checker/${file}`, import.meta.url).href);
const { CheckedMachine } = await built("machine.js");
const { problemChecks } = await built("problems/index.js");
const { replay } = await built("schedulers/replay.js");
const { decodeToken } = await built("token.js");

const { token, core, wasm, operationsMax } = JSON.parse(readFileSync(String(jobFile), "utf8"));
const bytes = (/** @type {string} */ text) => new Uint8Array(Buffer.from(text, "base64"));
const { problem, scenario, model, skipWhenEmpty, schedule } = decodeToken(token);
const check = problemChecks[problem];
const machine = new CheckedMachine({
  core: bytes(core),
  compiled: { wasm: bytes(wasm), flags: [], sha256: "" },
  problem: check,
  scenario: check.scenarios.find((/** @type {{ name: string }} */ { name }) => name === scenario),
  skipWhenEmpty,
  model,
  reduction: true,
});
writeFileSync(String(outFile), JSON.stringify(replay(machine, schedule, operationsMax).finding ?? null));
