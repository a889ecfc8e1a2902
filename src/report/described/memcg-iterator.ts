// What the threads about the shared walk over cgroups asked of it. The thresholds are ours.
//
// All of it is about removals: walks that any removal sends back, rounds that never end, so that the first cgroups are
// reclaimed from over and over and the last ones never, and dead cgroups that stay. What walkers of one cursor do to each
// other is not: up to 6.11 Linux promises that a round comes to each cgroup at least once, and two walkers that meet may be
// given the same one. That is a cost, which the numbers show (visited again) and the ranking takes off (first visits), but
// nothing is broken by it.

import { formatCount, formatPercent, formatTimes } from "../format.ts";
import { atMost, type Plan } from "./plan.ts";

/** Cgroups that completed rounds leave out, as a share of those that were there. */
const leftOutMax = 0.01;

export const memcgIteratorPlan: Plan = {
  constraints: [
    {
      name: "only the victim's walks restart",
      text: "removing a cgroup must not send walks back to their root whose cursors stand at others",
      objectionOf: (numbers) => {
        const innocent = numbers.value("innocent-restarts");
        const destroys = numbers.value("destroys");
        if (innocent === null || destroys === null || destroys === 0) return undefined;
        return innocent > 0
          ? `${formatCount(destroys, "removals")} sent walks back ${formatTimes(innocent)} from cgroups that were still there`
          : null;
      },
    },
    {
      name: "rounds are completed",
      text: "walkers must come to the end of their tree, whatever is removed meanwhile",
      objectionOf: (numbers) => {
        const restarts = numbers.value("removal-restarts");
        const rounds = numbers.value("rounds-completed");
        // What is too short for a round shows nothing of removals.
        if (restarts === null || rounds === null || (restarts === 0 && rounds === 0)) return undefined;
        return rounds === 0 ? `removals sent walks back ${formatTimes(restarts)}, and no round was completed` : null;
      },
    },
    {
      name: "everybody's turn",
      text: "a round must come to each cgroup that is there for all of it: at most 1 % are left out",
      objectionOf: (numbers) => {
        const never = numbers.value("never-visited");
        const expected = numbers.value("visits-expected");
        if (never === null || expected === null || expected === 0) return undefined;
        return never > leftOutMax * expected
          ? `rounds left out ${formatPercent(never / expected)} of the cgroups that were there`
          : null;
      },
    },
    atMost("pinned-cgroups", 0, {
      name: "dead cgroups go",
      occasions: "destroys",
      text: "a removed cgroup must not be kept by a cursor until somebody happens to walk again",
      broken: (pinned) => `${formatCount(pinned, "removed cgroups")} ${pinned === 1 ? "is" : "are"} kept at the end`,
    }),
  ],
  overview: [
    "removal-restarts",
    "innocent-restarts",
    "visited-again",
    "never-visited",
    "over-reclaim",
    "pinned-cgroups",
    "rmdir-latency-ns",
    "cursor-bytes-max",
  ],
};
