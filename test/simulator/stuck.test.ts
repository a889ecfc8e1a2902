// A case that can never end does, and says who waits where, as a kernel's watchdogs would: for a variant that keeps a
// lock, and for one that spins on a cell that nobody changes. The machine's own part is in `scheduling.test.ts`.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { packageRoot } from "../../src/package-root.ts";
import { type JobOutcome, performJob } from "../../src/simulator/job.ts";
import { scaleCost } from "../../src/simulator/profile.ts";
import { jobOf, smallCases } from "./small-jobs.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-stuck-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Simulates `rwsem` with a text replaced, on two CPUs: four tasks that mount and unmount. */
async function simulateBroken(name: string, from: string, to: string): Promise<JobOutcome> {
  const text = readFileSync(path.join(packageRoot, "src", "kernel", "shrinker", "rwsem.ts"), "utf8");
  expect(text).toContain(from);
  const variantFile = path.join(folder, `${name}.ts`);
  writeFileSync(variantFile, `${text.replace(from, to)}\nimport { load32, pause } from "../machine/impl";\n`);
  const one = smallCases.find(({ workload }) => workload === "stress-ng-ramfs")!;
  const parameters = { ...one.parameters, workers: 4 };
  const job = await jobOf({ ...one, parameters, cpus: 2 }, "rwsem");
  const source = { problem: "shrinker", variant: name, variantFile, machine: "simulated" } as const;
  return performJob(
    {
      ...job,
      variant: { ...job.variant, id: name },
      compiled: await compileModule({ ...source, constants: { LAB_HZ: 1000 } }),
      // So that 20 s are few looks.
      profile: scaleCost(job.profile, "pause", 100_000),
    },
    () => {},
  );
}

test("a lock that is never given back", async () => {
  const outcome = await simulateBroken("keeps-its-lock", "  giveId(idOf(shrinker));\n  writeUnlock(sem());\n", "");
  expect(outcome).toEqual({ kind: "violation", message: "" });
});

test("a cell that nobody changes", async () => {
  const outcome = await simulateBroken(
    "spins",
    "export function unregister(shrinker: usize): void {\n",
    "export function unregister(shrinker: usize): void {\n  while (load32(sem()) !== 0xdead) pause();\n",
  );
  expect(outcome).toEqual({ kind: "violation", message: "" });
});
