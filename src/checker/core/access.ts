// Accesses. Each is performed at once when nobody can notice it; else the call stops before it, and performs it in its next step.

import { isReduced, isReleasedBy, isVisible, letGo, lookAtLock, reveal, touch } from "./conflicts";
import { performed } from "./host";
import { put32, put64, putQuietly } from "./journal";
import { Agent } from "./layout";
import { seen, wrote } from "./looks";
import {
  operationAdd,
  operationBarrier,
  operationCompareExchange,
  operationExchange,
  operationLoad,
  operationStore,
  operationStoreOrdered,
} from "./protocol";
import {
  agent,
  agentIndex,
  countOperation,
  cpu,
  hasResumed,
  isCounted,
  isSequential,
  operations,
  operationsMax,
  suspend,
} from "./running";
import { check } from "./shadow";
import { buffer, isFull, isTso, seenBy, storeCount } from "./stores";

/** Whether the host hears of every operation. */
export let isTraced: bool = false;
/** Under TSO while operations are counted: whether the last one, if it is a store, stays in the buffer. */
let buffersLast: bool = false;
/** Whether the step's first operation went into the store buffer. */
export let hasBuffered: bool = false;

export function setTraced(is: bool): void {
  isTraced = is;
}

export function expectBuffering(last: bool): void {
  buffersLast = last;
  hasBuffered = false;
}

/** Whether locked operations have to wait for the CPU's store buffer. */
export function mustDrain(): bool {
  return isTso && storeCount(cpu) !== 0;
}

/** Notes what the running call is about to do, and stops it. */
export function stopBefore(operation: u32, cell: usize, bytes: u32): void {
  // They follow from the frames, and are written anew whenever the agent stops.
  putQuietly(agent + offsetof<Agent>("operation"), operation);
  putQuietly(agent + offsetof<Agent>("cell"), cell as u32);
  putQuietly(agent + offsetof<Agent>("bytes"), bytes);
  suspend();
}

/** Operations of a step from which on every cell is taken to be noticeable. */
const operationsUnnoticed: u32 = 20_000;

/** Whether the present access was scheduled: others can notice it. */
let isScheduled: bool = false;

/** Whether an access is to be performed now. If not, the call has been stopped. */
function begins(operation: u32, cell: usize, bytes: u32, isLocked: bool, isRelease: bool = false): bool {
  isScheduled = false;
  if (!isSequential) {
    if (hasResumed()) isScheduled = true;
    else {
      // A loop that looks at what nobody else has used yet would never end, and nobody else would come to use it.
      if (bytes !== 0 && isReduced && !isCounted && operations >= operationsUnnoticed) reveal(cell, bytes);
      const stops = isCounted
        ? operations >= operationsMax || (isLocked && mustDrain())
        : (bytes !== 0 && !isRelease && isVisible(cell, bytes)) ||
          (isLocked && mustDrain()) ||
          (operation === operationStore && isFull(cpu));
      if (stops) {
        stopBefore(operation, cell, bytes);
        return false;
      }
    }
    countOperation();
  }
  if (bytes !== 0) {
    check(cell, bytes);
    letGo();
    touch(cell, bytes, operation !== operationLoad);
    if (!isRelease) lookAtLock(cell);
  }
  return true;
}

function write(cell: usize, bytes: u32, value: u64): void {
  if (bytes === 8) put64(cell, value);
  else put32(cell, value as u32);
}

function trace(operation: u32, cell: usize, bytes: u32, before: u64, after: u64, isBuffered: bool): void {
  performed(
    agentIndex,
    operation,
    cell as u32,
    bytes,
    before as u32,
    (before >> 32) as u32,
    after as u32,
    (after >> 32) as u32,
    isBuffered ? 1 : 0,
  );
}

