// What a variant's structures hold, so that a line of them can be called by name.
//
// This file is compiled by both languages, so it holds untyped integer constants only.

/** The variant does not say. */
export const areaUnknown = 0;
/** The CPUs' own parts. */
export const areaQueues = 1;
/** The global quarantine's lock, with the sums that it guards. */
export const areaGlobal = 2;
export const areaSrcu = 3;
export const areaBatches = 4;
/** The list of dead caches, with its lock. */
export const areaDead = 5;
