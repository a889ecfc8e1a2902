// Figures that others published, to hold the report's against, by workload. All are of larger machines, in C.

import { formatCpus } from "../cpus.ts";

/** What to hold a table against; what is missing was never published. */
export interface Published {
  readonly throughput: string;
  readonly latency: string;
  readonly locks: string;
}

const nothing: Published = {
  throughput: "No rates were published for this workload.",
  latency: "No latencies were published for this workload.",
  locks: "No profile was published for this workload.",
};

const byWorkload: Readonly<Record<string, Published>> = {
  "stress-ng-ramfs": {
    throughput:
      "Published: 23,479 ops/s before and 2,619 after the change to SRCU (0.112×, -88.8 %: the kernel test robot on commit f95bdb700bc6, 9 workers, 96 threads); 12,253 before and 12,444 after the change to reference counts (1.016×: its own posting, 9 workers). Linux 6.18 does 19,143 (2 workers) and 20,472 (9 workers) on 2 virtual CPUs, with one superblock per op instead of two. Hold ratios against ratios: the robot's was to a rwsem, too. All of these are of tasks that do not hold each other up: while one sleeps, its CPU runs another.",
    latency:
      "Nobody published a distribution. From the robot's rates follows that one unmount waits 1.53 ms longer under SRCU: 3,436 µs less 383 µs per op and worker, over two unmounts; its workers are tasks that do not hold each other up.",
    locks:
      "No share of the shrinkers' lock was published for this workload. Under SRCU the robot saw the CPUs turn idle (91 % fewer cache misses a second, and busy time more than halved), which is why idle samples have a column of their own.",
  },
  "cgroups-4000": {
    throughput: "No rates were published for this script, only profiles; see below.",
    latency: "No latencies were published for this script.",
    locks:
      "Published (`perf top`, idle samples included): under the rwsem down_read_trylock 40.44 % and up_read 17.59 %, shrink_slab 11.90 %; under reference counts neither of the two, but shrink_slab 60.17 %, rcu_read_unlock 2.00 %, rcu_read_lock 0.98 %, osq_lock 0.91 %, shrinker_put 0.55 % (an RCU read section costs nothing here, as in a kernel that is not preemptible); with a rwsem per shrinker, as in `srcu-split`, down_read 10.47 % and up_read 4.03 %. The author named the locked operation itself as the hotspot, not failing trylocks.",
  },
};

export function publishedFor(workload: string): Published {
  return Object.hasOwn(byWorkload, workload) ? byWorkload[workload]! : nothing;
}

/** CPUs of the machines that were published about; fewer cannot show how a line is fought for. */
const publishedCpusMin = 24;

/**
 * What the times on so many CPUs cannot show; empty where they are many.
 *
 * @param isSimulated whether the report has simulated numbers of the same
 */
export function contentionCaveat(cpus: readonly number[], isSimulated: boolean): string {
  const most = cpus.at(-1);
  if (most === undefined || most >= publishedCpusMin) return "";
  const instead = isSimulated
    ? "What is headed _simulated_ says how it goes on there"
    : "The exact counts of shared writes say who will fight; `--instrument simulator --cpus 1..96` says how it goes on there";
  return `Measured on ${formatCpus(cpus)}, which cannot show the contention that was published: it arises when tens of CPUs fight for one cache line. ${instead}.`;
}
