// The cursors of Linux 3.19 and later: where the walk stands, moved by compare-and-exchange, and the round's number.
// What `pinned-position` and `weak-position` have in common.

import { enter, leave } from "../machine/impl";
import { memCgroupIterBreak } from "../symbols";
import { percpuRefPut, percpuRefTryGet } from "../sync/percpu-ref";
import { nextDescendant, refOf } from "./tree";

/** A cursor, as large as in Linux, where pointers have 8 bytes. */
@unmanaged
export class Position {
  /** Address of the cgroup that was given out last, or 0: the next walk begins at the root. Any walker. */
  position: u32 = 0;
  pad0: u32 = 0;
  /** Number of the round. Any walker. */
  generation: u32 = 0;
  pad1: u32 = 0;
}

export const positionSize: usize = 16;
if (offsetof<Position>() !== 16) ERROR("Position must be 16 bytes");

/**
 * The first cgroup after `position` that can be had, with a reference unless it is the root, or 0 at the end. Dying ones
 * that somebody still holds are among them.
 */
export function nextHeld(position: usize, root: usize): usize {
  let next = nextDescendant(position, root);
  while (next !== 0 && next !== root && !percpuRefTryGet(refOf(next))) next = nextDescendant(next, root);
  return next;
}

/** Gives back the reference of what a walker was given. The root's is the walker's caller's. */
export function putVisited(memcg: usize, root: usize): void {
  if (memcg !== 0 && memcg !== root) percpuRefPut(refOf(memcg));
}

/** Ends a walk before its end. The cursor stays where it is. */
export function breakWalk(root: usize, previous: usize): void {
  enter(memCgroupIterBreak);
  putVisited(previous, root);
  leave();
}
