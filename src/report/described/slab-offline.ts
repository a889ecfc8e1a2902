// What the threads about caches that outlive their cgroup asked of their end. The thresholds are ours.

import { formatCount, formatNs, formatRatio } from "../format.ts";
import { atMost, type Constraint, type Plan } from "./plan.ts";

/** Longest median of an offline: what waits for a grace period, or for all CPUs, takes some milliseconds. */
const offlineNsMax = 1_000_000;
/** A free on a dead cache may take so many times the reference's, at the median. */
const deadFreeRatioMax = 2;
/** A free on a live one: as much as a put of the quarantine may cost. Nearly all frees of a machine are such. */
const liveFreeRatioMax = 1.25;

/** Holds a median time of frees against the reference's. */
function freeJudge(metric: string, ratioMax: number, cache: string): Constraint["objectionOf"] {
  return (numbers, reference) => {
    const own = numbers.latency(metric)?.p50Ns;
    const base = reference?.latency(metric)?.p50Ns;
    if (own === undefined || base === undefined || base === 0) return undefined;
    return own > ratioMax * base
      ? `a free on a ${cache} cache takes ${formatNs(own)} at the median, ${formatRatio(own / base)} the reference's`
      : null;
  };
}

export const slabOfflinePlan: Plan = {
  constraints: [
    atMost("leaked-caches", 0, {
      name: "nothing leaks",
      kinds: ["leak"],
      occasions: "offlines",
      text: "a dead cache whose last object was freed must go: nobody else will ever come back to it",
      broken: (leaked) => `${formatCount(leaked, "empty caches")} ${leaked === 1 ? "stays" : "stay"} for ever`,
    }),
    atMost("dying-cgroups-left", 0, {
      name: "cgroups go",
      occasions: "offlines",
      text: "objects that live on must not keep their cgroup, which is far larger than they are",
      broken: (left) => `${formatCount(left, "offline cgroups")} ${left === 1 ? "is" : "are"} kept at the end`,
    }),
    {
      name: "quick offline",
      text: "taking a cgroup offline must not keep its caller waiting: less than 1 ms at the median",
      objectionOf: (numbers) => {
        const ns = numbers.latency("offline-latency-ns")?.p50Ns;
        if (ns === undefined) return undefined;
        return ns > offlineNsMax ? `an offline takes ${formatNs(ns)} at the median` : null;
      },
    },
    {
      name: "cheap frees",
      // Frees on dead caches are another CPU's and cold, so they are dearer than those on live ones whatever the variant.
      text: "a free on a dead cache must take at most twice the reference's, which does nothing about dead caches, at the median",
      objectionOf: freeJudge("free-dead-latency-ns", deadFreeRatioMax, "dead"),
    },
    {
      name: "regular path",
      text: "caches that live must not pay for those that die: a free on one takes at most a quarter more than the reference's, at the median",
      objectionOf: freeJudge("free-live-latency-ns", liveFreeRatioMax, "live"),
    },
  ],
  overview: [
    "dead-caches-left",
    "pinned-bytes-left",
    "leaked-caches",
    "offline-latency-ns",
    "free-live-latency-ns",
    "free-dead-latency-ns",
  ],
};
