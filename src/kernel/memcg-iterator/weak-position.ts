// A cursor holds no reference; when the last one of a cgroup is gone, the cursors that point at it are cleared.
//
// Follows mem_cgroup_iter() and invalidate_reclaim_iterators() of mm/memcontrol.c, Linux 4.4 and later (6df38689e0e9; all
// ancestors since 4.4, with what was corrected in 2019), with cursors per node as since 4.8. With `restart=winner` as
// since 6.12: a walker that finds the cursor moved by another one begins again from there instead of returning a cgroup
// that the other one returns as well, the round ends before a walk that has just begun begins anew, and no reference to
// the position is taken meanwhile.
//
// Costs. A step: a reference to the position (not with `restart=winner`) and one to the next cgroup, and a
// compare-and-exchange. A destruction: a compare-and-exchange for each node and priority of the cgroup and of every
// ancestor. A walk begins again only if its cursor points at a cgroup whose last
// reference is gone: after a broken walk, never under a walker that stands there.
// Memory: 16 bytes for each node and priority of every cgroup.
// A step may find the cursor moved any number of times, each time by somebody who got on: lock-free.
//
// Why no freed cgroup is looked at. Only who holds a cgroup moves a cursor to it. When its last reference is gone, nobody
// can get one any more, so from the clearing on it is in no cursor. Who had read it there before is in a section that the
// end of its memory waits for; and whose exchange expects it there fails.
//
// Left out: cgroups that do not account their children, for which Linux clears the global root's cursors by itself; one
// cursor for all priorities, as since 5.x.

import { add32, compareExchange32, enter, leave, load32, storeRelaxed32 } from "../machine/impl";
import { count, countMany } from "../statistics";
import { memCgroupIter } from "../symbols";
import { percpuRefTryGet } from "../sync/percpu-ref";
import { rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import { counterCleared, counterCompared, counterDyingPositions, counterLostMoves } from "./counters";
import { cursorCount, cursorOf, generationOf, joinGeneration, noteEnd } from "./cursor";
import { cursorKept, cursorLost, cursorMoved, nodeCount } from "./harness";
import { breakWalk, nextHeld, Position, positionSize, putVisited } from "./position";
import { priorities } from "./region";
import { parentOf, refOf } from "./tree";

/** 1: a walker that comes too late begins again from where the cursor is. */
const restart: u32 = isDefined(LAB_RESTART) ? LAB_RESTART : 0;

export function globalBytes(): usize {
  return 0;
}

export function initialise(): void {}

export function memcgBytes(): u32 {
  return slotBytes();
}

export function slotBytes(): u32 {
  return cursorCount(1) * (positionSize as u32);
}

function slotOf(root: usize, node: u32, priority: u32): usize {
  return cursorOf(root, 0, 1, positionSize, node, 0, priority);
}

export function positionCell(root: usize, node: u32, priority: u32): usize {
  return slotOf(root, node, priority) + offsetof<Position>("position");
}

export function generationCell(root: usize, node: u32, priority: u32): usize {
  return slotOf(root, node, priority) + offsetof<Position>("generation");
}

export function iterate(root: usize, previous: usize, node: u32, priority: u32, cookie: usize): usize {
  enter(memCgroupIter);
  const slot = slotOf(root, node, priority);
  rcuReadLock();
  const next =
    restart === 1
      ? stepOn(slot, root, previous, node, priority, cookie)
      : step(slot, root, previous, node, priority, cookie);
  rcuReadUnlock();
  putVisited(previous, root);
  leave();
  return next;
}

/** Where the cursor stands, with a reference; 0: at the beginning. */
function takePosition(cell: usize): usize {
  while (true) {
    const position: usize = load32(cell);
    if (position === 0 || percpuRefTryGet(refOf(position))) return position;
    // The end of the cgroup clears it, too, but in a worker that may not run before this one is done.
    if (compareExchange32(cell, position as u32, 0) === (position as u32)) cursorLost(position);
    count(counterDyingPositions);
  }
}

/** As in 4.4. */
function step(slot: usize, root: usize, previous: usize, node: u32, priority: u32, cookie: usize): usize {
  const generation = slot + offsetof<Position>("generation");
  if (previous !== 0 && generationOf(cookie) !== load32(generation)) return 0;
  const position = takePosition(slot);
  let next = nextHeld(position, root);
  // A walk that begins is given somebody at least: at the end it begins anew, in the same generation as in Linux.
  const isAnew = next === 0 && previous === 0;
  if (isAnew) next = nextHeld(0, root);
  if (compareExchange32(slot, position as u32, next as u32) === (position as u32)) {
    if (isAnew) cursorMoved(root, node, priority, 0);
    cursorMoved(root, node, priority, next);
  } else {
    // Another walker has moved it. Both return what they have found, maybe the same.
    cursorKept(root, node, priority, next);
    count(counterLostMoves);
  }
  putVisited(position, 0);
  if (next === 0) {
    storeRelaxed32(generation, load32(generation) + 1);
    noteEnd(cookie);
  } else if (previous === 0) joinGeneration(cookie, load32(generation));
  return next;
}

/** As in 6.12. */
function stepOn(slot: usize, root: usize, previous: usize, node: u32, priority: u32, cookie: usize): usize {
  const generation = slot + offsetof<Position>("generation");
  while (true) {
    const present = load32(generation);
    if (previous === 0) joinGeneration(cookie, present);
    else if (generationOf(cookie) !== present) return 0;
    // Not held: what it says of the way on is good for as long as this section.
    const position: usize = load32(slot);
    const next = nextHeld(position, root);
    if (compareExchange32(slot, position as u32, next as u32) !== (position as u32)) {
      // Another walker returns what comes after the position.
      count(counterLostMoves);
      putVisited(next, root);
      continue;
    }
    cursorMoved(root, node, priority, next);
    if (next !== 0) return next;
    add32(generation, 1);
    noteEnd(cookie);
    if (previous !== 0) return 0;
  }
}

export function iterateBreak(root: usize, previous: usize): void {
  breakWalk(root, previous);
}

export function createMemcg(_memcg: usize): void {}

export function offlineMemcg(_memcg: usize): void {}

export function releaseMemcg(memcg: usize): void {
  for (let root = memcg; root !== 0; root = parentOf(root)) invalidate(root, memcg);
}

/** Clears the cursors of a root that point at a cgroup without references. */
function invalidate(root: usize, dead: usize): void {
  let cleared: u32 = 0;
  for (let node: u32 = 0; node < nodeCount; node++) {
    for (let priority: u32 = 0; priority < priorities; priority++) {
      const cell = slotOf(root, node, priority);
      if (compareExchange32(cell, dead as u32, 0) !== (dead as u32)) continue;
      // Its own, nobody goes on from.
      if (root !== dead) cursorLost(dead);
      cleared++;
    }
  }
  countMany(counterCompared, u64(cursorCount(1)));
  countMany(counterCleared, u64(cleared));
}
