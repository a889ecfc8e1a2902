// The simulator's core: the clocks of the virtual CPUs, who runs next, and what an access costs.
//
// One instance serves the instances of all CPUs of a case; only one of them runs at a time, and they share the two
// globals by which Binaryen's asyncify suspends and resumes calls, so that suspending needs no call at all. The core
// never touches the memory of the code under test: that code performs its access itself once `access` has returned.
//
// Order: a CPU runs on while its clock is at most `lookahead` later than all others': that is the shortest way of a
// request from one core to another, so nothing that others do from now on reaches it sooner. To take a line from another
// core, a CPU sends for it, waits until all others have come to the moment at which the line sets out, and performs its
// access then. Ties go to the lower CPU.

import {
  Activity,
  activitySize,
  Cpu,
  Held,
  Line,
  lineAbsent,
  lineExclusive,
  lineIsRead,
  lineShared,
  locksMax,
  locksOffset,
  never,
  Scope,
  scopesOffset,
  symbolDepthMax,
} from "./layout";
import {
  callRun,
  callRunUntil,
  callRunWork,
  howLoad,
  howLocked,
  howStore,
  idleSymbol,
  operationCompute,
  operationNone,
  outcomeEnded,
  outcomeIdle,
  outcomeInterrupt,
  outcomeOperation,
  outcomePaused,
  outcomeReschedule,
  outcomeStuck,
  outcomeTimer,
  symbolCount,
} from "./protocol";

/** What an operation comes to while nothing is timed. */
declare function performUntimed(operation: u32, a: u32, b: u32, c: u32, span: f64): u32;
/** A watched symbol was left. */
declare function symbolEnded(cpu: u32, symbol: u32, span: f64): void;
/** A note that somebody listens to. */
declare function noted(cpu: u32, kind: u32, value: u32): void;
/** A lock was held for longer than any of the same before. */
declare function lockHeld(lock: u32, span: f64): void;

// ---- shared with the instances

const normal: i32 = 0;
const unwinding: i32 = 1;
const rewinding: i32 = 2;

export let __asyncify_state: i32 = normal;
export let __asyncify_data: i32 = 0;

// ---- the machine

const cpusMax: u32 = 256;
const notInHeap: u32 = 0xffff_ffff;
const activitiesMax: u32 = 8192;

let cpuTable: usize = 0;
let activityTable: usize = 0;
let heap: usize = 0;
let heapSize: u32 = 0;
let watched: usize = 0;
let callsOfSymbol: usize = 0;
let lines: usize = 0;
let lineCount: u32 = 0;
let coreClusters: usize = 0;
let clusterSockets: usize = 0;
/** By CPU: whether it performs nothing. */
let idleTable: usize = 0;
/** By task: 1 while it is on its CPU. */
let onCpuTable: usize = 0;

let l1Ways: u32 = 0;
let l1Mask: u32 = 0;
let l2Ways: u32 = 0;
let l2Mask: u32 = 0;
let l3Ways: u32 = 0;
let l3Sets: u32 = 0;
let sockets: u32 = 0;
let isL3PerCluster: bool = false;

let costL1: f64 = 0;
let costL2: f64 = 0;
let costL3: f64 = 0;
let costMemoryLocal: f64 = 0;
let costMemoryRemote: f64 = 0;
let costTransferCluster: f64 = 0;
let costTransferSocket: f64 = 0;
let costTransferCross: f64 = 0;
let costStore: f64 = 0;
let costLocked: f64 = 0;
let costBarrier: f64 = 0;
let costPause: f64 = 0;
let lookahead: f64 = 0;
/** Part of a transfer's time that the request for it takes. */
let requestShare: f64 = 0;

/** Cells of the instrument itself, which cost nothing: all of them while nothing is timed. */
let freeBase: u32 = 0;
let freeBytes: u32 = 0xffff_ffff;
let statisticsBase: u32 = 0;
let statisticsBytes: u32 = 0;
let isTimed: bool = false;
let untimedCpu: u32 = 0;
let untimedPage: u32 = 0;
let pauses: u32 = 0;

// ---- the running CPU

let cpu: usize = 0;
let cpuIndex: u32 = 0;
let activity: usize = 0;
let clock: f64 = 0;
/** The earliest clock of all others, timers included. */
let horizon: f64 = 0;
/** Up to where the CPU may run on what its cache answers. */
let limit: f64 = 0;
let ownCore: u32 = 0;
let l1: usize = 0;
let nextTimer: f64 = never;

// ---- what was counted

let accesses: u64 = 0;
let suspensions: u64 = 0;
/** By source of what an access fetched: one of `from...`. */
const fetched: usize = memory.data(8 * 8, 8);

const fromL2: usize = 0;
const fromL3: usize = 1;
const fromSameCluster: usize = 2;
const fromSameSocket: usize = 3;
const fromOtherSocket: usize = 4;
const fromMemoryLocal: usize = 5;
const fromMemoryRemote: usize = 6;

/** Stores that a core can have on their way to memory at a time, and that its store buffer holds (Skylake: 12 and 56). */
const storesAtOnce: f64 = 12;
const storesBuffered: f64 = 56;

