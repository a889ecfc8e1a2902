// What a study measures: cases of the native gate, with the same code on both sides.

import { gate } from "../../bench/gate.ts";
import { matchingSeries } from "../compare/history.ts";
import { effectFloor } from "../compare/judge.ts";
import type { StudyRow } from "../compare/study.ts";
import type { NativeCase } from "../compare/timed-case.ts";
import { InputError } from "../errors.ts";
import type { GateRow } from "../plan/gate.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import { metricOf } from "../records/metrics.ts";
import { type ModuleFiles, type TimedCode, variantsOf, workloadOf } from "./compare-native.ts";

/** A case of the gate with the same code on both sides, and its gated rows. */
export interface StudyCase {
  readonly gateRow: GateRow;
  readonly planned: PlannedVariant;
  readonly what: NativeCase;
  readonly rows: readonly StudyRow[];
}

export async function gateCases(files: ModuleFiles): Promise<StudyCase[]> {
  const all = gate.rows.flatMap((gateRow) => variantsOf(gateRow).map((planned) => ({ gateRow, planned })));
  const codeOf = ({ gateRow, planned }: (typeof all)[number]): TimedCode => ({
    problem: gateRow.problem,
    variant: planned,
  });
  const moduleOf = await files.compile(all.map(codeOf));
  return await Promise.all(
    all.map(async (one): Promise<StudyCase> => {
      const { gateRow, planned } = one;
      const { problem, cpus, workload } = gateRow;
      const metrics = gateRow.metrics.filter(({ isGated }) => isGated);
      const module = moduleOf(codeOf(one));
      const [base, head] = [await files.sideOf(planned, module), await files.sideOf(planned, module)];
      return {
        gateRow,
        planned,
        what: { problem, cpus, metrics, base, heads: [head], ...workloadOf(gateRow, planned) },
        rows: metrics.map(({ metric, delta }) => ({
          ...{ name: `${problem}/${planned.id}/${workload}/${cpus}/${metric}`, problem, variant: planned.id },
          ...{ workload, cpus, metric, better: metricOf(metric).better, delta: effectFloor(cpus, delta) },
        })),
      };
    }),
  );
}

/** Single rows whose names a pattern matches. @param unknown message when there is none */
function matchingRows(cases: readonly StudyCase[], glob: string, unknown: string): StudyCase[] {
  const names = new Set(
    matchingSeries(
      cases.flatMap(({ rows }) => rows),
      glob,
    ).map(({ name }) => name),
  );
  if (names.size === 0) throw new InputError(unknown);
  return cases
    .map((one) => ({ ...one, rows: one.rows.filter(({ name }) => names.has(name)) }))
    .filter(({ rows }) => rows.length > 0);
}

/** Cases whose rows a pattern matches, with these rows only; by default the first variant's of each row of the suite. */
export function chooseCases(cases: readonly StudyCase[], glob: string | undefined): StudyCase[] {
  if (glob === undefined) {
    return gate.rows.flatMap((gateRow) => cases.find((one) => one.gateRow === gateRow) ?? []);
  }
  const first = cases[0]!.rows[0]!.name;
  return matchingRows(cases, glob, `--rows ${glob}: no row has such a name; the first is ${first}`);
}

/** What is slowed: the rows that a pattern matches; by default the first of each problem. */
export function chooseSlowed(cases: readonly StudyCase[], glob: string | undefined): StudyCase[] {
  const single = cases.flatMap((one) => one.rows.map((row): StudyCase => ({ ...one, rows: [row] })));
  if (glob === undefined) {
    return single.filter(({ what }, index) => single.findIndex((one) => one.what.problem === what.problem) === index);
  }
  return matchingRows(single, glob, `--inject ${glob}: no chosen row has such a name`);
}

/** A family's CPU counts but for one row's. */
export function without(family: readonly number[], cpus: number): number[] {
  const place = family.indexOf(cpus);
  return family.filter((_, index) => index !== place);
}
