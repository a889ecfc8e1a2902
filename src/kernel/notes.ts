// What code under test tells an observer besides its accesses. Notes cost nothing in the native form.
//
// This file is compiled by both languages, so it holds untyped integer constants only.

// The notes of locks come first: the instrumented machine passes on these and no others.

/** A lock is taken. value = its address. */
export const noteLockAcquired = 1;
/** A lock is about to be given back. value = its address. */
export const noteLockReleased = 2;
/** A removal looked at an object of another cache. value = the object. */
export const noteForeignVisited = 3;
/** A removal took out an object of the cache being removed. value = the object. */
export const noteOwnRemoved = 4;
/** A removal looked into a batch that holds objects. value = the batch's address. */
export const noteBatchVisited = 5;
/** The quarantine took an object in. value = the object. */
export const noteQuarantined = 6;
/** The quarantine let an object go because of its age. value = the object. */
export const noteEvicted = 7;
/** The quarantine let an object go because its CPU goes offline. value = the object. */
export const noteDrained = 10;
/** A cache was asked to go. value = the cache. */
export const noteRemovalBegun = 8;
/** No object of the cache is left, and its slabs are given back. value = the cache. */
export const noteRemovalCompleted = 9;
/** The shrinker problem gave memory to a shrinker's descriptor. value = the descriptor. */
export const noteShrinkerAllocated = 11;
/** A shrinker's descriptor is about to be given back. value = the descriptor. */
export const noteShrinkerFreed = 12;
/** A grace period has ended. value = the address of its RCU or SRCU domain. */
export const noteGracePeriod = 13;
/** A cache without used objects goes without the variant. value = the cache. */
export const noteRemovalSkipped = 14;
/** A cache goes although objects of it are still in use. value = how many. No variant may cause it. */
export const noteLeftBehind = 15;
/** A callback of a shrinker was called after its unregistration. value = the shrinker. No variant may cause it. */
export const noteCallbackAfterFree = 16;
/** A lock is taken by a reader, beside others. value = its address. */
export const noteLockShared = 17;
/** A reader is about to give a lock back. value = its address. */
export const noteLockUnshared = 18;
/** A task is about to take a spin lock, and does nothing else until it has it. value = its address. */
export const noteLockAwaited = 19;
/** A vector of a pushed checkpoint holds something other than what was committed. value = the vector. No variant may cause it. */
export const noteCheckpointChanged = 30;
/** An item does not fit into the vector that it is formatted into, or is not all there. value = the vector. No variant may cause it. */
export const noteVectorOverrun = 31;
/** A walk was given a cgroup without memory, or held one while its memory went. value = the cgroup. No variant may cause it. */
export const noteFreedCgroupVisited = 20;
/** A walk was given many times as many cgroups as there can be. value = its root. Only without end is it wrong. */
export const noteLongWalk = 21;
/** A walk was given a cgroup although the round that it had joined had ended before it asked. value = its root. */
export const noteWalkGoesOn = 23;
/** A cgroup has no reference left although one is held. value = the cgroup. No variant may cause it. */
export const noteReferenceMissing = 22;
