// The order of the CPUs that have something to do: a binary heap, the earliest first, of equal ones the lower.

import { Cpu, never } from "./layout";
import { cpuAt, heap, notInHeap } from "./tables";

export let heapSize: u32 = 0;

function isBefore(one: u32, other: u32): bool {
  const a = changetype<Cpu>(cpuAt(one)).clock;
  const b = changetype<Cpu>(cpuAt(other)).clock;
  return a < b || (a === b && one < other);
}

function place(index: u32, position: u32): void {
  store<u32>(heap + position * 4, index);
  changetype<Cpu>(cpuAt(index)).heapIndex = position;
}

export function siftUp(index: u32, from: u32): void {
  let position = from;
  while (position > 0) {
    const parent = (position - 1) >> 1;
    const above = load<u32>(heap + parent * 4);
    if (!isBefore(index, above)) break;
    place(above, position);
    position = parent;
  }
  place(index, position);
}

function siftDown(index: u32): void {
  let position: u32 = 0;
  while (true) {
    let child = position * 2 + 1;
    if (child >= heapSize) break;
    let below = load<u32>(heap + child * 4);
    if (child + 1 < heapSize) {
      const right = load<u32>(heap + (child + 1) * 4);
      if (isBefore(right, below)) {
        below = right;
        child++;
      }
    }
    if (!isBefore(below, index)) break;
    place(below, position);
    position = child;
  }
  place(index, position);
}

/** The earliest. */
export function first(): u32 {
  return load<u32>(heap);
}

/** The clock of the earliest but the first, or `never`. */
export function secondClock(): f64 {
  if (heapSize < 2) return never;
  const left = changetype<Cpu>(cpuAt(load<u32>(heap + 4))).clock;
  if (heapSize === 2) return left;
  return Math.min(left, changetype<Cpu>(cpuAt(load<u32>(heap + 8))).clock);
}

/** Finds the first its place after its clock has gone on. */
export function firstIsLater(): void {
  siftDown(load<u32>(heap));
}

/** Takes the first out. */
export function pop(): u32 {
  const first = load<u32>(heap);
  heapSize--;
  if (heapSize > 0) siftDown(load<u32>(heap + heapSize * 4));
  changetype<Cpu>(cpuAt(first)).heapIndex = notInHeap;
  return first;
}

/** Lets a CPU that has an activity go on when its time comes. */
export function makeReady(index: u32): void {
  const one = changetype<Cpu>(cpuAt(index));
  if (one.heapIndex !== notInHeap) siftUp(index, one.heapIndex);
  else siftUp(index, heapSize++);
}
