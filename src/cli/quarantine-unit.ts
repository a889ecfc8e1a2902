// Carries out the native units of the quarantine.

import { collectGarbage } from "../build/garbage.ts";
import { asViolation, StoppedError } from "../errors.ts";
import { InstrumentedMachine } from "../native/instrumented-machine.ts";
import { crossCheckPut, measureInstrumented, measureNatively, type Subject } from "../native/measure.ts";
import { measureOnCrew } from "../native/quarantine-crew.ts";
import { quarantineBytesOf, type Unit } from "../plan/unit.ts";
import type { PlannedVariant } from "../plan/variant.ts";
import type { Workload } from "../workloads/workload.ts";
import { groupByMemory, groupWarning, type UnitFailures, type UnitRun } from "./unit.ts";

/** Times that the instrumented build runs a workload: the longest section of one run may be that of a preempted holder. */
const instrumentedRounds = 2;

/** Bytes that one case of a workload touches, roughly. */
export function quarantineCaseBytes(workload: Workload): number {
  const { limits } = workload;
  return (
    1.3 * (quarantineBytesOf(workload) + limits.slabBytesMax) + limits.objects * 4 + limits.caches * 192 + 16 * 2 ** 20
  );
}

/** Measures one subject on its own: its put checked by mitata, or instrumented. */
async function measureOne(
  stage: Unit["stage"],
  subject: Subject,
  workload: Workload,
  emit: (metric: string, round: number, value: number) => void,
  signal: AbortSignal,
): Promise<void> {
  if (stage === "mitata") {
    const check = await crossCheckPut(subject, workload, signal);
    if (check !== null) {
      emit("put-ns-mitata", 0, check.mitataNs);
      emit("put-ns-checked", 0, check.oursNs);
    }
  } else {
    for (let round = 0; round < instrumentedRounds; round++) {
      const machine = new InstrumentedMachine();
      await measureInstrumented(subject, workload, machine, signal);
      emit("lock-hold-ns-max", round, machine.lockHoldNsMax);
      emit("irq-off-ns-max", round, machine.irqOffNsMax);
      collectGarbage();
    }
  }
}

/** Carries out a native unit of the quarantine. */
export async function runQuarantineUnit(run: UnitRun): Promise<UnitFailures> {
  const { unit, modules, emit, onProgress, signal } = run;
  const failures = new Map<string, Error>();
  const { workload, variants, stage, cpus } = unit;
  const quarantineBytes = quarantineBytesOf(workload);
  const byId = new Map(variants.map((variant) => [variant.id, variant]));
  const variantOf = (id: string): PlannedVariant => byId.get(id) as PlannedVariant;
  const subjects = variants.map(
    (variant): Subject => ({
      id: variant.id,
      compiled: modules.get(unit, variant),
      sizes: { cpus, quarantineBytes, skipWhenEmpty: variant.skipWhenEmpty },
      isFloor: variant.isFloor,
    }),
  );
  if (stage === "timed") {
    const groups = groupByMemory(subjects, quarantineCaseBytes(workload), process.availableMemory() / 2);
    if (groups.length > 1 && unit.purpose === "answers") {
      run.warn(groupWarning(unit, groups));
    }
    for (const [index, group] of groups.entries()) {
      const failed = await (cpus === 1 ? measureNatively : measureOnCrew)({
        subjects: group,
        workload,
        signal,
        onSample: (id, metric, round, value) => emit(variantOf(id), metric, round, value),
        onRemovals: (id, latencies) => {
          for (const { metric, value } of latencies.rows("remove-latency-ns")) emit(variantOf(id), metric, 0, value);
        },
        onProgress: (share) => onProgress((index + share) / groups.length),
      });
      for (const [id, error] of failed) failures.set(id, error);
      collectGarbage();
    }
    return failures;
  }
  for (const [index, subject] of subjects.entries()) {
    const variant = variantOf(subject.id);
    try {
      await measureOne(stage, subject, workload, (...sample) => emit(variant, ...sample), signal);
    } catch (error) {
      if (error instanceof StoppedError) throw error;
      failures.set(subject.id, asViolation(subject.id, error));
    }
    collectGarbage();
    onProgress((index + 1) / subjects.length);
  }
  return failures;
}
