// What a quarantine variant exports. Compiled on its own for every variant that comes from outside, so that a wrong
// type is reported by the name of the export.
//
// put: takes a freed object of the cache, or returns false, and then the caller frees it at once. Any CPU, IRQs on.
// reduce: lets the oldest objects go if the quarantine is too large. Any CPU, IRQs on; called before an allocation.
// removeCache: frees the cache's quarantined objects. Returns true when none is left, and then the caller destroys the
//   cache; or false, and then the variant calls `destroyCache` itself, later. Nobody puts objects of that cache any more.
// cpuOnline, cpuOffline: called on the CPU in question, which afterwards takes or refuses objects.
// initialise: called once, on zeroed memory of `globalBytes` bytes at `variantBase()`.
// globalBytes, extraObjectBytes, extraCacheBytes: what the variant costs in memory, in bytes.
// quarantinedBytes, batchesInUse: what it holds; called while nothing else runs.
// areaOf(address: usize): u32, optional: what lies at an address of its structures (`areas.ts`), for names of lines.

import {
  batchesInUse,
  cpuOffline,
  cpuOnline,
  extraCacheBytes,
  extraObjectBytes,
  globalBytes,
  initialise,
  put,
  quarantinedBytes,
  reduce,
  removeCache,
} from "./impl";

export const contractPut: (cache: usize, object: usize) => bool = put;
export const contractReduce: () => void = reduce;
export const contractRemoveCache: (cache: usize) => bool = removeCache;
export const contractCpuOnline: () => void = cpuOnline;
export const contractCpuOffline: () => void = cpuOffline;
export const contractInitialise: () => void = initialise;
export const contractGlobalBytes: () => usize = globalBytes;
export const contractExtraObjectBytes: () => u32 = extraObjectBytes;
export const contractExtraCacheBytes: () => u32 = extraCacheBytes;
export const contractQuarantinedBytes: () => u64 = quarantinedBytes;
export const contractBatchesInUse: () => u32 = batchesInUse;
