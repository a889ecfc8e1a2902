// A comparison as CSV: a row for each exact value, each row of times and each canary. Of an exact value base and head are its
// sum over samples, of a time the median over processes; the base's label says what it is: of variants the reference. A missing
// value is empty, never 0. What belongs to no row is left out.

import { stringify } from "csv-stringify/sync";
import type { Canary, Comparison, ExactRow, NativeRow } from "../../compare/comparison.ts";
import { guardFormula } from "../../records/csv.ts";
import { type RowName, sideMedians } from "./names.ts";

/** The columns, in order. */
export const compareColumns = [
  "kind",
  "problem",
  "variant",
  "workload",
  "cpus",
  "parameters",
  "metric",
  "unit",
  "better",
  "instrument",
  "verdict",
  "gated",
  "fails",
  "base_label",
  "base",
  "head",
  "base_max",
  "head_max",
  "base_min",
  "head_min",
  "base_samples",
  "head_samples",
  "budget",
  "ratio",
  "low_95",
  "high_95",
  "low_90",
  "high_90",
  "p",
  "test",
  "holm",
  "false_discovery",
  "detectable",
  "delta",
  "processes",
  "confirmed",
  "confirmation_processes",
  "confirmation_ratio",
  "confirmation_low_95",
  "confirmation_high_95",
  "confirmation_p",
  "reason",
  "base_sha256",
  "head_sha256",
] as const;

type Cells = Partial<Record<(typeof compareColumns)[number], string | number | boolean | null>>;

function nameCells({ problem, variant, workload, cpus, parameters, metric, unit, better }: RowName): Cells {
  return { problem, variant, workload, cpus, parameters, metric, unit, better };
}

function exactCells(row: ExactRow): Cells {
  const { base, head } = row;
  return {
    kind: "exact",
    ...nameCells(row),
    instrument: row.instrument,
    verdict: row.change,
    fails: row.fails,
    base: base === null ? null : base.sum,
    head: head === null ? null : head.sum,
    base_max: base?.max ?? null,
    head_max: head?.max ?? null,
    base_min: base?.min ?? null,
    head_min: head?.min ?? null,
    base_samples: base?.samples ?? null,
    head_samples: head?.samples ?? null,
    budget: row.budget,
    base_sha256: base?.sha256 ?? null,
    head_sha256: head?.sha256 ?? null,
  };
}

function timeCells(row: NativeRow | Canary): Cells {
  const { estimate, processes } = row;
  const sides = sideMedians(processes);
  return {
    ...nameCells(row),
    instrument: "native",
    base: sides?.base ?? null,
    head: sides?.head ?? null,
    ratio: estimate?.ratio ?? null,
    low_95: estimate?.low ?? null,
    high_95: estimate?.high ?? null,
    low_90: estimate?.low90 ?? null,
    high_90: estimate?.high90 ?? null,
    p: estimate?.p ?? null,
    test: estimate?.test ?? null,
    detectable: estimate?.detectable ?? null,
    delta: row.delta,
    processes: processes.length,
  };
}

function nativeCells(row: NativeRow): Cells {
  const { confirmation } = row;
  return {
    kind: "native",
    ...timeCells(row),
    verdict: row.verdict,
    gated: row.gated,
    fails: row.gated && row.verdict === "regressed",
    holm: row.holm,
    false_discovery: row.falseDiscovery,
    confirmed: confirmation?.confirmed ?? null,
    confirmation_processes: confirmation?.processes.length ?? null,
    confirmation_ratio: confirmation?.estimate.ratio ?? null,
    confirmation_low_95: confirmation?.estimate.low ?? null,
    confirmation_high_95: confirmation?.estimate.high ?? null,
    confirmation_p: confirmation?.estimate.p ?? null,
    reason: row.reason,
    base_sha256: row.baseSha256,
    head_sha256: row.headSha256,
  };
}

function canaryCells(row: Canary): Cells {
  return { kind: "canary", ...timeCells(row), verdict: row.sings ? "sings" : "silent" };
}

export function renderCompareCsv({ base, exact, native }: Comparison): string {
  const rows = [
    ...[...(exact?.rows ?? []).map(exactCells), ...(native?.rows ?? []).map(nativeCells)].map((cells) => ({
      ...cells,
      base_label: base.label,
    })),
    ...(native?.canaries ?? []).map(canaryCells),
  ];
  return stringify(rows, {
    header: true,
    columns: compareColumns,
    cast: { string: guardFormula, boolean: (value) => (value ? "true" : "false") },
  });
}
