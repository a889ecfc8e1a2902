// Which cells several agents use, so that operations on them can be noticed by others.
//
// At first no cell is taken to be one. An operation on such a cell is performed at once, in the same step as the one before.
// Each records who touches the cell and which locks everybody held: as soon as two agents have touched it, one of them
// writing, and no lock was held every time, the cell is noticeable, and the exploration begins again with it.
//
// Why nothing is left out, once an exploration adds no cell: take any execution, and in it the first operation that breaks
// what was assumed. All operations on unnoticed cells before it commute with those of other agents in between, so there is an
// execution with the same states in which each follows directly the noticeable operation before it; that one was explored,
// and would have shown the breach.
//
// Freeing memory counts as writing all that was used of it: so who still uses it is in conflict, and is scheduled against
// the free. A cell begins anew when its memory is handed out. Who touched what is then part of the state, since it
// depends on the way there; of memory that is never handed out it is added up over the whole exploration.

import { put32, putQuietly } from "./journal";
import {
  Agent,
  arenaBase,
  arenaEnd,
  contextOf,
  cpuCount,
  locksMax,
  lockTable,
  taskCount,
  touched,
  trackedEnd,
  tracks,
  visible,
} from "./layout";
import { agent, agentIndex, cpuIndex, isSequential } from "./running";

/** Who touched a cell: a bit for each agent, those that wrote 16 bits higher; and the locks that all held. */
@unmanaged
class Track {
  agents: u32 = 0;
  locks: u32 = 0;
}

let touchedCount: u32 = 0;
/** Cells found to be noticeable since the host asked last. */
export let learnt: u32 = 0;
let lockCount: u32 = 0;

/**
 * Flags of a word: operations on it can be noticed; it is a spin lock; it is the context of a CPU that takes interrupts;
 * somebody looks at the lock otherwise than to wait for it.
 */
const isNoticed: u8 = 1;
const isSpinLock: u8 = 2;
const isInterrupted: u8 = 4;
const isLookedAt: u8 = 8;

export function isVisibleWord(word: usize): bool {
  return (load<u8>(visible + (word >> 2)) & isNoticed) !== 0;
}

/** Whether operations on a cell can be noticed. */
export function isVisible(cell: usize, bytes: u32): bool {
  const at = visible + (cell >> 2);
  const flags: u32 = bytes === 8 ? load<u8>(at) | load<u8>(at, 1) : load<u8>(at);
  return (flags & isNoticed) !== 0;
}

export function isAnyVisible(from: usize, bytes: usize): bool {
  for (let word = from; word < from + bytes; word += 4) if (isVisibleWord(word)) return true;
  return false;
}

/**
 * A cell is a spin lock: whoever takes it does nothing else meanwhile, so it waits where it would fail. Then giving it back
 * commutes with all that others can do before, and need not be scheduled (a left mover: Lipton, Reduction, 1975). There are
 * two exceptions. Whoever comes between on the holder's CPU keeps it from giving the lock back, and waits for ever if it
 * needs the same one, or somebody who needs it: so nobody must be able to. And who looks at the lock otherwise can tell
 * whether it is held.
 */
export function showSpinLock(cell: usize): void {
  flag(cell, isSpinLock);
}

/** A CPU takes interrupts. */
export function showInterrupts(target: u32): void {
  if (flag(contextOf(target), isInterrupted)) learnt++;
}

/** Whether nobody else can run on the running agent's CPU, whatever the schedule. */
function isUndisturbed(): bool {
  const doing = changetype<Agent>(agent);
  if (isHandler() || doing.irqDepth !== 0) return true;
  return doing.preemptDepth !== 0 && (load<u8>(visible + (contextOf(cpuIndex) >> 2)) & isInterrupted) === 0;
}

/** The running agent accesses a cell, not to give it back. */
export function lookAtLock(cell: usize): void {
  if (isSequential || (load<u8>(visible + (cell >> 2)) & isSpinLock) === 0) return;
  if (changetype<Agent>(agent).awaited !== (cell as u32) && flag(cell, isLookedAt)) learnt++;
}

/** Whether a store gives a spin lock back, and nobody can notice when. */
export function isReleasedBy(cell: usize, value: u64): bool {
  const flags = load<u8>(visible + (cell >> 2));
  if (value !== 0 || (flags & isSpinLock) === 0 || (flags & isLookedAt) !== 0) return false;
  return isUndisturbed();
}

/** A handler has interrupts off from its beginning to its end. */
export function isHandler(): bool {
  return agentIndex >= taskCount + cpuCount;
}

