// A tree of cgroups that one task walks, with a map of a size of its own: how the walk was measured on Linux 6.18.

import {
  flagMeasured,
  kindCgroupCreate,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../kernel/events.ts";
import { EventWriter } from "../workloads/event-writer.ts";
import type { Workload, WorkloadLimits } from "../workloads/workload.ts";

/** Sizes of a tree. */
export interface TreeSizes {
  readonly cgroups: number;
  /** Superblocks that are mounted during the walk. Cgroup c has a file on superblock c modulo these. */
  readonly mounts: number;
  /** Superblocks that were mounted at the same time before, which is what the maps have room for ever since. */
  readonly mountsBefore: number;
  /** Measured passes of the one task, after one that is not. */
  readonly passes: number;
  /** Time that page reclaim takes in each visit, ns. */
  readonly pagesNs: number;
}

/** The walk's root; cgroup 0 is the tree's. */
const top = 1;
const priority = 12;

/**
 * Program: set-up mounts `mountsBefore` superblocks and unmounts those beyond `mounts`, creates the cgroups and adds an
 * object of each to a superblock, and makes a pass. Measured: `passes` passes. All by task 0.
 */
export class WalkedTree implements Workload {
  readonly name = "walked-tree";
  readonly parameters: Readonly<Record<string, number>>;
  readonly seed = 0;
  readonly limits: WorkloadLimits;
  readonly repeatable = false;
  readonly #sizes: TreeSizes;

  constructor(sizes: TreeSizes) {
    this.#sizes = sizes;
    const { cgroups, mounts, mountsBefore, passes, pagesNs } = sizes;
    if (mountsBefore < mounts) throw new RangeError("mountsBefore must be at least mounts");
    this.parameters = {
      cgroups,
      mounts,
      "mounts-before": mountsBefore,
      "reclaim-passes": passes,
      "pages-ns": pagesNs,
    };
    this.limits = {
      events: 2 + mountsBefore + (mountsBefore - mounts) + 2 * cgroups + 1 + passes,
      caches: 0,
      objects: 0,
      cgroups: 2 + cgroups,
      superblocks: mountsBefore,
      tasks: 1,
      liveBytesMax: 0,
      slabBytesMax: 0,
    };
  }

  *chunks(): Generator<Uint8Array> {
    const { cgroups, mounts, mountsBefore, passes, pagesNs } = this.#sizes;
    const writer = new EventWriter();
    const add = function* (kind: number, object: number, group: number, a: number): Generator<Uint8Array> {
      yield* writer.reserve(1);
      writer.add(kind, object, group, a, 0);
    };
    yield* add(kindCgroupCreate, 0, 0, 0);
    yield* add(kindCgroupCreate, 0, top, 0);
    for (let superblock = 0; superblock < mountsBefore; superblock++) yield* add(kindSuperblockMount, superblock, 0, 0);
    for (let superblock = mounts; superblock < mountsBefore; superblock++) {
      yield* add(kindSuperblockUnmount, superblock, 0, 0);
    }
    for (let cgroup = 0; cgroup < cgroups; cgroup++) {
      yield* add(kindCgroupCreate, 0, top + 1 + cgroup, top);
      yield* add(kindLruAdd, cgroup % mounts, top + 1 + cgroup, 1);
    }
    yield* add(kindReclaimPass, 0, top, priority);
    yield* writer.flush();
    writer.flags = flagMeasured;
    for (let pass = 0; pass < passes; pass++) yield* add(kindReclaimPass, pagesNs, top, priority);
    yield* writer.flush();
  }
}
