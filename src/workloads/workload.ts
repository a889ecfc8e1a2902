// What a workload is: a named, seeded program of kernel events that is produced in chunks.
//
// A workload knows nothing of problems and variants. It is the same program whether it was generated, derived
// from a slabinfo file or read back from a file.

/** Sizes that a workload never exceeds, known before its first event, so that memory can be laid out. */
export interface WorkloadLimits {
  /** Events in all chunks together. */
  readonly events: number;
  /** Caches ever created; one more than the largest cache index. */
  readonly caches: number;
  /** One more than the largest object index; indices are used again, so this is the most objects live at a time. */
  readonly objects: number;
  /** One more than the largest cgroup index. */
  readonly cgroups: number;
  /** One more than the largest superblock index. */
  readonly superblocks: number;
  /** One more than the largest task index. */
  readonly tasks: number;
  /** Most bytes of allocated and not yet freed objects at any time, at the caches' object sizes. */
  readonly liveBytesMax: number;
  /** Most bytes of slab pages that live objects can occupy, partly used slabs included. */
  readonly slabBytesMax: number;
}

/** A parameter's value as it is written in `--set key=value` and into every record. */
export type ParameterValue = number | string | boolean;

export interface Workload {
  /** `libvirt-teardown`, `cgroups-4000`, `stress-ng-ramfs`, or what a file says. */
  readonly name: string;
  /** Every parameter, defaults included. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly seed: number;
  readonly limits: WorkloadLimits;
  /**
   * The events from the beginning, as encoded records (`src/kernel/events.ts`), at most {@link chunkEventsMax} per
   * chunk. A chunk is also a round: instruments run it on every variant before they go on. Each call starts again
   * and gives the same bytes. A chunk is valid until the next one is taken.
   */
  chunks(): Iterable<Uint8Array>;
}

/** Most events in one chunk; 2 MiB of records. */
export const chunkEventsMax = 65_536;