function cpuAt(index: u32): usize {
  return cpuTable + usize(index) * offsetof<Cpu>();
}

// ---- setting up

/** Bytes that {@link lay} takes for what does not depend on caches and memory, generously. */
function fixedBytes(): usize {
  return usize(cpusMax) * (offsetof<Cpu>() + usize(symbolCount) * 8 + 32) + usize(activitiesMax) * (activitySize + 4);
}

let next: usize = 0;

function take(bytes: usize): usize {
  next = (next + 63) & ~63;
  const at = next;
  next += bytes;
  return at;
}

/** Bytes of memory for a machine of so many cores and last-level caches, and lines of the code's memory. */
export function bytesNeeded(cores: u32, l3s: u32, lineTotal: u32): f64 {
  const l1Bytes = usize(l1Mask + 1) * l1Ways * 8;
  const l2Bytes = usize(l2Mask + 1) * l2Ways * 8;
  const l3Bytes = usize(l3Sets) * l3Ways * 8;
  return (
    f64(__heap_base) +
    f64(fixedBytes()) +
    f64(cores) * f64(l1Bytes + l2Bytes + 128) +
    f64(l3s) * f64(l3Bytes + 64) +
    f64(lineTotal) * f64(offsetof<Line>()) +
    1_000_000
  );
}

/** Shapes of the caches. Sets of the private ones are powers of two. */
export function setCaches(
  l1Sets: u32,
  l1WayCount: u32,
  l2Sets: u32,
  l2WayCount: u32,
  l3SetCount: u32,
  l3WayCount: u32,
  l3PerCluster: bool,
): void {
  l1Mask = l1Sets - 1;
  l1Ways = l1WayCount;
  l2Mask = l2Sets - 1;
  l2Ways = l2WayCount;
  l3Sets = l3SetCount;
  l3Ways = l3WayCount;
  isL3PerCluster = l3PerCluster;
}

/** Costs of accesses, in 0.1 ns. */
export function setCosts(
  hit: f64,
  second: f64,
  last: f64,
  memoryLocal: f64,
  memoryRemote: f64,
  transferCluster: f64,
  transferSocket: f64,
  transferCross: f64,
  store: f64,
  locked: f64,
  barrierCost: f64,
  pauseCost: f64,
  ahead: f64,
  share: f64,
): void {
  costL1 = hit;
  costL2 = second;
  costL3 = last;
  costMemoryLocal = memoryLocal;
  costMemoryRemote = memoryRemote;
  costTransferCluster = transferCluster;
  costTransferSocket = transferSocket;
  costTransferCross = transferCross;
  costStore = store;
  costLocked = locked;
  costBarrier = barrierCost;
  costPause = pauseCost;
  lookahead = ahead;
  requestShare = share;
}

let l3Base: usize = 0;
let coresBase: usize = 0;

/** Lays everything out in zeroed memory. */
export function lay(cores: u32, clusters: u32, l3s: u32, socketCount: u32, lineTotal: u32): void {
  next = __heap_base;
  sockets = socketCount;
  cpuTable = take(usize(cpusMax) * offsetof<Cpu>());
  activityTable = take(usize(activitiesMax) * activitySize);
  heap = take(cpusMax * 4);
  watched = take(symbolCount * 4);
  callsOfSymbol = take(symbolCount * 4);
  idleTable = take(cpusMax * 4);
  onCpuTable = take(activitiesMax * 4);
  coreClusters = take(cpusMax * 4);
  clusterSockets = take(cpusMax * 4);
  coresBase = take(usize(cores) * coreBytes());
  l3Base = take(usize(l3s) * usize(l3Sets) * l3Ways * 8);
  lineCount = lineTotal;
  lines = take(usize(lineTotal) * offsetof<Line>());
  for (let cluster: u32 = 0; cluster < clusters; cluster++) {
    store<u32>(clusterSockets + cluster * 4, cluster / (clusters / socketCount));
  }
}

function coreBytes(): usize {
  return usize(l1Mask + 1) * l1Ways * 8 + usize(l2Mask + 1) * l2Ways * 8;
}

/** Places a CPU; its instance's functions stand in the table from `functions` on. */
export function placeCpu(
  index: u32,
  core: u32,
  cluster: u32,
  socket: u32,
  socketClusters: u32,
  l3Index: u32,
  functions: u32,
): void {
  const one = changetype<Cpu>(cpuAt(index));
  one.interruptAt = never;
  one.sliceEnd = never;
  one.symbolTimes = take(symbolCount * 8);
  one.core = core;
  one.cluster = cluster;
  one.socket = socket;
  one.clusterBit = 1 << cluster;
  one.socketBits = socketClusters;
  one.l1 = coresBase + usize(core) * coreBytes();
  one.l2 = one.l1 + usize(l1Mask + 1) * l1Ways * 8;
  one.l3 = l3Base + usize(l3Index) * usize(l3Sets) * l3Ways * 8;
  one.functions = functions;
  one.heapIndex = notInHeap;
  store<u32>(coreClusters + core * 4, cluster);
  store<u32>(idleTable + index * 4, 1);
}

