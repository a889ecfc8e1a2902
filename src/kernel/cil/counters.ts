// What the harness and the variants count, per CPU, and which durations they record.
//
// This file is compiled by both languages, so it holds untyped integer constants only. Only events with `flagMeasured`
// count, but for what no variant may do, which is always counted.

/** Transactions committed. */
export const counterCommits = 0;
/** Items formatted into a vector. */
export const counterFormatted = 1;
/** Bytes that formatting copied. */
export const counterFormattedBytes = 2;
/** Vectors allocated. */
export const counterAllocations = 3;
/** Those of them that were allocated by a task that held the context lock. */
export const counterAllocationsUnderLock = 4;
/** Vectors freed by a task that held the context lock. */
export const counterFreesUnderLock = 5;
/** Contexts pushed. */
export const counterPushes = 6;
/** Checkpoints whose log I/O was completed. */
export const counterCheckpoints = 7;
/** Items formatted again into the vector that they had in the current context. */
export const counterRelogged = 8;
/** Items whose vector in the current context gave way to another one. */
export const counterSwitched = 9;
/** Waits for memory that lasted until the watchdog ended them. */
export const counterDeadlocks = 10;
/** Those of them during which a push waited for the context lock. */
export const counterDeadlocksWithPush = 11;
/** Commits that waited for the context lock during them, summed. */
export const counterBlockedCommits = 12;
/** Allocations that had to wait for memory. */
export const counterMemoryWaits = 13;
/** Bytes of headers and iovecs of the vectors that were formatted. */
export const counterHeaderBytes = 14;
/** Bogo-ops done: transactions of the workload. */
export const counterBogoOps = 15;
/** Vectors allocated page by page (vmalloc). */
export const counterVmallocs = 16;
/** Allocations that had memory compacted for them. */
export const counterCompactions = 17;
/** Shadows freed because somebody waited for memory and their item was clean. */
export const counterShadowsReclaimed = 18;
/** Items destroyed. */
export const counterItemsDestroyed = 19;
/** L6: vectors of a checkpoint that held something other than their item's last commit before the push. */
export const counterChangedVectors = 20;
/** L3: items that did not fit into their vector. */
export const counterOverruns = 21;
/** L2: vectors that two had at the same time, or an item of the list that had none. */
export const counterSharedVectors = 22;
/** L4: items pinned twice in one checkpoint, or unpinned without being pinned. */
export const counterWrongPins = 23;
/** L5: contexts whose space or iovecs differed from the sum over their items. */
export const counterMiscounted = 24;
/** L7: commit records out of order, and log forces that returned before the record of the task's own last commit. */
export const counterDisordered = 25;
/** L1: vectors allocated or freed under the context lock by a variant that says that it never does. */
export const counterForbiddenMemory = 26;

/** Durations of commits, in ns. */
export const histogramCommit = 0;
/** How long commits held the context lock, as readers. */
export const histogramHold = 1;
/** How long commits waited for the context lock. */
export const histogramLockWait = 2;
/** How long pushes waited for the context lock, as writers. */
export const histogramPushWait = 3;
/** Durations of pushes, from the request being taken up to the commit record. */
export const histogramPush = 4;
/** Waits for memory. */
export const histogramMemoryWait = 5;
