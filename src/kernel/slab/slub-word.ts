// The double word of a slab: its first free object, and how many are in use, how many there are and whether a CPU has the
// slab for itself (frozen). The two change together by one compare-and-exchange.
//
// Follows freelist and counters of struct page and cmpxchg_double_slab() of mm/slub.c (Linux 3.1 to 5.16). Pointers have 32
// bits here, so the double word has 64. Left out: the lock of the slab on machines without such an instruction.

import {
  checksOff,
  checksOn,
  compareExchange64,
  load32,
  load64,
  storeRelaxed32,
  storeRelaxed64,
} from "../machine/impl";
import { FreeObject } from "./cache";
import { Page } from "./page";

/** One object in use; bits 32 to 47. */
export const inUseOne: u64 = 1 << 32;
const inUseMask: u64 = 0xffff;
/** Objects of the slab; bits 48 to 62. */
const objectsShift: u64 = 48;
const objectsMask: u64 = 0x7fff;
/** A CPU has the slab for itself: it alone takes objects out, and the slab is on no list of the node. */
export const frozenBit: u64 = 1 << 63;
const freelistMask: u64 = 0xffff_ffff;

/** First free object, or 0. */
export function freelistOf(word: u64): usize {
  return (word & freelistMask) as usize;
}

export function withFreelist(word: u64, object: usize): u64 {
  return (word & ~freelistMask) | u64(object);
}

/** Objects in use, those of the freelist that a CPU took for itself included. */
export function inUseOf(word: u64): u32 {
  return ((word >> 32) & inUseMask) as u32;
}

export function objectsOf(word: u64): u32 {
  return ((word >> objectsShift) & objectsMask) as u32;
}

export function isFrozen(word: u64): bool {
  return (word & frozenBit) !== 0;
}

/** All objects in use, none free, and frozen. */
export function takenWord(objects: u32): u64 {
  return frozenBit | (u64(objects) << objectsShift) | (u64(objects) << 32);
}

/** The word after its freelist was taken. */
export function withAllTaken(word: u64): u64 {
  const objects = u64(objectsOf(word));
  return (word & frozenBit) | (objects << objectsShift) | (objects << 32);
}

export function wordOf(slab: usize): u64 {
  return load64(slab + offsetof<Page>("freeObjects"));
}

/** For a slab that nobody else knows. */
export function setWord(slab: usize, word: u64): void {
  storeRelaxed64(slab + offsetof<Page>("freeObjects"), word);
}

/** Changes freelist and counters together, if they are what they were. */
export function exchangeWord(slab: usize, expected: u64, word: u64): bool {
  return compareExchange64(slab + offsetof<Page>("freeObjects"), expected, word) === expected;
}

/** The free object behind one. What is read may be anything when somebody else has taken the object meanwhile. */
export function nextFree(object: usize): usize {
  checksOff();
  const next = load32(object + offsetof<FreeObject>("next"));
  checksOn();
  return next;
}

export function setNextFree(object: usize, next: usize): void {
  checksOff();
  storeRelaxed32(object + offsetof<FreeObject>("next"), next as u32);
  checksOn();
}
