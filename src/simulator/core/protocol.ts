// Numbers by which the core, the code under test and the host understand each other.
//
// This file is compiled by both languages, so it holds untyped integer constants only.

/** How an access touches its cell. */
export const howLoad = 0;
export const howStore = 1;
export const howLocked = 2;

/** Exported functions of an instance, in the order in which the table has them; then `asyncify_stop_unwind`. */
export const callRun = 0;
export const callRunUntil = 1;
export const callRunWork = 2;
/** Entries of the table for each CPU. */
export const callCount = 4;

/** Nothing to do for the host. */
export const operationNone = 0;
/** Spend time on the CPU. */
export const operationCompute = 1;
/** Leave the CPU for some time. */
export const operationSleep = 2;
/** Leave the CPU until somebody wakes the sleepers of a cell. */
export const operationBlock = 3;
/** Wake sleepers of a cell. */
export const operationWake = 4;
/** Interrupt another CPU. */
export const operationInterrupt = 5;

/** The activity is done. */
export const outcomeEnded = 0;
/** The host has an operation to perform. */
export const outcomeOperation = 1;
/** A pending interrupt can be taken. */
export const outcomeInterrupt = 2;
/** The time slice is over. */
export const outcomeReschedule = 3;
/** The next timer is due. */
export const outcomeTimer = 4;
/** No CPU has anything to do, and there is no timer. */
export const outcomeIdle = 5;
/** CPUs have run for a while. */
export const outcomePaused = 6;
/** The CPU was at no event boundary for too long. */
export const outcomeStuck = 7;
/** All CPUs that do anything spin, and nobody can end it. */
export const outcomeSpinning = 8;

/** Symbols of the simulator's own, beside those of `src/kernel/symbols.ts`. */
export const otherSymbol = 0;
export const idleSymbol = 253;
export const scheduleSymbol = 254;
export const interruptSymbol = 255;
/** One more than the largest symbol. */
export const symbolCount = 256;
