// The state's changes, so that it can be restored, and its hash, which follows every change.
//
// An entry is 8 bytes: address and what the word held. Addresses are multiples of 4, so their lowest bit marks an entry that
// follows a block's bytes, and the next one a word that is no part of the hash.

import { journalBase, journalEnd } from "./layout";

const blockBit: u32 = 1;
const quietBit: u32 = 2;
/** An entry for a block at address 0: a mark, whose block is the hash at that moment. */
const markEntry: u32 = blockBit;
const markBytes: u32 = 8;

let next: usize = 0;
let hash: u64 = 0;

/** Forgets what came before: the present state is the initial one. */
export function beginJournal(): void {
  next = journalBase;
  hash = join(0x9e37_79b9, 0x7f4a_7c15);
}

/** A number of 64 bits, which the language's own literals do not have. */
export function join(upper: u32, lower: u32): u64 {
  return (u64(upper) << 32) | u64(lower);
}

function mix(key: u32, value: u32): u64 {
  let x = ((u64(key) << 32) | u64(value)) * join(0xbf58_476d, 0x1ce4_e5b9);
  x ^= x >> 32;
  x *= join(0x94d0_49bb, 0x1331_11eb);
  return x ^ (x >> 29);
}

function push(address: u32, value: u32): void {
  // The host makes the memory large enough for the steps that it allows; a step too long ends here.
  if (next + 64 > journalEnd) unreachable();
  store<u32>(next, address);
  store<u32>(next, value, 4);
  next += 8;
}

/** Changes a word of the state. */
export function put32(cell: usize, value: u32): void {
  const held = load<u32>(cell);
  if (held === value) return;
  push(cell as u32, held);
  hash ^= mix(cell as u32, held) ^ mix(cell as u32, value);
  store<u32>(cell, value);
}

export function put64(cell: usize, value: u64): void {
  put32(cell, value as u32);
  put32(cell + 4, (value >> 32) as u32);
}

/** Changes a word that follows from the state. */
export function putQuietly(cell: usize, value: u32): void {
  const held = load<u32>(cell);
  if (held === value) return;
  push((cell as u32) | quietBit, held);
  store<u32>(cell, value);
}

/** Remembers bytes that are about to be overwritten and follow from the state. `bytes` is a multiple of 8. */
export function saveBlock(address: usize, bytes: u32): void {
  if (next + usize(bytes) + 64 > journalEnd) unreachable();
  memory.copy(next, address, bytes);
  next += usize(bytes);
  push((address as u32) | blockBit, bytes);
}

/** A name of the present state, good until an earlier one is restored. */
export function mark(): usize {
  if (next + 64 > journalEnd) unreachable();
  store<u64>(next, hash);
  next += usize(markBytes);
  push(markEntry, markBytes);
  return next;
}

export function restore(to: usize): void {
  while (next > to) {
    next -= 8;
    const address = load<u32>(next);
    const value = load<u32>(next, 4);
    if ((address & blockBit) === 0) {
      store<u32>(address & ~quietBit, value);
      continue;
    }
    next -= usize(value);
    if (address !== markEntry) memory.copy(address & ~blockBit, next, value);
  }
  hash = load<u64>(to - 16);
}

export function hashLow(): u32 {
  return hash as u32;
}

export function hashHigh(): u32 {
  return (hash >> 32) as u32;
}
