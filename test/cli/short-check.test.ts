import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { suites } from "../../bench/index.ts";
import type { CheckJob } from "../../src/checker/outcome.ts";
import { problemCheckOf } from "../../src/checker/problems/index.ts";
import { timeBound } from "../../src/checker/schedulers/ends.ts";
import { CheckCache } from "../../src/cli/check-cache.ts";
import { jobOf } from "../../src/cli/check-cases.ts";
import { boundsOf, type CheckOptions, defaults } from "../../src/cli/check-options.ts";
import { type CheckCase, planChecks } from "../../src/cli/check-plan.ts";
import { caseOfRow, checkId, checkRows } from "../../src/cli/run-records.ts";
import { planShortChecks } from "../../src/cli/short-check.ts";
import { planUnits } from "../../src/plan/plan.ts";
import { choose } from "../plan/choices.ts";
import { counterexample, declared, outcome, rung } from "../report/check/outcomes.ts";
import { fixedRun } from "../report/quarantine/rows.ts";
import { file, folder, newOut } from "./program.ts";

const options: CheckOptions = {
  problem: [],
  variantFile: [],
  scenario: [],
  memoryModel: [],
  reduction: true,
  format: [],
  list: false,
  ...defaults,
};

const module = { wasm: new Uint8Array(), sha256: "ab".repeat(32), flags: [] };

function caseOf(scenario: string): { readonly check: CheckCase; readonly job: CheckJob } {
  const all = { problems: [], variants: ["single-list"], outside: new Map(), models: ["sc"] as const };
  const [check] = planChecks(suites, { ...all, scenarios: [scenario] });
  return { check: check!, job: jobOf(check!, { compiled: module, core: module }, boundsOf(options)) };
}

describe("before a run", () => {
  const quarantine = suites.find(({ problem }) => problem === "quarantine")!;

  test("each variant that it measures is checked once in each short scenario, but for those that cannot be", () => {
    const units = planUnits(quarantine, choose({ variants: ["hash-buckets buckets=4"] }));
    expect(units.length).toBeGreaterThan(1);
    const short = problemCheckOf("quarantine").scenarios.filter(({ isShort }) => isShort);
    expect(short.length).toBeGreaterThan(0);
    expect(planShortChecks(units).map(({ variant, scenario, model }) => [variant.id, scenario.name, model])).toEqual(
      ["singly-linked-fifo", "hash-buckets buckets=4"].flatMap((id) => short.map(({ name }) => [id, name, "sc"])),
    );
  });

  test("a variant has its own constants in a check, and the scenario's instead of the measurements'", () => {
    const units = planUnits(quarantine, choose({ variants: ["hash-buckets buckets=4"] }));
    const measured = units[0]?.variants.find(({ name }) => name === "hash-buckets")?.constants;
    const checked = planShortChecks(units).find(({ variant }) => variant.name === "hash-buckets")?.variant.constants;
    expect(measured).toEqual({ LAB_BATCHES: 1024, LAB_BUCKETS: 4 });
    expect(checked).toEqual({ LAB_BUCKETS: 4 });
  });
});

