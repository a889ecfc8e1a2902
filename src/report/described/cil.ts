// What the thread about allocations in log commits asked of them. The thresholds are ours.

import { formatBytes, formatCount, formatNs, formatTimes } from "../format.ts";
import { atMost, type Plan, type Source } from "./plan.ts";

/** Who waited for whom when the watchdog ended the first deadlock. */
function cycleOf(numbers: Source): string | null {
  const deadlocks = numbers.value("deadlocks") ?? 0;
  const waiter = numbers.value("deadlock-waiter") ?? 0;
  if (deadlocks === 0 || waiter === 0) return null;
  const holds = numbers.value("deadlock-waiter-holds-lock") === 1;
  const pusher = numbers.value("deadlock-pusher") ?? 0;
  const behind = numbers.value("deadlock-blocked-commits") ?? 0;
  return [
    `deadlocked ${formatTimes(deadlocks)}. The first, when the watchdog ended it at ${formatNs(numbers.value("deadlock-at-ns"))}: task ${waiter - 1} waits for ${formatBytes(numbers.value("deadlock-bytes"))} of memory${holds ? " and holds the context lock for reading" : ""}`,
    pusher === 0
      ? "nobody pushes, which would free memory"
      : `task ${pusher - 1} waits for that lock for writing, in order to push, which would free memory`,
    ...(behind === 0
      ? []
      : [`${formatCount(behind, "commits")} ${behind === 1 ? "waits" : "wait"} for the lock behind it`]),
  ].join("; ");
}

/** That a run without a deadlock shows nothing: it takes a push at one moment, which the checker tries. */
function luckOf(numbers: Source): string | null {
  const under = numbers.value("allocations-under-lock") ?? 0;
  if (under === 0 || (numbers.value("deadlocks") ?? 0) > 0) return null;
  return `allocated ${formatCount(under, "vectors")} under the context lock, and did not deadlock in this run. That does not tell that it cannot: the checker finds the deadlock in small cases (\`check cil\`)`;
}

/** What the gain of vmalloc over kmalloc rests on. */
function compactionOf(numbers: Source): string | null {
  const compactions = numbers.value("compactions") ?? 0;
  const vmallocs = numbers.value("vector-vmallocs") ?? 0;
  const parameter =
    "what that costs is the workload's parameter `compaction-ns`, not measured, and the gain of going without follows from it";
  if (compactions > 0) return `compacted memory ${formatTimes(compactions)} for large vectors: ${parameter}`;
  if (vmallocs > 0)
    return `took ${formatCount(vmallocs, "large vectors")} by vmalloc, without compaction: ${parameter}`;
  return null;
}

function toldOf(numbers: Source): string | null {
  const texts = [cycleOf, luckOf, compactionOf].flatMap((tell) => tell(numbers) ?? []);
  return texts.length === 0 ? null : texts.join(". It ");
}

export const cilPlan: Plan = {
  constraints: [
    atMost("deadlocks", 0, {
      name: "no deadlock",
      kinds: ["deadlock"],
      occasions: "memory-waits",
      text: "a commit must not wait for memory that only a push can free while the push waits for the commit",
      broken: (deadlocks) => `deadlocked ${formatTimes(deadlocks)}`,
    }),
    atMost("allocations-under-lock", 0, {
      name: "no allocation under the lock",
      occasions: "vector-allocations",
      text: "no vector is allocated by a task that holds the context lock",
      broken: (count) =>
        `${formatCount(count, "vectors")} ${count === 1 ? "was" : "were"} allocated under the context lock`,
    }),
  ],
  overview: [
    "allocations-under-lock",
    "deadlocks",
    "context-lock-hold-ns",
    "push-lock-wait-ns",
    "push-ns",
    "vector-footprint-max-bytes",
  ],
  told: toldOf,
};
