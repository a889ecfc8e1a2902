// The tree of cgroups, and the walk over it.
//
// Follows css_next_descendant_pre() of kernel/cgroup/cgroup.c as far as order and lifetime go: children in the order of
// their creation, pre-order, and a cgroup that was unlinked keeps its link to the next sibling, so that a walker on it
// goes on. Walkers take no lock; they are SRCU readers for a whole pass, and a cgroup's index is not used again before
// those that began earlier have ended (the kernel holds a reference per cgroup instead). Links are written under a lock.

import { enter, leave, load32, storeRelaxed32 } from "../machine/impl";
import { memCgroupIter } from "../symbols";
import { acquire, release } from "../sync/spin-lock";
import { Memcg, memcgAbsent, memcgAt, memcgOnline, treeLock } from "./region";

/** The end of a walk. */
export const noMemcg: u32 = u32.MAX_VALUE;

/** Whether the cgroup exists and was not removed. */
export function isOnline(memcg: u32): bool {
  return load32(memcgAt(memcg) + offsetof<Memcg>("state")) === memcgOnline;
}

/** Whether the cgroup exists, be it offline. */
export function isPresent(memcg: u32): bool {
  return load32(memcgAt(memcg) + offsetof<Memcg>("state")) !== memcgAbsent;
}

/** Index of the parent; its own for the root. */
export function parentOf(memcg: u32): u32 {
  return load32(memcgAt(memcg) + offsetof<Memcg>("parent"));
}

/** Says who the parent is, before anything else is done with a cgroup. */
export function setParent(memcg: u32, parent: u32): void {
  storeRelaxed32(memcgAt(memcg) + offsetof<Memcg>("parent"), parent);
}

export function setState(memcg: u32, state: u32): void {
  storeRelaxed32(memcgAt(memcg) + offsetof<Memcg>("state"), state);
}

/** Makes a cgroup the last child of its parent. */
export function link(memcg: u32): void {
  const cgroup = memcgAt(memcg);
  const parent = memcgAt(parentOf(memcg));
  storeRelaxed32(cgroup + offsetof<Memcg>("firstChild"), 0);
  storeRelaxed32(cgroup + offsetof<Memcg>("lastChild"), 0);
  storeRelaxed32(cgroup + offsetof<Memcg>("next"), 0);
  storeRelaxed32(cgroup + offsetof<Memcg>("previous"), 0);
  if (cgroup === parent) return;
  acquire(treeLock());
  const last = load32(parent + offsetof<Memcg>("lastChild"));
  storeRelaxed32(cgroup + offsetof<Memcg>("previous"), last);
  // The cgroup is complete before it can be found. Stores are seen in order on x86.
  if (last === 0) storeRelaxed32(parent + offsetof<Memcg>("firstChild"), memcg + 1);
  else storeRelaxed32(memcgAt(last - 1) + offsetof<Memcg>("next"), memcg + 1);
  storeRelaxed32(parent + offsetof<Memcg>("lastChild"), memcg + 1);
  release(treeLock());
}

/** Takes a cgroup out of its parent's list. A walker on it still finds the way on. */
export function unlink(memcg: u32): void {
  const cgroup = memcgAt(memcg);
  const parent = memcgAt(parentOf(memcg));
  if (cgroup === parent) return;
  acquire(treeLock());
  const next = load32(cgroup + offsetof<Memcg>("next"));
  const previous = load32(cgroup + offsetof<Memcg>("previous"));
  if (previous === 0) storeRelaxed32(parent + offsetof<Memcg>("firstChild"), next);
  else storeRelaxed32(memcgAt(previous - 1) + offsetof<Memcg>("next"), next);
  if (next === 0) storeRelaxed32(parent + offsetof<Memcg>("lastChild"), previous);
  else storeRelaxed32(memcgAt(next - 1) + offsetof<Memcg>("previous"), previous);
  release(treeLock());
}

/** The cgroup after `position` in a walk over `root` and all below it, or `noMemcg`. */
export function nextMemcg(position: u32, root: u32): u32 {
  enter(memCgroupIter);
  const next = descend(position, root);
  leave();
  return next;
}

function descend(position: u32, root: u32): u32 {
  const child = load32(memcgAt(position) + offsetof<Memcg>("firstChild"));
  if (child !== 0) return child - 1;
  let current = position;
  while (current !== root) {
    const next = load32(memcgAt(current) + offsetof<Memcg>("next"));
    if (next !== 0) return next - 1;
    current = parentOf(current);
  }
  return noMemcg;
}
