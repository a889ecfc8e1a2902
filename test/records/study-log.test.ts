import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { StudyLog, type StudyProcess } from "../../src/records/study-log.ts";

const folder = mkdtempSync(path.join(tmpdir(), "study-log-"));
afterAll(() => rmSync(folder, { recursive: true }));

const file = path.join(folder, "processes.csv");
beforeEach(() => rmSync(file, { force: true }));

const one: StudyProcess = {
  ...{ stage: "same", row: "cil/a b=c,d/w/1/m", steps: 0, comparison: 3, phase: "first", process: 2 },
  ...{ base: 1.5, head: 1e-7, log_ratio: -0.25, rounds: 60, seconds: 1.25 },
};
const other: StudyProcess = { ...one, process: 3 };

test("what was added is found again, also by who opens the file later", async () => {
  const log = await StudyLog.open(file);
  expect(log.find(one)).toBeUndefined();
  await log.add([one, other]);
  for (const opened of [log, await StudyLog.open(file)]) {
    expect([opened.find(one), opened.find(other), opened.find({ ...one, steps: 1 })]).toEqual([one, other, undefined]);
  }
});

test("a line that was not written to its end is taken off, and can be written again", async () => {
  await (await StudyLog.open(file)).add([one, other]);
  const whole = readFileSync(file, "utf8");
  writeFileSync(file, whole.slice(0, -9));
  const log = await StudyLog.open(file);
  expect([log.find(one), log.find(other)]).toEqual([one, undefined]);
  await log.add([other]);
  expect(readFileSync(file, "utf8")).toBe(whole);
});

test("a file that was not begun to its end is begun again", async () => {
  writeFileSync(file, "stage,ro");
  await (await StudyLog.open(file)).add([one]);
  expect((await StudyLog.open(file)).find(one)).toEqual(one);
});

test.each([
  ["another header", (text: string) => text.replace("stage", "kind"), "processes.csv:1: not the header of a study"],
  ["a number that is none", (text: string) => text.replace("-0.25", "x"), "process 1: field 'log_ratio'"],
  ["an unknown stage", (text: string) => text.replace("same", "other"), "process 1: field 'stage'"],
  ["a field too few", (text: string) => text.replace(",1.25", ""), "not CSV"],
])("%s is told", async (_, damage, message) => {
  await (await StudyLog.open(file)).add([one]);
  writeFileSync(file, damage(readFileSync(file, "utf8")));
  await expect(StudyLog.open(file)).rejects.toThrow(message);
});
