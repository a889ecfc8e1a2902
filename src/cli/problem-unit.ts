// Carries out the native units of described problems.

import { collectGarbage } from "../build/garbage.ts";
import { measureProblem, type ProblemSubject } from "../native/problem.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import type { Problem } from "../problems/index.ts";
import { groupByMemory, groupWarning, type UnitFailures, type UnitRun } from "./unit.ts";

/** Bytes of a thread. */
const threadBytes = 32 * 2 ** 20;

interface Subject extends ProblemSubject {
  readonly variant: PlannedVariant;
}

/** Carries out a native unit of a described problem: its variants on threads, as many in turns as fit into memory. */
export async function runProblemUnit(problem: Problem, run: UnitRun): Promise<UnitFailures> {
  const failures = new Map<string, Error>();
  const { unit, modules, emit, onProgress, signal } = run;
  const subjects = unit.variants.map(
    (variant): Subject => ({ id: variant.id, compiled: modules.get(unit, variant), variant }),
  );
  const { workload, cpus, stage, fixedTime } = unit;
  const variants = new Map(subjects.map(({ id, variant }) => [id, variant]));
  const variantOf = (id: string): PlannedVariant => variants.get(id) as PlannedVariant;
  const bytes = problem.caseBytes(workload) + cpus * threadBytes;
  const groups = groupByMemory(subjects, bytes, process.availableMemory() / 2);
  if (groups.length > 1) run.warn(groupWarning(unit, groups));
  for (const [index, group] of groups.entries()) {
    const failed = await measureProblem(problem, {
      subjects: group,
      workload,
      cpus,
      fixedTime,
      isProfiled: stage === "profiled",
      onSample: (id, metric, round, value) => emit(variantOf(id), metric, round, value),
      onDistribution: (id, name, latencies) => {
        for (const { metric, value } of latencies.rows(name)) emit(variantOf(id), metric, 0, value);
      },
      onProgress: (share) => onProgress((index + share) / groups.length),
      signal,
    });
    for (const [id, error] of failed) failures.set(id, error);
    collectGarbage();
  }
  return failures;
}
