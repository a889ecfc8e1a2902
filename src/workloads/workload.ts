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
  /** The name of one of `workloadTypes`, or what a file says. */
  readonly name: string;
  /** Every parameter, defaults included. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly seed: number;
  readonly limits: WorkloadLimits;
  /**
   * Whether an instrument may repeat one measured chunk for a given time instead of running all chunks once.
   *
   * Every measured chunk then consists of whole bogo-ops, as many of each task that does any, and of whole reclaim
   * passes. Each of these leaves every cgroup, superblock and LRU list as it found them. So every task may repeat its
   * own events of the chunk without regard to the others, and stop behind a bogo-op or, in a task without bogo-ops,
   * behind a reclaim pass.
   *
   * It says nothing of objects, whose frees may come chunks after their allocations, so that a measured chunk may even
   * hold nothing but frees: only a problem that skips object events can be run so, and only with a chunk that has
   * bogo-ops. False for a workload from a file, of which nothing of this is known.
   */
  readonly repeatable: boolean;
  /**
   * The events from the beginning, as encoded records (`src/kernel/events.ts`), at most {@link chunkEventsMax} per
   * chunk. A chunk is also a round: instruments run it on every variant before they go on. No event of a task
   * depends on an event of another task in the same chunk, so that the tasks of a chunk may run at the same time. Each
   * call starts again and gives the same bytes. A chunk is valid until the next one is taken.
   */
  chunks(): Iterable<Uint8Array>;
}

/** Most events in one chunk; 2 MiB of records. */
export const chunkEventsMax = 65_536;
