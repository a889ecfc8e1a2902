// Caches that outlive their cgroup: how many cgroups are kept over seven days, and the race by which caches leaked.

import type { CheckOutcome } from "../../checker/outcome.ts";
import { formatBytes, formatNumber } from "../../report/format.ts";
import type { Table } from "../../report/tables.ts";
import { loadProfile } from "../../simulator/profile.ts";
import type { Lab, Outcome } from "../lab.ts";
import { makeRow, type Row } from "../row.ts";
import { cpusOn } from "../text.ts";

const machineName = "xeon-24-1s";
const cpus = 8;
const hourNs = 3_600_000_000_000;
const hours = 168;
const parameters = { rounds: hours, cgroups: 10, objects: 50, tasks: cpus, "interval-ns": hourNs } as const;
const variants = ["keep-dead", "self-drain", "reparent-caches", "object-cgroups"] as const;

/** Of seven days, by day. */
const publishedOriginal = [56, 362, 628, 752, 1070, 1250, 1490, 1560] as const;
const publishedPatched = [23, 46, 51, 55, 60, 57, 67, 69] as const;

function run(lab: Lab, variant: string): Promise<Outcome> {
  return lab.run({
    problem: "slab-offline",
    variant,
    constants: {},
    workload: { name: "offline-churn", parameters },
    machine: loadProfile(machineName),
    cpus,
    virtualMs: null,
  });
}

/** Growth in the second half over growth in the first, of values at equal distances; their ends interpolated. */
function pace(values: readonly number[]): number {
  const last = values.length - 1;
  const at = (place: number): number => {
    const [low, high] = [values[Math.floor(place)] as number, values[Math.ceil(place)] as number];
    return low + (high - low) * (place - Math.floor(place));
  };
  return (at(last) - at(last / 2)) / (at(last / 2) - at(0));
}

/** Values at the end of each day, the first hour in front. */
function byDay(series: readonly number[]): number[] {
  return [series[0] ?? 0, ...[1, 2, 3, 4, 5, 6, 7].map((day) => series[day * 24 - 1] ?? 0)];
}

const derivation = "growth over the second half of the eight daily counts by that over the first";

export const dying: Row = makeRow({
  id: "B11",
  title: "Dying cgroups over seven days",
  seconds: 20,
  figures: {
    original: {
      quantity: "dying cgroups after seven days, original; ours keeps caches for good",
      value: publishedOriginal[7],
      unit: "count",
      source: "reparentCaches",
      accepted: "given",
      miss: "the workload has as many cgroups an hour as this figure says",
    },
    linear: {
      quantity: "pace of their growth in the second half against the first (1: steady)",
      value: pace(publishedOriginal),
      unit: "×",
      source: "reparentCaches",
      derivation,
      accepted: [0.6, 1.4],
      miss: "the hosts' load is not steady, and ours is",
    },
    patched: {
      quantity: "dying cgroups after seven days, caches given to the parent",
      value: publishedPatched[7],
      unit: "count",
      source: "reparentCaches",
      accepted: [35, 140],
      miss: "what else keeps a cgroup, such as page cache, is not modelled",
    },
  },
  async simulate(lab) {
    const outcomes = await Promise.all(variants.map((variant) => run(lab, variant)));
    const courses = outcomes.map((outcome) => byDay(outcome.series("virtual-dying-cgroups")));
    const pinned = outcomes.map((outcome) => byDay(outcome.series("virtual-pinned-bytes")));
    const table = (of: readonly (readonly number[])[], format: (value: number) => string): Table => [
      ["variant", "hour 1", "day 1", "2", "3", "4", "5", "6", "7"],
      ...of.map((course, index) => [variants[index] ?? "", ...course.map(format)]),
    ];
    const [kept, drained, given] = courses as [number[], number[], number[], number[]];
    return {
      // No cgroup of ours has anything but slab objects to keep it: that none is left shows no more than that.
      ours: { original: kept[7] ?? null, linear: pace(kept), patched: null },
      simulated: [
        `${cpusOn(cpus, loadProfile(machineName))}; offline-churn with ${parameters.cgroups} cgroups an hour for ${hours} hours, each with ${parameters.objects} objects of 4 caches, of which a tenth outlive it, a fifth of these by up to two days.`,
      ],
      tables: [
        {
          title:
            "Dying cgroups by day; published, from day 0 on, are 56 362 628 752 1070 1250 1490 1560 and 23 46 51 55 60 57 67 69",
          table: table(courses, formatNumber),
        },
        { title: "Bytes of slabs that dead caches keep, by day", table: table(pinned, formatBytes) },
      ],
      notes: [
        "How many cgroups there are is the published number; that they are kept for ever, or not, is the model's.",
        `The original of 2019 drained dead caches, as Linux has done since 4.0, and so did not keep those without objects. What is compared is keep-dead, which never looks at them again, as before 4.0. self-drain is the original's own way; here it comes to ${formatNumber(drained[7] ?? 0)} and stays there, because none of our objects lives longer than two days. How long those of the hosts lived is not published; that their number still grew on the seventh day says: longer.`,
        `The published hosts still kept some cgroups after the patch, by page cache and other references. Ours have slab objects only, and come to ${formatNumber(given[7] ?? 0)}.`,
      ],
    };
  },
});

