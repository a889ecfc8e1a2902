// Hand-made rows of simulated cases, as a run would have recorded them. The numbers are made up.

import { Histogram } from "../../../src/records/histogram.ts";
import type { MeasuredRow } from "../../../src/records/record.ts";
import type { Roles } from "../../../src/report/part.ts";
import { shrinkerView } from "../../../src/report/shrinker/simulated.ts";
import { answerSimulated } from "../../../src/report/simulator/answers.ts";
import { type Faults, type Held, uniteHeld } from "../../../src/report/simulator/held.ts";
import type { SimulatedAnswers } from "../../../src/report/simulator/model.ts";
import { verdictOf } from "../../../src/report/simulator/verdict.ts";
import type { View } from "../../../src/report/simulator/view.ts";
import { uslThroughput } from "../../../src/statistics/usl.ts";
import { collect, rowsOfCase, type Values } from "../rows.ts";

export const reference = "rwsem";
export const floor = "floor";
export const roles: Roles = { reference, floor, order: [reference, "srcu", "refcount-rcu", floor] };

/** Where rows come from, besides their variant. */
export interface Place {
  /** @default 8 */
  readonly cpus?: number;
  /** @default "cgroups-4000" */
  readonly workload?: string;
  /** @default "box" */
  readonly machine?: string;
  /** Parameters of the workload. @default "reclaimers=64" */
  readonly parameters?: string;
  /** @default as many as CPUs */
  readonly tasks?: number;
  /** A changed cost: `l3*2`. */
  readonly scaled?: string;
  /** @default "answers" */
  readonly purpose?: string;
  /** @default 0 */
  readonly virtualMs?: number;
}

/** The rows of one simulated case. */
export function rowsOf(variant: string, place: Place, metrics: Readonly<Record<string, number>>): MeasuredRow[] {
  const { cpus = 8, workload = "cgroups-4000", machine = "box", tasks = cpus, purpose = "answers" } = place;
  const { parameters = "reclaimers=64", scaled, virtualMs = 0 } = place;
  const marks = [`machine=${machine}`, `tasks=${tasks}`, `purpose=${purpose}`, "hz=1000", `virtual-ms=${virtualMs}`];
  const values: Values = Object.fromEntries(Object.entries(metrics).map(([metric, value]) => [metric, [value]]));
  return rowsOfCase(
    {
      problem: "shrinker",
      variant,
      workload,
      stage: "simulated",
      cpus,
      parameters: [parameters, ...marks, ...(scaled === undefined ? [] : [`scaled=${scaled}`])].join(" "),
    },
    values,
  );
}

/** Rows of a rate by variant; null: the case has none. */
export function rates(
  place: Place,
  values: Readonly<Record<string, number | null>>,
  metric = "virtual-visits-per-s",
): MeasuredRow[] {
  return Object.entries(values).flatMap(([variant, value]) =>
    value === null ? [] : rowsOf(variant, place, { [metric]: value }),
  );
}

/** Buckets and maximum of a distribution, in ns. */
export function latencies(operation: string, ...durationsNs: readonly number[]): Readonly<Record<string, number>> {
  const histogram = new Histogram();
  for (const ns of durationsNs) histogram.record(ns);
  const rows = histogram.rows(`virtual-${operation}-latency-ns`);
  return Object.fromEntries(rows.map(({ metric, value }) => [metric, value]));
}

/** Values of a labelled metric. */
export function labelled(name: string, values: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(values).map(([label, value]) => [`${name}[${label}]`, value]));
}

/** Answers of all machines of one workload. */
export function answerAll(
  rows: readonly MeasuredRow[],
  some: Partial<Roles> = {},
  view: View = shrinkerView,
): SimulatedAnswers[] {
  const { simulated } = collect(rows, reference);
  const [workload, ...others] = simulated.workloads;
  if (workload === undefined || others.length > 0) throw new Error("the rows are not of one workload");
  return answerSimulated(workload, simulated, { ...roles, ...some }, view);
}

/** Answers of the only workload on the only machine of some rows. */
export function answer(rows: readonly MeasuredRow[], some: Partial<Roles> = {}, view?: View): SimulatedAnswers {
  const [only, ...others] = answerAll(rows, some, view);
  if (only === undefined || others.length > 0) throw new Error("the rows are not of one machine");
  return only;
}

/** What is held against variants by some answers, and by what was measured; null: nothing was. */
export function heldOf(faults: Faults | null, ...all: readonly SimulatedAnswers[]): Held {
  return uniteHeld(all, { faults });
}

/** The verdict of a run with no other answers. */
export function verdictAlone(answers: SimulatedAnswers, faults: Faults | null = new Map()): string {
  return verdictOf(answers, heldOf(faults, answers));
}

/** Scaling of the made-up variants. */
const laws = {
  rwsem: { gamma: 5e6, alpha: 0.9, beta: 0.02 },
  srcu: { gamma: 4e6, alpha: 0.1, beta: 0 },
  "refcount-rcu": { gamma: 4.5e6, alpha: 0.02, beta: 0.0001 },
  floor: { gamma: 5e7, alpha: 0, beta: 0 },
} as const;

type Variant = keyof typeof laws;

const variants = Object.keys(laws) as readonly Variant[];

