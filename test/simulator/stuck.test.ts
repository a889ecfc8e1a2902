// A case that can never end does, and says who waits where, as a kernel's watchdogs would: for a variant that keeps a
// lock, and for one that waits for a cell that nobody changes. The machine's own part is in `scheduling.test.ts`.

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

/** Simulates `rwsem` with a text replaced, on two CPUs: tasks that mount and unmount. */
async function simulateBroken(name: string, from: string, to: string, workers = 2): Promise<JobOutcome> {
  const text = readFileSync(path.join(packageRoot, "src", "kernel", "shrinker", "rwsem.ts"), "utf8");
  expect(text).toContain(from);
  const variantFile = path.join(folder, `${name}.ts`);
  writeFileSync(variantFile, `${text.replace(from, to)}\nimport { load32, sleep, wait } from "../machine/impl";\n`);
  const one = smallCases.find(({ workload }) => workload === "stress-ng-ramfs")!;
  const parameters = { ...one.parameters, workers };
  const job = await jobOf({ ...one, parameters, cpus: 2 }, "rwsem");
  const source = { problem: "shrinker", variant: name, variantFile, machine: "simulated", entry: "harness" } as const;
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

const place = "on 2 CPUs of epyc-7r13-2s pause\\*100000";

test("a lock that is never given back: the place where a CPU spins for it", async () => {
  const outcome = await simulateBroken("keeps-its-lock", "  giveId(idOf(shrinker));\n  writeUnlock(sem());\n", "");
  expect(outcome).toMatchObject({
    kind: "violation",
    message: expect.stringMatching(
      new RegExp(
        `^variant 'keeps-its-lock': ${place}: CPU \\d is stuck for 20 s of virtual time in register_shrinker > down_write`,
      ),
    ),
  });
});

test("the same with tasks that take turns on their CPUs, none of which gets on", async () => {
  const outcome = await simulateBroken("keeps-its-lock", "  giveId(idOf(shrinker));\n  writeUnlock(sem());\n", "", 4);
  expect(outcome).toMatchObject({
    kind: "violation",
    message: expect.stringMatching(/ is stuck for 20 s of virtual /),
  });
});

test("tasks that sleep again and again for what never comes: who they are", async () => {
  const begin = "export function unregister(shrinker: usize): void {\n";
  const outcome = await simulateBroken("polls", begin, `${begin}  while (load32(sem() + 4) !== 0xbad) sleep(1000);\n`);
  expect(outcome).toMatchObject({
    kind: "violation",
    message: expect.stringMatching(
      new RegExp(
        `^variant 'polls': ${place}: nobody gets on: tasks slept 1000000 times without an event's end: task \\d on CPU \\d sleeps in unregister_shrinker`,
      ),
    ),
  });
});

test("a cell that nobody changes, with everybody asleep: all tasks, the cell, and where", async () => {
  const begin = "export function unregister(shrinker: usize): void {\n";
  const outcome = await simulateBroken("sleeps", begin, `${begin}  wait(sem() + 4, load32(sem() + 4));\n`);
  expect(outcome).toMatchObject({
    kind: "violation",
    message: expect.stringMatching(
      new RegExp(
        `^variant 'sleeps': ${place}: nobody can go on: task 0 on CPU 0 waits for ([a-z ]+ \\(the cell at \\d+\\)) in unregister_shrinker; task 1 on CPU 1 waits for \\1 in unregister_shrinker$`,
      ),
    ),
  });
});
