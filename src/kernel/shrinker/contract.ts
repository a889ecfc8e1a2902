// What a shrinker variant exports. Compiled on its own for every variant that comes from outside, so that a wrong type is
// reported by the name of the export. All may be called on any CPU at any time, with IRQs on, and may sleep, unless it
// says otherwise.
//
// createMemcg: makes what a new cgroup needs, for the ids that there are; false: out of memory, and nothing is left.
// offlineMemcg: the cgroup is not online any more, though walks may be in it; its deferred counts go to its parent.
// freeMemcg: nobody is in the cgroup any more; what it has is freed.
// register: makes and registers the shrinker of a superblock, and returns its address; 0: out of memory, nothing is left.
// unregister: once it has returned, no callback of the shrinker runs or will run. Once per shrinker.
// setBit: a list of the shrinker has got its first object of the cgroup on the node. Does not sleep.
// shrinkSlab: has the shrinkers free objects of a cgroup on a node, and returns how many. Cgroup 0 is the root, for which
//   the list of all shrinkers is walked. The caller keeps the cgroup from being freed.
// background: called at every event boundary, outside of everything: callbacks that are due.
// pendingCallbacks: this CPU's callbacks that `background` has still to run.
// initialise: called once, on zeroed memory of `globalBytes` bytes at `variantBase()`.
// mapBytes, deferredBytes, infoBytes, shrinkerBytes: bytes of all present cgroups' bitmaps and deferred counts; of all that
//   they have, as allocated; of one shrinker, as allocated. isBitSet, deferredOf: what is there for a cgroup, a node and an
//   id. Called while nothing else runs.

import {
  background,
  createMemcg,
  deferredBytes,
  deferredOf,
  freeMemcg,
  globalBytes,
  infoBytes,
  initialise,
  isBitSet,
  mapBytes,
  offlineMemcg,
  pendingCallbacks,
  register,
  setBit,
  shrinkerBytes,
  shrinkSlab,
  unregister,
} from "./impl";

export const contractCreateMemcg: (memcg: u32) => bool = createMemcg;
export const contractOfflineMemcg: (memcg: u32) => void = offlineMemcg;
export const contractFreeMemcg: (memcg: u32) => void = freeMemcg;
export const contractRegister: (superblock: u32) => usize = register;
export const contractUnregister: (shrinker: usize) => void = unregister;
export const contractSetBit: (memcg: u32, node: u32, shrinker: usize) => void = setBit;
export const contractShrinkSlab: (memcg: u32, node: u32, priority: u32) => u32 = shrinkSlab;
export const contractBackground: () => void = background;
export const contractPendingCallbacks: () => u32 = pendingCallbacks;
export const contractInitialise: () => void = initialise;
export const contractGlobalBytes: () => usize = globalBytes;
export const contractMapBytes: () => f64 = mapBytes;
export const contractDeferredBytes: () => f64 = deferredBytes;
export const contractInfoBytes: () => f64 = infoBytes;
export const contractShrinkerBytes: () => u32 = shrinkerBytes;
export const contractIsBitSet: (memcg: u32, node: u32, id: u32) => bool = isBitSet;
export const contractDeferredOf: (memcg: u32, node: u32, id: u32) => u64 = deferredOf;
