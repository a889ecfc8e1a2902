// Store buffers, for x86-TSO: plain stores that others can notice wait in their CPU's buffer, first in, first out. The CPU
// itself sees them at once. Locked operations, barriers and switches to another task need an empty buffer.
//
// Follows the abstract machine of Sewell, Sarkar, Owens, Zappa Nardelli, Myreen: x86-TSO (2010).

import { find } from "./findings";
import { put32, put64 } from "./journal";
import { BufferedStore, Cpu, storeSlots, storesOffset } from "./layout";
import { findingOverflow } from "./protocol";

/** Whether stores are buffered at all. */
export let isTso: bool = false;

export function setTso(is: bool): void {
  isTso = is;
}

function storeAt(cpu: usize, index: u32): usize {
  return cpu + storesOffset + usize(index) * offsetof<BufferedStore>();
}

export function storeCount(cpu: usize): u32 {
  return changetype<Cpu>(cpu).storeCount;
}

export function oldestStore(cpu: usize): usize {
  return storeAt(cpu, 0);
}

function set(entry: usize, cell: u32, kind: u32, value: u64): void {
  put32(entry, cell);
  put32(entry + offsetof<BufferedStore>("bytes"), kind);
  put64(entry + offsetof<BufferedStore>("value"), value);
}

/** Whether there is no room for stores that only wait for others. */
export function isFull(cpu: usize): bool {
  return storeCount(cpu) + 1 >= storeSlots;
}

/** Stores that do not only wait for others. */
export function waitingStores(cpu: usize): u32 {
  let count: u32 = 0;
  for (let index: u32 = 0; index < storeCount(cpu); index++) {
    if (changetype<BufferedStore>(storeAt(cpu, index)).follows === 0) count++;
  }
  return count;
}

export function buffer(cpu: usize, cell: usize, bytes: u32, value: u64, follows: bool): void {
  const count = storeCount(cpu);
  if (count === storeSlots) find(findingOverflow, cell, 0);
  set(storeAt(cpu, count), cell as u32, bytes | (follows ? 0x1_0000 : 0), value);
  put32(cpu + offsetof<Cpu>("storeCount"), count + 1);
}

/** Has the oldest store reach memory, and those that only wait for it. Returns its address. */
export function flush(cpu: usize): u32 {
  const cell = changetype<BufferedStore>(oldestStore(cpu)).cell;
  do flushOne(cpu);
  while (storeCount(cpu) !== 0 && changetype<BufferedStore>(oldestStore(cpu)).follows !== 0);
  return cell;
}

function flushOne(cpu: usize): void {
  const oldest = changetype<BufferedStore>(oldestStore(cpu));
  if (oldest.bytes === 8) put64(usize(oldest.cell), oldest.value);
  else put32(usize(oldest.cell), oldest.value as u32);
  const count = storeCount(cpu) - 1;
  for (let index: u32 = 0; index < count; index++) {
    const later = storeAt(cpu, index + 1);
    set(storeAt(cpu, index), load<u32>(later), load<u32>(later, 4), load<u64>(later, 8));
  }
  set(storeAt(cpu, count), 0, 0, 0);
  put32(cpu + offsetof<Cpu>("storeCount"), count);
}

/** A word as a CPU sees it. */
export function wordOf(cpu: usize, word: usize): u32 {
  for (let index = storeCount(cpu); index > 0; index--) {
    const entry = changetype<BufferedStore>(storeAt(cpu, index - 1));
    if (usize(entry.cell) === word) return entry.value as u32;
    if (entry.bytes === 8 && usize(entry.cell) + 4 === word) return (entry.value >> 32) as u32;
  }
  return load<u32>(word);
}

export function seenBy(cpu: usize, cell: usize, bytes: u32): u64 {
  if (storeCount(cpu) === 0) return bytes === 8 ? load<u64>(cell) : u64(load<u32>(cell));
  const low = u64(wordOf(cpu, cell));
  return bytes === 8 ? low | (u64(wordOf(cpu, cell + 4)) << 32) : low;
}
