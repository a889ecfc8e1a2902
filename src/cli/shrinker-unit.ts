// Carries out the units of the shrinker.

import { collectGarbage } from "../build/garbage.ts";
import { asViolation, StoppedError } from "../errors.ts";
import { measureShrinker, nodesOf } from "../native/shrinker.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import { countShrinker } from "../traced/shrinker.ts";
import type { Workload } from "../workloads/workload.ts";
import { groupByMemory, groupWarning, type UnitFailures, type UnitRun } from "./unit.ts";

/** Bytes of a thread. */
const threadBytes = 32 * 2 ** 20;

/** Bytes that one case of a workload touches, roughly: maps and deferred counts of every cgroup, twice while they grow. */
export function shrinkerCaseBytes({ limits, parameters }: Workload): number {
  const nodes = typeof parameters.nodes === "number" ? parameters.nodes : 1;
  return 2 * limits.cgroups * nodes * (limits.superblocks + 64) * 9 + limits.superblocks * 8192;
}

/** Carries out a unit of the shrinker. */
export async function runShrinkerUnit(run: UnitRun): Promise<UnitFailures> {
  const { unit, modules, emit, onProgress, signal } = run;
  const failures = new Map<string, Error>();
  const { workload, variants, stage, cpus } = unit;
  const byId = new Map(variants.map((variant) => [variant.id, variant]));
  const variantOf = (id: string): PlannedVariant => byId.get(id) as PlannedVariant;
  const subjects = variants.map((variant) => ({
    id: variant.id,
    isFloor: variant.isFloor,
    compiled: modules.get(unit, variant),
  }));
  if (stage === "counted") {
    for (const [index, subject] of subjects.entries()) {
      const variant = variantOf(subject.id);
      try {
        const sizes = { cpus, nodes: nodesOf(workload) };
        await countShrinker(
          subject,
          subject.compiled,
          workload,
          sizes,
          (...sample) => emit(variant, ...sample),
          signal,
        );
      } catch (error) {
        if (error instanceof StoppedError) throw error;
        failures.set(subject.id, asViolation(subject.id, error));
      }
      collectGarbage();
      onProgress((index + 1) / subjects.length);
    }
    return failures;
  }
  const groups = groupByMemory(
    subjects,
    shrinkerCaseBytes(workload) + cpus * threadBytes,
    process.availableMemory() / 2,
  );
  if (groups.length > 1) run.warn(groupWarning(unit, groups));
  for (const [index, group] of groups.entries()) {
    const failed = await measureShrinker({
      subjects: group,
      workload,
      cpus,
      fixedTime: unit.fixedTime,
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
