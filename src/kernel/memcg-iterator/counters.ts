// What the harness and the variants count, per CPU, and which durations they record.
//
// This file is compiled by both languages, so it holds untyped integer constants only. But for what no variant may do,
// which is always counted, only events with `flagMeasured` count.

/** Cgroups that walks were given: each is reclaimed from once. */
export const counterVisits = 0;
/** Rounds completed: times that a walk came to the end of the tree. */
export const counterRounds = 1;
/** Times that a walk was given its root in a round in which the root had been given out before. */
export const counterRestarts = 2;
/** Cgroups removed by rmdir. */
export const counterDestroys = 3;
/** Cursors that pointed at a cgroup when it was removed. */
export const counterHits = 4;
/** Cursors that were found to point at a dying cgroup by a walk, and were given up or cleared for it. */
export const counterDyingPositions = 5;
/** Cursors that the end of a cgroup cleared. */
export const counterCleared = 6;
/** Cursors that the end of a cgroup looked at. */
export const counterCompared = 7;
/** Reclaim passes done, broken ones included. */
export const counterPasses = 8;
/** Passes broken off. */
export const counterBroken = 9;
/** Passes that ended because another walker had completed the round. */
export const counterGenerationEnds = 10;
/** Times that two walkers moved a cursor at once, and one found it moved. */
export const counterLostMoves = 11;
/** Visits of a cgroup in a round in which it had been visited before, in watched rounds. */
export const counterTwice = 12;
/** Cgroups that a watched round did not come to although they were there for all of it. */
export const counterNever = 13;
/** Watched rounds: completed ones of which is known who was visited. */
export const counterWatched = 14;
/** Cgroups that were there for all of a watched round, summed over these rounds. */
export const counterExpected = 15;
/** Bogo-ops done. */
export const counterBogoOps = 16;
/** Cgroups that a walk was given after their memory had been freed, or held while it was. Any at all is a bug. */
export const counterFreedVisits = 17;
/** Visits of a cgroup in a round in which its index had not been given out before; what reclaim gets on by. */
export const counterFirst = 18;
/** Times that a walk cannot go on from where its cursor stood, because something was removed. */
export const counterLost = 19;
/** Those of them in which that was not what was removed. */
export const counterLostForNothing = 20;

/** Durations of rmdir itself, in ns: as its caller waits for it. */
export const histogramDestroy = 0;
/** Durations of what the variant does for a destroyed cgroup, in the worker, in ns. */
export const histogramDestroyWork = 1;
/** Durations from rmdir to the end of the cgroup's memory, in ns. */
export const histogramFreed = 2;
/** Durations of whole reclaim passes, in ns. */
export const histogramPass = 3;

/** Gauge: bytes of the cursors of all cgroups that have memory. */
export const gaugeSlotBytes = 0;
/** Gauge: cgroups that were removed and still have memory. */
export const gaugeDying = 1;
/** Gauge: bytes of these, as allocated. */
export const gaugeDyingBytes = 2;
/** Gauge: most visits of one cgroup that exists, over the mean. */
export const gaugeOverReclaim = 3;
/** Gauge: cgroups that exist and were not visited in the measured part, however long ago they were created. */
export const gaugeUnvisited = 4;
/** Gauge: cgroups that exist. */
export const gaugeCgroups = 5;
