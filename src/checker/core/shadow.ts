// What of the arena is somebody's: a byte for each 8 bytes.
//
// Follows the idea of KASAN's shadow memory (mm/kasan/generic.c), without its partly accessible granules.

import { isTraced, stopBefore, trace } from "./access";
import { changeHands, isAnyVisible } from "./conflicts";
import { find } from "./findings";
import { put32, putQuietly } from "./journal";
import { Agent, arenaBase, arenaEnd, caseStart, pages, pseudo, shadow, slots } from "./layout";
import { findingDoubleFree, findingOutside, findingUseAfterFree, operationAllocated, operationFreed } from "./protocol";
import { agent, countOperation, hasResumed, isCounted, isSequential, operations, operationsMax } from "./running";

// 0 is what was never handed out.

const isUsed: u32 = 1;
const isFree: u32 = 2;
/** Free, and somebody of those that are explored may still think that it is his. */
const isLeft: u32 = 3;

function isGone(what: u32): bool {
  return what === isFree || what === isLeft;
}

function freeNow(): u32 {
  return isSequential ? isFree : isLeft;
}

function shadowOf(address: usize): usize {
  return shadow + ((address - arenaBase) >> 3);
}

function fill(from: usize, bytes: usize, value: u32): void {
  let at = shadowOf(from);
  const end = shadowOf(from + bytes);
  while (at < end) {
    const word = at & ~3;
    const shift = ((at & 3) as u32) << 3;
    if (shift === 0 && at + 4 <= end) {
      put32(word, value * 0x0101_0101);
      at += 4;
    } else {
      put32(word, (load<u32>(word) & ~(0xff << shift)) | (value << shift));
      at++;
    }
  }
}

/** Finds something if the code under test must not touch the cell. */
export function check(cell: usize, bytes: u32): void {
  if (cell >= arenaBase && cell < arenaEnd) {
    if (changetype<Agent>(agent).unchecked !== 0) return;
    const what: u32 = load<u8>(shadowOf(cell));
    if (what === isUsed && (cell & usize(bytes - 1)) === 0) return;
    find(isGone(what) ? findingUseAfterFree : findingOutside, cell, bytes);
  }
  if (cell < caseStart || cell >= pseudo || (cell >= arenaEnd && cell < pages) || (cell & usize(bytes - 1)) !== 0) {
    find(findingOutside, cell, bytes);
  }
}

function isWithin(address: usize, bytes: usize): bool {
  return address >= arenaBase && address < arenaEnd && bytes <= arenaEnd - address;
}

/**
 * Memory is given back. Others notice it if they notice operations on any cell of it: then it is scheduled, for who still
 * uses the memory finds it gone or not.
 */
export function freed(from: usize, bytes: usize): void {
  if (!isWithin(from, bytes)) find(findingOutside, from, 0);
  if (!isSequential) {
    const isCalledAgain = hasResumed();
    if (!isCalledAgain && (isCounted ? operations >= operationsMax : isAnyVisible(from, bytes))) {
      stopBefore(operationFreed, from, bytes as u32);
      return;
    }
    countOperation();
  }
  const what: u32 = load<u8>(shadowOf(from));
  if (what !== isUsed) find(isGone(what) ? findingDoubleFree : findingOutside, from, 0);
  if (isTraced) trace(operationFreed, from, 4, 0, 0, false);
  changeHands(from, bytes, true);
  fill(from, bytes, freeNow());
}

/** Memory is handed out. If it was somebody's before, this is scheduled: who still uses it finds it gone or not. */
export function allocated(from: usize, bytes: usize): void {
  if (!isWithin(from, bytes)) find(findingOutside, from, 0);
  if (!isSequential) {
    if (!hasResumed() && (isCounted ? operations >= operationsMax : load<u8>(shadowOf(from)) === isLeft)) {
      stopBefore(operationAllocated, from, bytes as u32);
      return;
    }
    countOperation();
  }
  if (isTraced) trace(operationAllocated, from, 4, 0, 0, false);
  changeHands(from, bytes, false);
  fill(from, bytes, isUsed);
}

function slotCell(object: usize): usize {
  return slots + ((object - arenaBase) >> 12) * 4;
}

export function slabMade(block: usize, bytes: usize, slotBytes: usize): void {
  if (!isWithin(block, bytes)) find(findingOutside, block, 0);
  changeHands(block, bytes, false);
  for (let page = block; page < block + bytes; page += 4096) putQuietly(slotCell(page), slotBytes as u32);
  fill(block, bytes, freeNow());
}

export function slabGone(block: usize, bytes: usize): void {
  changeHands(block, bytes, true);
}

function bytesOf(object: usize): usize {
  if (!isWithin(object, 8)) find(findingOutside, object, 0);
  return load<u32>(slotCell(object));
}

export function objectAllocated(object: usize): void {
  allocated(object, bytesOf(object));
}

export function objectFreed(object: usize): void {
  freed(object, bytesOf(object));
}
