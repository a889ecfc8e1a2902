// What a variant exports that keeps nothing besides caches: no structures of its own, no timer, nothing for a new cgroup.

export function globalBytes(): usize {
  return 0;
}

export function initialise(): void {}

export function createMemcg(_memcg: usize): bool {
  return true;
}

export function background(): void {}

export function finish(): bool {
  return false;
}
