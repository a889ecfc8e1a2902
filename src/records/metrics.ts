// The table of all metrics that a record may carry. A new metric is one line in `metrics`.

import { parseBucketMetric } from "./histogram.ts";
import { parseLabelledMetric } from "./labelled.ts";
import type { MeasuredRow } from "./record.ts";

/** What a metric's number means. */
export interface MetricDefinition {
  /**
   * Lower case with hyphens, as it stands in the records, such as `remove-latency-ns-max`. That of a labelled metric
   * (`labelled.ts`) ends with empty brackets, in which the records have the label: `profile-samples[]`.
   */
  readonly name: string;
  /** Unit of the raw value: `ns`, `count`, `bytes`, `operations/s`. */
  readonly unit: string;
  /** Empty where neither direction is better, as for the count of a bucket. */
  readonly better: MeasuredRow["better"];
  /** Exact metrics are compared exactly, sampled ones statistically. */
  readonly assume: MeasuredRow["assume"];
  /** One sentence for reports: what was counted or timed, from where to where. */
  readonly description: string;
}

/** One line of the table: the fields of {@link MetricDefinition}, in order. */
export type MetricLine = readonly [
  name: string,
  unit: string,
  better: MeasuredRow["better"],
  assume: MeasuredRow["assume"],
  description: string,
];

/**
 * Makes a table of metrics.
 *
 * @throws {Error} when a name occurs twice, or is not lower case with hyphens
 */
export function defineMetrics(lines: readonly MetricLine[]): ReadonlyMap<string, MetricDefinition> {
  const table = new Map<string, MetricDefinition>();
  for (const [name, unit, better, assume, description] of lines) {
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\[\])?$/.test(name))
      throw new Error(`metric '${name}' is not lower case with hyphens`);
    if (table.has(name)) throw new Error(`metric '${name}' is defined twice`);
    table.set(name, { name, unit, better, assume, description });
  }
  return table;
}

/**
 * The two lines of a distribution that is stored in buckets (`histogram.ts`): its buckets' counts and its longest
 * duration. Use as `...distribution("remove-latency-ns", "sampled", "Time of one remove")`.
 */
export function distribution(name: string, assume: MeasuredRow["assume"], description: string): readonly MetricLine[] {
  return [
    [name, "count", "", assume, `${description}: how many fell into this bucket`],
    [`${name}-max`, "ns", "lower", assume, `${description}: the longest`],
  ];
}

