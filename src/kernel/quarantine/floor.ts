// The floor: does nothing, so that what is measured is the harness itself.
//
// put takes the object and forgets it; the instrument gives it back to its slab outside the timed region.
// No cost, no memory, and no quarantine: never a solution.

export function globalBytes(): usize {
  return 0;
}

export function extraObjectBytes(): u32 {
  return 0;
}

export function extraCacheBytes(): u32 {
  return 0;
}

export function initialise(): void {}

export function put(_cache: usize, _object: usize): bool {
  return true;
}

export function reduce(): void {}

export function removeCache(_cache: usize): bool {
  return true;
}

export function cpuOnline(): void {}

export function cpuOffline(): void {}

export function quarantinedBytes(): u64 {
  return 0;
}

export function batchesInUse(): u32 {
  return 0;
}