/** Returns whether that is new. */
function flag(cell: usize, bit: u8): bool {
  const at = visible + (cell >> 2);
  const flags = load<u8>(at);
  store<u8>(at, flags | bit);
  return (flags & bit) === 0;
}

/** Takes a cell for noticeable from the beginning. */
export function show(word: usize): void {
  flag(word, isNoticed);
}

/** Whether what need not be scheduled is not. */
export let isReduced: bool = true;

/** Takes every operation for noticeable. */
export function showAll(): void {
  memory.fill(visible, isNoticed, trackedEnd >> 2);
  isReduced = false;
}

function learn(word: usize): void {
  if (isVisibleWord(word)) return;
  show(word);
  learnt++;
}

/** Takes a cell for noticeable from now on. */
export function reveal(cell: usize, bytes: u32): void {
  learn(cell);
  if (bytes === 8) learn(cell + 4);
}

function trackOf(word: usize): usize {
  return tracks + (word >> 2) * offsetof<Track>();
}

function isInConflict(agents: u32): bool {
  const all = (agents | (agents >> 16)) & 0xffff;
  return agents >> 16 !== 0 && (all & (all - 1)) !== 0;
}

/**
 * The running agent gives back the locks that it said it would: up to this operation they are its own, so somebody who gets
 * one of them meanwhile is found out.
 */
export function letGo(): void {
  const doing = changetype<Agent>(agent);
  if ((doing.givesBack | doing.givesBackShared) === 0) return;
  putQuietly(agent + offsetof<Agent>("held"), doing.held & ~doing.givesBack);
  putQuietly(agent + offsetof<Agent>("heldShared"), doing.heldShared & ~doing.givesBackShared);
  putQuietly(agent + offsetof<Agent>("givesBack"), 0);
  putQuietly(agent + offsetof<Agent>("givesBackShared"), 0);
}

function touchWord(word: usize, isWrite: bool): void {
  const track = trackOf(word);
  const known = changetype<Track>(track);
  const doing = changetype<Agent>(agent);
  const bit: u32 = 1 << agentIndex;
  const locks = isWrite ? doing.held : doing.held | doing.heldShared;
  const agents = known.agents | (isWrite ? bit << 16 : bit);
  const common = known.agents === 0 ? locks : known.locks & locks;
  if (agents === known.agents && common === known.locks) return;
  if (word >= arenaBase && word < arenaEnd) {
    put32(track, agents);
    put32(track + offsetof<Track>("locks"), common);
  } else {
    if (known.agents === 0) {
      store<u32>(touched + usize(touchedCount) * 4, word as u32);
      touchedCount++;
    }
    known.agents = agents;
    known.locks = common;
  }
  if (common === 0 && isInConflict(agents)) learn(word);
}

/** Records that the running agent touches a cell. */
export function touch(cell: usize, bytes: u32, isWrite: bool): void {
  if (isSequential) return;
  touchWord(cell, isWrite);
  if (bytes === 8) touchWord(cell + 4, isWrite);
}

/** Memory changes hands. Whoever used it and holds no lock in common with who frees it now is in conflict. */
export function changeHands(from: usize, bytes: usize, isFreed: bool): void {
  for (let word = from; word < from + bytes; word += 4) {
    const track = trackOf(word);
    if (changetype<Track>(track).agents === 0) continue;
    if (isFreed) touch(word, 4, true);
    put32(track, 0);
    put32(track + offsetof<Track>("locks"), 0);
  }
}

/** Forgets who touched what, but not which cells are noticeable. The arena's are restored with the state. */
export function forgetTracks(): void {
  for (let index: u32 = 0; index < touchedCount; index++) {
    const track = changetype<Track>(trackOf(load<u32>(touched + usize(index) * 4)));
    track.agents = 0;
    track.locks = 0;
  }
  touchedCount = 0;
}

/** Bit of a lock, or 0 when there are too many to be told apart: then it protects nothing. */
export function bitOfLock(lock: usize): u32 {
  for (let index: u32 = 0; index < lockCount; index++) {
    if (load<u32>(lockTable + usize(index) * 4) === (lock as u32)) return 1 << index;
  }
  if (lockCount === locksMax) return 0;
  store<u32>(lockTable + usize(lockCount) * 4, lock as u32);
  return 1 << lockCount++;
}

/** Having preemption off on a CPU keeps its other tasks away; having interrupts off keeps its handler away, too. */
export function preemptBit(cpu: u32): u32 {
  return 1 << (locksMax + cpu);
}

export function irqBit(cpu: u32): u32 {
  return 1 << (locksMax + 4 + cpu);
}

/** The running agent depends on whether preemption or interrupts are on, or changes it. */
export function touchContext(): void {
  touch(contextOf(cpuIndex), 4, true);
}
