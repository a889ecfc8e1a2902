// The host's section of the page: the same small cases measured on the host itself, on one and on two CPUs, and
// simulated on a profile of it. Nothing is set from the one for the other but what `calibrate` measured without them.

import { formatNs } from "../report/format.ts";
import { renderTable } from "../report/markdown.ts";
import type { Table } from "../report/tables.ts";
import type { MachineProfile } from "../simulator/profile.ts";
import type { ParameterValue } from "../workloads/workload.ts";
import type { CaseSpec, Lab, Outcome } from "./lab.ts";

type Parameters = Readonly<Record<string, ParameterValue>>;

/** What is measured of a case natively: samples of a metric, or a distribution of times. */
export type NativeQuantity =
  | { readonly kind: "samples"; readonly metric: "visit-ns" | "bogo-op-ns" }
  | { readonly kind: "distribution"; readonly metric: "remove-latency-ns" | "unregister-latency-ns" };

/** A case that is carried out both ways. */
export interface HostCase {
  readonly title: string;
  readonly problem: CaseSpec["problem"];
  readonly workload: string;
  /** Parameters with one task per CPU. */
  readonly parameters: (cpus: number) => Parameters;
  /** The reference first. */
  readonly variants: readonly string[];
  readonly native: NativeQuantity;
  /** For how long it is repeated, where it is repeatable; null: each chunk is run once. */
  readonly repeated: { readonly slices: number; readonly sliceMs: number; readonly virtualMs: number } | null;
  /** Time of the quantity, in ns of one CPU. */
  readonly simulatedNs: (outcome: Outcome, cpus: number) => number;
}

const mebibyte = 2 ** 20;

/** Parameters of the builds: those by which the suites choose. */
export const hostConstants: Readonly<Record<HostCase["problem"], Readonly<Record<string, number>>>> = {
  shrinker: { LAB_HZ: 1000 },
  quarantine: { LAB_BATCHES: 1024 },
};

function teardown(bytes: number): (cpus: number) => Parameters {
  return (cpus) => ({
    guests: 8,
    "quarantine-bytes": bytes,
    "churn-cycles": 2,
    "churn-tasks": cpus,
    "teardown-tasks": cpus,
    drain: 0,
  });
}

function removalNs(outcome: Outcome): number {
  return outcome.distribution("virtual-remove-latency-ns").quantile(0.5) ?? Number.NaN;
}

export const hostCases: readonly HostCase[] = [
  {
    title: "reclaim over 1000 cgroups, per visit",
    problem: "shrinker",
    workload: "cgroups-4000",
    parameters: (cpus) => ({
      cgroups: 1000,
      "quarantine-bytes": 0,
      "background-objects": 1,
      "churn-batch": 1,
      "churn-cycles": 0,
      reclaimers: cpus,
      "reclaim-passes": 52,
      "settling-passes": 2,
    }),
    variants: ["rwsem", "srcu", "refcount-rcu", "floor"],
    native: { kind: "samples", metric: "visit-ns" },
    repeated: null,
    simulatedNs: (outcome) => outcome.value("virtual-visit-ns"),
  },
  {
    title: "unregistering a shrinker, median",
    problem: "shrinker",
    workload: "stress-ng-ramfs",
    parameters: (cpus) => ({ workers: cpus, "bogo-ops": 32, "quarantine-bytes": 0, "compute-ns": 20_000 }),
    variants: ["rwsem", "srcu", "srcu-expedited", "refcount-rcu"],
    native: { kind: "distribution", metric: "unregister-latency-ns" },
    repeated: { slices: 8, sliceMs: 100, virtualMs: 100 },
    simulatedNs: (outcome) => outcome.distribution("virtual-unregister-latency-ns").quantile(0.5) ?? Number.NaN,
  },
  {
    title: "slab and quarantine of a mount and unmount, per bogo-op",
    problem: "quarantine",
    workload: "stress-ng-ramfs",
    parameters: (cpus) => ({ workers: cpus, "bogo-ops": 500, "quarantine-bytes": 2 * mebibyte, "compute-ns": 0 }),
    variants: ["singly-linked-fifo", "single-list", "doubly-linked", "floor"],
    native: { kind: "samples", metric: "bogo-op-ns" },
    repeated: null,
    simulatedNs: (outcome, cpus) => (cpus * 1e9) / outcome.value("virtual-bogo-ops-per-s"),
  },
  {
    title: "removal of a cache, 2 MiB of quarantine, median",
    problem: "quarantine",
    workload: "libvirt-teardown",
    parameters: teardown(2 * mebibyte),
    variants: ["singly-linked-fifo", "hash-buckets", "doubly-linked"],
    native: { kind: "distribution", metric: "remove-latency-ns" },
    repeated: null,
    simulatedNs: removalNs,
  },
  {
    title: "removal of a cache, 8 MiB of quarantine, median",
    problem: "quarantine",
    workload: "libvirt-teardown",
    parameters: teardown(8 * mebibyte),
    variants: ["singly-linked-fifo"],
    native: { kind: "distribution", metric: "remove-latency-ns" },
    repeated: null,
    simulatedNs: removalNs,
  },
];

/** CPUs on which each case is carried out, as far as there are so many. */
export const hostCpus = [1, 2] as const;

/** What was measured natively: a median, and the middle half of the values around it. */
export interface NativeTime {
  readonly ns: number;
  readonly firstQuartileNs: number;
  readonly thirdQuartileNs: number;
}

/** One line of the section. */
export interface HostLine {
  readonly title: string;
  readonly cpus: number;
  readonly variant: string;
  readonly isReference: boolean;
  readonly native: NativeTime;
  readonly simulatedNs: number;
}

