// What a variant of slab-offline exports. Compiled on its own for every variant that comes from outside, so that a wrong
// type is reported by the name of the export. All may be called on any CPU at any time, with IRQs on, and may sleep, unless
// it says otherwise.
//
// createMemcg: makes what a new cgroup needs besides its descriptor; false: out of memory, and nothing is left.
// createCache: makes the cache with a workload's index: objects of `objectSize` bytes, `slotSize` apart, so many to a slab of
//   2^order pages. `memcg` is the address of an online cgroup, or 0 for a cache that is nobody's. false: out of memory.
// destroyCache: the cache goes. No object of it is in use or is freed at the same time. Its cgroup may be offline, and the
//   cache gone.
// allocate: takes an object of an index and returns its address; 0: out of memory. Its cgroup is online, and stays so.
// free: gives an object back, which finds its own cache. Its cgroup may be offline, or go offline at the same time.
// offlineCaches: the cgroup goes: it has no children, and nobody allocates from its caches any more. What belongs to it may
//   stay for as long as objects of it are in use; the descriptor is there until the last reference to it is given back.
// flushCpu: gives up what this CPU has of a cache, or of all that the variant keeps for itself where `cache` is 0, as when it
//   goes offline. Under slab_mutex.
// background: called at every event boundary, outside of everything. Does not sleep.
// finish: does what timers would do later. Called while no other CPU runs; returns whether anything was done.
// initialise: called once, on zeroed memory of `globalBytes` bytes at `variantBase()`.

import {
  allocate,
  background,
  createCache,
  createMemcg,
  destroyCache,
  finish,
  flushCpu,
  free,
  globalBytes,
  initialise,
  offlineCaches,
} from "./impl";

export const contractCreateMemcg: (memcg: usize) => bool = createMemcg;
export const contractCreateCache: (
  index: u32,
  memcg: usize,
  objectSize: u32,
  slotSize: u32,
  objectsPerSlab: u32,
  order: u32,
) => bool = createCache;
export const contractDestroyCache: (index: u32) => void = destroyCache;
export const contractAllocate: (index: u32) => usize = allocate;
export const contractFree: (object: usize) => void = free;
export const contractOfflineCaches: (memcg: usize) => void = offlineCaches;
export const contractFlushCpu: (cache: usize) => void = flushCpu;
export const contractBackground: () => void = background;
export const contractFinish: () => bool = finish;
export const contractInitialise: () => void = initialise;
export const contractGlobalBytes: () => usize = globalBytes;
