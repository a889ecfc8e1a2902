// The floor: nothing is shared. Each walker goes over all cgroups by itself, so what is measured is the tree, the
// references and the harness.
//
// As mem_cgroup_iter() without a cookie. Rounds are those of each walker. Nothing is cooperative: with several walkers
// every cgroup is visited by each of them, and a broken walk begins at the root again. Never a solution.

import { enter, leave } from "../machine/impl";
import { memCgroupIter } from "../symbols";
import { rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import { noteEnd } from "./cursor";
import { cursorMissing } from "./harness";
import { breakWalk, nextLive, putVisited } from "./last-visited";

export function globalBytes(): usize {
  return 0;
}

export function initialise(): void {}

export function memcgBytes(): u32 {
  return 0;
}

export function slotBytes(): u32 {
  return 0;
}

export function positionCell(_root: usize, _node: u32, _priority: u32): usize {
  return 0;
}

export function generationCell(_root: usize, _node: u32, _priority: u32): usize {
  return 0;
}

export function iterate(root: usize, previous: usize, _node: u32, _priority: u32, cookie: usize): usize {
  enter(memCgroupIter);
  rcuReadLock();
  const next = nextLive(previous, root);
  if (next === 0) noteEnd(cookie);
  else cursorMissing();
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