/** The same case for the simulator, on a profile of the host. */
export function hostSpec(one: HostCase, variant: string, cpus: number, machine: MachineProfile): CaseSpec {
  return {
    problem: one.problem,
    variant,
    constants: hostConstants[one.problem] ?? {},
    workload: { name: one.workload, parameters: one.parameters(cpus) },
    machine,
    cpus,
    virtualMs: one.repeated?.virtualMs ?? null,
  };
}

/** Time of a case on the simulator, in ns. */
export async function simulateHostCase(
  lab: Lab,
  one: HostCase,
  variant: string,
  cpus: number,
  machine: MachineProfile,
): Promise<number> {
  return one.simulatedNs(await lab.run(hostSpec(one, variant, cpus, machine)), cpus);
}

/** What the section says about the host. */
export interface HostDescription {
  /** Processor, CPUs, Node.js. */
  readonly text: string;
  /** Day of the measurement. */
  readonly date: string;
  /** CPUs of the host that others kept busy when it began (load average of the minute before). */
  readonly load: number;
  readonly machine: MachineProfile;
}

const none = "–";

/** Load average up to which a host counts as quiet. */
const quietLoad = 0.5;

/** How far the simulated time lies from the native one. */
export function formatError({ native, simulatedNs }: HostLine): string {
  if (!(native.ns > 0)) return none;
  const percent = 100 * (simulatedNs / native.ns - 1);
  return `${percent < 0 ? "" : "+"}${percent.toFixed(0)} %`;
}

/** A time of a case as a multiple of its reference on as many CPUs. */
function timesReference(lines: readonly HostLine[], line: HostLine, of: (line: HostLine) => number): string {
  const reference = lines.find(
    ({ title, cpus, isReference }) => isReference && title === line.title && cpus === line.cpus,
  );
  if (reference === undefined || line.isReference || !(of(reference) > 0)) return none;
  return `${Number((of(line) / of(reference)).toPrecision(3))}×`;
}

function timeTable(lines: readonly HostLine[]): Table {
  const native = (line: HostLine): number => line.native.ns;
  const simulated = (line: HostLine): number => line.simulatedNs;
  return [
    ["CPUs", "variant", "native", "its middle half", "simulated", "error", "to the reference: native", "simulated"],
    ...lines.map((line) => [
      `${line.cpus}`,
      line.variant,
      formatNs(line.native.ns),
      `${formatNs(line.native.firstQuartileNs)} to ${formatNs(line.native.thirdQuartileNs)}`,
      formatNs(line.simulatedNs),
      formatError(line),
      timesReference(lines, line, native),
      timesReference(lines, line, simulated),
    ]),
  ];
}

/** Costs of a profile that were measured on its machine. */
function measuredCosts({ costs }: MachineProfile): string {
  const measured = Object.entries(costs).filter(([, { mark }]) => mark === "measured");
  if (measured.length === 0) return "None of its costs was measured.";
  return `Measured of it: ${measured.map(([name, { value }]) => `${name} ${formatNs(value)}`).join(", ")}.`;
}

/** Median of the errors without their signs, in percent, of lines that are no floor. */
function typicalError(lines: readonly HostLine[]): string {
  const errors = lines
    .filter(({ variant, native }) => variant !== "floor" && native.ns > 0)
    .map(({ native, simulatedNs }) => Math.abs(100 * (simulatedNs / native.ns - 1)))
    .sort((one, other) => one - other);
  if (errors.length === 0) return none;
  const middle = errors.length / 2;
  const median = ((errors[Math.ceil(middle) - 1] as number) + (errors[Math.floor(middle)] as number)) / 2;
  return `${median.toFixed(0)} %`;
}

/** The section, as Markdown without its heading. */
export function renderHostSection(lines: readonly HostLine[], { text, date, load, machine }: HostDescription): string {
  const titles = [...new Set(lines.map(({ title }) => title))];
  return [
    `${text}, ${date}. Profile: ${machine.description}. ${measuredCosts(machine)}`,
    "",
    ...(load > quietLoad
      ? [
          `**Not a quiet host**: its load average was ${load.toFixed(1)} when this began. Threads took turns on its CPUs, so native times are too long, and on 2 CPUs they hold little of what two CPUs do to each other: what contends in the simulation did not natively. Repeat it when nothing else runs.`,
          "",
        ]
      : []),
    `Each variant alone in memory, one task per CPU. Native times are medians of rounds, harness included; those on 2 CPUs are of each CPU. Half of all errors, floor left out, are below ${typicalError(lines)}.`,
    "",
    ...titles.flatMap((title) => {
      const ofCase = lines.filter((line) => line.title === title);
      return [`${title[0]?.toUpperCase()}${title.slice(1)}:`, "", renderTable(timeTable(ofCase)), ""];
    }),
    "What is not in the model, and what the errors are to be read by:",
    "",
    "- Instructions cost nothing, only accesses to shared memory do. The floor is the harness alone: what it takes natively is in every native line of its table.",
    "- Loads that do not depend on each other overlap on a real CPU and are prefetched. A simulated CPU waits for each miss, so walks over memory that lies in order (the maps of `refcount-rcu`, units of 64 ids) come out too slow.",
    "- There is no TLB. Here memory has pages of 4 KiB, and what visits more of them than the TLB holds also walks page tables, in a virtual machine nested ones. A kernel maps its memory in huge pages.",
    "- Threads are preempted and begin a round microseconds apart, clock rates change, and other guests use the same cache. The middle half of the native values shows some of it. A removal on 2 CPUs waits until the other CPU's thread runs. A time of a single operation natively contains a reading of the clock, some ten ns.",
  ].join("\n");
}
