// How writers of a rwsem spin while its owner runs, behind the queue of `osq.ts` (`rwsem.ts`).

import {
  compareExchange32,
  deliver,
  isRunning,
  load32,
  now,
  pause,
  preemptOff,
  preemptOn,
  storeRelaxed32,
  task,
} from "../machine/impl";
import { osqLock, osqUnlock } from "./osq";
import {
  flagHandoff,
  flagWriter,
  heldMask,
  oneReader,
  ownedBy,
  ownerCell,
  ownerFlags,
  ownerNotSpinnable,
  ownerReaders,
  Rwsem,
} from "./rwsem-word";

/** The owner is unknown: the lock is free or changes hands. */
export const nobody: u32 = 0;
const runningWriter: u32 = 1;
const readers: u32 = 2;
/** The owner sleeps, or its readers take too long. */
const hopeless: u32 = 3;

function kindOfOwner(owner: u32): u32 {
  if ((owner & ownerNotSpinnable) !== 0) return hopeless;
  if ((owner & ownerReaders) !== 0) return readers;
  return owner === 0 ? nobody : runningWriter;
}

/** Waits while the same writer owns the lock and runs. Returns who owns it then. */
function spinOnOwner(sem: usize): u32 {
  const owner = load32(ownerCell(sem));
  const kind = kindOfOwner(owner);
  if (kind !== runningWriter) return kind;
  while (true) {
    const present = load32(ownerCell(sem));
    if (present !== owner) return kindOfOwner(present);
    if (!isRunning((owner >> 2) - 1)) return hopeless;
    pause();
    deliver();
  }
}

/** Lets writers spin for readers again. */
export function allowSpinning(sem: usize): void {
  let owner = load32(ownerCell(sem));
  while ((owner & ownerNotSpinnable) !== 0) {
    const held = compareExchange32(ownerCell(sem), owner, owner & ~ownerNotSpinnable);
    if (held === owner) return;
    owner = held;
  }
}

function forbidSpinning(sem: usize): void {
  let owner = load32(ownerCell(sem));
  while ((owner & ownerFlags) === ownerReaders) {
    const held = compareExchange32(ownerCell(sem), owner, owner | ownerNotSpinnable);
    if (held === owner) return;
    owner = held;
  }
}

/** Takes a free lock past the wait list, unless it is kept for the first waiter. */
function tryWriteUnqueued(sem: usize): bool {
  let seen = load32(sem);
  while ((seen & (heldMask | flagHandoff)) === 0) {
    const held = compareExchange32(sem, seen, seen | flagWriter);
    if (held === seen) {
      storeRelaxed32(ownerCell(sem), ownedBy(task()));
      return true;
    }
    seen = held;
  }
  return false;
}

/** How long to spin for readers: some time for the lock and some for each of them. */
function readersSpinNs(sem: usize): u64 {
  return u64(20 + min<u32>(load32(sem) / oneReader, 30)) * 500;
}

/** Looks at the clock once in so many rounds. */
const roundsPerLook: u32 = 16;

/** Spins for the lock while its owner runs. Returns whether the task is the writer now. */
export function spinAsWriter(sem: usize): bool {
  preemptOff();
  const owner = load32(ownerCell(sem));
  const kind = kindOfOwner(owner);
  if (kind === hopeless || (kind === runningWriter && !isRunning((owner >> 2) - 1))) {
    preemptOn();
    return false;
  }
  osqLock(sem + offsetof<Rwsem>("spinners"));
  let isTaken: bool = false;
  let before = nobody;
  let rounds: u32 = 0;
  let deadline: u64 = 0;
  while (true) {
    const present = spinOnOwner(sem);
    if (present === hopeless) break;
    isTaken = tryWriteUnqueued(sem);
    // Kept for the first waiter, which may wait for this very CPU.
    if (isTaken || (load32(sem) & flagHandoff) !== 0) break;
    if (present === readers) {
      if (before !== readers) {
        rounds = 0;
        deadline = now() + readersSpinNs(sem);
      } else {
        rounds++;
        if (rounds % roundsPerLook === 0 && now() > deadline) {
          forbidSpinning(sem);
          break;
        }
      }
    }
    before = present;
    pause();
    deliver();
  }
  osqUnlock(sem + offsetof<Rwsem>("spinners"));
  preemptOn();
  return isTaken;
}

/** Waits for a writer that runs, as the first waiter whom the lock is kept for. Returns who owns it then. */
export function spinAsHeir(sem: usize): u32 {
  preemptOff();
  const kind = spinOnOwner(sem);
  preemptOn();
  return kind;
}
