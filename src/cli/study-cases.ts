// What a study measures: cases of the native gate, with the same code on both sides.

import { gate } from "../../bench/gate.ts";
import { matchingSeries } from "../compare/history.ts";
import { effectFloor } from "../compare/judge.ts";
import type { NativeCase } from "../compare/native.ts";
import type { StudyRow } from "../compare/study.ts";
import { InputError } from "../errors.ts";
import type { GateRow } from "../plan/gate.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import { metricOf } from "../records/metrics.ts";
import { type ModuleFiles, variantsOf, workloadOf } from "./compare-native.ts";

/** A case of the gate with the same code on both sides, and its gated rows. */
export interface StudyCase {
  readonly gateRow: GateRow;
  readonly planned: PlannedVariant;
  readonly what: NativeCase;
  readonly rows: readonly StudyRow[];
}

export async function gateCases(files: ModuleFiles): Promise<StudyCase[]> {
  const cases: StudyCase[] = [];
  for (const gateRow of gate.rows) {
    const { problem, cpus, workload } = gateRow;
    const variants = variantsOf(gateRow);
    const modules = await files.compile(problem, variants);
    const metrics = gateRow.metrics.filter(({ isGated }) => isGated);
    for (const planned of variants) {
      const module = modules.get(planned.id)!;
      const [base, head] = [await files.sideOf(planned, module), await files.sideOf(planned, module)];
      cases.push({
        gateRow,
        planned,
        what: { problem, cpus, metrics, base, heads: [head], ...workloadOf(gateRow, planned) },
        rows: metrics.map(({ metric, delta }) => ({
          ...{ name: `${problem}/${planned.id}/${workload}/${cpus}/${metric}`, problem, variant: planned.id },
          ...{ workload, cpus, metric, better: metricOf(metric).better, delta: effectFloor(cpus, delta) },
        })),
      });
    }
  }
  return cases;
}

/** Cases whose rows a pattern matches, with these rows only; by default the first variant's of each row of the suite. */
export function chooseCases(cases: readonly StudyCase[], glob: string | undefined): StudyCase[] {
  if (glob === undefined) {
    return gate.rows.flatMap((gateRow) => cases.find((one) => one.gateRow === gateRow) ?? []);
  }
  const all = cases.flatMap(({ rows }) => rows);
  const names = new Set(matchingSeries(all, glob).map(({ name }) => name));
  if (names.size === 0) throw new InputError(`--rows ${glob}: no row has such a name; the first is ${all[0]!.name}`);
  return cases
    .map((one) => ({ ...one, rows: one.rows.filter(({ name }) => names.has(name)) }))
    .filter(({ rows }) => rows.length > 0);
}

/** What is slowed: the rows that a pattern matches; by default the first of each problem. */
export function chooseSlowed(cases: readonly StudyCase[], glob: string | undefined): StudyCase[] {
  const single = cases.flatMap((one) => one.rows.map((row): StudyCase => ({ ...one, rows: [row] })));
  if (glob === undefined) {
    return single.filter(({ what }, index) => single.findIndex((one) => one.what.problem === what.problem) === index);
  }
  const names = new Set(
    matchingSeries(
      single.map(({ rows }) => rows[0]!),
      glob,
    ).map(({ name }) => name),
  );
  if (names.size === 0) throw new InputError(`--inject ${glob}: no chosen row has such a name`);
  return single.filter(({ rows }) => names.has(rows[0]!.name));
}

/** A family's CPU counts but for one row's. */
export function without(family: readonly number[], cpus: number): number[] {
  const place = family.indexOf(cpus);
  return family.filter((_, index) => index !== place);
}