function loadCell(cell: usize, bytes: u32): u64 {
  if (!begins(operationLoad, cell, bytes, false)) return 0;
  const value = seenBy(cpu, cell, bytes);
  if (isScheduled || isCounted) seen(cell, bytes, value);
  if (isTraced) trace(operationLoad, cell, bytes, value, value, false);
  return value;
}

/** A plain store. One that nobody else can notice only waits for those before it: nobody sees a difference. */
function storeCell(cell: usize, bytes: u32, value: u64): void {
  const isRelease = isReduced && isReleasedBy(cell, value) && !mustDrain();
  if (!begins(operationStore, cell, bytes, false, isRelease)) return;
  const waits = isTso && !isSequential && (isCounted ? buffersLast && operations === operationsMax : isScheduled);
  // No store overtakes another one, also where it is not known yet that others can notice it.
  const follows = !waits && !isSequential && mustDrain();
  const buffers = waits || follows;
  if (isTraced) trace(operationStore, cell, bytes, seenBy(cpu, cell, bytes), value, buffers);
  if (buffers) {
    buffer(cpu, cell, bytes, value, follows);
    // Those that follow it come later in the same step.
    if (waits) hasBuffered = true;
  } else {
    write(cell, bytes, value);
  }
  if (isScheduled || isCounted) wrote(cell, bytes, value);
}

/** What a locked operation does with its cell. */
function lockedCell(operation: u32, cell: usize, bytes: u32, value: u64, expected: u64): u64 {
  putQuietly(agent + offsetof<Agent>("expected"), expected as u32);
  if (!begins(operation, cell, bytes, true)) return 0;
  const held: u64 = bytes === 8 ? load<u64>(cell) : u64(load<u32>(cell));
  let next = value;
  if (operation === operationAdd) next = bytes === 8 ? held + value : u64((held as u32) + (value as u32));
  else if (operation === operationCompareExchange && held !== expected) next = held;
  if (isTraced) trace(operation, cell, bytes, held, next, false);
  write(cell, bytes, next);
  if (isScheduled || isCounted) {
    seen(cell, bytes, next);
    if (operation !== operationCompareExchange || held === expected) wrote(cell, bytes, next);
  }
  return held;
}

export function load32(cell: usize): u32 {
  return loadCell(cell, 4) as u32;
}

export function load64(cell: usize): u64 {
  return loadCell(cell, 8);
}

export function storeRelaxed32(cell: usize, value: u32): void {
  storeCell(cell, 4, value);
}

export function storeRelaxed64(cell: usize, value: u64): void {
  storeCell(cell, 8, value);
}

export function store32(cell: usize, value: u32): void {
  lockedCell(operationStoreOrdered, cell, 4, value, 0);
}

export function store64(cell: usize, value: u64): void {
  lockedCell(operationStoreOrdered, cell, 8, value, 0);
}

export function exchange32(cell: usize, value: u32): u32 {
  return lockedCell(operationExchange, cell, 4, value, 0) as u32;
}

export function exchange64(cell: usize, value: u64): u64 {
  return lockedCell(operationExchange, cell, 8, value, 0);
}

export function compareExchange32(cell: usize, expected: u32, value: u32): u32 {
  return lockedCell(operationCompareExchange, cell, 4, value, expected) as u32;
}

export function compareExchange64(cell: usize, expected: u64, value: u64): u64 {
  return lockedCell(operationCompareExchange, cell, 8, value, expected);
}

export function add32(cell: usize, delta: u32): u32 {
  return lockedCell(operationAdd, cell, 4, delta, 0) as u32;
}

export function add64(cell: usize, delta: u64): u64 {
  return lockedCell(operationAdd, cell, 8, delta, 0);
}

export function barrier(): void {
  if (!begins(operationBarrier, 0, 0, true)) return;
  if (isTraced) trace(operationBarrier, 0, 0, 0, 0, false);
}

/** A cell of the harness's own. */
export function keep32(cell: usize, value: u32): void {
  put32(cell, value);
}

export { trace };
