// What the threads about the shared walk over cgroups asked of it. The thresholds are ours.

import { formatNumber, formatPercent } from "../format.ts";
import { atMost, type Plan } from "./plan.ts";

/** Visits of a round to a cgroup that it had visited, or not at all, as a share of those expected. */
const shareMax = 0.01;

/** Share of the expected visits that a counter makes up; null where no round was watched. */
function shareOf(value: number | null, expected: number | null): number | null {
  return value === null || expected === null || expected === 0 ? null : value / expected;
}

export const memcgIteratorPlan: Plan = {
  constraints: [
    {
      name: "only the victim's walks restart",
      text: "removing a cgroup must not send walks back to their root that were not at it: no more restarts than cursors that pointed at a removed cgroup",
      objectionOf: (numbers) => {
        const restarts = numbers.value("restarts");
        const hits = numbers.value("cursor-hits");
        const destroys = numbers.value("destroys");
        if (restarts === null || hits === null || destroys === null || destroys === 0) return undefined;
        return restarts > hits
          ? `walks began again ${formatNumber(restarts)} times, though cursors pointed at a removed cgroup ${formatNumber(hits)} times of ${formatNumber(destroys)}`
          : null;
      },
    },
    {
      name: "rounds are completed",
      text: "walkers must come to the end of their tree, whatever is removed meanwhile",
      objectionOf: (numbers) => {
        const rounds = numbers.value("rounds-completed");
        const visits = numbers.value("visits");
        if (rounds === null || visits === null || visits === 0) return undefined;
        return rounds === 0 ? `no round was completed in ${formatNumber(visits)} visits` : null;
      },
    },
    {
      name: "everybody's turn",
      text: "a round must come to each cgroup that is there for all of it: at most 1 % are left out",
      objectionOf: (numbers) => {
        const share = shareOf(numbers.value("never-visited"), numbers.value("visits-expected"));
        if (share === null) return undefined;
        return share > shareMax ? `rounds left out ${formatPercent(share)} of the cgroups that were there` : null;
      },
    },
    {
      name: "nobody twice",
      text: "a round must not come to a cgroup again: at most 1 % of the visits",
      objectionOf: (numbers) => {
        const share = shareOf(numbers.value("visited-again"), numbers.value("visits-expected"));
        if (share === null) return undefined;
        return share > shareMax ? `rounds visited cgroups again, ${formatPercent(share)} of the visits expected` : null;
      },
    },
    atMost("pinned-cgroups", 0, {
      name: "dead cgroups go",
      text: "a removed cgroup must not be kept by a cursor until somebody happens to walk again",
      broken: (pinned) => `${formatNumber(pinned)} removed cgroups are kept at the end`,
    }),
  ],
  overview: [
    "restarts",
    "visited-again",
    "never-visited",
    "over-reclaim",
    "pinned-cgroups",
    "rmdir-latency-ns",
    "cursor-bytes-max",
  ],
};