describe("what is kept of a check", () => {
  let place: string;
  beforeAll(() => {
    place = mkdtempSync(path.join(folder, "checks-"));
  });
  const { check, job } = caseOf("put-against-remove");
  const exhausted = outcome();

  test("is there the next time, to the last digit", () => {
    const violated = outcome({ outcome: "violation", counterexample });
    for (const one of [exhausted, violated, outcome({ outcome: "bound", bound: "20000000 states" })]) {
      new CheckCache(place).keep(check, job, one);
      expect(new CheckCache(place).read(check, job)).toEqual(one);
    }
  });

  test("is of this case only: another module, core, scenario, bound or model is another one", () => {
    const cache = new CheckCache(place);
    cache.keep(check, job, exhausted);
    const others: readonly CheckJob[] = [
      { ...job, compiled: { ...module, sha256: "cd".repeat(32) } },
      { ...job, core: new Uint8Array([1]) },
      { ...job, statesMax: 5 },
      { ...job, model: "tso" },
      { ...job, scheduler: { name: "exhaustive", reduction: false } },
    ];
    for (const other of others) expect(cache.read(check, other)).toBeUndefined();
    const changed = { ...check, scenario: { ...check.scenario, ticks: 3 } };
    expect(cache.read(changed, job)).toBeUndefined();
    expect(cache.read(check, job)).toEqual(exhausted);
  });

  test.each<[string, (text: string) => string]>([
    ["cut off", (text) => text.slice(0, text.length / 2)],
    ["empty", () => ""],
    ["of another form", (text) => text.replace('"outcome"', '"result"')],
    ["with an unknown outcome", (text) => text.replaceAll('"exhausted"', '"fine"')],
    ["without rungs", (text) => text.replace(/"rungs":\[.*\],/, '"rungs":[],')],
    ["JSON, but no object", () => "7"],
  ])("does not count when its file is %s", (_, damage) => {
    const own = mkdtempSync(path.join(folder, "damaged-"));
    new CheckCache(own).keep(check, job, exhausted);
    const [name] = readdirSync(own);
    const kept = path.join(own, name!);
    const text = readFileSync(kept, "utf8");
    expect(damage(text)).not.toBe(text);
    writeFileSync(kept, damage(text));
    expect(new CheckCache(own).read(check, job)).toBeUndefined();
  });

  test("is nothing of what hangs on the host: the time limit, or a thread that hung", () => {
    const own = newOut();
    const cache = new CheckCache(own);
    cache.keep(check, job, outcome({ outcome: "bound", bound: timeBound }));
    cache.keep(check, job, outcome({ outcome: "violation", counterexample: { ...counterexample, token: "" } }));
    expect(readdirSync(own)).toEqual([]);
  });

  test("is nothing where it cannot be written, which is no error", () => {
    const cache = new CheckCache(path.join(file("none", ""), "checks"));
    cache.keep(check, job, exhausted);
    expect(cache.read(check, job)).toBeUndefined();
  });
});

describe("the rows of a check", () => {
  test("of a known defect say which", () => {
    const rows = checkRows(fixedRun, caseOf("put-against-remove").check, declared);
    expect(rows.map(({ metric, value }) => [metric, value])).toEqual([
      ["check-defect[use after free]", 1],
      ["check-ms", declared.ms],
    ]);
  });

  const { check } = caseOf("put-against-remove");
  const valuesOf = (...of: Parameters<typeof outcome>) =>
    Object.fromEntries(checkRows(fixedRun, check, outcome(...of)).map(({ metric, value }) => [metric, value]));

  test("belong to its case, by which a resumed run finds them", () => {
    const rows = checkRows(fixedRun, check, outcome());
    expect(new Set(rows.map(caseOfRow))).toEqual(new Set([checkId(check)]));
    expect(new Set(rows.map(({ instrument }) => instrument))).toEqual(new Set(["checker"]));
    expect(rows[0]?.parameters).toContain("size=2%20tasks%20x%202%20operations");
  });

  test("are exact where every interleaving was explored, but for its time", () => {
    const rows = checkRows(fixedRun, check, outcome());
    expect(rows.filter(({ assume }) => assume === "exact").map(({ metric, value }) => [metric, value])).toEqual([
      ["check-states", 1000],
      ["check-transitions", 2000],
      ["check-executions", 30],
      ["check-depth", 40],
    ]);
    expect(valuesOf()).toMatchObject({ "check-exhausted": 1, "check-ms": 1500 });
  });

  test("hold nothing exact where it stopped at a bound, which they name", () => {
    const rungs = [rung("every interleaving", { outcome: "bound", bound: "77 states", states: 77 })];
    const stopped = { outcome: "bound", bound: "77 states", rungs } as const;
    expect(checkRows(fixedRun, check, outcome(stopped)).filter(({ assume }) => assume === "exact")).toEqual([]);
    expect(valuesOf(stopped)).toEqual({
      "check-exhausted": 0,
      "check-bound[77 states]": 1,
      "check-states-reached": 77,
      "check-ms": 1500,
    });
  });
});
