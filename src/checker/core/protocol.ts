// Numbers by which the core, the code under test and the host understand each other.
//
// This file is compiled by both languages, so it holds untyped integer constants only.

/** Most of each. Agents are bits of a mask: tasks, then the CPUs' workers, handlers and store buffers, then the clock. */
export const tasksMax = 8;
export const cpusMax = 4;

// What an agent's next operation is.

/** The agent has not begun: its first step runs it up to its first operation that others can notice. */
export const operationBegin = 0;
export const operationLoad = 1;
/** A plain store, which may stay in the CPU's store buffer. */
export const operationStore = 2;
/** A sequentially consistent store. */
export const operationStoreOrdered = 3;
export const operationExchange = 4;
export const operationCompareExchange = 5;
export const operationAdd = 6;
export const operationBarrier = 7;
export const operationPause = 8;
export const operationWait = 9;
export const operationWake = 10;
export const operationInterrupt = 11;
export const operationSleep = 12;
export const operationDefer = 13;
export const operationPreemptOff = 14;
export const operationPreemptOn = 15;
export const operationIrqOff = 16;
export const operationIrqOn = 17;
export const operationNow = 18;
export const operationIsRunning = 19;
export const operationIsIdle = 20;
/** The agent's call has returned; its CPU may do something else. */
export const operationEnd = 21;
/** The oldest store of a CPU's buffer reaches memory. */
export const operationFlush = 22;
/** The clock goes on by a tick. */
export const operationTick = 23;
export const operationAllocated = 24;
export const operationFreed = 25;
/** What is wrong at a cell; the agent gets no further. */
export const operationWrong = 26;
export const operationCount = 27;

// What an agent does.

/** An agent that has nothing to do. */
export const stateNone = 0;
export const stateReady = 1;
/** Waits to be woken. */
export const stateBlocked = 2;
export const stateSleeping = 3;
/** Waits until a cell that it looked at changes. */
export const statePaused = 4;

// What was found.

export const findingNone = 0;
/** An access to memory that was freed. */
export const findingUseAfterFree = 1;
/** Memory was freed that is free already. */
export const findingDoubleFree = 2;
/** An access outside of everything that the code under test has, or to memory that was never handed out. */
export const findingOutside = 3;
/** The code under test broke a rule that it reports itself: a note of `../../kernel/notes.ts` that is one. */
export const findingInvariant = 4;
/** An agent ran on for too long without reaching anything that others can notice. */
export const findingLivelock = 5;
/** Memory that the core has for its own bookkeeping is used up: too many interrupts or work items pend. */
export const findingOverflow = 6;
/** A wait or a sleep in a handler of interrupts, or with preemption or interrupts off. */
export const findingAtomicSleep = 8;
/** Nobody can go on in a part where nobody else runs. */
export const findingStuck = 7;

/** Exported functions of an instance, in the order in which the table has them; then `asyncify_stop_unwind`. */
export const callRun = 0;
export const callRunWork = 1;
/** Entries of the table for each CPU. */
export const callCount = 3;
