// What the problem's own memory holds, so that a line of it can be called by name.
//
// This file is compiled by both languages, so it holds untyped integer constants only.

/** Nothing of the problem's own: the machine's memory, the arena, or the harness's. */
export const areaOther = 0;
/** The caches behind `kmalloc`. */
export const areaAllocator = 1;
/** slab_mutex, and the list of root caches. */
export const areaHeader = 2;
export const areaRcu = 3;
/** Where each cgroup is. */
export const areaMemcgs = 4;
/** Where each cache is. */
export const areaCaches = 5;
export const areaVariant = 6;
