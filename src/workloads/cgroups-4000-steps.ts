// Slab caches and objects of one cgroup in cgroups-4000: what a process, a mount and a file allocate there.

import { InputError } from "../errors.ts";
import type { SlabCache } from "./slabinfo.ts";

/**
 * Objects that each step allocates from a cgroup's clone of a cache.
 *
 * `process`: one process from fork to exit, all freed at its exit. Charged allocations per fork on Linux 6.18 while
 * the script ran with 201 cgroups (766 forks), rounded; fork and exec each take a struct mm. `mount`: root dentry and
 * inode. `file`: dentry and inode of the file, and the page-cache tree of 1 MiB: 4 nodes of 64 pages and their root
 * (3.8 per cgroup were measured with 3 of 4 touched). Mount and file objects live until the unmount.
 */
const objectsOfStep: Readonly<Record<string, { process: number; mount: number; file: number }>> = {
  task_struct: { process: 1, mount: 0, file: 0 },
  task_delay_info: { process: 1, mount: 0, file: 0 },
  signal_cache: { process: 1, mount: 0, file: 0 },
  sighand_cache: { process: 1, mount: 0, file: 0 },
  files_cache: { process: 1, mount: 0, file: 0 },
  fs_cache: { process: 1, mount: 0, file: 0 },
  pid: { process: 1, mount: 0, file: 0 },
  cred_jar: { process: 2, mount: 0, file: 0 },
  mm_struct: { process: 2, mount: 0, file: 0 },
  vm_area_struct: { process: 104, mount: 0, file: 0 },
  anon_vma_chain: { process: 45, mount: 0, file: 0 },
  anon_vma: { process: 25, mount: 0, file: 0 },
  dentry: { process: 0, mount: 1, file: 1 },
  shmem_inode_cache: { process: 0, mount: 1, file: 1 },
  radix_tree_node: { process: 0, mount: 0, file: 5 },
};
const objectsOfOtherCaches = { process: 1, mount: 0, file: 0 };

/** Caches that a cgroup clones when nobody names them, as far as the slabinfo file has them. */
export const cachesByDefault = Object.keys(objectsOfStep).join(",");

export type StepName = "process" | "mount" | "file";
const stepNames: readonly StepName[] = ["process", "mount", "file"];

/** What one step does to a cgroup. A cache is created at its first allocation, so by the first step that uses it. */
export interface StepPlan {
  /** Clones that the step creates: positions in the list of the cgroup's caches. */
  readonly creates: readonly number[];
  /** Clone of each object that the step allocates. */
  readonly allocates: readonly number[];
  readonly bytes: number;
}

/** So that the destruction of all of a cgroup's caches fits into one chunk. */
const cachesPerCgroupMax = 1024;

/** Of the default names, those that the slabinfo file has, because kernels differ. */
export function presentCaches(all: readonly SlabCache[], file: string): string {
  const present = cachesByDefault.split(",").filter((name) => all.some((one) => one.name === name));
  if (present.length > 0) return present.join(",");
  throw new InputError(
    `parameter 'caches-per-cgroup': none of its default names is in ${file}; name some of that file's caches`,
  );
}

/** The caches that a list names, in its order. */
export function selectCaches(all: readonly SlabCache[], list: string, file: string): SlabCache[] {
  const fail = (wrong: string) => new InputError(`parameter 'caches-per-cgroup': ${wrong}`);
  const names = list.split(",").map((name) => name.trim());
  if (names.length > cachesPerCgroupMax) throw fail(`must be at most ${cachesPerCgroupMax} names, got ${names.length}`);
  if (new Set(names).size < names.length) throw fail("must not name a cache twice");
  return names.map((name) => {
    const cache = all.find((one) => one.name === name);
    if (cache === undefined) throw fail(`'${name.slice(0, 40)}' is not in ${file}`);
    return cache;
  });
}

/** What each step does to a cgroup with these caches. */
export function planSteps(caches: readonly SlabCache[]): Record<StepName, StepPlan> {
  const created = new Set<number>();
  const plan = (step: StepName): StepPlan => {
    const creates: number[] = [];
    const allocates: number[] = [];
    let bytes = 0;
    for (const [index, cache] of caches.entries()) {
      // `hasOwn`, because the names come from a file.
      const known = Object.hasOwn(objectsOfStep, cache.name) ? objectsOfStep[cache.name] : undefined;
      const count = (known ?? objectsOfOtherCaches)[step];
      if (count === 0) continue;
      if (!created.has(index)) creates.push(index);
      created.add(index);
      for (let object = 0; object < count; object++) allocates.push(index);
      bytes += count * cache.objectSize;
    }
    return { creates, allocates, bytes };
  };
  return Object.fromEntries(stepNames.map((step) => [step, plan(step)])) as Record<StepName, StepPlan>;
}
