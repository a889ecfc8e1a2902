// The metrics that are of no problem in particular. A new one is one line here.

import type { MetricLine } from "./table.ts";

/** Lines of the table. */
export const generalLines: readonly MetricLine[] = [
  // Native.
  ["events-skipped", "events", "", "exact", "Events of the workload that the problem has no use for"],
  ["true-size", "boolean", "", "exact", "1: objects lie at their true size; 0: each takes one 64-byte line"],
  // Native with a thread per CPU: a round is a slice of time or a chunk of the workload.
  ["round-ns", "ns", "", "sampled", "Time of a round, from its common beginning to the last CPU's end"],
  ["bogo-ops-per-s", "ops/s", "higher", "sampled", "Bogo-ops of all CPUs in a round, over its time"],
  ["work-per-op-ns", "ns/op", "", "exact", "Computation of the workload itself in one bogo-op"],
  // The same, sampled about a thousand times a second on each CPU.
  [
    "profile-samples[]",
    "samples",
    "",
    "sampled",
    "Samples that found a CPU in this function, `idle` and `other` included",
  ],
  // Counted, of the calls of an operation of a described problem.
  ["calls[]", "calls", "", "exact", "Calls of this operation in the measured part"],
  ["accesses-mean[]", "accesses/call", "lower", "exact", "Accesses of one call of this operation"],
  ["lines-mean[]", "lines/call", "lower", "exact", "Distinct cache lines of one call of this operation"],
  ["locked-mean[]", "operations/call", "lower", "exact", "Locked operations of one call of this operation"],
  [
    "shared-writes-mean[]",
    "writes/call",
    "lower",
    "exact",
    "Writes of one call of this operation to lines that such calls on other CPUs touch, too",
  ],
  ["slept-ns-mean[]", "ns/call", "lower", "exact", "Virtual time that one call of this operation slept"],
  // Simulated: of the rounds that do the workload's own work. Times and counts are of the virtual machine.
  ["virtual-ns", "ns", "lower", "exact", "Virtual time of the rounds, until the last task's end"],
  ["virtual-bogo-ops-per-s", "ops/s", "higher", "exact", "Bogo-ops of all CPUs, over virtual time"],
  ["virtual-bogo-ops", "ops", "", "exact", "Bogo-ops of all CPUs"],
  ["utilisation", "CPUs", "", "exact", "CPUs that were not idle, on average"],
  [
    "symbol-ns[]",
    "ns",
    "",
    "exact",
    "CPU time in this function itself; `idle`, `schedule`, `interrupt` and `other` too",
  ],
  ["cpu-symbol-ns[]", "ns", "", "exact", "The same of one CPU, whose number stands before the function"],
  ["symbol-calls[]", "calls", "", "exact", "Calls of this function"],
  ["virtual-accesses", "accesses", "lower", "exact", "Accesses to shared memory by all CPUs"],
  ["fetched[]", "lines", "lower", "exact", "Lines that an access found here and not in its first-level cache"],
  ["line-transfers[]", "transfers", "lower", "exact", "Transfers of this line, one of the hottest, between cores"],
  ["line-waited-ns[]", "ns", "lower", "exact", "Time that transfers of this line waited for those before them"],
  ["grace-periods[]", "grace periods", "", "exact", "Grace periods of this flavour that ended in the measured part"],
  ["context-switches", "switches", "lower", "exact", "Times that a CPU began to run a task"],
  ["interrupts", "interrupts", "lower", "exact", "Interrupts sent from CPU to CPU"],
  ["wake-ups", "wake-ups", "", "exact", "Tasks that were woken up, by others or by a timer"],
  ["sleeps", "sleeps", "", "exact", "Times that a task left its CPU to wait"],
  ["virtual-irq-off-ns-max", "ns", "lower", "exact", "Longest time that a CPU had interrupts off without a break"],
  [
    "virtual-lock-hold-ns-max[]",
    "ns",
    "lower",
    "exact",
    "Longest time that a lock was held, of all locks; this one was it",
  ],
  ["virtual-round-end-ns", "ns", "", "exact", "Virtual time at which a round ended, since the measured part began"],
  // The short check of a scenario. What a check comes to within its time hangs on the host, what it exhausts does not.
  ["check-exhausted", "boolean", "higher", "sampled", "1: every interleaving was explored; 0: it stopped at a bound"],
  ["check-states", "states", "", "exact", "Distinct states of a scenario of which every interleaving was explored"],
  ["check-transitions", "steps", "", "exact", "Steps taken until then"],
  ["check-executions", "executions", "", "exact", "Executions from the beginning to an end until then"],
  ["check-depth", "steps", "", "exact", "Steps of the longest of them"],
  ["check-defect[]", "boolean", "", "exact", "1: what the problem declares of the variant was found in the scenario"],
  ["check-bound[]", "boolean", "", "sampled", "1: the check of the scenario stopped at this bound"],
  ["check-states-reached", "states", "", "sampled", "Distinct states that were reached until then"],
  ["check-ms", "ms", "lower", "sampled", "Time of the check when it was made; later runs need not make it again"],
];
