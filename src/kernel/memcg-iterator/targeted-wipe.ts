// Cursors are always trusted; when a cgroup goes offline, those that point at it are cleared.
//
// Follows the patch series for the Virtuozzo kernel (based on Linux 3.10) that replaced the use of the count, 2021:
// mem_cgroup_iter_invalidate() there goes over the cursors of all ancestors. Here the count is not kept at all.
//
// Costs. A step: as `dead-count` without the count. A destruction: a load and a comparison for each node, zone and
// priority of every ancestor; and a walk begins again only if its cursor pointed at what was destroyed.
// Memory: as `dead-count`, for the cursors keep their size.
// Steps never wait; walkers that share a cursor overwrite each other's moves (a cgroup is then visited twice).
//
// Why no freed cgroup is looked at. Only who was given a live reference stores a position, and does so in the section in
// which it got it. The offline work comes a grace period after the references were marked as dying. So when it clears the
// cursors, all who could still get the cgroup have stored it, and nobody can any more: it is in no cursor from then on.
// Who had read it there before is in a section that the end of the cgroup's memory waits for. In that kernel the first
// grace period is one of sched-RCU and the second one of RCU, so that walkers need both read sections; since 4.20, and
// here, there is one flavour.
//
// Left out: the rest of the series; cgroups that do not account their children.

import { enter, leave, load32, storeRelaxed32 } from "../machine/impl";
import { count, countMany } from "../statistics";
import { memCgroupIter } from "../symbols";
import { percpuRefTryGetLive } from "../sync/percpu-ref";
import { rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import { counterCleared, counterCompared, counterDyingPositions } from "./counters";
import { cursorCount, cursorOf, generationOf, joinGeneration } from "./cursor";
import { cursorLost, cursorMoved, nodeCount } from "./harness";
import { breakWalk, endGeneration, LastVisited, lastVisitedSize, nextLive, putVisited, zones } from "./last-visited";
import { priorities } from "./region";
import { parentOf, refOf } from "./tree";

export function globalBytes(): usize {
  return 0;
}

export function initialise(): void {}

export function memcgBytes(): u32 {
  return slotBytes();
}

export function slotBytes(): u32 {
  return cursorCount(zones) * (lastVisitedSize as u32);
}

function slotOf(root: usize, node: u32, zone: u32, priority: u32): usize {
  return cursorOf(root, 0, zones, lastVisitedSize, node, zone, priority);
}

export function positionCell(root: usize, node: u32, priority: u32): usize {
  return slotOf(root, node, 0, priority) + offsetof<LastVisited>("position");
}

export function generationCell(root: usize, node: u32, priority: u32): usize {
  return slotOf(root, node, 0, priority) + offsetof<LastVisited>("generation");
}

/** Where the cursor stands, with a reference unless it is the root; 0: at the beginning. */
function loadPosition(slot: usize, root: usize): usize {
  const position: usize = load32(slot + offsetof<LastVisited>("position"));
  if (position === 0 || position === root || percpuRefTryGetLive(refOf(position))) return position;
  count(counterDyingPositions);
  cursorLost(position);
  return 0;
}

export function iterate(root: usize, previous: usize, node: u32, priority: u32, cookie: usize): usize {
  enter(memCgroupIter);
  const slot = slotOf(root, node, 0, priority);
  let next: usize = 0;
  rcuReadLock();
  // Twice at most: a walk that begins is given the root.
  while (next === 0) {
    const generation = load32(slot + offsetof<LastVisited>("generation"));
    if (previous !== 0 && generationOf(cookie) !== generation) {
      storeRelaxed32(slot + offsetof<LastVisited>("position"), 0);
      break;
    }
    const position = loadPosition(slot, root);
    next = nextLive(position, root);
    putVisited(position, root);
    storeRelaxed32(slot + offsetof<LastVisited>("position"), next as u32);
    cursorMoved(root, node, priority, next);
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
  for (let parent = parentOf(memcg); parent !== 0; parent = parentOf(parent)) wipe(parent, memcg);
}

/** Clears the cursors of a root that point at a dying cgroup. A walker's move that comes in between is lost: it begins again. */
function wipe(root: usize, dying: usize): void {
  let cleared: u32 = 0;
  for (let node: u32 = 0; node < nodeCount; node++) {
    for (let zone: u32 = 0; zone < zones; zone++) {
      for (let priority: u32 = 0; priority < priorities; priority++) {
        const cell = slotOf(root, node, zone, priority) + offsetof<LastVisited>("position");
        if (usize(load32(cell)) !== dying) continue;
        storeRelaxed32(cell, 0);
        cursorLost(dying);
        cleared++;
      }
    }
  }
  countMany(counterCompared, u64(cursorCount(zones)));
  countMany(counterCleared, u64(cleared));
}

export function releaseMemcg(_memcg: usize): void {}
