// What the scenarios of cil are about, what the checker finds in each variant, and how it calls what lies in a case.

import { describe, expect, test } from "vitest";
import { cil as suite } from "../../bench/cil.ts";
import { compileCheckerCore, compileModule } from "../../src/build/compile.ts";
import { performCheck } from "../../src/checker/job.ts";
import type { MemoryModel } from "../../src/checker/model.ts";
import type { CheckOutcome } from "../../src/checker/outcome.ts";
import { cilCheck } from "../../src/checker/problems/cil.ts";
import { programOf } from "../../src/checker/problems/problem.ts";
import { kindLogPush, kindTransactionCommit, kindTransactionItem } from "../../src/kernel/events.ts";
import { noteCheckpointChanged, noteGracePeriod, noteVectorOverrun } from "../../src/kernel/notes.ts";
import { decodeEvents } from "../../src/workloads/event-reader.ts";

/** Enough for the smaller scenarios to be exhausted; the others go as far as this. */
const statesMax = 120_000;
const timeoutMs = 120_000;

async function check(variant: string, scenario: string, model: MemoryModel = "sc"): Promise<CheckOutcome> {
  const compiled = await compileModule({ problem: "cil", variant, machine: "checked", constants: {} });
  return performCheck({
    problem: "cil",
    variant: { id: variant, skipWhenEmpty: false },
    scenario,
    model,
    scheduler: { name: "exhaustive", reduction: true },
    statesMax,
    stepsMax: 20_000,
    msMax: Number.MAX_SAFE_INTEGER,
    bytesMax: 512 * 2 ** 20,
    core: (await compileCheckerCore()).wasm,
    compiled,
  });
}

const names = cilCheck.scenarios.map(({ name }) => name);
const shortNames = cilCheck.scenarios.filter(({ isShort }) => isShort).map(({ name }) => name);
const variants = suite.variants.map(({ name }) => name);

test("scenarios are well formed: transactions are whole, and an item is one task's", () => {
  expect(new Set(names).size).toBe(names.length);
  for (const { name, setup, tasks, closing, objects, constants } of cilCheck.scenarios) {
    expect(constants).toEqual({});
    for (const events of [setup, closing, ...tasks.map((task) => task.events)]) {
      let isOpen = false;
      for (const { kind } of events) {
        expect([kindTransactionItem, kindTransactionCommit, kindLogPush]).toContain(kind);
        if (kind === kindTransactionCommit) expect(isOpen, name).toBe(true);
        if (kind === kindLogPush) expect(isOpen, name).toBe(false);
        isOpen = kind === kindTransactionItem;
      }
      expect(isOpen, name).toBe(false);
    }
    const owners = tasks.map(({ events }) => new Set(events.flatMap(({ object }) => object ?? [])));
    for (let item = 0; item < objects; item++) {
      expect(owners.filter((items) => items.has(item)).length, `${name}, item ${item}`).toBeLessThanOrEqual(1);
    }
  }
});

test("each task's events name it, and set-up and closing part are the first task's", () => {
  for (const scenario of cilCheck.scenarios) {
    const program = programOf(scenario);
    const events = [...decodeEvents(program.events)];
    for (const [task, { first, end }] of program.tasks.entries()) {
      expect(events.slice(first, end).every((event) => event.task === task)).toBe(true);
    }
    for (const { first, end } of [...program.setup, ...program.closing]) {
      expect(events.slice(first, end).every((event) => event.task === 0)).toBe(true);
    }
  }
});

test("notes of broken rules are violations of invariants that there are", () => {
  const known = cilCheck.invariants.map(({ name }) => name);
  for (const note of [noteCheckpointChanged, noteVectorOverrun]) {
    expect(known).toContain(cilCheck.violationOf(note)?.invariant);
  }
  expect(cilCheck.violationOf(noteGracePeriod)).toBeUndefined();
  const declared = cilCheck.defects.map(({ variant, scenario }) => [variant, scenario]);
  for (const [variant, scenario] of declared) {
    expect(variants).toContain(variant);
    expect(names).toContain(scenario);
  }
});

describe.each(variants)("%s", (variant) => {
  test.each(shortNames)("exhausts %s under both memory models", async (scenario) => {
    for (const model of ["sc", "tso"] as const) {
      const { outcome, counterexample } = await check(variant, scenario, model);
      expect(counterexample?.finding).toBeUndefined();
      // Under TSO there are more states than here.
      expect(model === "sc" ? ["exhausted"] : ["exhausted", "bound"]).toContain(outcome);
    }
  });

  const others = names.filter((name) => !shortNames.includes(name));
  test.each(others)(
    "does nothing wrong in %s, but for what is declared of it",
    async (scenario) => {
      const { outcome, counterexample } = await check(variant, scenario);
      const declared = cilCheck.defects.find((one) => one.variant === variant && one.scenario === scenario);
      if (declared === undefined) expect(counterexample?.finding).toBeUndefined();
      else expect(["defect", "bound"]).toContain(outcome);
    },
    timeoutMs,
  );
});

test("the deadlock of allocations under the lock is told as the cycle that it is", async () => {
  const { outcome, defect, counterexample } = await check("allocate-under-lock", "short-of-memory");
  expect(outcome).toBe("defect");
  expect(defect).toContain("waits for that lock");
  const { finding, timeline, frames } = counterexample!;
  expect(finding.kind).toBe("deadlock");
  // One task holds the context lock and waits for memory, the other waits for the lock in order to push.
  expect(finding.message).toMatch(/sleeps until wait for memory changes/);
  expect(finding.message).toMatch(/sleeps until stack of task \d/);
  expect(timeline).toContain("xc_ctx_lock");
  expect(frames.length).toBeGreaterThan(0);
});
