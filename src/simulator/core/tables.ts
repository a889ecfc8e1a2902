// The machine: what things cost, the shape of its caches, and where the records of its CPUs and lines lie.

import { activitySize, Cpu, Line, never } from "./layout";
import { symbolCount } from "./protocol";

const cpusMax: u32 = 256;
export const notInHeap: u32 = 0xffff_ffff;
const activitiesMax: u32 = 8192;

let cpuTable: usize = 0;
let activityTable: usize = 0;
export let heap: usize = 0;
export let watched: usize = 0;
export let callsOfSymbol: usize = 0;
export let lines: usize = 0;
export let lineCount: u32 = 0;
export let coreClusters: usize = 0;
/** By core: one of its CPUs, plus one. */
let cpuOfCore: usize = 0;
/** By CPU: whether it performs nothing. */
export let idleTable: usize = 0;
/** By task: 1 while it is on its CPU. */
export let onCpuTable: usize = 0;

export let l1Ways: u32 = 0;
export let l1Mask: u32 = 0;
export let l2Ways: u32 = 0;
export let l2Mask: u32 = 0;
export let l3Ways: u32 = 0;
export let l3Sets: u32 = 0;
export let sockets: u32 = 0;
export let isL3PerCluster: bool = false;

export let costL1: f64 = 0;
export let costL2: f64 = 0;
export let costL3: f64 = 0;
export let costMemoryLocal: f64 = 0;
export let costMemoryRemote: f64 = 0;
export let costTransferCluster: f64 = 0;
export let costTransferSocket: f64 = 0;
export let costTransferCross: f64 = 0;
export let costStore: f64 = 0;
export let costLocked: f64 = 0;
export let costBarrier: f64 = 0;
export let costPause: f64 = 0;
/** How far a CPU may run ahead of others. */
export let lookahead: f64 = 0;
/** Part of a transfer's time that the request for it takes. */
export let requestShare: f64 = 0;

export function cpuAt(index: u32): usize {
  return cpuTable + usize(index) * offsetof<Cpu>();
}

export function activityAt(index: u32): usize {
  return activityTable + usize(index) * activitySize;
}

/** Stores that a core's store buffer holds (Skylake). */
export const storesBuffered: usize = 56;

/** Bytes that {@link lay} takes for what does not depend on caches and memory, generously. */
function fixedBytes(): usize {
  return (
    usize(cpusMax) * (offsetof<Cpu>() + usize(symbolCount) * 8 + storesBuffered * 8 + 192) +
    usize(activitiesMax) * (activitySize + 4)
  );
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
export function lay(cores: u32, l3s: u32, socketCount: u32, lineTotal: u32): void {
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
  cpuOfCore = take(cpusMax * 4);
  coresBase = take(usize(cores) * coreBytes());
  l3Base = take(usize(l3s) * usize(l3Sets) * l3Ways * 8);
  lineCount = lineTotal;
  lines = take(usize(lineTotal) * offsetof<Line>());
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
  one.stores = take(storesBuffered * 8);
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
  const elder = load<u32>(cpuOfCore + core * 4);
  one.sibling = elder === 0 ? cpuAt(index) : changetype<Cpu>(cpuAt(elder - 1)).sibling;
  if (elder !== 0) changetype<Cpu>(cpuAt(elder - 1)).sibling = cpuAt(index);
  store<u32>(cpuOfCore + core * 4, index + 1);
  store<u32>(coreClusters + core * 4, cluster);
  store<u32>(idleTable + index * 4, 1);
}
