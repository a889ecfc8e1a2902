// The floor: no cgroup has a cache and nothing is charged, so that what is measured is the allocator and the harness.
//
// As Linux without accounting of kernel memory (cgroup.memory=nokmem): objects of all cgroups come from the root caches, and
// nothing happens when a cgroup goes. Never a solution: nobody knows whose memory is whose.

import { slubAllocate } from "../slab/slub";
import { SlubPolicy } from "../slab/slub-slab";
import { flushOwn, freeCountedFirst } from "./clone";
import { cacheOfIndex } from "./region";
import { destroyShared } from "./shared";

export { createShared as createCache } from "./shared";
export { background, createMemcg, finish, globalBytes, initialise } from "./stateless";

export function destroyCache(index: u32): void {
  destroyShared<SlubPolicy>(index);
}

export function allocate(index: u32): usize {
  return slubAllocate<SlubPolicy>(cacheOfIndex(index));
}

export function free(object: usize): void {
  freeCountedFirst<SlubPolicy>(object);
}

export function offlineCaches(_memcg: usize): void {}

export function flushCpu(cache: usize): void {
  if (cache !== 0) flushOwn<SlubPolicy>(cache);
}
