// Outcomes of a check, made by hand.

import type { CheckOutcome, Counterexample, Rung } from "../../../src/checker/outcome.ts";
import type { CheckReport } from "../../../src/report/check/report.ts";

/** A rung that was exhausted, unless it is said otherwise. */
export function rung(name: string, some: Partial<Rung["exploration"]> = {}): Rung {
  const numbers = { states: 1000, transitions: 2000, executions: 30, depth: 40 };
  return { name, exploration: { outcome: "exhausted", bound: "", ...numbers, ...some } };
}

/** A case that was exhausted, unless it is said otherwise. */
export function outcome(some: Partial<CheckOutcome> = {}): CheckOutcome {
  return {
    problem: "quarantine",
    variant: "single-list",
    scenario: "put-against-remove",
    size: "2 tasks x 2 operations",
    model: "sc",
    scheduler: "exhaustive",
    outcome: "exhausted",
    bound: "",
    rungs: [rung("every interleaving")],
    ms: 1500,
    missProbability: 1e-12,
    ...some,
  };
}

export const counterexample: Counterexample = {
  finding: { kind: "use after free", invariant: "", message: "task 1 loads a < b && c from object 3", agent: 1 },
  schedule: [
    { agent: 0, operations: 7, isBuffered: false },
    { agent: 1, operations: 2, isBuffered: false },
  ],
  preemptions: 1,
  token: "AbC-dEf_123",
  timeline:
    "   CPU 0 | CPU 1\n 1 task 0: queue: 0→1\n 2       | task 1: object 3 is 0x5a <gone>\nuse after free: task 1 loads a < b && c from object 3",
  frames: [
    { symbol: "", file: "machine/checked.ts", line: 12, column: 3 },
    { symbol: "kasan_quarantine_put", file: "quarantine/single-list.ts", line: 88, column: 5 },
    { symbol: "", file: "quarantine/harness.ts", line: 200, column: 1 },
  ],
};

export const violated = outcome({
  variant: "hash-buckets buckets=16",
  outcome: "violation",
  rungs: [rung("every interleaving", { outcome: "violation", states: 17, executions: 2 })],
  counterexample,
});

export const stopped = outcome({
  problem: "shrinker",
  variant: "srcu",
  scenario: "unregister-walk",
  size: "3 tasks x 2 operations",
  outcome: "bound",
  bound: "the time limit",
  rungs: [rung("every interleaving", { outcome: "bound", bound: "the time limit", states: 5_000_000 })],
  ms: 30_000,
});

/** What the problem declares of the variant. */
export const declared = outcome({
  ...violated,
  variant: "singly-linked-fifo",
  outcome: "defect",
  defect: "kept to show what Linux had",
});

/** One of each kind but a known defect, and one that was not reached. */
export const report: CheckReport = {
  command: "reclaim-bench check 'a & b'",
  version: "0.1.0",
  startedAt: "2025-01-31T23:59:59.000Z",
  outcomes: [
    outcome(),
    outcome({ model: "tso", rungs: [rung("every interleaving", { states: 2345 })] }),
    outcome({ scenario: "put-reduce-remove", size: "3 tasks x 1 to 2 operations" }),
    violated,
    stopped,
  ],
  unfinished: [
    { problem: "shrinker", variant: "rwsem", scenario: "late", size: "2 tasks x 2 operations", model: "sc" },
  ],
};

export const clean: CheckReport = { ...report, outcomes: [outcome()], unfinished: [] };