/** Every metric of the project. */
export const metrics = defineMetrics([
  // Native, per batch.
  ["put-ns", "ns/object", "lower", "sampled", "One put, harness included: a run of frees divided by their number"],
  ["allocate-ns", "ns/object", "lower", "sampled", "One allocation with the reduction before it, harness included"],
  ["evicted-per-allocation", "objects", "", "sampled", "Objects let go during a run of allocations, per allocation"],
  ["mixed-ns", "ns/object", "lower", "sampled", "A batch of mixed events, harness included, per object freed in it"],
  ["bogo-op-ns", "ns/op", "lower", "sampled", "A batch of mixed events, harness included, per bogo-op done in it"],
  ...distribution("remove-latency-ns", "sampled", "Time of one removal, as its caller waits for it"),
  ["worker-ns", "ns", "lower", "sampled", "One run of the worker that finishes deferred removals"],
  ["teardown-ns", "ns", "lower", "sampled", "24 removals in a row, the workers that ran meanwhile included"],
  ["unfinished-caches", "caches", "lower", "exact", "Caches that were asked to go and are still there at the end"],
  ["object-extra-bytes", "bytes/object", "lower", "exact", "Bytes per object beyond the link that Linux keeps in it"],
  ["cache-extra-bytes", "bytes/cache", "lower", "exact", "Bytes per cache"],
  ["global-bytes", "bytes", "lower", "exact", "Bytes of the variant's global structures on this number of CPUs"],
  ["slab-bytes-touched", "bytes", "lower", "sampled", "Bytes of slab pages that were ever used"],
  ["events-skipped", "events", "", "exact", "Events of the workload that the problem has no use for"],
  ["true-size", "boolean", "", "exact", "1: objects lie at their true size; 0: each takes one 64-byte line"],
  // Native, the instrumented build.
  ["lock-hold-ns-max", "ns", "lower", "sampled", "Longest time that a lock was held, marks included"],
  ["irq-off-ns-max", "ns", "lower", "sampled", "Longest time with interrupts off without a break, marks included"],
  // Native, timed by mitata.
  [
    "put-ns-mitata",
    "ns/object",
    "lower",
    "sampled",
    "Median of one put by mitata, harness included, in a session alone",
  ],
  ["put-ns-checked", "ns/object", "lower", "sampled", "The same runs of frees in the same session, by our own clock"],
  // Counted.
  ["put-accesses-mean", "accesses/object", "lower", "exact", "Accesses of one put"],
  ["put-lines-mean", "lines/object", "lower", "exact", "Distinct cache lines of one put"],
  ["put-bytes-mean", "bytes/object", "lower", "exact", "Bytes loaded and stored by one put"],
  ["reduce-accesses-mean", "accesses/object", "lower", "exact", "Accesses of all reductions, per object let go"],
  ["reduce-lines-mean", "lines/object", "lower", "exact", "Distinct cache lines of each reduction, per object let go"],
  ["reduce-bytes-mean", "bytes/object", "lower", "exact", "Bytes loaded and stored by reductions, per object let go"],
  ["remove-accesses-mean", "accesses", "lower", "exact", "Accesses of one removal's own call"],
  ["remove-lines-mean", "lines", "lower", "exact", "Distinct cache lines of one removal's own call"],
  ["remove-bytes-mean", "bytes", "lower", "exact", "Bytes loaded and stored by one removal's own call"],
  ["remove-accesses", "accesses", "lower", "exact", "Accesses of this removal's own call"],
  ["remove-lines", "lines", "lower", "exact", "Distinct cache lines of this removal's own call"],
  ["remove-foreign", "objects", "lower", "exact", "Objects of other caches that this removal looked at"],
  ["remove-own", "objects", "", "exact", "Objects that this removal took out"],
  ["remove-batches", "batches", "lower", "exact", "Batches that this removal looked into"],
  [
    "worker-accesses",
    "accesses",
    "lower",
    "exact",
    "Accesses of one run of the worker that finishes deferred removals",
  ],
  ["removal-delay-puts", "objects", "lower", "exact", "Objects put between the request to remove a cache and its end"],
  [
    "removal-delay-puts-max",
    "objects",
    "lower",
    "exact",
    "The longest such delay of a removal that ended before the run did",
  ],
  ["removals-deferred", "removals", "lower", "exact", "Removals that were not complete when their call returned"],
  ["pinned-bytes-max", "bytes", "lower", "exact", "Most bytes of slabs held by caches that were asked to go"],
  ["pinned-bytes-end", "bytes", "lower", "exact", "Bytes of slabs still held by such caches at the end"],
  [
    "fifo-rank-error-max",
    "objects",
    "lower",
    "exact",
    "Largest distance between order of eviction and order of putting",
  ],
  ["fifo-rank-error-p99", "objects", "lower", "exact", "Distance that 99 % of the evicted objects stay within"],
  ["objects-put", "objects", "", "exact", "Objects that entered the quarantine"],
  ["evicted-at-once-max", "objects", "", "exact", "Most objects that one reduction let go"],
  ["objects-evicted", "objects", "", "exact", "Objects let go because of their age"],
  ["lock-hold-accesses-max", "accesses", "lower", "exact", "Most accesses made while one lock was held"],
  ["irq-off-accesses-max", "accesses", "lower", "exact", "Most accesses made with interrupts off without a break"],
  // The shrinker, native with a thread per CPU: a round is a slice of time or a chunk of the workload.
  ["round-ns", "ns", "", "sampled", "Time of a round, from its common beginning to the last CPU's end"],
  ["bogo-ops-per-s", "ops/s", "higher", "sampled", "Bogo-ops of all CPUs in a round, over its time"],
  ["visits-per-s", "visits/s", "higher", "sampled", "Visits to cgroups by all CPUs in a round, over its time"],
  ["visit-ns", "ns/visit", "lower", "sampled", "CPU time of a round of passes only, harness included, per visit"],
  ...distribution("register-latency-ns", "sampled", "Time of registering one shrinker, as its caller waits for it"),
  ...distribution("unregister-latency-ns", "sampled", "Time of unregistering one shrinker, as its caller waits for it"),
  ...distribution("pass-latency-ns", "sampled", "Time of one reclaim pass over its whole tree"),
  ["visits", "visits", "", "sampled", "Visits to one cgroup's shrinkers, those given up included"],
  ["visits-given-up", "visits", "lower", "sampled", "Visits that returned at once because the trylock failed"],
  ["contended-breaks", "visits", "lower", "sampled", "Visits left early because somebody waited to change the list"],
  [
    "generation-breaks",
    "visits",
    "lower",
    "sampled",
    "Times that a visit left its read section because a shrinker went",
  ],
  ["callbacks", "calls", "", "sampled", "Calls of do_shrink_slab, second looks included, over all visits"],
  ["second-looks", "calls", "", "sampled", "Shrinkers asked again after their bit was cleared"],
  ["freed-objects", "objects", "", "sampled", "Objects freed by callbacks"],
  ["registered", "shrinkers", "", "sampled", "Shrinkers registered"],
  ["unregistered", "shrinkers", "", "sampled", "Shrinkers unregistered"],
  ["callbacks-after-free", "calls", "lower", "exact", "Callbacks of shrinkers that were unregistered; must be 0"],
  ["map-bytes-max", "bytes", "lower", "sampled", "Most bytes of bitmaps of all cgroups and nodes"],
  ["deferred-bytes-max", "bytes", "lower", "sampled", "Most bytes of deferred counts of all cgroups and nodes"],
  ["info-bytes-max", "bytes", "lower", "sampled", "Most bytes of both with headers and pointers, as allocated"],
  ["shrinker-bytes", "bytes/shrinker", "lower", "exact", "Bytes of one shrinker with what else it needs"],
  ["work-per-op-ns", "ns/op", "", "exact", "Computation of the workload itself in one bogo-op"],
  // The same, sampled about a thousand times a second on each CPU.
  [
    "profile-samples[]",
    "samples",
    "",
    "sampled",
    "Samples that found a CPU in this function, `idle` and `other` included",
  ],
  // The shrinker, counted. The read side is a visit without the harness's callbacks.
  ["visit-accesses-mean", "accesses/visit", "lower", "exact", "Accesses of the read side, per visit"],
  ["visit-lines-mean", "lines/visit", "lower", "exact", "Distinct cache lines of the read side, per visit"],
  ["visit-locked-mean", "operations/visit", "lower", "exact", "Locked operations of the read side, per visit"],
  [
    "visit-shared-writes-mean",
    "writes/visit",
    "lower",
    "exact",
    "Writes of the read side to lines of locks and globals that visits on other CPUs touch, too, per visit",
  ],
  [
    "visit-info-shared-writes-mean",
    "writes/visit",
    "lower",
    "exact",
    "Writes of the read side to bitmaps and deferred counts that visits on other CPUs touch, too, per visit",
  ],
  [
    "callback-shared-writes-mean",
    "writes/call",
    "lower",
    "exact",
    "Writes of the read side to lines of shrinkers that visits on other CPUs touch, too, per call of do_shrink_slab",
  ],
  ["register-accesses-mean", "accesses", "lower", "exact", "Accesses of one registration's own call"],
  ["register-locked-mean", "operations", "lower", "exact", "Locked operations of one registration's own call"],
  ["unregister-accesses-mean", "accesses", "lower", "exact", "Accesses of one unregistration's own call"],
  ["unregister-locked-mean", "operations", "lower", "exact", "Locked operations of one unregistration's own call"],
  ["unregister-slept-ns-mean", "ns", "lower", "exact", "Virtual time that one unregistration slept"],
  ["unregister-slept-ns-max", "ns", "lower", "exact", "Most virtual time that one unregistration slept"],
  ["expansion-bytes", "bytes", "lower", "exact", "Bytes stored by all expansions of the maps"],
  // Simulated, both problems: of the rounds that do the workload's own work. Times and counts are of the virtual machine.
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
  // Simulated shrinkers.
  ["virtual-visits-per-s", "visits/s", "higher", "exact", "Visits to cgroups in rounds of reclaim, over virtual time"],
  [
    "virtual-visit-ns",
    "ns/visit",
    "lower",
    "exact",
    "CPU time of rounds of passes only, idle time left out, per visit",
  ],
  ...distribution(
    "virtual-register-latency-ns",
    "exact",
    "Virtual time of registering one shrinker in the measured part",
  ),
  ...distribution(
    "virtual-unregister-latency-ns",
    "exact",
    "Virtual time of unregistering one shrinker in the measured part",
  ),
  ...distribution("virtual-pass-latency-ns", "exact", "Virtual time of one reclaim pass over its whole tree"),
  ["virtual-passes", "passes", "", "exact", "Reclaim passes"],
  ["virtual-visits", "visits", "", "exact", "Visits to one cgroup's shrinkers, those given up included"],
  ["virtual-visits-given-up", "visits", "lower", "exact", "Visits that returned at once because the trylock failed"],
  [
    "virtual-contended-breaks",
    "visits",
    "lower",
    "exact",
    "Visits left early because somebody waited to change the list",
  ],
  [
    "virtual-generation-breaks",
    "visits",
    "lower",
    "exact",
    "Times that a visit left its read section because a shrinker went",
  ],
  ["virtual-callbacks", "calls", "", "exact", "Calls of do_shrink_slab, second looks included"],
  ["virtual-second-looks", "calls", "", "exact", "Shrinkers asked again after their bit was cleared"],
  ["virtual-freed-objects", "objects", "", "exact", "Objects freed by callbacks"],
  ["virtual-registered", "shrinkers", "", "exact", "Shrinkers registered"],
  ["virtual-unregistered", "shrinkers", "", "exact", "Shrinkers unregistered"],
  // Simulated quarantines.
  ["virtual-puts-per-s", "objects/s", "higher", "exact", "Objects put by all CPUs, over virtual time"],
  ...distribution("virtual-put-latency-ns", "exact", "Virtual time of one put"),
  ...distribution("virtual-reduce-latency-ns", "exact", "Virtual time of one reduction"),
  ...distribution("virtual-remove-latency-ns", "exact", "Virtual time of one removal, as its caller waits for it"),
  ...distribution("virtual-worker-latency-ns", "exact", "Virtual time of one run of deferred work"),
  ...distribution("virtual-teardown-latency-ns", "exact", "Virtual time of removals in a row, as their task waits"),
  ...distribution("virtual-gone-latency-ns", "exact", "The same until the last of their caches is gone"),
  ["virtual-put-ns", "ns", "lower", "exact", "Virtual time of all puts, interrupts and other tasks meanwhile included"],
  ["virtual-reduce-ns", "ns", "lower", "exact", "Virtual time of all reductions, likewise"],
  ["virtual-remove-ns", "ns", "lower", "exact", "Virtual time of all removals, likewise"],
  ["virtual-worker-ns", "ns", "lower", "exact", "Virtual time of all runs of deferred work, likewise"],
  [
    "virtual-left-work-ns",
    "ns",
    "lower",
    "exact",
    "Virtual time of deferred work that was left at the end, done after it",
  ],
  ["virtual-puts", "objects", "", "exact", "Objects put"],
  ["virtual-evicted", "objects", "", "exact", "Objects let go because of their age"],
  ["virtual-removed", "objects", "", "exact", "Objects that removals took out"],
  ["virtual-drained", "objects", "", "exact", "Objects let go because their CPU went offline"],
  ["virtual-foreign-visits", "objects", "lower", "exact", "Objects of other caches that removals looked at"],
  ["virtual-batch-visits", "batches", "lower", "exact", "Batches that removals looked into"],
  ["virtual-removals", "removals", "", "exact", "Removals that the variant was asked for"],
  [
    "virtual-removals-skipped",
    "removals",
    "",
    "exact",
    "Removals of caches without used objects, which it was not asked for",
  ],
  ["virtual-removals-completed", "removals", "", "exact", "Removals that ended"],
  ["virtual-held-objects", "objects", "", "exact", "Objects that are still in the quarantine at the end"],
  ["virtual-held-bytes", "bytes", "", "exact", "Bytes of these objects"],
  [
    "virtual-unfinished-caches",
    "caches",
    "lower",
    "exact",
    "Caches that were asked to go and are still there at the end",
  ],
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
]);

/**
 * Looks a metric up; that of a bucket (`remove-latency-ns[1024,1056)`) gives the definition of its distribution, and a
 * labelled one (`profile-samples[shrink_slab]`) that of all its labels.
 *
 * @throws {Error} when the metric is not in the table: a line is missing there, or the name is misspelt
 * @throws {InputError} when it names a bucket that does not exist
 */
export function metricOf(name: string, table: ReadonlyMap<string, MetricDefinition> = metrics): MetricDefinition {
  const labelled = parseLabelledMetric(name);
  const key = labelled === null ? (parseBucketMetric(name)?.name ?? name) : `${labelled.name}[]`;
  // Empty brackets stand in the table only.
  const definition = name.endsWith("[]") ? undefined : table.get(key);
  if (definition === undefined) throw new Error(`unknown metric '${name}'; add it to src/records/metrics.ts`);
  return definition;
}
