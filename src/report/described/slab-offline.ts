// What the threads about caches that outlive their cgroup asked of their end. The thresholds are ours.

import { formatNs, formatNumber, formatRatio } from "../format.ts";
import { atMost, type Plan } from "./plan.ts";

/** Longest median of an offline: what waits for a grace period, or for all CPUs, takes some milliseconds. */
const offlineNsMax = 1_000_000;
/** A free on a dead cache may take so many times that on a live one, at the median. */
const freeRatioMax = 2;

export const slabOfflinePlan: Plan = {
  constraints: [
    atMost("leaked-caches", 0, {
      name: "nothing leaks",
      text: "a dead cache whose last object was freed must go: nobody else will ever come back to it",
      broken: (leaked) => `${formatNumber(leaked)} empty caches stay for ever`,
    }),
    atMost("dying-cgroups-left", 0, {
      name: "cgroups go",
      text: "objects that live on must not keep their cgroup, which is far larger than they are",
      broken: (left) => `${formatNumber(left)} offline cgroups are kept at the end`,
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
      text: "a free on a dead cache must take at most twice the time of one on a live cache, at the median",
      objectionOf: (numbers) => {
        const dead = numbers.latency("free-dead-latency-ns")?.p50Ns;
        const live = numbers.latency("free-live-latency-ns")?.p50Ns;
        if (dead === undefined || live === undefined || live === 0) return undefined;
        return dead > freeRatioMax * live
          ? `a free on a dead cache takes ${formatNs(dead)} at the median, ${formatRatio(dead / live)} one on a live cache`
          : null;
      },
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
