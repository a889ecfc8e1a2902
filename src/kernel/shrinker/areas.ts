// What the problem's own memory holds, so that a line of it can be called by name.
//
// This file is compiled by both languages, so it holds untyped integer constants only.

/** Nothing of the problem's own: the machine's memory, or the arena. */
export const areaOther = 0;
export const areaAllocator = 1;
export const areaTree = 2;
export const areaMemcgs = 3;
export const areaSuperblocks = 4;
export const areaRcu = 5;
/** The SRCU domain by which the harness keeps cgroups that are walked. */
export const areaWalkers = 6;
export const areaList = 7;
export const areaIds = 8;
/** Locks and domains of the variant's own. */
export const areaVariant = 9;
