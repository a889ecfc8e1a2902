// In processes of their own, for a process that is kept to CPUs stays so.

import { execFileSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";
import { allowedCpus } from "../../src/native/affinity.ts";
import { packageRoot } from "../../src/package-root.ts";

const allowed = allowedCpus();
const hasTaskset = ((): boolean => {
  try {
    execFileSync("taskset", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** What a process kept to so many CPUs says: whether it is, and where it and a thread of it may run. */
function kept(
  count: number,
  seed: number,
  env = process.env,
): readonly [boolean, readonly number[], readonly number[]] {
  const file = path.join(packageRoot, "dist/src/native/affinity.js");
  const program = `
    import { Worker } from "node:worker_threads";
    import { allowedCpus, keepToCpus } from ${JSON.stringify(file)};
    const isKept = keepToCpus(${count}, ${seed});
    const text = 'import { parentPort } from "node:worker_threads"; import { readFileSync } from "node:fs";' +
      'parentPort.postMessage(readFileSync("/proc/thread-self/status", "utf8"));';
    const thread = new Worker(new URL("data:text/javascript," + encodeURIComponent(text)));
    thread.on("message", (status) => {
      const own = /Cpus_allowed_list:\\s*(\\S+)/.exec(status)[1];
      console.log(JSON.stringify([isKept, allowedCpus(), own.split(",").map(Number)]));
    });
  `;
  return JSON.parse(
    execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8", env }),
  ) as readonly [boolean, readonly number[], readonly number[]];
}

test.skipIf(allowed === null || allowed.length < 2 || !hasTaskset)(
  "a process and its threads are kept to CPUs that the seed draws",
  () => {
    const seen = new Set<number>();
    for (let seed = 1; seed <= 8; seed++) {
      const [isKept, ofProcess, ofThread] = kept(1, seed);
      expect([isKept, ofProcess.length]).toEqual([true, 1]);
      expect(ofThread).toEqual(ofProcess);
      expect(allowed).toContain(ofProcess[0]);
      seen.add(ofProcess[0]!);
    }
    expect(seen.size).toBeGreaterThan(1);
  },
);

test.skipIf(allowed === null || allowed.length < 2)("without taskset it is not, and goes on", () => {
  const [isKept, ofProcess] = kept(1, 1, { ...process.env, PATH: "" });
  expect([isKept, ofProcess]).toEqual([false, allowed]);
});
