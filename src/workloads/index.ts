// The workloads that exist, by name, with what the command line needs to list them.

import { InputError } from "../errors.ts";
import { Cgroups4000 } from "./cgroups-4000.ts";
import { cgroups4000Parameters } from "./cgroups-4000-parameters.ts";
import { ContainerStart, containerStartParameters } from "./container-start.ts";
import { IteratorChurn, iteratorChurnParameters } from "./iterator-churn.ts";
import { LibvirtTeardown, libvirtTeardownParameters } from "./libvirt-teardown.ts";
import { commitsShortOfMemoryParameters, MetadataCommits, metadataCommitsParameters } from "./metadata-commits.ts";
import { OfflineChurn, offlineChurnParameters } from "./offline-churn.ts";
import type { ParameterTable } from "./parameters.ts";
import { StressNgRamfs, stressNgRamfsParameters } from "./stress-ng-ramfs.ts";
import type { ParameterValue, Workload } from "./workload.ts";

export { openWorkload, saveWorkload, workloadHash } from "./file.ts";
export type { Parameter, ParameterTable } from "./parameters.ts";

export interface WorkloadType {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly parameters: ParameterTable;
  readonly create: (parameters: Readonly<Record<string, ParameterValue>>, seed: number) => Workload;
}

/** Every generated workload, by name. */
export const workloadTypes: readonly WorkloadType[] = [
  {
    name: "cgroups-4000",
    summary: "thousands of cgroups and tmpfs mounts are created, used, reclaimed from and removed",
    parameters: cgroups4000Parameters,
    create: (parameters, seed) => new Cgroups4000(parameters, seed),
  },
  {
    name: "commits-short-of-memory",
    summary: "as metadata-commits, with less memory than a checkpoint takes",
    parameters: commitsShortOfMemoryParameters,
    create: (parameters, seed) =>
      new MetadataCommits(parameters, seed, { name: "commits-short-of-memory", table: commitsShortOfMemoryParameters }),
  },
  {
    name: "container-start",
    summary: "containers mount and unmount tmpfs while a tree of cgroups is reclaimed from; no slab objects",
    parameters: containerStartParameters,
    create: (parameters, seed) => new ContainerStart(parameters, seed),
  },
  {
    name: "iterator-churn",
    summary: "cgroups come and go while walks over all of them are slow and are broken off; no slab objects",
    parameters: iteratorChurnParameters,
    create: (parameters, seed) => new IteratorChurn(parameters, seed),
  },
  {
    name: "libvirt-teardown",
    summary: "guests' slab caches are destroyed while the quarantine is full of other objects",
    parameters: libvirtTeardownParameters,
    create: (parameters, seed) => new LibvirtTeardown(parameters, seed),
  },
  {
    name: "metadata-commits",
    summary: "tasks commit transactions of log items to a journal in memory, which is pushed to the log",
    parameters: metadataCommitsParameters,
    create: (parameters, seed) => new MetadataCommits(parameters, seed),
  },
  {
    name: "offline-churn",
    summary: "cgroups come and go, and some of the objects of their caches are freed later, by others",
    parameters: offlineChurnParameters,
    create: (parameters, seed) => new OfflineChurn(parameters, seed),
  },
  {
    name: "stress-ng-ramfs",
    summary: "workers mount and unmount tmpfs and ramfs; no cache is ever destroyed",
    parameters: stressNgRamfsParameters,
    create: (parameters, seed) => new StressNgRamfs(parameters, seed),
  },
];

/**
 * A generated workload. Cheap: events are produced when its chunks are taken.
 *
 * @param seed a u32
 * @throws {InputError} for an unknown name or parameter, a value out of range, or a bad slabinfo file
 */
export function createWorkload(
  name: string,
  parameters: Readonly<Record<string, ParameterValue>>,
  seed: number,
): Workload {
  const type = workloadTypes.find((one) => one.name === name);
  if (type === undefined) {
    const names = workloadTypes.map((one) => one.name).join(", ");
    throw new InputError(`workload '${name}': unknown; one of: ${names}`);
  }
  return type.create(parameters, seed);
}
