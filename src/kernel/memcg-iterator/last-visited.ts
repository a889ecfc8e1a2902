// The cursors of Linux 3.10: where the walk stands, as a plain pointer that holds no reference, and the round's number.
// What `dead-count` and `targeted-wipe` have in common.
//
// Follows struct mem_cgroup_reclaim_iter, __mem_cgroup_iter_next() and mem_cgroup_iter_break() of mm/memcontrol.c.

import { enter, leave, load32, storeRelaxed32 } from "../machine/impl";
import { memCgroupIterBreak } from "../symbols";
import { percpuRefPut, percpuRefTryGetLive } from "../sync/percpu-ref";
import { noteEnd } from "./cursor";
import { nextDescendant, refOf } from "./tree";

/** A cursor, as large as in Linux, where pointers have 8 bytes. */
@unmanaged
export class LastVisited {
  /** Address of the cgroup that was given out last, or 0: the next walk begins at the root. Any walker. */
  position: u32 = 0;
  pad0: u32 = 0;
  /** What `dead-count` read before it moved here. Any walker. */
  deadCount: u32 = 0;
  pad1: u32 = 0;
  /** Number of the round. Any walker. */
  generation: u32 = 0;
  pad2: u32 = 0;
}

export const lastVisitedSize: usize = 24;
if (offsetof<LastVisited>() !== 24) ERROR("LastVisited must be 24 bytes");

/** Zones of a node: each has cursors of its own. Passes are over the first one. */
export const zones: u32 = isDefined(LAB_ZONES) ? LAB_ZONES : 4;

/**
 * The first cgroup after `position` that can be had, with a reference, or 0 at the end. The root is not counted: its
 * caller has it, and if it were dying and there were no other, a walk would come to nobody and begin for ever.
 */
export function nextLive(position: usize, root: usize): usize {
  let next = nextDescendant(position, root);
  while (next !== 0 && next !== root && !percpuRefTryGetLive(refOf(next))) next = nextDescendant(next, root);
  return next;
}

/** Gives back the reference of what a walker was given. The root's is the walker's caller's. */
export function putVisited(memcg: usize, root: usize): void {
  if (memcg !== 0 && memcg !== root) percpuRefPut(refOf(memcg));
}

/** Begins the next round. As in Linux, two walkers that come to the end together may both do so, or count as one. */
export function endGeneration(cursor: usize, cookie: usize): void {
  const cell = cursor + offsetof<LastVisited>("generation");
  storeRelaxed32(cell, load32(cell) + 1);
  noteEnd(cookie);
}

/** Ends a walk before its end. The cursor stays where it is: at a cgroup that nobody may hold from now on. */
export function breakWalk(root: usize, previous: usize): void {
  enter(memCgroupIterBreak);
  putVisited(previous, root);
  leave();
}
