// What the problem's own memory holds, so that a line of it can be called by name.
//
// This file is compiled by both languages, so it holds untyped integer constants only.

/** Nothing of the problem's own: the machine's memory, or the arena. */
export const areaOther = 0;
export const areaAllocator = 1;
/** The lock of the tree, and the serial number. */
export const areaTree = 2;
export const areaRcu = 3;
/** Per-CPU memory: the counters of references. */
export const areaPercpu = 4;
/** The variant's own. */
export const areaVariant = 5;
