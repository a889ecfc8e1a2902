// Functions that kernel people know by name, so that a profile can be read like the output of perf.
//
// This file is compiled by both languages, so it holds untyped integer constants only. The host derives the name
// that it shows from the constant's: `kasanQuarantinePut` is shown as `kasan_quarantine_put`.

export const kmemCacheAlloc = 1;
export const kmemCacheFree = 2;
export const kasanQuarantinePut = 4;
export const kasanQuarantineReduce = 5;
export const kasanQuarantineRemoveCache = 6;
export const qlistMoveCache = 7;
export const qlistFreeAll = 8;
export const onEachCpu = 9;
export const kworker = 12;
