// States of a whole case that the harness tells (`gauge` of `harness.ts`).
//
// This file is compiled by both languages, so it holds untyped integer constants only.

/** Bytes of all vectors, as allocated. */
export const gaugeFootprint = 0;
/** The most that a push has seen of them, or now. */
export const gaugeFootprintMax = 1;
/** Bytes of shadows. */
export const gaugeShadows = 2;
/** Bytes of vectors of checkpoints whose log I/O is not completed. */
export const gaugeInFlight = 3;
/** Bytes that the log has to hold for the current context. */
export const gaugeContextSpace = 4;
/** Of the first deadlock: when, in ns. */
export const gaugeDeadlockNs = 5;
/** 1 + the task that waited for memory, or 0. */
export const gaugeDeadlockWaiter = 6;
/** Whether it held the context lock. */
export const gaugeDeadlockHolder = 7;
/** 1 + the task that waited for the context lock in order to push, or 0. */
export const gaugeDeadlockPusher = 8;
/** Commits that waited for the context lock. */
export const gaugeDeadlockBlocked = 9;
/** Bytes that the task waited for. */
export const gaugeDeadlockBytes = 10;
