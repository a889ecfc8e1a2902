// What a rwsem consists of: the word of flags and readers, the hint at the owner, the wait list (`rwsem.ts`).

import { load32, storeRelaxed32 } from "../machine/impl";
import { WaitList } from "./wait-list";

@unmanaged
export class Rwsem {
  /** The flags, and 256 for each reader. */
  count: u32 = 0;
  /** (task + 1) * 4 of the writer, or of the reader that came last, and the owner's flags. A hint for spinners. */
  owner: u32 = 0;
  /** Queue of spinning writers. */
  spinners: u32 = 0;
  /** Guards `waiters`, and the flags of `count` but for the writer's. */
  waitLock: u32 = 0;
  waitersFirst: u32 = 0;
  waitersLast: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
}

/** Bytes of a rwsem: one line. Zeroed memory is a free one. */
export const rwsemSize: usize = 64;
if (offsetof<Rwsem>() !== 64) ERROR("Rwsem must fill one 64-byte line");
if (offsetof<Rwsem>("waitersFirst") % offsetof<WaitList>() !== 0) ERROR("the list must be aligned");

export const flagWriter: u32 = 1;
/** Somebody is on the wait list. */
export const flagWaiters: u32 = 2;
/** Only the first waiter may take the lock. */
export const flagHandoff: u32 = 4;
export const anyFlag: u32 = 7;
export const oneReader: u32 = 256;
/** Set while somebody holds the lock. */
export const heldMask: u32 = ~(oneReader - 1) | flagWriter;

/** The lock belongs, or belonged last, to readers. */
export const ownerReaders: u32 = 1;
/** Writers have spun for these readers for long enough. */
export const ownerNotSpinnable: u32 = 2;
export const ownerFlags: u32 = 3;

export function ownerCell(sem: usize): usize {
  return sem + offsetof<Rwsem>("owner");
}

export function waitLockOf(sem: usize): usize {
  return sem + offsetof<Rwsem>("waitLock");
}

export function waitersOf(sem: usize): usize {
  return sem + offsetof<Rwsem>("waitersFirst");
}

export function ownedBy(identity: u32): u32 {
  return (identity + 1) << 2;
}

export function setReaderOwner(sem: usize, identity: u32): void {
  const kept = load32(ownerCell(sem)) & ownerNotSpinnable;
  storeRelaxed32(ownerCell(sem), ownedBy(identity) | ownerReaders | kept);
}