/** Has `noted` called for a kind of notes, also while nothing is timed. */
export function listenTo(kind: u32): void {
  heardNotes |= 1 << kind;
}

let heardNotes: u32 = 0;

/** Has `symbolEnded` called for a symbol. */
export function watch(symbol: u32): void {
  store<u32>(watched + symbol * 4, 1);
}

/** Where the instrument keeps its own counts. */
export function setStatistics(base: u32, bytes: u32): void {
  statisticsBase = base;
  statisticsBytes = bytes;
}

/** Has what a CPU's instance does cost nothing and happen at once, from time `at` on. */
export function beginUntimed(index: u32, page: u32, at: f64): void {
  isTimed = false;
  freeBase = 0;
  freeBytes = 0xffff_ffff;
  untimedCpu = index;
  untimedPage = page;
  clock = at;
  pauses = 0;
}

/** Ends that, and returns the time. */
export function endUntimed(): f64 {
  isTimed = true;
  freeBase = statisticsBase;
  freeBytes = statisticsBytes;
  return clock;
}

// ---- the heap of CPUs that have something to do, the earliest first

function isBefore(one: u32, other: u32): bool {
  const a = changetype<Cpu>(cpuAt(one)).clock;
  const b = changetype<Cpu>(cpuAt(other)).clock;
  return a < b || (a === b && one < other);
}

function place(index: u32, position: u32): void {
  store<u32>(heap + position * 4, index);
  changetype<Cpu>(cpuAt(index)).heapIndex = position;
}

