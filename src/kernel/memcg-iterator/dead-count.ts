// The reference: a count of what was destroyed below a root says whether a cursor can still be trusted.
//
// Follows mem_cgroup_iter(), mem_cgroup_iter_load(), mem_cgroup_iter_update() and mem_cgroup_iter_invalidate() of
// mm/memcontrol.c, Linux 3.10 to 3.18 (542f85f9ae4a), with what was corrected until then (the root is not counted).
// A cursor keeps the count that was read before it was moved. When the count differs, something below the root has gone
// since, maybe the very cgroup that the cursor points at, so nobody looks at it and the walk begins at the root again.
//
// Costs. A step: loads of the count and of the cursor, a reference to the position and one to the next cgroup, each on
// the own CPU unless the cgroup is dying, and two stores to the cursor. A destruction: one locked addition for each
// ancestor, and, what it is about, every walk below any of them begins again.
// Memory: 24 bytes for each node, zone and priority of every cgroup, and the count.
// Steps never wait; walkers that share a cursor overwrite each other's moves (a cgroup is then visited twice).
//
// Why no freed cgroup is looked at. A position was given out by `percpuRefTryGetLive` in the section in which it was
// stored. So it was stored before the count grew for it: that happens a grace period after nobody gets it any more. Who
// reads the new count before it moves the cursor began later still and cannot have got it. So cursors with that count do
// not point at it; with the old one they do not match. Who read the old count and the cursor before the count grew is in a
// section that the end of the cgroup's memory waits for.
// The order matters: the count is read before the position (read barrier) and written after it (write barrier). Both are
// what x86 does with a load after a load and a store after a store.
//
// Left out: cgroups that do not account their children (use_hierarchy = 0); css_tryget's own flavours before 3.11.

import { add32, enter, leave, load32, storeRelaxed32 } from "../machine/impl";
import { count } from "../statistics";
import { memCgroupIter } from "../symbols";
import { percpuRefTryGetLive } from "../sync/percpu-ref";
import { rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import { counterDyingPositions } from "./counters";
import { cursorCount, cursorOf, generationOf, joinGeneration } from "./cursor";
import { cursorDistrusted, cursorLost, cursorMoved } from "./harness";
import { breakWalk, endGeneration, LastVisited, lastVisitedSize, nextLive, putVisited, zones } from "./last-visited";
import { parentOf, refOf, variantOf } from "./tree";

/** The count lies in a line of its own, in front of the cursors. */
const countBytes: usize = 64;

export function globalBytes(): usize {
  return 0;
}

export function initialise(): void {}

export function memcgBytes(): u32 {
  return (countBytes as u32) + slotBytes();
}

export function slotBytes(): u32 {
  return cursorCount(zones) * (lastVisitedSize as u32);
}

function deadCountOf(root: usize): usize {
  return variantOf(root);
}

function slotOf(root: usize, node: u32, priority: u32): usize {
  return cursorOf(root, countBytes, zones, lastVisitedSize, node, 0, priority);
}

export function positionCell(root: usize, node: u32, priority: u32): usize {
  return slotOf(root, node, priority) + offsetof<LastVisited>("position");
}

export function generationCell(root: usize, node: u32, priority: u32): usize {
  return slotOf(root, node, priority) + offsetof<LastVisited>("generation");
}

/** Where the cursor stands, with a reference unless it is the root; 0: at the beginning. */
function loadPosition(root: usize, node: u32, priority: u32, sequence: u32): usize {
  const slot = slotOf(root, node, priority);
  if (load32(slot + offsetof<LastVisited>("deadCount")) !== sequence) {
    cursorDistrusted(root, node, priority);
    return 0;
  }
  const position: usize = load32(slot + offsetof<LastVisited>("position"));
  if (position === 0 || position === root || percpuRefTryGetLive(refOf(position))) return position;
  count(counterDyingPositions);
  cursorLost(position);
  return 0;
}

export function iterate(root: usize, previous: usize, node: u32, priority: u32, cookie: usize): usize {
  enter(memCgroupIter);
  const slot = slotOf(root, node, priority);
  let next: usize = 0;
  rcuReadLock();
  // Twice at most: a walk that begins is given the root.
  while (next === 0) {
    const generation = load32(slot + offsetof<LastVisited>("generation"));
    if (previous !== 0 && generationOf(cookie) !== generation) {
      storeRelaxed32(slot + offsetof<LastVisited>("position"), 0);
      break;
    }
    const sequence = load32(deadCountOf(root));
    const position = loadPosition(root, node, priority, sequence);
    next = nextLive(position, root);
    // `mem_cgroup_iter_update`.
    putVisited(position, root);
    storeRelaxed32(slot + offsetof<LastVisited>("position"), next as u32);
    cursorMoved(root, node, priority, next);
    // The count as it was before: `next` may have gone since. After the position, or the old one would be trusted.
    storeRelaxed32(slot + offsetof<LastVisited>("deadCount"), sequence);
    if (next === 0) endGeneration(slot, cookie);
    else if (previous === 0) joinGeneration(cookie, load32(slot + offsetof<LastVisited>("generation")));
    if (previous !== 0) break;
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

export function offlineMemcg(memcg: usize): void {
  for (let parent = parentOf(memcg); parent !== 0; parent = parentOf(parent)) add32(deadCountOf(parent), 1);
}

export function releaseMemcg(_memcg: usize): void {}
