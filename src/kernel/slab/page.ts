// The page arena: blocks of 2^order pages, and one 64-byte descriptor per page, like the kernel's `struct page`.
//
// Free blocks are kept per order; a block of a larger order is split when a smaller one runs out. Left out: merging
// blocks again (mm/page_alloc.c does), per-CPU lists, zones and NUMA.

import { arenaBase, arenaEnd, pageSize, pageTable } from "../layout";
import { load32, storeRelaxed32 } from "../machine/impl";
import { acquireIrqOff, releaseIrqOn } from "../sync/spin-lock";

/** Largest order, as MAX_PAGE_ORDER on x86-64: 2^10 pages are 4 MiB. */
const orderMax: u32 = 10;

/** Descriptor of one page. A slab keeps its own data in the descriptor of its first page. */
@unmanaged
export class Page {
  /** Cache that the slab belongs to. Written when the slab is made. */
  cache: u32 = 0;
  pad0: u32 = 0;
  /** First free object of the slab, or 0. Under the cache's lock; in `slub.ts` the lower half of its double word. */
  freeObjects: u32 = 0;
  /** Upper half of the double word of `slub.ts`; not used by `cache.ts`. */
  counters: u32 = 0;
  /** Objects of the slab in use, quarantined ones included. Under the cache's lock. */
  usedCount: u32 = 0;
  /** log2 of the block's pages. Written when the block is taken. */
  order: u32 = 0;
  /** Next slab of the cache's partial list, or next free block of the order. */
  next: u32 = 0;
  /** Slab before this one in the partial list, or 0. */
  previous: u32 = 0;
  /** Descriptor of the block's first page, as with the kernel's compound pages. */
  head: u32 = 0;
  /** Address of the page. Written once. */
  address: u32 = 0;
  /** On a CPU's list of `slub.ts`: free objects, and slabs, of this one and those behind it, when it came there. */
  partialObjects: u32 = 0;
  partialSlabs: u32 = 0;
  /** Next slab of all slabs of the cache. */
  nextSlab: u32 = 0;
  /** Slab before this one among all slabs of the cache, or 0. */
  previousSlab: u32 = 0;
  /** Spin lock of the slab, for who may not use the double word alone (`slub.ts`). */
  lock: u32 = 0;
  /** For who keeps something for each object of a slab of `slub.ts`: its address, or 0. */
  extension: u32 = 0;
}

/** Bytes of a page's descriptor. */
export const pageDescriptorSize: usize = 64;
if (offsetof<Page>() !== 64) ERROR("Page must fill one 64-byte line");

/** State of the arena, in front of the page table. */
@unmanaged
class Arena {
  lock: u32 = 0;
  /** Pages handed out from the untouched end so far. */
  usedPages: u32 = 0;
  /** First free block of each order, or 0. */
  free0: u32 = 0;
  free1: u32 = 0;
  free2: u32 = 0;
  free3: u32 = 0;
  free4: u32 = 0;
  free5: u32 = 0;
  free6: u32 = 0;
  free7: u32 = 0;
  free8: u32 = 0;
  free9: u32 = 0;
  free10: u32 = 0;
  pad0: u32 = 0;
  pad1: u64 = 0;
}

if (offsetof<Arena>() !== 64) ERROR("Arena must fill one 64-byte line");

/** Bytes of the arena's state, which lies just below `pageTable`. */
export const arenaStateSize: usize = 64;

function arena(): usize {
  return pageTable - arenaStateSize;
}

function freeCell(order: u32): usize {
  return arena() + offsetof<Arena>("free0") + order * 4;
}

/** Descriptor of the page that holds an address of the arena. */
function pageOf(address: usize): usize {
  return pageTable + ((address - arenaBase) / pageSize) * pageDescriptorSize;
}

/** Descriptor of the first page of the block that holds an address, as `virt_to_slab` finds it. */
export function headPageOf(address: usize): usize {
  return load32(pageOf(address) + offsetof<Page>("head"));
}

/** Address of the first byte of a page. */
export function addressOf(page: usize): usize {
  return load32(page + offsetof<Page>("address"));
}

/** Takes a block of 2^order pages and returns the descriptor of its first page, or 0 when the arena is full. */
export function takePages(order: u32): usize {
  if (order > orderMax) return 0;
  acquireIrqOff(arena());
  let found = order;
  while (found <= orderMax && load32(freeCell(found)) === 0) found++;
  let block: usize;
  if (found <= orderMax) {
    block = load32(freeCell(found));
    storeRelaxed32(freeCell(found), load32(block + offsetof<Page>("next")));
    while (found > order) {
      found--;
      const upper = block + (pageDescriptorSize << found);
      storeRelaxed32(upper + offsetof<Page>("next"), load32(freeCell(found)));
      storeRelaxed32(freeCell(found), upper as u32);
    }
  } else {
    const used = load32(arena() + offsetof<Arena>("usedPages"));
    // In pages: an address past the end could wrap.
    if (usize(1 << order) > (arenaEnd - arenaBase) / pageSize - usize(used)) {
      releaseIrqOn(arena());
      return 0;
    }
    storeRelaxed32(arena() + offsetof<Arena>("usedPages"), used + (1 << order));
    block = pageTable + usize(used) * pageDescriptorSize;
    for (let index: u32 = 0; index < 1 << order; index++) {
      const page = block + usize(index) * pageDescriptorSize;
      storeRelaxed32(page + offsetof<Page>("address"), (arenaBase + (usize(used) + index) * pageSize) as u32);
    }
  }
  releaseIrqOn(arena());
  storeRelaxed32(block + offsetof<Page>("order"), order);
  for (let index: u32 = 0; index < 1 << order; index++) {
    storeRelaxed32(block + usize(index) * pageDescriptorSize + offsetof<Page>("head"), block as u32);
  }
  return block;
}

/** Gives a block back. */
export function givePages(block: usize): void {
  const order = load32(block + offsetof<Page>("order"));
  acquireIrqOff(arena());
  storeRelaxed32(block + offsetof<Page>("next"), load32(freeCell(order)));
  storeRelaxed32(freeCell(order), block as u32);
  releaseIrqOn(arena());
}

/** Pages that were ever handed out from the untouched end of the arena. */
export function touchedPages(): u32 {
  return load32(arena() + offsetof<Arena>("usedPages"));
}