function siftUp(index: u32, from: u32): void {
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

function pop(): u32 {
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

/** When the next timer is due, or Infinity. */
export function setTimer(at: f64): void {
  nextTimer = at;
}

// ---- running

function suspend(): void {
  __asyncify_data = changetype<Activity>(activity).stack;
  __asyncify_state = unwinding;
  suspensions++;
}

/** A CPU that is at no event boundary for so long is stuck: as the kernel's soft-lockup detector, 20 s. */
const stuckAfter: f64 = 200_000_000_000;

function findLimit(): void {
  const one = changetype<Cpu>(cpu);
  const doing = changetype<Activity>(activity);
  horizon = heapSize > 0 ? changetype<Cpu>(cpuAt(load<u32>(heap))).clock : never;
  if (nextTimer < horizon) horizon = nextTimer;
  // A millisecond at a time, so that the host is heard.
  limit = Math.min(horizon + lookahead, clock + 10_000_000);
  lowerLimit(one, doing);
}

/** Has the running CPU stop where an interrupt arrives or its time slice ends, if it can then. */
function lowerLimit(one: Cpu, doing: Activity): void {
  if (doing.irqDepth > 0) return;
  if (one.interruptAt < limit) limit = one.interruptAt;
  if (doing.preemptDepth === 0 && one.sliceEnd < limit) limit = one.sliceEnd;
}

/** The CPU that the outcome of {@link go} is about. */
export function current(): u32 {
  return cpuIndex;
}

/**
 * Lets CPUs run, the earliest first, until the host has something to do for one of them, which is then in the heap no
 * more; or until a timer is due; or for a while.
 */
export function go(resumptionsMax: u32): u32 {
  for (let resumptions: u32 = 0; resumptions < resumptionsMax; resumptions++) {
    if (heapSize === 0) return nextTimer < never ? outcomeTimer : outcomeIdle;
    if (nextTimer <= changetype<Cpu>(cpuAt(load<u32>(heap))).clock) return outcomeTimer;
    cpuIndex = pop();
    cpu = cpuAt(cpuIndex);
    const one = changetype<Cpu>(cpu);
    activity = one.activity;
    const doing = changetype<Activity>(activity);
    clock = one.clock;
    if (clock - one.boundary >= stuckAfter) return outcomeStuck;
    // An access that has begun is completed first.
    if (doing.irqDepth === 0 && doing.transfer === 0) {
      if (one.interruptAt <= clock) return outcomeInterrupt;
      if (doing.preemptDepth === 0 && one.sliceEnd <= clock) return outcomeReschedule;
    }
    if (doing.operation !== operationNone) {
      if (doing.operation !== operationCompute) return outcomeOperation;
      if (doing.span > 0) {
        computePiece();
        continue;
      }
      doing.operation = operationNone;
    }
    ownCore = one.core + 1;
    l1 = one.l1;
    findLimit();
    if (resume()) {
      one.clock = clock;
      makeReady(cpuIndex);
    } else {
      one.clock = clock;
      return outcomeEnded;
    }
  }
  return outcomePaused;
}

/** Begins to compute until the end, or until an interrupt or the end of the time slice. */
function computePiece(): void {
  const one = changetype<Cpu>(cpu);
  const doing = changetype<Activity>(activity);
  let piece = doing.span;
  if (doing.irqDepth === 0) {
    if (one.interruptAt - clock < piece) piece = one.interruptAt - clock;
    if (doing.preemptDepth === 0 && one.sliceEnd - clock < piece) piece = one.sliceEnd - clock;
  }
  doing.span -= piece;
  doing.computingSince = clock;
  one.clock = clock + piece;
  makeReady(cpuIndex);
}

/** Interrupts what a CPU computes at time `at`, so that it goes on with it later. */
function cutComputation(index: u32, at: f64): void {
  const one = changetype<Cpu>(cpuAt(index));
  const doing = changetype<Activity>(one.activity);
  if (doing.operation !== operationCompute || at >= one.clock) return;
  const from = Math.max(at, doing.computingSince);
  doing.span += one.clock - from;
  one.clock = from;
  if (one.heapIndex !== notInHeap) siftUp(index, one.heapIndex);
}

/** Runs the activity to its next suspension or its end. Returns whether it is suspended. */
function resume(): bool {
  const doing = changetype<Activity>(activity);
  const functions = changetype<Cpu>(cpu).functions;
  if (doing.isBegun !== 0) {
    __asyncify_data = doing.stack;
    __asyncify_state = rewinding;
  }
  doing.isBegun = 1;
  if (doing.call === callRun) doing.result = call_indirect<u32>(functions + callRun, doing.a, doing.b);
  else if (doing.call === callRunUntil) {
    doing.result = call_indirect<u32>(functions + callRunUntil, doing.a, doing.b, doing.deadline);
  } else call_indirect<void>(functions + callRunWork, doing.a, usize(doing.b));
  if (__asyncify_state !== unwinding) return false;
  // Traps when the frames took more than the region for them.
  call_indirect<void>(functions + 3);
  __asyncify_state = normal;
  return true;
}

// ---- accesses

/** Performs the cost of an access of the running CPU, when it is its turn. */
export function access(cell: u32, how: u32): void {
  if (cell - freeBase < freeBytes) return;
  let hasWaited: bool = false;
  if (__asyncify_state !== normal) {
    __asyncify_state = normal;
    hasWaited = true;
    if (changetype<Activity>(activity).transfer !== 0) {
      arrive(cell, how);
      return;
    }
  } else if (clock > limit) {
    suspend();
    return;
  }
  if (how === howLocked) {
    // All stores before it are performed first. Others may get ahead meanwhile.
    const done = changetype<Cpu>(cpu).storesDone;
    if (done > clock) {
      clock = done;
      if (clock > limit) {
        suspend();
        return;
      }
    }
  }
  const line = cell >>> 6;
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const tag = (u64(record.version) << 32) | u64(line);
  const set = l1 + usize((line & l1Mask) * l1Ways) * 8;
  if (load<u64>(set) === tag || isInLater(set, tag, l1Ways)) {
    if (record.setsOutAt !== 0 && clock >= record.setsOutAt) {
      // It leaves before. Looked for again when it is gone; for an access that has waited, it is.
      if (!hasWaited) {
        suspend();
        return;
      }
      if (clock > record.setsOutAt) record.setsOutAt = 0;
    }
    if (how === howLoad) {
      accesses++;
      clock += costL1;
      return;
    }
    if (record.holder === ownCore && (record.state & lineExclusive) !== 0) {
      accesses++;
      clock += how === howStore ? costStore : costLocked;
      return;
    }
    fetch(line, how, true);
    return;
  }
  fetch(line, how, false);
}

/** Looks a tag up in the ways of a set behind the first, and moves it there. */
function isInLater(set: usize, tag: u64, ways: u32): bool {
  const end = set + usize(ways) * 8;
  let way = set + 8;
  while (way < end && load<u64>(way) !== tag) way += 8;
  if (way >= end) return false;
  moveUp(set, way, tag);
  return true;
}

/** Makes a tag the first of its set; what lies before `way` moves up by one. */
function moveUp(set: usize, way: usize, tag: u64): void {
  while (way > set) {
    store<u64>(way, load<u64>(way - 8));
    way -= 8;
  }
  store<u64>(set, tag);
}

/** Puts a line into a set, in the place of an older copy of its own if there is one, and returns what falls out, or 0. */
function put(set: usize, ways: u32, tag: u64): u64 {
  const last = set + usize(ways - 1) * 8;
  let way = set;
  while (way < last && load<u32>(way) !== u32(tag)) way += 8;
  const out = load<u64>(way);
  moveUp(set, way, tag);
  return u32(out) === u32(tag) ? 0 : out;
}

/** Fetches a line, or the right to write it, or sends for it. */
function fetch(line: u32, how: u32, isHeld: bool): void {
  const one = changetype<Cpu>(cpu);
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const state: u32 = record.state & ~lineIsRead;
  const isOwned = state === lineExclusive && record.holder === ownCore;
  const set2 = one.l2 + usize((line & l2Mask) * l2Ways) * 8;
  const tag = (u64(record.version) << 32) | u64(line);
  const isNear = isHeld || load<u64>(set2) === tag || isInLater(set2, tag, l2Ways);
  if (isNear && (how === howLoad || isOwned)) {
    accesses++;
    let cost = isHeld ? costL1 : costL2;
    if (!isHeld) {
      put(l1 + usize((line & l1Mask) * l1Ways) * 8, l1Ways, tag);
      count(fromL2);
    }
    if (how === howLocked) cost += costLocked;
    else if (how === howStore) cost = costStore;
    clock += cost;
    return;
  }
  if (state === lineAbsent || isOwned) {
    const end = clock + fromBelow(line);
    record.arrivesAt = end + (how === howLocked ? costLocked : 0);
    have(line, how, set2);
    accesses++;
    if (how === howStore) bufferStore(end, end - clock);
    else clock = record.arrivesAt;
    return;
  }
  if (state === lineShared && how === howLoad) {
    accesses++;
    clock += copyOf(record.clusters);
    have(line, how, set2);
    return;
  }
  if (how === howLoad && (record.state & lineIsRead) !== 0 && record.arrivesAt > clock) {
    // Looked for again when the other reader has it.
    clock = record.arrivesAt;
    suspend();
    return;
  }
  send(line, how, set2);
}

/** Sends for a line that other cores have. The request takes half of the way, and the line the other half. */
function send(line: u32, how: u32, set2: usize): void {
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const state: u32 = record.state & ~lineIsRead;
  const latency = fromOthers(record.clusters, state === lineShared ? 0 : u32(record.holder));
  const way = Math.floor(latency * requestShare);
  const reached = clock + way;
  // Requests for a line are served in turn, and a core that got it keeps it for as long as the next request's way.
  const begin = Math.max(reached, record.arrivesAt + way);
  // A locked operation holds on to the line until it is done.
  record.arrivesAt = begin + (latency - way) + (how === howLocked ? costLocked : 0);
  if (record.setsOutAt === 0) record.setsOutAt = begin;
  record.transfers++;
  record.waited += begin - reached;
  record.symbol = u8(innermost());
  accesses++;
  if (how === howStore) {
    // The CPU goes on; that the line is gone shows at once, half a transfer too early.
    const end = record.arrivesAt;
    if (record.setsOutAt === begin) record.setsOutAt = 0;
    have(line, how, set2);
    bufferStore(end, latency);
    return;
  }
  record.state = u8(how === howLoad ? state | lineIsRead : state);
  clock = begin;
  changetype<Activity>(activity).transfer = latency - way;
  // Others may use the line until it sets out.
  suspend();
}

/** Lets a line arrive that has set out to the running CPU. */
function arrive(cell: u32, how: u32): void {
  const line = cell >>> 6;
  const doing = changetype<Activity>(activity);
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  clock += doing.transfer;
  // Whoever sent for it next gets it when his request has come.
  const done = clock + (how === howLocked ? costLocked : 0);
  record.setsOutAt =
    record.arrivesAt > done ? done + Math.floor((doing.transfer / (1 - requestShare)) * requestShare) : 0;
  doing.transfer = 0;
  have(line, how, changetype<Cpu>(cpu).l2 + usize((line & l2Mask) * l2Ways) * 8);
  if (how === howLocked) clock += costLocked;
}

/** The running CPU's core has the line from now on. */
function have(line: u32, how: u32, set2: usize): void {
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  const bit = changetype<Cpu>(cpu).clusterBit;
  const state: u32 = record.state & ~lineIsRead;
  if (how === howLoad && state !== lineAbsent && record.holder !== ownCore) {
    record.state = u8(lineShared);
    record.clusters |= bit;
  } else if (how !== howLoad || state !== lineShared) {
    if (how !== howLoad) record.version++;
    record.state = u8(lineExclusive);
    record.holder = u16(ownCore);
    record.clusters = bit;
  }
  const tag = (u64(record.version) << 32) | u64(line);
  put(l1 + usize((line & l1Mask) * l1Ways) * 8, l1Ways, tag);
  const out = put(set2, l2Ways, tag);
  if (out !== 0) evict(out);
}

/** Lets a store be performed while the CPU goes on, as long as the store buffer has room. */
function bufferStore(end: f64, latency: f64): void {
  const one = changetype<Cpu>(cpu);
  const share = Math.floor(latency / storesAtOnce);
  const before = one.storesDone > clock ? one.storesDone : clock;
  one.storesDone = Math.max(before + share, end);
  clock += costStore;
  const most = share * storesBuffered + latency;
  // One store that waits for its line in a queue takes one entry only.
  if (one.storesDone - clock > most && end - clock <= latency) clock = one.storesDone - most;
}

function count(source: usize): void {
  store<u64>(fetched + source * 8, load<u64>(fetched + source * 8) + 1);
}

/** The set of the last-level cache, which spreads lines by a hash of their address, so that strides do not collide. */
function setOfL3(line: u32): usize {
  const hash = ((line * 0x9e37_79b1) >>> 8) ^ line;
  return changetype<Cpu>(cpu).l3 + usize((hash % l3Sets) * l3Ways) * 8;
}

/** Latency of what no core's cache has. */
function fromBelow(line: u32): f64 {
  const one = changetype<Cpu>(cpu);
  const set = setOfL3(line);
  const end = set + usize(l3Ways) * 8;
  const tag = (u64(changetype<Line>(lines + usize(line) * offsetof<Line>()).version) << 32) | u64(line);
  for (let way = set; way < end; way += 8) {
    if (load<u64>(way) === tag) {
      count(fromL3);
      return costL3;
    }
  }
  // Pages are dealt to the sockets in turn.
  if ((line >>> 6) % sockets === one.socket) {
    count(fromMemoryLocal);
    return costMemoryLocal;
  }
  count(fromMemoryRemote);
  return costMemoryRemote;
}

/** Latency of a line that another core has to give away, or several. */
function fromOthers(clusters: u32, holder: u32): f64 {
  const one = changetype<Cpu>(cpu);
  let where = clusters;
  if (holder !== 0) where = 1 << load<u32>(coreClusters + (holder - 1) * 4);
  if ((where & ~one.socketBits) !== 0) {
    count(fromOtherSocket);
    return costTransferCross;
  }
  if ((where & ~one.clusterBit) !== 0) {
    count(fromSameSocket);
    return costTransferSocket;
  }
  count(fromSameCluster);
  return costTransferCluster;
}

/** Latency of one more copy of a line that others only read. */
function copyOf(clusters: u32): f64 {
  const one = changetype<Cpu>(cpu);
  if ((clusters & one.clusterBit) !== 0 || (!isL3PerCluster && (clusters & one.socketBits) !== 0)) {
    count(fromL3);
    return costL3;
  }
  if ((clusters & one.socketBits) !== 0) {
    count(fromSameSocket);
    return costTransferSocket;
  }
  count(fromOtherSocket);
  return costTransferCross;
}

/** What falls out of a core's second cache goes to its last-level cache. */
function evict(tag: u64): void {
  const line = tag as u32;
  const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
  if (record.version !== u32(tag >>> 32)) return;
  if (record.holder === ownCore && (record.state & ~lineIsRead) !== lineShared) {
    // What the first cache may still have is gone as well, and what another last-level cache has of it is out of date.
    record.version++;
    record.state = u8(lineAbsent);
    record.holder = 0;
    record.clusters = 0;
  }
  put(setOfL3(line), l3Ways, (u64(record.version) << 32) | u64(line));
}

export function barrier(): void {
  if (!isTimed) return;
  const done = changetype<Cpu>(cpu).storesDone;
  clock = (done > clock ? done : clock) + costBarrier;
}

/** Looks of a spin loop that nobody can end, while nothing is timed. */
const pausesMax: u32 = 2_500_000;

export function pause(): void {
  clock += costPause;
  if (!isTimed && ++pauses > pausesMax) performUntimed(0, untimedCpu, 0, 0, 0);
}

// ---- operations that the host performs

/** Has the host perform an operation, and returns its result. */
export function request(operation: u32, a: u32, b: u32, c: u32): u32 {
  if (!isTimed) return performUntimed(operation, a, b, c, 0);
  const doing = changetype<Activity>(activity);
  if (__asyncify_state !== normal) {
    __asyncify_state = normal;
    return doing.result;
  }
  doing.operation = operation;
  doing.operands0 = a;
  doing.operands1 = b;
  doing.operands2 = c;
  suspend();
  return 0;
}

/** The same for operations that take a time. */
export function requestSpan(operation: u32, ns: f64): void {
  if (!isTimed) {
    clock += Math.round(ns * 10);
    pauses = 0;
    return;
  }
  if (__asyncify_state !== normal) {
    __asyncify_state = normal;
    return;
  }
  const doing = changetype<Activity>(activity);
  doing.operation = operation;
  doing.span = Math.round(ns * 10);
  doing.computingSince = clock;
  suspend();
}

// ---- what the host does for a CPU that `go` returned

export function activityAt(index: u32): usize {
  return activityTable + usize(index) * activitySize;
}

/** Prepares an activity. `stack` and `page` lie in the memory of the code under test; `symbol` is what it is in at first. */
export function newActivity(
  index: u32,
  identity: u32,
  stack: u32,
  page: u32,
  call: u32,
  a: u32,
  b: u32,
  deadline: f64,
  irqDepth: u32,
  symbol: u32,
): void {
  const doing = changetype<Activity>(activityAt(index));
  doing.stack = stack;
  doing.page = page;
  doing.identity = identity;
  doing.isBegun = 0;
  doing.call = call;
  doing.a = a;
  doing.b = b;
  doing.deadline = deadline;
  doing.preemptDepth = 0;
  doing.irqDepth = irqDepth;
  doing.symbol = symbol;
  doing.transfer = 0;
  doing.operation = operationNone;
  doing.symbolDepth = 0;
  doing.lockCount = 0;
}

/** Charges a CPU's time up to now to the symbol that it is in. */
function charge(index: u32): void {
  const one = changetype<Cpu>(cpuAt(index));
  const symbol = one.activity === 0 ? idleSymbol : innermostOf(one.activity);
  chargeTo(index, symbol);
}

function chargeTo(index: u32, symbol: u32): void {
  const one = changetype<Cpu>(cpuAt(index));
  const cell = one.symbolTimes + usize(symbol) * 8;
  store<f64>(cell, load<f64>(cell) + (one.clock - one.charged));
  one.charged = one.clock;
}

/** Gives a CPU something to perform; `none` for nothing. It is not made ready. */
export function setActivity(index: u32, which: u32, none: bool): void {
  charge(index);
  const one = changetype<Cpu>(cpuAt(index));
  one.activity = none ? 0 : activityAt(which);
  if (!none) changetype<Activity>(one.activity).computingSince = one.clock;
  store<u32>(idleTable + index * 4, none ? 1 : 0);
}

/** Says that a CPU begins something new, so that it is not stuck. */
export function setBoundary(index: u32): void {
  const one = changetype<Cpu>(cpuAt(index));
  one.boundary = one.clock;
}

/** Moves a CPU's clock on to `to`, unless it is later already; what passes is charged to `symbol`. */
export function passUntil(index: u32, to: f64, symbol: u32): void {
  const one = changetype<Cpu>(cpuAt(index));
  charge(index);
  if (to > one.clock) one.clock = to;
  chargeTo(index, symbol);
}

/** Lets a CPU spend so much time on `symbol`. */
export function spend(index: u32, span: f64, symbol: u32): void {
  passUntil(index, changetype<Cpu>(cpuAt(index)).clock + span, symbol);
}

/** Charges everything, so that symbol times can be read. */
export function settle(index: u32): void {
  charge(index);
}

export function clockOf(index: u32): f64 {
  return changetype<Cpu>(cpuAt(index)).clock;
}

export function isReady(index: u32): bool {
  return changetype<Cpu>(cpuAt(index)).heapIndex !== notInHeap;
}

/** When the next interrupt arrives at a CPU that performs something. */
export function setInterrupt(index: u32, at: f64): void {
  const one = changetype<Cpu>(cpuAt(index));
  one.interruptAt = at;
  if (at < never && one.activity !== 0 && changetype<Activity>(one.activity).irqDepth === 0) cutComputation(index, at);
}

export function setSliceEnd(index: u32, at: f64): void {
  const one = changetype<Cpu>(cpuAt(index));
  one.sliceEnd = at;
  if (at < never && one.activity !== 0) cutComputation(index, at);
}

export function setOnCpu(identity: u32, isOn: u32): void {
  store<u32>(onCpuTable + identity * 4, isOn);
}

export function operationOf(which: u32): u32 {
  return changetype<Activity>(activityAt(which)).operation;
}
export function operand(which: u32, index: u32): u32 {
  return load<u32>(activityAt(which) + offsetof<Activity>("operands0") + index * 4);
}
export function spanOf(which: u32): f64 {
  return changetype<Activity>(activityAt(which)).span;
}
export function preemptDepthOf(which: u32): u32 {
  return changetype<Activity>(activityAt(which)).preemptDepth;
}
export function irqDepthOf(which: u32): u32 {
  return changetype<Activity>(activityAt(which)).irqDepth;
}
export function resultOf(which: u32): u32 {
  return changetype<Activity>(activityAt(which)).result;
}

/** Says what the operation of an activity comes to; it goes on when its CPU does. */
export function complete(which: u32, result: u32): void {
  const doing = changetype<Activity>(activityAt(which));
  doing.operation = operationNone;
  doing.result = result;
}

// ---- marks

function innermostOf(which: usize): u32 {
  const depth = changetype<Activity>(which).symbolDepth;
  if (depth === 0) return changetype<Activity>(which).symbol;
  const level = depth > symbolDepthMax ? symbolDepthMax : depth;
  return changetype<Scope>(which + scopesOffset + usize(level - 1) * offsetof<Scope>()).symbol;
}

function innermost(): u32 {
  return innermostOf(activity);
}

/** The symbols that an activity is in: that of a depth, or 0. */
export function symbolAt(which: u32, depth: u32): u32 {
  const address = activityAt(which);
  if (depth >= changetype<Activity>(address).symbolDepth || depth >= symbolDepthMax) return 0;
  return changetype<Scope>(address + scopesOffset + usize(depth) * offsetof<Scope>()).symbol;
}

function chargeRunning(symbol: u32): void {
  const one = changetype<Cpu>(cpu);
  const cell = one.symbolTimes + usize(symbol) * 8;
  store<f64>(cell, load<f64>(cell) + (clock - one.charged));
  one.charged = clock;
}

export function enter(symbol: u32): void {
  if (!isTimed) return;
  chargeRunning(innermost());
  const doing = changetype<Activity>(activity);
  if (doing.symbolDepth < symbolDepthMax) {
    const scope = changetype<Scope>(activity + scopesOffset + usize(doing.symbolDepth) * offsetof<Scope>());
    scope.symbol = symbol;
    scope.since = clock;
  }
  doing.symbolDepth++;
  const cell = callsOfSymbol + symbol * 4;
  store<u32>(cell, load<u32>(cell) + 1);
}

export function leave(): void {
  if (!isTimed) return;
  chargeRunning(innermost());
  const doing = changetype<Activity>(activity);
  doing.symbolDepth--;
  if (doing.symbolDepth >= symbolDepthMax) return;
  const scope = changetype<Scope>(activity + scopesOffset + usize(doing.symbolDepth) * offsetof<Scope>());
  if (load<u32>(watched + scope.symbol * 4) !== 0) symbolEnded(cpuIndex, scope.symbol, clock - scope.since);
}

export function preemptOff(): void {
  if (!isTimed) return;
  const doing = changetype<Activity>(activity);
  if (doing.preemptDepth++ === 0) doing.preemptOffSince = clock;
}

export function preemptOn(): void {
  if (!isTimed) return;
  const doing = changetype<Activity>(activity);
  if (--doing.preemptDepth > 0) return;
  const span = clock - doing.preemptOffSince;
  if (span > doing.preemptOffMax) doing.preemptOffMax = span;
  lowerLimit(changetype<Cpu>(cpu), doing);
}

export function irqOff(): void {
  if (!isTimed) return;
  if (changetype<Activity>(activity).irqDepth++ === 0) changetype<Cpu>(cpu).irqOffSince = clock;
}

export function irqOn(): void {
  if (!isTimed) return;
  const doing = changetype<Activity>(activity);
  if (--doing.irqDepth > 0) return;
  const one = changetype<Cpu>(cpu);
  const span = clock - one.irqOffSince;
  if (span > one.irqOffMax) one.irqOffMax = span;
  lowerLimit(one, doing);
}

/** The CPU is at an event boundary: it is not caught in what it does. */
export function quiescent(): void {
  if (!isTimed) pauses = 0;
  else changetype<Cpu>(cpu).boundary = clock;
}

const noteLockAcquired: u32 = 1;
const noteLockReleased: u32 = 2;

export function note(kind: u32, value: u32): void {
  if (kind > noteLockReleased) {
    if (kind < 32 && ((heardNotes >>> kind) & 1) !== 0) noted(isTimed ? cpuIndex : untimedCpu, kind, value);
  } else if (isTimed) {
    if (kind === noteLockAcquired) acquired(value);
    else released(value);
  }
}

function acquired(lock: u32): void {
  const doing = changetype<Activity>(activity);
  if (doing.lockCount < locksMax) {
    const held = changetype<Held>(activity + locksOffset + usize(doing.lockCount) * offsetof<Held>());
    held.lock = lock;
    held.since = clock;
  }
  doing.lockCount++;
}

let longestHold: f64 = 0;

function released(lock: u32): void {
  const doing = changetype<Activity>(activity);
  let index = min<u32>(doing.lockCount, locksMax);
  while (index > 0) {
    index--;
    const held = changetype<Held>(activity + locksOffset + usize(index) * offsetof<Held>());
    if (held.lock !== lock) continue;
    const span = clock - held.since;
    if (span > longestHold) {
      longestHold = span;
      lockHeld(lock, span);
    }
    // The last one takes its place: locks need not be given back in order.
    const last = changetype<Held>(
      activity + locksOffset + usize(min<u32>(doing.lockCount, locksMax) - 1) * offsetof<Held>(),
    );
    held.lock = last.lock;
    held.since = last.since;
    doing.lockCount--;
    return;
  }
}

// ---- questions

/** The running CPU's time, in ns. */
export function nowNs(): f64 {
  return Math.floor(clock / 10);
}

export function task(): u32 {
  return isTimed ? changetype<Activity>(activity).identity : untimedCpu;
}

export function taskStack(): u32 {
  return isTimed ? changetype<Activity>(activity).page : untimedPage;
}

export function isRunning(identity: u32): u32 {
  if (!isTimed) return identity === untimedCpu ? 1 : 0;
  clock += costL1;
  return load<u32>(onCpuTable + identity * 4);
}

export function isIdle(target: u32): u32 {
  if (!isTimed) return target === untimedCpu ? 0 : 1;
  clock += costL1;
  return load<u32>(idleTable + target * 4);
}

// ---- what was measured

export function symbolTime(index: u32, symbol: u32): f64 {
  return load<f64>(changetype<Cpu>(cpuAt(index)).symbolTimes + usize(symbol) * 8);
}
export function symbolCalls(symbol: u32): u32 {
  return load<u32>(callsOfSymbol + symbol * 4);
}
export function accessCount(): f64 {
  return accesses as f64;
}
export function suspensionCount(): f64 {
  return suspensions as f64;
}
export function fetchCount(source: u32): f64 {
  return load<u64>(fetched + usize(source) * 8) as f64;
}
export function irqOffMax(index: u32): f64 {
  return changetype<Cpu>(cpuAt(index)).irqOffMax;
}
export function preemptOffMax(which: u32): f64 {
  return changetype<Activity>(activityAt(which)).preemptOffMax;
}
export function lineTable(): usize {
  return lines;
}
export function lineSize(): u32 {
  return offsetof<Line>() as u32;
}

/** Forgets what was counted so far, of CPUs below `cpus`; the caches keep what they have. */
export function forget(cpus: u32): void {
  accesses = 0;
  suspensions = 0;
  longestHold = 0;
  memory.fill(fetched, 0, 64);
  memory.fill(callsOfSymbol, 0, symbolCount * 4);
  for (let index: u32 = 0; index < cpus; index++) {
    const one = changetype<Cpu>(cpuAt(index));
    memory.fill(one.symbolTimes, 0, symbolCount * 8);
    one.charged = one.clock;
    one.irqOffMax = 0;
  }
  for (let line: u32 = 0; line < lineCount; line++) {
    const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
    if (record.transfers === 0) continue;
    record.transfers = 0;
    record.waited = 0;
  }
}
