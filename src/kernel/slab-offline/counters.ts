// What the harness and the variants count, per CPU, which durations they record, and which states can be asked for.
//
// This file is compiled by both languages, so it holds untyped integer constants only. Only events with `flagMeasured`
// count, and deferred work beside them.

/** Cgroups taken offline. */
export const counterOfflines = 0;
/** Objects allocated. */
export const counterAllocations = 1;
/** Objects freed whose cgroup was online, or that belong to none. */
export const counterFreesLive = 2;
/** Objects freed whose cgroup was offline. */
export const counterFreesDead = 3;
/** Caches made for a cgroup. */
export const counterCachesCreated = 4;
/** Caches of a cgroup that went. */
export const counterCachesDestroyed = 5;
/** Slabs that came to another cache. */
export const counterSlabsMoved = 6;
/** Grace periods that somebody slept for. */
export const counterGraceWaits = 7;
/** CPUs that were interrupted. */
export const counterInterrupts = 8;
/** Caches looked at by shrinks of dead caches. */
export const counterShrinks = 9;
/** Caches or cgroups that came to a parent cgroup. */
export const counterReparented = 10;
/** Frees that found their slab on its way to another cache. */
export const counterSlowFrees = 11;
/** Bogo-ops done. */
export const counterBogoOps = 12;

/** Durations of taking a cgroup offline, as its caller sees it, in ns. */
export const histogramOffline = 0;
/** From a cgroup's offline until a cache of it is gone, in ns. */
export const histogramCacheGone = 1;
/** Durations of destroying a cache that was asked to go, in ns. */
export const histogramDestroy = 2;
/** Durations of frees, one of `sampledEvery` on each CPU, in ns. */
export const histogramFreeLive = 3;
export const histogramFreeDead = 4;
/** Durations of allocations, one of `sampledEvery` on each CPU, in ns. */
export const histogramAllocate = 5;
/** Of how many allocations or frees of a CPU one is timed: reading the clock natively costs as much as several. */
export const sampledEvery = 16;

/** Caches of cgroups that are offline. */
export const gaugeDeadCaches = 0;
/** Bytes of the pages that they have. */
export const gaugePinnedBytes = 1;
/** Cgroups that are offline and still there. */
export const gaugeDyingCgroups = 2;
/** Dead caches of which no object is in use. After all deferred work, nobody will ever free them. */
export const gaugeLeakedCaches = 3;
/** Bytes of the pages of all caches. */
export const gaugeSlabBytes = 4;
/** Bytes of all descriptors: caches, cgroups, and what belongs to them. */
export const gaugeDescriptorBytes = 5;
