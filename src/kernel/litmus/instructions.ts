// Instructions of the programs that `harness.ts` of this folder performs: kinds of events.
//
// This file is compiled by both languages, so it holds untyped integer constants only. The fields of an event: object =
// cell, group = register + 1 or 0 for none, a and b = operands. What is loaded goes to the register; what is stored is a,
// plus the register if there is one.

export const opSkip = 64;
/** Leaves out the next b instructions unless the register holds a. */
export const opSkipUnless = 65;
export const opLoad32 = 66;
export const opLoad64 = 67;
export const opStoreRelaxed32 = 68;
export const opStoreRelaxed64 = 69;
export const opStore32 = 70;
export const opStore64 = 71;
export const opExchange32 = 72;
export const opExchange64 = 73;
/** Expects a, stores b. */
export const opCompareExchange32 = 74;
export const opCompareExchange64 = 75;
export const opAdd32 = 76;
export const opAdd64 = 77;
export const opBarrier = 78;
/** Looks at the cell again and again, with a pause in between, until it holds a. */
export const opPauseUntil = 79;
/** The same without a pause. */
export const opSpinUntil = 80;
/** Exchanges a for b as soon as the cell holds a, pausing in between. */
export const opTakeTurn = 81;
export const opWait = 82;
export const opWake = 83;
/** Waits again and again until the cell holds a. */
export const opWaitUntil = 84;
/** For a ns. */
export const opSleep = 85;
export const opPreemptOff = 86;
export const opPreemptOn = 87;
export const opIrqOff = 88;
export const opIrqOn = 89;
/** Of the task with identity a. */
export const opIsRunning = 90;
/** Of CPU a. */
export const opIsIdle = 91;
/** Has CPU a perform the program b: 256 times the index of its first instruction, plus how many there are. */
export const opInterrupt = 92;
/** Has the own CPU's worker perform the program b. */
export const opDefer = 93;
/** A spin lock, with preemption off. */
export const opAcquire = 94;
export const opRelease = 95;
/** Takes the same lock without making sure that it is still free when it is taken. */
export const opAcquireCarelessly = 96;
/** The cell and what follows is handed out, or given back: a bytes. */
export const opAllocated = 97;
export const opFreed = 98;
/** An event boundary. */
export const opQuiescent = 99;
export const opNow = 100;
/** Calls itself for ever. */
export const opRecurse = 101;

/** From this cell on they lie in the arena. */
export const arenaCells = 65536;
/** Bytes of the cells that do not. */
export const cellBytes = 1024;
/** Registers, behind the cells, 8 bytes each. */
export const registerCount = 64;
