// What the problem's own memory holds, so that a line of it can be called by name.
//
// This file is compiled by both languages, so it holds untyped integer constants only.

/** Nothing of the problem's own: the machine's memory, or the arena. */
export const areaOther = 0;
export const areaAllocator = 1;
/** The context lock. */
export const areaContextLock = 2;
/** The list of items with its lock, and which context they go into. */
export const areaList = 3;
/** What was pushed, and what is to be. */
export const areaPush = 4;
/** Memory in use, and who waits for some. */
export const areaPool = 5;
/** The lock of the addresses of vmalloc. */
export const areaVmap = 6;
export const areaTransactions = 7;
export const areaItems = 8;
