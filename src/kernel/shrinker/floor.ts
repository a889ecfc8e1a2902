// The floor: registers nothing and visits nothing, so that what is measured is the harness itself.
//
// Events, LRU lists and the walk over the cgroups remain. Nothing is ever reclaimed: never a solution.

export function globalBytes(): usize {
  return 0;
}

export function initialise(): void {}

export function createMemcg(_memcg: u32): bool {
  return true;
}

export function offlineMemcg(_memcg: u32): void {}

export function freeMemcg(_memcg: u32): void {}

/** Any address that is not 0 and that nobody looks at. */
export function register(_superblock: u32): usize {
  return 64;
}

export function unregister(_shrinker: usize): void {}

export function setBit(_memcg: u32, _node: u32, _shrinker: usize): void {}

export function shrinkSlab(_memcg: u32, _node: u32, _priority: u32): u32 {
  return 0;
}

export function background(): void {}

export function pendingCallbacks(): u32 {
  return 0;
}

export function mapBytes(): f64 {
  return 0;
}

export function deferredBytes(): f64 {
  return 0;
}

export function infoBytes(): f64 {
  return 0;
}

export function shrinkerBytes(): u32 {
  return 0;
}

export function isBitSet(_memcg: u32, _node: u32, _id: u32): bool {
  return false;
}

export function deferredOf(_memcg: u32, _node: u32, _id: u32): u64 {
  return 0;
}
