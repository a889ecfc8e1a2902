// What the harness and the variants count, per CPU, and which durations they record.
//
// This file is compiled by both languages, so it holds untyped integer constants only. But for the callbacks after a
// free, which are always counted, only events with `flagMeasured` count.

/** Cgroups that reclaim passes came to. */
export const counterVisits = 0;
/** Calls of do_shrink_slab: visits of a shrinker for a cgroup, second looks included. */
export const counterCallbacks = 1;
/** Calls of a scan callback. */
export const counterScans = 2;
/** Objects that scans freed. */
export const counterFreed = 3;
/** Cgroup visits given up because the trylock failed. */
export const counterTrylockFailed = 4;
/** Walks that ended early because somebody waited for the lock. */
export const counterContendedBreaks = 5;
/** Callbacks that ran, or were still running, after `unregister` had returned. Any at all is a bug. */
export const counterCallbacksAfterFree = 6;
/** Times that a shrinker was called again after its bit had been cleared. */
export const counterSecondLooks = 7;
/** Bits cleared by walks. */
export const counterBitsCleared = 8;
/** Bits that a walk set again because the second look found objects. */
export const counterBitsSetAgain = 9;
/** Bogo-ops done. */
export const counterBogoOps = 10;
/** Reclaim passes done. */
export const counterPasses = 11;
/** Shrinkers registered. */
export const counterRegistered = 12;
/** Shrinkers unregistered. */
export const counterUnregistered = 13;
/** Times that a walk left its read section because a shrinker had been unregistered meanwhile. */
export const counterGenerationBreaks = 14;
/** Shrinkers that a walk found on their way out, and passed over. */
export const counterGetFailed = 15;
/** Expansions of the maps. */
export const counterExpansions = 16;
/** Bytes copied by expansions of the maps. */
export const counterCopiedBytes = 17;
/** One more than the largest counter. */
export const counterCount = 18;

/** Durations of registrations, in ns. */
export const histogramRegister = 0;
/** Durations of unregistrations, in ns. */
export const histogramUnregister = 1;
/** Durations of whole reclaim passes, in ns. */
export const histogramPass = 2;
/** One more than the largest histogram. */
export const histogramCount = 3;
