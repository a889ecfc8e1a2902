// Log commits that allocate under a lock, where memory is short.

import { formatNumber } from "../../report/format.ts";
import type { Table } from "../../report/tables.ts";
import { loadProfile } from "../../simulator/profile.ts";
import type { Lab, Outcome } from "../lab.ts";
import { makeRow, type Row } from "../row.ts";
import { cpusOn, describeTime } from "../text.ts";

const machineName = "xeon-24-1s";
const workload = "commits-short-of-memory";
const cpus = 8;
/** Vectors of 64 KiB, of which a few fit; a log that could take all of them. */
const parameters = {
  committers: 8,
  items: 10,
  transactions: 8,
  "items-per-transaction": 2,
  mix: "65536:1",
  "memory-limit": 2 * 2 ** 20,
  "hang-ms": 120_000,
} as const;
const variants = ["allocate-under-lock", "shadow-buffers", "fail-fast-allocation"] as const;

function run(lab: Lab, variant: string): Promise<Outcome> {
  return lab.run({
    problem: "cil",
    variant,
    constants: {},
    workload: { name: workload, parameters },
    machine: loadProfile(machineName),
    cpus,
    virtualMs: null,
  });
}

export const deadlock: Row = makeRow({
  id: "B13",
  title: "Log commits that are short of memory",
  seconds: 6,
  figures: {
    under: {
      quantity: "hangs with allocations under the lock (1: there are some)",
      value: 1,
      unit: "count",
      source: "shadowBuffers",
      derivation: "the machine of the report hung, with commits and the push in its list of blocked tasks",
      accepted: [1, 1],
      miss: "nobody had to wait for memory while holding the lock",
    },
    shadow: {
      quantity: "hangs with shadow buffers",
      value: 0,
      unit: "count",
      source: "shadowBuffers",
      accepted: [0, 0],
      miss: "a commit waited for memory that nobody freed",
    },
  },
  async simulate(lab) {
    const outcomes = await Promise.all(variants.map((variant) => run(lab, variant)));
    const [under, shadow] = outcomes as [Outcome, Outcome, Outcome];
    const table: Table = [
      [
        "variant",
        "commits",
        "virtual time",
        "waits for memory",
        "hangs",
        "with a push behind the lock",
        "allocated under it",
      ],
      ...outcomes.map((outcome, index) => [
        variants[index] ?? "",
        formatNumber(outcome.value("virtual-commits")),
        describeTime(outcome.value("virtual-ns")),
        formatNumber(outcome.value("virtual-memory-waits")),
        formatNumber(outcome.value("virtual-deadlocks")),
        formatNumber(outcome.value("virtual-deadlocks-with-push")),
        formatNumber(outcome.value("virtual-allocations-under-lock")),
      ]),
    ];
    return {
      ours: {
        under: Math.min(1, under.value("virtual-deadlocks")),
        shadow: shadow.value("virtual-deadlocks"),
      },
      simulated: [
        `${cpusOn(cpus, loadProfile(machineName))}; ${workload}: ${parameters.committers} committers of vectors of 64 KiB, of which ${parameters["memory-limit"] / 2 ** 20} MiB are to be had.`,
        `A wait for memory of ${describeTime(parameters["hang-ms"] * 1e6)}, after which Linux calls a task hung, counts, and is then served from a reserve, so that the run goes on.`,
      ],
      tables: [{ title: "Commits by variant", table }],
      notes: [
        "The cycle itself, without a watchdog, is what `reclaim-bench check cil` finds in the interleavings of two tasks.",
      ],
    };
  },
});
