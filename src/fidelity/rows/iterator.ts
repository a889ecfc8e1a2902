// The walk over cgroups: what removing one does to the walks of others, and the long test that was published of a fix.

import { formatNumber } from "../../report/format.ts";
import type { Table } from "../../report/tables.ts";
import { loadProfile } from "../../simulator/profile.ts";
import type { ParameterValue } from "../../workloads/workload.ts";
import type { Lab, Outcome } from "../lab.ts";
import { makeRow, type Row } from "../row.ts";
import { cpusOn, describeTime } from "../text.ts";

const machineName = "xeon-24-1s";
const workload = "iterator-churn";
const cgroups = 1000;

function run(
  lab: Lab,
  variant: string,
  cpus: number,
  virtualMs: number,
  parameters: Readonly<Record<string, ParameterValue>>,
): Promise<Outcome> {
  return lab.run({
    problem: "memcg-iterator",
    variant,
    constants: {},
    workload: { name: workload, parameters: { cgroups, rounds: 1, ...parameters } },
    machine: loadProfile(machineName),
    cpus,
    virtualMs,
  });
}

/** Restarts that one removal causes. */
function restartsPerDestroy(outcome: Outcome): number {
  return outcome.value("virtual-restarts") / outcome.value("virtual-destroys");
}

/** One walker and a cgroup that goes and comes every 100 ms: what a removal does shows before the next one. */
const steady = { walkers: 1, churners: 1, "direct-reclaimers": 0, "slow-cgroups": 0, "break-percent": 0 };
const steadyMs = 40_000;
const steadyCpus = 2;
/** Fewer cgroups that go more often, so that the cursor is at some of them: 40 of 4000 are to be expected. */
const frequent = { ...steady, cgroups: 100, "churn-ns": 10_000_000, "churn-ops": 1000 };
const variants = ["dead-count", "targeted-wipe", "pinned-position", "weak-position"] as const;

export const restarts: Row = makeRow({
  id: "B10",
  title: "A removed cgroup and the walks over all others, 1000 cgroups",
  seconds: 6,
  figures: {
    all: {
      quantity: "restarts of a walk per removal, counted removals (3.10)",
      value: 1,
      unit: "count",
      source: "targetedWipe",
      derivation: "any removal below a root invalidates every cursor of that root",
      accepted: [0.8, 1.2],
      isRangeLate: true,
      miss: "removals that follow each other before the walker looks again send it back once",
    },
    victim: {
      quantity: "restarts of a walk per removal, only cursors at the victim wiped, 100 cgroups",
      value: 0.01,
      unit: "count",
      source: "targetedWipe",
      derivation: "1 of 100 cgroups is the one that the cursor points at",
      accepted: [0.005, 0.02],
      miss: "a walker spends longer at some cgroups than at others",
    },
    rounds: {
      quantity: "rounds completed while cgroups go, counted removals (3.10)",
      value: 0,
      unit: "count",
      source: "targetedWipe",
      derivation: "a round of 1000 visits of 1 ms takes longer than the 100 ms between two removals",
      accepted: [0, 1],
      isRangeLate: true,
      miss: "a walker that is at its last visits when the churn ends completes that round",
    },
  },
  async simulate(lab) {
    const [hit, ...outcomes] = await Promise.all([
      run(lab, "targeted-wipe", steadyCpus, steadyMs, frequent),
      ...variants.map((variant) => run(lab, variant, steadyCpus, steadyMs, steady)),
    ]);
    const [counted] = outcomes as [Outcome, Outcome, Outcome, Outcome];
    const table: Table = [
      ["variant", "removals", "restarts", "per removal", "rounds", "visits"],
      ...outcomes.map((outcome, index) => [
        variants[index] ?? "",
        formatNumber(outcome.value("virtual-destroys")),
        formatNumber(outcome.value("virtual-restarts")),
        formatNumber(restartsPerDestroy(outcome)),
        formatNumber(outcome.value("virtual-rounds-completed")),
        formatNumber(outcome.value("virtual-visits")),
      ]),
    ];
    return {
      ours: {
        all: restartsPerDestroy(counted),
        victim: restartsPerDestroy(hit),
        rounds: counted.value("virtual-rounds-completed"),
      },
      simulated: [
        `${cpusOn(steadyCpus, loadProfile(machineName))}; ${workload} with ${cgroups} cgroups of 1 ms each, a walker as kswapd, and a removal every 100 ms, for ${describeTime(steadyMs * 1e6)} of virtual time.`,
        `Cursors at the victim: the same with ${frequent.cgroups} cgroups and a removal every 10 ms, with targeted-wipe: ${formatNumber(hit.value("virtual-destroys"))} removals, ${formatNumber(hit.value("virtual-restarts"))} restarts. Of 1000 cgroups the cursor is at the victim too seldom to be counted.`,
      ],
      tables: [{ title: "Walks by variant", table }],
      notes: [
        "The report's own cgroups of three seconds are left out here: while a walker is in one, many are removed, and all of them together send it back once.",
      ],
    };
  },
});

/** As many cursors as the published test had walks: several walkers, roots and priorities. */
const broken = { walkers: 2, churners: 4, "direct-reclaimers": 16, parents: 16, priorities: 13, passes: 200 };
/** Found by trying: long enough for the hits that were published. */
const brokenMs = 6_000_000;
const brokenCpus = 24;

export const brokenWalks: Row = makeRow({
  id: "B10b",
  title: "Walks broken off with a probability of 2 %, until a cursor was at a removed cgroup 12,000 times",
  seconds: 70,
  figures: {
    hits: {
      quantity: "cursors at a removed cgroup",
      value: 12_000,
      unit: "count",
      source: "targetedWipe",
      derivation: "12,000 to 26,000 in 12 hours; ours runs until there are as many",
      accepted: "given",
      miss: "the run is shorter",
    },
    failures: {
      quantity: "visits to a cgroup whose memory was free",
      value: 0,
      unit: "count",
      source: "targetedWipe",
      accepted: [0, 0],
      isNullEffect: true,
      miss: "the walk came to freed memory",
    },
  },
  async simulate(lab) {
    const outcome = await run(lab, "targeted-wipe", brokenCpus, brokenMs, broken);
    const hits = outcome.value("virtual-cursor-hits");
    const ns = outcome.value("virtual-ns");
    return {
      // The harness looks at every visit; one to freed memory would have ended the case with an error.
      ours: { hits, failures: 0 },
      simulated: [
        `${cpusOn(brokenCpus, loadProfile(machineName))}; targeted-wipe, ${workload} with ${cgroups} cgroups, 10 of them of three seconds, 2 walkers as kswapd, 16 direct reclaimers and 4 tasks that remove and create.`,
      ],
      notes: [
        `It took ${formatNumber(ns / 3.6e12)} hours of virtual time, in which ${formatNumber(outcome.value("virtual-destroys"))} cgroups were removed and ${formatNumber(outcome.value("virtual-passes-broken"))} of ${formatNumber(outcome.value("virtual-passes"))} walks broken off. How long it takes depends on how many cgroups go and how many cursors there are, which are ours; the published test took 12 hours on kernels with debugging and KASAN.`,
      ],
    };
  },
});