/** Everything that a case of reclaim tells. */
function whole(variant: Variant, cpus: number, rate: number): Readonly<Record<string, number>> {
  const visits = 1000 * cpus;
  const ns = (visits / rate) * 1e9;
  const total = ns * cpus;
  const shares = {
    rwsem: { down_read_trylock: 0.4, up_read: 0.2, shrink_slab: 0.1 },
    srcu: { srcu_read_lock: 0.01, srcu_read_unlock: 0.02, shrink_slab: 0.6 },
    "refcount-rcu": { shrinker_try_get: 0.05, shrinker_put: 0.06, shrink_slab: 0.5 },
    floor: { other: 0.2 },
  }[variant];
  const busy = Object.values(shares).reduce((sum, share) => sum + share, 0);
  return {
    "virtual-ns": ns,
    "virtual-visits-per-s": rate,
    "virtual-visit-ns": (busy * total) / visits,
    "virtual-visits": visits,
    "virtual-visits-given-up": 0,
    utilisation: busy * cpus,
    ...labelled(
      "symbol-ns",
      Object.fromEntries(Object.entries({ ...shares, idle: 1 - busy }).map(([name, share]) => [name, share * total])),
    ),
    ...labelled("fetched", { l2: 9, "same-socket": 3 * visits, "other-socket": cpus > 8 ? visits : 0 }),
    ...(variant === "rwsem"
      ? {
          ...labelled("line-transfers", { "locks of shrinkers": 3 * visits, "slab pages": visits, "slab pages 2": 10 }),
          ...labelled("line-waited-ns", { "locks of shrinkers": 900 * visits, "slab pages": 0, "slab pages 2": 0 }),
          ...labelled("virtual-lock-hold-ns-max", { "locks of shrinkers": 12_000 }),
        }
      : labelled("line-transfers", { "slab pages": visits / 2 })),
    ...labelled("grace-periods", { rcu: 0, srcu: variant === "srcu" ? 4 : 0 }),
    "context-switches": cpus,
    interrupts: 0,
    "virtual-irq-off-ns-max": 1500,
    ...latencies("unregister", ...new Array<number>(200).fill(variant === "srcu" ? 1_500_000 : 600), 2_000_000),
    ...latencies("pass", 90_000, 100_000),
  };
}

/** What changing a cost does to a made-up variant's rate. */
const dependence: Readonly<Record<Variant, Readonly<Record<string, number>>>> = {
  rwsem: { transferSameSocket: -0.9 },
  srcu: { l3: -0.1 },
  "refcount-rcu": { locked: -0.4 },
  floor: {},
};

/** A sweep over CPUs with changed costs at its end, one over cgroups, and mounts on two machines. */
export function fixedRows(): MeasuredRow[] {
  const rows: MeasuredRow[] = [];
  for (const variant of variants) {
    for (const cpus of [1, 2, 4, 8, 16]) {
      const rate = uslThroughput(laws[variant], cpus);
      rows.push(...rowsOf(variant, { cpus }, whole(variant, cpus, rate)));
      if (cpus < 16) continue;
      for (const cost of ["transferSameSocket", "l3", "locked", "contextSwitch"]) {
        for (const factor of [0.5, 2]) {
          const changed = rate * factor ** (dependence[variant][cost] ?? 0);
          rows.push(...rowsOf(variant, { cpus, scaled: `${cost}*${factor}` }, { "virtual-visits-per-s": changed }));
        }
      }
    }
  }
  for (const variant of variants) {
    for (const cgroups of [100, 200, 400]) {
      const rate = { rwsem: 3e6, srcu: 2e6, "refcount-rcu": 5e8 / cgroups, floor: 1e8 }[variant];
      const place = { workload: "container-start", parameters: `cgroups=${cgroups} mounters=2` };
      rows.push(
        ...rowsOf(variant, place, {
          "virtual-bogo-ops-per-s": rate / 1000,
          "virtual-bogo-ops": 100,
          "virtual-visits-per-s": rate,
          "virtual-visits": 100_000,
          "virtual-visits-given-up": variant === "rwsem" ? 40_000 : 0,
          "virtual-visit-ns": variant === "rwsem" ? 100 : cgroups,
          ...latencies("unregister", variant === "rwsem" ? 10 * cgroups : 700),
          ...latencies("register", 400),
        }),
      );
    }
  }
  for (const machine of ["box", "bigger-box"]) {
    for (const variant of variants) {
      const cpus = machine === "box" ? 8 : 16;
      const place = { workload: "stress-ng-ramfs", cpus, machine, parameters: "workers=9", tasks: 9 };
      const ops = { rwsem: 12_000, srcu: 1300, "refcount-rcu": 12_100, floor: 13_000 }[variant];
      const byCpu = Array.from({ length: cpus }, (_, cpu) => [
        [`${cpu} idle`, cpu < 4 ? 25 : 100],
        [`${cpu} other`, cpu < 4 ? 75 : 0],
      ]).flat();
      rows.push(
        ...rowsOf(variant, place, {
          "virtual-bogo-ops-per-s": ops,
          "virtual-bogo-ops": 1000,
          "virtual-visits": 0,
          utilisation: 3,
          ...labelled("symbol-ns", { idle: 500, other: 300 }),
          ...labelled("cpu-symbol-ns", Object.fromEntries(byCpu)),
        }),
      );
    }
  }
  return rows;
}
