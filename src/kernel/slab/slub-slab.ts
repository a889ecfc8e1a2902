// Slabs of SLUB's caches: how they are made and given back, and what an owner of caches may change about their life.
//
// Follows allocate_slab() and discard_slab() of mm/slub.c (Linux 4.0 to 5.9). Left out: random order of free objects,
// RCU-freed and debugged caches.

import { pageSize } from "../layout";
import { checksOff, checksOn, load32, slabGone, slabMade, storeRelaxed32 } from "../machine/impl";
import { FreeObject } from "./cache";
import { addressOf, givePages, Page, takePages } from "./page";
import { countSlabs, SlubCache } from "./slub-cache";
import { setNextFree, setWord, takenWord } from "./slub-word";

/**
 * What an owner of caches decides. An owner extends this class; `this` is the address of the cache, and there are no
 * objects of it. The allocator's functions take the class as a type, so what is not changed costs nothing. All are called
 * with interrupts off or preemption on alike, and must not sleep.
 */
@unmanaged
export class SlubPolicy {
  /** Whether a free that finds a full slab freezes it for its CPU, instead of putting it on the node's list. */
  mayFreeze(): bool {
    return true;
  }

  /** Whether a CPU's list is closed for good: what the cell of its first slab holds then is no slab. */
  isClosed(_partial: usize): bool {
    return false;
  }

  /** Whether a CPU's list is moved to the node as soon as a free has put a slab on it. */
  drainsAtOnce(): bool {
    return false;
  }

  /** Whether full slabs are on a list of the node; then nothing may be frozen by frees. */
  keepsFull(): bool {
    return false;
  }

  /** Whether a new slab is the cache's; if not, it is given back and the allocation fails. */
  takeSlab(_slab: usize): bool {
    return true;
  }

  /** A slab is about to go: `slab` is still the cache's. */
  leaveSlab(_slab: usize): void {}

  /** A slab is gone. Nothing of the cache is touched afterwards. */
  slabLeft(): void {}
}

/**
 * Makes a slab whose objects are all taken, frozen, and returns its first object: the others are chained behind it. Returns
 * 0 when the arena is full or the owner does not want it.
 */
export function makeSlab<P extends SlubPolicy>(cache: usize): usize {
  const slab = takePages(load32(cache + offsetof<SlubCache>("order")));
  if (slab === 0) return 0;
  storeRelaxed32(slab + offsetof<Page>("extension"), 0);
  if (!changetype<P>(cache).takeSlab(slab)) {
    givePages(slab);
    return 0;
  }
  const slotSize = load32(cache + offsetof<SlubCache>("slotSize"));
  const objects = load32(cache + offsetof<SlubCache>("objectsPerSlab"));
  const base = addressOf(slab);
  slabMade(base, pageSize << load32(slab + offsetof<Page>("order")), slotSize);
  // Chained from the last to the first, so that objects are handed out in address order.
  let next: usize = 0;
  for (let index = objects; index > 0; index--) {
    const object = base + (index - 1) * slotSize;
    setNextFree(object, next);
    checksOff();
    storeRelaxed32(object + offsetof<FreeObject>("state"), 0);
    checksOn();
    next = object;
  }
  storeRelaxed32(slab + offsetof<Page>("lock"), 0);
  setWord(slab, takenWord(objects));
  storeRelaxed32(slab + offsetof<Page>("cache"), cache as u32);
  countSlabs(cache, 1);
  return base;
}

/** Gives back an empty slab that nobody else can find. The cache may be gone afterwards. */
export function discardSlab<P extends SlubPolicy>(cache: usize, slab: usize): void {
  changetype<P>(cache).leaveSlab(slab);
  slabGone(addressOf(slab), pageSize << load32(slab + offsetof<Page>("order")));
  storeRelaxed32(slab + offsetof<Page>("cache"), 0);
  givePages(slab);
  countSlabs(cache, u32(-1));
  changetype<P>(cache).slabLeft();
}

/** Gives back a chain of empty slabs. The cache may be gone afterwards. */
export function discardSlabs<P extends SlubPolicy>(cache: usize, first: usize): void {
  let slab = first;
  while (slab !== 0) {
    const next: usize = load32(slab + offsetof<Page>("next"));
    discardSlab<P>(cache, slab);
    slab = next;
  }
}
