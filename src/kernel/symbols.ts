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
export const downReadTrylock = 13;
export const downRead = 14;
export const upRead = 15;
export const downWrite = 16;
export const upWrite = 17;
export const osqLock = 18;
export const mutexLock = 19;
export const mutexUnlock = 20;
export const waitForCompletion = 21;
export const srcuReadLock = 22;
export const srcuReadUnlock = 23;
export const synchronizeSrcu = 24;
export const synchronizeRcu = 25;
export const callRcu = 26;
export const registerShrinker = 40;
export const unregisterShrinker = 41;
export const shrinkSlab = 42;
export const doShrinkSlab = 43;
export const idrFind = 44;
export const findNextBit = 45;
export const memCgroupIter = 46;
export const superCacheCount = 47;
export const superCacheScan = 48;
export const shrinkerTryGet = 49;
export const shrinkerPut = 50;
export const expandShrinkerInfo = 51;
export const setShrinkerBit = 52;
