// The vocabulary of kernel events, and the layout of one event record.
//
// This file is compiled by both languages: the host encodes and decodes events with it, the harnesses under
// test read them with it. So it holds untyped integer constants only.

/** Size of one event record, in bytes. Little-endian. */
export const eventSize = 32;

// Offsets of the fields in a record, in bytes.
/** u16: one of the kinds below. */
export const eventKindOffset = 0;
/** u16: a set of the flags below. */
export const eventFlagsOffset = 2;
/** u32: index of the task that performs the event. */
export const eventTaskOffset = 4;
/** u32: index of an object, superblock or log item; each kind says which. */
export const eventObjectOffset = 8;
/** u32: index of a cgroup or of a cache; each kind says which. */
export const eventGroupOffset = 12;
/** u64: first operand. */
export const eventAOffset = 16;
/** u64: second operand. */
export const eventBOffset = 24;

/** Flag: the event belongs to the measured part of the workload, not to its set-up. */
export const flagMeasured = 1;

// Kinds. An index (of an object, cgroup, superblock or item) may be used again after its end event. A cache's index is
// never used again, because a destroyed cache may live on for as long as the problem holds objects of it.

/** A cgroup appears. group = cgroup, a = parent cgroup (itself for a root), b = CPU time that reclaiming it takes, ns. */
export const kindCgroupCreate = 1;
/** A cgroup is removed by rmdir. group = cgroup. */
export const kindCgroupOffline = 2;
/** A slab cache is created. group = cache, object = objects per slab, a = object size in bytes, b = pages per slab + cgroup * 2^32. */
export const kindCacheCreate = 3;
/** A slab cache is destroyed; no live object is left in it, quarantined ones may be. group = cache. */
export const kindCacheDestroy = 4;
/** An object is allocated. object = object, group = cache. */
export const kindObjectAllocate = 5;
/** An object is freed. object = object, group = the cache that it came from. */
export const kindObjectFree = 6;
/**
 * A superblock is mounted, and its shrinker registered. object = superblock, a = 0 for tmpfs, 1 for ramfs, b = time for
 * which each callback of its shrinker sleeps, ns.
 */
export const kindSuperblockMount = 7;
/** A superblock is unmounted, and its shrinker unregistered. object = superblock. */
export const kindSuperblockUnmount = 8;
/**
 * Objects are added to the LRU list of a superblock. object = superblock, group = cgroup charged, a = count, b = how
 * many of them a scan can free, at most a: the others are in use, and a scan rotates them.
 */
export const kindLruAdd = 9;
/**
 * One reclaim pass. group = root cgroup of the walk, a = priority 0 to 12, b = NUMA node + visits * 2^32: cgroups after
 * which the walk is broken off, 0 for none; object = time that the reclaim of a cgroup's pages takes before its shrinkers
 * are called, ns.
 */
export const kindReclaimPass = 10;
/**
 * An item joins the task's running transaction, and stays the task's until that commits. object = item, a = bytes to log, 0
 * for an item that is tracked and not logged (ordered), b = 1 when the item is destroyed once this change is in the log.
 */
export const kindTransactionItem = 11;
/** The task commits its running transaction. */
export const kindTransactionCommit = 12;
/** The log is pushed up to the current checkpoint. */
export const kindLogPush = 13;
/** The task computes without touching the structures under test. a = time in ns, b = 1 where it sleeps for so long instead. */
export const kindCompute = 14;
/** One unit of the workload's own work is done. a = its index. */
export const kindBogoOp = 15;
/** A CPU goes offline. a = CPU. */
export const kindCpuOffline = 16;
/** A CPU comes online. a = CPU. */
export const kindCpuOnline = 17;
/** One more than the largest kind. */
export const kindCount = 18;
