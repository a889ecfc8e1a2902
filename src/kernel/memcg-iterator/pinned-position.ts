// A cursor holds a reference to where it stands.
//
// Follows mem_cgroup_iter() of mm/memcontrol.c, Linux 3.19 to 4.3 (5ac8fb31ad2e). A reference does not keep rmdir from
// succeeding any more, so nothing has to be told to the cursors when a cgroup goes.
//
// Costs. A step: a reference to the position and one to the next cgroup, a compare-and-exchange, and two more for the
// cursor's own; when the cgroup is dying these are locked additions. A destruction: nothing.
// A walk never begins again because something was destroyed. But what a cursor points at stays, with its cursors and all
// of its ancestors, until somebody walks on: after a broken walk maybe for ever (corrected in 4.4, `weak-position`). The
// cursor may stand at the root itself, which then keeps itself: who removes it can free nothing of it ever again.
// Memory: 16 bytes for each node, zone and priority of every cgroup, and what is kept.
//
// Reading a position is a loop: it may have been moved on, and the last reference been given back, in between. Whoever
// loops sees another position then. It ends because there are only so many steps in between.
//
// Why no freed cgroup is looked at. What a cursor points at has a reference until the cursor is moved by an exchange that
// succeeds. Who read it before is in a section that the end of its memory waits for.
//
// Left out: cgroups that do not account their children.

import { compareExchange32, enter, leave, load32, pause, storeRelaxed32 } from "../machine/impl";
import { count } from "../statistics";
import { memCgroupIter } from "../symbols";
import { percpuRefGet, percpuRefPut, percpuRefTryGet } from "../sync/percpu-ref";
import { rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import { counterLostMoves } from "./counters";
import { cursorCount, cursorOf, generationOf, joinGeneration, noteEnd } from "./cursor";
import { cursorKept, cursorMoved } from "./harness";
import { breakWalk, nextHeld, Position, positionSize, putVisited } from "./position";
import { refOf } from "./tree";

/** Zones of a node: each has cursors of its own. Passes are over the first one. */
const zones: u32 = isDefined(LAB_ZONES) ? LAB_ZONES : 4;

export function globalBytes(): usize {
  return 0;
}

export function initialise(): void {}

export function memcgBytes(): u32 {
  return slotBytes();
}

export function slotBytes(): u32 {
  return cursorCount(zones) * (positionSize as u32);
}

function slotOf(root: usize, node: u32, priority: u32): usize {
  return cursorOf(root, 0, zones, positionSize, node, 0, priority);
}

export function positionCell(root: usize, node: u32, priority: u32): usize {
  return slotOf(root, node, priority) + offsetof<Position>("position");
}

export function generationCell(root: usize, node: u32, priority: u32): usize {
  return slotOf(root, node, priority) + offsetof<Position>("generation");
}

/** Where the cursor stands, with a reference; 0: at the beginning. */
function takePosition(cell: usize): usize {
  while (true) {
    const position: usize = load32(cell);
    if (position === 0 || percpuRefTryGet(refOf(position))) return position;
    pause();
  }
}

export function iterate(root: usize, previous: usize, node: u32, priority: u32, cookie: usize): usize {
  enter(memCgroupIter);
  const slot = slotOf(root, node, priority);
  const generation = slot + offsetof<Position>("generation");
  let next: usize = 0;
  rcuReadLock();
  if (previous === 0 || generationOf(cookie) === load32(generation)) {
    const position = takePosition(slot);
    next = nextHeld(position, root);
    // A walk that begins is given somebody at least: at the end it begins anew, in the same generation as in Linux.
    const isAnew = next === 0 && previous === 0;
    if (isAnew) next = nextHeld(0, root);
    if (compareExchange32(slot, position as u32, next as u32) === (position as u32)) {
      if (isAnew) cursorMoved(root, node, priority, 0);
      cursorMoved(root, node, priority, next);
      // The cursor's own.
      if (next !== 0) percpuRefGet(refOf(next));
      if (position !== 0) percpuRefPut(refOf(position));
    } else {
      // Another walker has moved it. Both return what they have found, maybe the same.
      cursorKept(root, node, priority, next);
      count(counterLostMoves);
    }
    if (position !== 0) percpuRefPut(refOf(position));
    if (next === 0) {
      storeRelaxed32(generation, load32(generation) + 1);
      noteEnd(cookie);
    } else if (previous === 0) joinGeneration(cookie, load32(generation));
  }
  rcuReadUnlock();
  putVisited(previous, root);
  leave();
  return next;
}

export function iterateBreak(root: usize, previous: usize): void {
  breakWalk(root, previous);
}

export function createMemcg(_memcg: usize): void {}

export function offlineMemcg(_memcg: usize): void {}

export function releaseMemcg(_memcg: usize): void {}