const raceScenario = "freeze-against-offline";
type Leaks = number | null;

/** Ways out of the race, and the variant without any. */
const ways = {
  leaks: { text: "mark and shrink, no wait", variant: "mark-and-wait", constants: { LAB_FORM: 2 } },
  waits: { text: "wait for frees in flight (F1)", variant: "mark-and-wait", constants: { LAB_FORM: 1 } },
  poison: { text: "the publishing exchange looks again (F2)", variant: "mark-and-wait", constants: { LAB_FORM: 0 } },
  drains: { text: "look after publishing, and drain (F3)", variant: "self-drain", constants: {} },
} as const;

/** Whether a dead cache can be left: 1 or 0; null where a bound ended the search. */
function leaksOf({ outcome, counterexample }: CheckOutcome): number | null {
  if (outcome === "exhausted") return 0;
  return outcome === "violation" && counterexample?.finding.kind === "leak" ? 1 : null;
}

const closed = {
  value: 0,
  unit: "count",
  source: "deadCaches",
  accepted: [0, 0],
  miss: "an interleaving leaves a dead cache behind, or the search was stopped",
} as const;

export const race: Row = makeRow({
  id: "B12",
  title: "A free that decides to freeze a slab while the cache's cgroup goes",
  seconds: 2,
  figures: {
    leaks: {
      quantity: "1 where a free preempted between its decision and its effect leaks the cache, 0 where not: no wait",
      value: 1,
      unit: "count",
      source: "deadCaches",
      accepted: [1, 1],
      miss: "no interleaving shows the race that was reported",
    },
    waits: { quantity: "the same: offline waits for frees in flight", ...closed },
    poison: { quantity: "the same: the exchange that publishes finds the list closed", ...closed },
    drains: { quantity: "the same: who publishes looks at the mark and drains, as since 4.0", ...closed },
  },
  async simulate(lab) {
    const names = ["leaks", "waits", "poison", "drains"] as const;
    const outcomes: CheckOutcome[] = [];
    for (const name of names) {
      const { variant, constants } = ways[name];
      outcomes.push(await lab.check({ problem: "slab-offline", variant, constants, scenario: raceScenario }));
    }
    const [leaks, waits, poison, drains] = outcomes.map(leaksOf) as [Leaks, Leaks, Leaks, Leaks];
    const table: Table = [
      ["variant", "interleavings", "states", "finding", "preemptions"],
      ...outcomes.map(({ outcome, rungs, counterexample }, index) => [
        ways[names[index] ?? "leaks"].text,
        outcome === "exhausted" ? "all" : "until found",
        formatNumber(Math.max(...rungs.map(({ exploration }) => exploration.states))),
        counterexample?.finding.message ?? "none",
        counterexample === undefined ? "" : formatNumber(counterexample.preemptions),
      ]),
    ];
    return {
      ours: { leaks, waits, poison, drains },
      simulated: [
        `Not simulated but checked: every interleaving of the scenario ${raceScenario}, in which one CPU frees an object of a full slab while the cgroup goes on another.`,
      ],
      tables: [{ title: "Interleavings of one free and the offline", table }],
      notes: [
        "The simulator preempts at the end of a time slice only, so it does not come by this interleaving; a checker comes by all of them.",
      ],
    };
  },
});
