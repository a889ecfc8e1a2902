// `reclaim-bench fidelity --host`: measures small cases on this host, simulates them on its profile, and writes both into
// the page's section of the host.

import { existsSync, readFileSync } from "node:fs";
import os from "node:os";
import { setFlagsFromString } from "node:v8";
import { quantileSorted } from "simple-statistics";
import { compileModule } from "../build/compile.ts";
import { collectGarbage } from "../build/garbage.ts";
import { InputError } from "../errors.ts";
import {
  type HostCase,
  type HostLine,
  hostCases,
  hostConstants,
  hostCpus,
  type NativeTime,
  renderHostSection,
  simulateHostCase,
} from "../fidelity/host.ts";
import type { Lab } from "../fidelity/lab.ts";
import { hostSectionOf, withHostSection } from "../fidelity/page.ts";
import { measureNatively } from "../native/measure.ts";
import { measureProblem } from "../native/problem.ts";
import { measureOnCrew } from "../native/quarantine-crew.ts";
import { problemOf } from "../problems/index.ts";
import { writeTextFile } from "../records/atomic-file.ts";
import type { Histogram } from "../records/histogram.ts";
import { cpusOf, loadProfile, type MachineProfile } from "../simulator/profile.ts";
import { createWorkload } from "../workloads/index.ts";
import type { Io } from "./io.ts";
import { v8Flags } from "./modules.ts";
import { Progress } from "./progress.ts";

const seed = 1;

/** What one variant's case came to natively. */
interface Measured {
  /** By metric, in the order of the rounds. */
  readonly samples: Map<string, number[]>;
  readonly distributions: Map<string, Histogram>;
}

async function measure(one: HostCase, variant: string, cpus: number, signal: AbortSignal): Promise<Measured> {
  const constants = hostConstants[one.problem] ?? {};
  const compiled = await compileModule({ problem: one.problem, variant, machine: "native", constants });
  const workload = createWorkload(one.workload, one.parameters(cpus), seed);
  const measured: Measured = { samples: new Map(), distributions: new Map() };
  const isFloor = variant === "floor";
  const onSample = (_subject: string, metric: string, _round: number, value: number): void => {
    const values = measured.samples.get(metric);
    if (values === undefined) measured.samples.set(metric, [value]);
    else values.push(value);
  };
  const onProgress = (): void => {};
  let failures: ReadonlyMap<string, Error>;
  const described = problemOf(one.problem);
  if (described !== undefined) {
    const { repeated } = one;
    failures = await measureProblem(described, {
      subjects: [{ id: variant, compiled }],
      workload,
      cpus,
      fixedTime: repeated === null ? null : { slices: repeated.slices, sliceMs: repeated.sliceMs },
      isProfiled: false,
      onSample,
      onDistribution: (_subject, metric, latencies) => void measured.distributions.set(metric, latencies),
      onProgress,
      signal,
    });
  } else {
    const { "quarantine-bytes": quarantineBytes } = workload.parameters;
    const sizes = { cpus, quarantineBytes: Number(quarantineBytes), skipWhenEmpty: false };
    failures = await (cpus === 1 ? measureNatively : measureOnCrew)({
      subjects: [{ id: variant, compiled, sizes, isFloor }],
      workload,
      signal,
      onSample,
      onRemovals: (_subject, latencies) => void measured.distributions.set("remove-latency-ns", latencies),
      onProgress,
    });
  }
  for (const error of failures.values()) throw error;
  return measured;
}

/** Median and quartiles of what a case asks for, in ns of one CPU. */
function nativeTimeOf(one: HostCase, { samples, distributions }: Measured): NativeTime {
  const { native } = one;
  if (native.kind === "distribution") {
    const times = distributions.get(native.metric);
    const quartiles = [0.25, 0.5, 0.75].map((q) => times?.quantile(q) ?? null);
    const [firstQuartileNs, ns, thirdQuartileNs] = quartiles;
    if (firstQuartileNs == null || ns == null || thirdQuartileNs == null) {
      throw new Error(`'${one.title}' gave no ${native.metric}`);
    }
    return { ns, firstQuartileNs, thirdQuartileNs };
  }
  const values = samples.get(native.metric) ?? [];
  if (values.length === 0) throw new Error(`'${one.title}' gave no ${native.metric}`);
  const sorted = [...values].sort((one, other) => one - other);
  return {
    ns: quantileSorted(sorted, 0.5),
    firstQuartileNs: quantileSorted(sorted, 0.25),
    thirdQuartileNs: quantileSorted(sorted, 0.75),
  };
}

/** What `fidelity --host` is given. */
export interface HostOptions {
  /** The page. */
  readonly out: string;
  /** Name or file of the host's profile. */
  readonly host: string;
}

/**
 * Checks what the section needs before anything is measured.
 *
 * @throws {InputError} when there is no page with a place for the section, or no such profile
 */
export function checkHost({ out, host }: HostOptions): { readonly page: string; readonly machine: MachineProfile } {
  const machine = loadProfile(host);
  if (!existsSync(out)) throw new InputError(`--out ${out}: no such page; write it first, without --host`);
  const page = readFileSync(out, "utf8");
  if (hostSectionOf(page) === null) {
    throw new InputError(`--out ${out}: has no section of the host; it is no page that this command wrote`);
  }
  return { page, machine };
}

/**
 * Carries out the cases of the host both ways and puts its section into the page.
 *
 * @param cases for tests: smaller ones
 * @throws {InputError} see {@link checkHost}
 * @throws {StoppedError} when the signal was raised; the page is as it was
 */
export async function writeHostSection(
  options: HostOptions,
  lab: Lab,
  io: Io,
  signal: AbortSignal,
  cases: readonly HostCase[] = hostCases,
): Promise<void> {
  const { page, machine } = checkHost(options);
  setFlagsFromString(v8Flags);
  const most = Math.min(os.availableParallelism(), cpusOf(machine));
  const wanted = cases.flatMap((one) =>
    hostCpus.filter((cpus) => cpus <= most).flatMap((cpus) => one.variants.map((variant) => ({ one, cpus, variant }))),
  );
  const load = os.loadavg()[0] ?? 0;
  const progress = new Progress(io, { unitsTotal: wanted.length });
  const natively: NativeTime[] = [];
  // Nothing else runs while the host measures itself.
  for (const { one, cpus, variant } of wanted) {
    progress.begin(`${variant}, ${one.title}`);
    natively.push(nativeTimeOf(one, await measure(one, variant, cpus, signal)));
    collectGarbage();
    progress.finish(1);
  }
  progress.clear();
  const lines = await Promise.all(
    wanted.map(
      async ({ one, cpus, variant }, index): Promise<HostLine> => ({
        title: one.title,
        cpus,
        variant,
        isReference: variant === one.variants[0],
        native: natively[index] as NativeTime,
        simulatedNs: await simulateHostCase(lab, one, variant, cpus, machine),
      }),
    ),
  );
  const processor = os.cpus()[0]?.model.trim() || "unknown processor";
  const section = renderHostSection(lines, {
    text: `${processor}, ${os.availableParallelism()} CPUs, Node.js ${process.versions.node}`,
    date: io.clock().toISOString().slice(0, 10),
    load,
    machine,
  });
  await writeTextFile(options.out, withHostSection(page, section));
  io.write(`${section}\n\npage  ${options.out}\n`);
}
