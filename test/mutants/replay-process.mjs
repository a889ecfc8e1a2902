// A process of its own that replays tokens. Run as `node replay-process.mjs JOBS OUT`: JOBS is what `replayAll` in
// `caught.ts` has written, and OUT becomes the findings. Plain JavaScript, because Node.js 20 cannot load TypeScript.

import { readFileSync, writeFileSync } from "node:fs";

const [, , jobsFile, outFile] = process.argv;
const built = (/** @type {string} */ file) => import(new URL(`../../dist/src/checker/${file}`, import.meta.url).href);
const { CheckedMachine } = await built("machine.js");
const { problemChecks } = await built("problems/index.js");
const { replay } = await built("schedulers/replay.js");
const { decodeToken } = await built("token.js");

const { core, jobs } = JSON.parse(readFileSync(String(jobsFile), "utf8"));
const findings = [];
for (const { token, wasm, operationsMax } of jobs) {
  const { problem, scenario, model, skipWhenEmpty, schedule } = decodeToken(token);
  const check = problemChecks[problem];
  const machine = new CheckedMachine({
    core: new Uint8Array(readFileSync(core)),
    compiled: { wasm: new Uint8Array(readFileSync(wasm)), flags: [], sha256: "" },
    problem: check,
    scenario: check.scenarios.find((/** @type {{ name: string }} */ { name }) => name === scenario),
    skipWhenEmpty,
    model,
    reduction: true,
  });
  findings.push(replay(machine, schedule, operationsMax).finding ?? null);
}
writeFileSync(String(outFile), JSON.stringify(findings));
