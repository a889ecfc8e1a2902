// A cgroup's memory, its place in the tree, and the walk over the tree.
//
// Follows css_next_child() and css_next_descendant_pre() of kernel/cgroup/cgroup.c (Linux 6.6): children in the order of
// their creation, each with a larger serial number than all before it; parents before children. Links are written under
// the mutex and read by walkers in an RCU section, without it. A cgroup is taken out of its parent's list when its last
// reference is gone, and keeps its links; its memory goes a grace period later.
//
// Its link to the next sibling must not be followed then: that one may be taken out later without this one being told,
// and its memory may go earlier. So it is marked before it is taken out. Who finds the mark looks for the first sibling
// with a larger serial number; who does not find it was in its RCU section before, so what the link says stays there.
// Left out: the number of descendants, depth limits, other controllers' subtrees.

import { deferredWorkSize, enter, leave, load32, storeRelaxed32 } from "../machine/impl";
import { cssNextDescendantPre } from "../symbols";
import { percpuRefSize } from "../sync/percpu-ref";
import { rcuHeadSize } from "../sync/rcu";

/** A cgroup: a line of links, a line of its references, a line of its end; then what the variant has. */
@unmanaged
export class Memcg {
  /** Address of the parent, or 0 at the top. Written when the cgroup is created. */
  parent: u32 = 0;
  /** Addresses of the first and of the last child, or 0. Under the mutex; walkers read the first. */
  firstChild: u32 = 0;
  lastChild: u32 = 0;
  /** Address of the next sibling, or 0. Under the mutex; walkers read it. */
  next: u32 = 0;
  /** Address of the sibling before, or 0. Under the mutex. */
  previous: u32 = 0;
  /** 1 once the cgroup is taken out of its parent's list. Under the mutex; walkers read it. */
  isReleased: u32 = 0;
  /** Grows from one cgroup to the next. Written when the cgroup is created. */
  serial: u32 = 0;
  /** The workload's index. Written when the cgroup is created. */
  index: u32 = 0;
  /** Time that reclaiming its pages takes, in ns. Written when the cgroup is created. */
  reclaimNs: u64 = 0;
  /** `liveMark` from creation until the memory is freed. Only the harness looks at it. */
  mark: u32 = 0;
  /** Index of its per-CPU counter. Written when the cgroup is created. */
  counter: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  /** The references (`sync/percpu-ref.ts`). */
  ref0: u64 = 0;
  ref1: u64 = 0;
  ref2: u64 = 0;
  ref3: u64 = 0;
  ref4: u64 = 0;
  ref5: u64 = 0;
  /** For the grace period before the memory goes. */
  head0: u64 = 0;
  head1: u64 = 0;
  /** Work for when the references are seen as dying everywhere. */
  offline0: u64 = 0;
  offline1: u64 = 0;
  offline2: u64 = 0;
  /** Work for when the last reference is gone. */
  release0: u64 = 0;
  release1: u64 = 0;
  release2: u64 = 0;
  /** When rmdir was called, in ns, or 0 if that was not measured. Written by the harness. */
  removedNs: u64 = 0;
  /** Time that the variant took for its end so far, in ns. Written by the worker. */
  workNs: u64 = 0;
}

/** Bytes in front of what the variant has. */
export const memcgSize: usize = 192;
if (offsetof<Memcg>() !== 192) ERROR("Memcg must fill three 64-byte lines");
if (offsetof<Memcg>("ref0") !== 64 || percpuRefSize !== 48 || rcuHeadSize !== 16) ERROR("references fill the second");
if (offsetof<Memcg>("offline0") !== 128 || deferredWorkSize !== 24) ERROR("works begin the third line");

export const liveMark: u32 = 0x6d656d63;

/** The cgroup's references. */
export function refOf(memcg: usize): usize {
  return memcg + offsetof<Memcg>("ref0");
}

/** The cgroup that references are of. */
export function memcgOfRef(ref: usize): usize {
  return ref - offsetof<Memcg>("ref0");
}

/** Address of what the variant has in a cgroup, zeroed when the cgroup is created; a multiple of 64. */
export function variantOf(memcg: usize): usize {
  return memcg + memcgSize;
}

export function parentOf(memcg: usize): usize {
  return load32(memcg + offsetof<Memcg>("parent"));
}

/** Makes a complete cgroup the last child of its parent. Under the mutex. */
export function link(memcg: usize): void {
  const parent = parentOf(memcg);
  if (parent === 0) return;
  const last: usize = load32(parent + offsetof<Memcg>("lastChild"));
  storeRelaxed32(memcg + offsetof<Memcg>("previous"), last as u32);
  // The cgroup is complete before it can be found. Stores are seen in order on x86.
  if (last === 0) storeRelaxed32(parent + offsetof<Memcg>("firstChild"), memcg as u32);
  else storeRelaxed32(last + offsetof<Memcg>("next"), memcg as u32);
  storeRelaxed32(parent + offsetof<Memcg>("lastChild"), memcg as u32);
}

/** Takes a cgroup without references out of its parent's list. Under the mutex. */
export function unlink(memcg: usize): void {
  // Before the links change. Pairs with `nextSibling`, which looks at it first.
  storeRelaxed32(memcg + offsetof<Memcg>("isReleased"), 1);
  const parent = parentOf(memcg);
  if (parent === 0) return;
  const next: usize = load32(memcg + offsetof<Memcg>("next"));
  const previous: usize = load32(memcg + offsetof<Memcg>("previous"));
  if (previous === 0) storeRelaxed32(parent + offsetof<Memcg>("firstChild"), next as u32);
  else storeRelaxed32(previous + offsetof<Memcg>("next"), next as u32);
  if (next === 0) storeRelaxed32(parent + offsetof<Memcg>("lastChild"), previous as u32);
  else storeRelaxed32(next + offsetof<Memcg>("previous"), previous as u32);
}

/** The sibling after a cgroup, or 0. In an RCU section in which the cgroup was found. */
function nextSibling(memcg: usize): usize {
  if (load32(memcg + offsetof<Memcg>("isReleased")) === 0) return load32(memcg + offsetof<Memcg>("next"));
  const serial = load32(memcg + offsetof<Memcg>("serial"));
  let sibling: usize = load32(parentOf(memcg) + offsetof<Memcg>("firstChild"));
  // Serial numbers may wrap.
  while (sibling !== 0 && i32(load32(sibling + offsetof<Memcg>("serial")) - serial) <= 0) {
    sibling = load32(sibling + offsetof<Memcg>("next"));
  }
  return sibling;
}

/**
 * The cgroup after `position` in a walk over `root` and all below it, 0 at the end; after 0 comes the root. In an RCU
 * section in which the position was found, or with a reference to it.
 */
export function nextDescendant(position: usize, root: usize): usize {
  if (position === 0) return root;
  enter(cssNextDescendantPre);
  let next: usize = load32(position + offsetof<Memcg>("firstChild"));
  let current = position;
  while (next === 0 && current !== root) {
    next = nextSibling(current);
    current = parentOf(current);
  }
  leave();
  return next;
}
