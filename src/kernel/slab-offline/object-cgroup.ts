// Object cgroups: what objects refer to instead of their cgroup, and by which they are charged.
//
// Follows struct obj_cgroup, obj_cgroup_charge(), refill_obj_stock(), drain_obj_stock() and memcg_reparent_objcgs() of
// mm/memcontrol.c (Linux 5.9). Each CPU keeps a stock of bytes that are charged already, for the object cgroup that it saw last,
// so that most allocations and frees touch its own line only.
// Differs from Linux: bytes are charged at cgroups, where Linux counts pages there and keeps what is left of one in the
// object cgroup.
// Any task may call these at any time, with interrupts on. Locks: `objcgLock` guards lists and moves, with interrupts off.

import { cpuCount, lineSize } from "../layout";
import { cpu, irqOff, irqOn, load32, storeRelaxed32 } from "../machine/impl";
import { kfree, kmallocBytes, kzalloc } from "../slab/kmalloc";
import { count } from "../statistics";
import {
  percpuRefGet,
  percpuRefInit,
  percpuRefKill,
  percpuRefPut,
  percpuRefSize,
  percpuRefTryGet,
} from "../sync/percpu-ref";
import { callRcu, rcuHeadSize, rcuReadLock, rcuReadUnlock } from "../sync/rcu";
import { acquireIrqOff, releaseIrqOn } from "../sync/spin-lock";
import { counterReparented } from "./counters";
import { charge, Memcg, memcgGet, memcgPut } from "./memcg";
import { kmallocCaches, rcuDomain, variantBase } from "./region";

@unmanaged
export class ObjCgroup {
  /** Who refers to it: its cgroup while that is online, objects, and CPUs' stocks. */
  ref0: u64 = 0;
  ref1: u64 = 0;
  ref2: u64 = 0;
  ref3: u64 = 0;
  ref4: u64 = 0;
  ref5: u64 = 0;
  /** Address of the cgroup that is charged, to which this has a reference. Changed under the lock; readers are in RCU. */
  memcg: u32 = 0;
  /** Next of those that were moved to the same cgroup, or 0. Under the lock. */
  next: u32 = 0;
  /** Address of the cell that holds the address of this, or 0 before it is on a list. Under the lock. */
  place: u32 = 0;
  pad0: u32 = 0;
  /** For the grace period after the last reference. */
  head0: u64 = 0;
  head1: u64 = 0;
}

if (offsetof<ObjCgroup>("memcg") !== percpuRefSize) ERROR("the count must fit");
if (offsetof<ObjCgroup>() - offsetof<ObjCgroup>("head0") !== rcuHeadSize) ERROR("the head must fit");

/** Bytes that a CPU has charged and not used yet. Only that CPU touches it, with interrupts off. */
@unmanaged
class Stock {
  objcg: u32 = 0;
  bytes: u32 = 0;
}

/** What is charged at once. */
const pageBytes: u32 = 4096;

/** The counters of the reference count begin here, a line per CPU. */
const countersAt: u32 = 128;

function objcgSize(): u32 {
  return countersAt + cpuCount * (lineSize as u32);
}

/** Bytes of an object cgroup, as allocated. */
export function objcgBytes(): u32 {
  return kmallocBytes(objcgSize());
}

/** Bytes at `variantBase()`. */
export function objcgGlobalBytes(): usize {
  return lineSize * (1 + usize(cpuCount));
}

function objcgLock(): usize {
  return variantBase();
}

function stockOf(target: u32): usize {
  return variantBase() + lineSize * (1 + usize(target));
}

/** Makes the object cgroup of a new cgroup. Returns false when the memory is used up. */
export function makeObjcg(memcg: usize): bool {
  const objcg = kzalloc(kmallocCaches(), objcgSize());
  if (objcg === 0) return false;
  percpuRefInit(objcg, objcg + usize(countersAt), lineSize, rcuDomain(), released.index);
  memcgGet(memcg);
  storeRelaxed32(objcg + offsetof<ObjCgroup>("memcg"), memcg as u32);
  storeRelaxed32(memcg + offsetof<Memcg>("objcg"), objcg as u32);
  return true;
}

/** The last reference is gone. */
function released(objcg: usize): void {
  acquireIrqOff(objcgLock());
  const place: usize = load32(objcg + offsetof<ObjCgroup>("place"));
  const next: usize = load32(objcg + offsetof<ObjCgroup>("next"));
  if (place !== 0) {
    storeRelaxed32(place, next as u32);
    if (next !== 0) storeRelaxed32(next + offsetof<ObjCgroup>("place"), place as u32);
  }
  releaseIrqOn(objcgLock());
  memcgPut(load32(objcg + offsetof<ObjCgroup>("memcg")));
  callRcu(rcuDomain(), objcg + offsetof<ObjCgroup>("head0"), freeObjcg.index, objcg);
}

function freeObjcg(objcg: usize): void {
  kfree(objcg);
}

/** Puts an object cgroup first on the list of a cgroup. Under the lock. */
function link(objcg: usize, memcg: usize): void {
  const place = memcg + offsetof<Memcg>("objcgs");
  const next: usize = load32(place);
  storeRelaxed32(objcg + offsetof<ObjCgroup>("next"), next as u32);
  storeRelaxed32(objcg + offsetof<ObjCgroup>("place"), place as u32);
  if (next !== 0) {
    storeRelaxed32(next + offsetof<ObjCgroup>("place"), (objcg + offsetof<ObjCgroup>("next")) as u32);
  }
  storeRelaxed32(place, objcg as u32);
}

/** Moves a cgroup's own object cgroup, and all that were moved to it, to its parent. */
export function reparentObjcgs(memcg: usize, parent: usize): void {
  const own: usize = load32(memcg + offsetof<Memcg>("objcg"));
  storeRelaxed32(memcg + offsetof<Memcg>("objcg"), 0);
  acquireIrqOff(objcgLock());
  link(own, memcg);
  let objcg: usize = load32(memcg + offsetof<Memcg>("objcgs"));
  storeRelaxed32(memcg + offsetof<Memcg>("objcgs"), 0);
  while (objcg !== 0) {
    const next: usize = load32(objcg + offsetof<ObjCgroup>("next"));
    memcgGet(parent);
    storeRelaxed32(objcg + offsetof<ObjCgroup>("memcg"), parent as u32);
    memcgPut(memcg);
    link(objcg, parent);
    count(counterReparented);
    objcg = next;
  }
  releaseIrqOn(objcgLock());
  percpuRefKill(own, 0);
}

/** The object cgroup for a new object of an online cgroup, with a reference: that of whoever allocates. */
export function takeObjcg(memcg: usize): usize {
  const objcg = load32(memcg + offsetof<Memcg>("objcg"));
  // It has one of its own for as long as its cgroup is online.
  percpuRefTryGet(objcg);
  return objcg;
}

/** An object refers to it. */
export function getObjcg(objcg: usize): void {
  percpuRefGet(objcg);
}

/** An object, or whoever allocates one, refers to it no more. */
export function putObjcg(objcg: usize): void {
  percpuRefPut(objcg);
}

function chargeMemcg(objcg: usize, bytes: u32): void {
  // The cgroup may change meanwhile; charges count at the parent either way, and the old one is there until the end.
  rcuReadLock();
  charge(load32(objcg + offsetof<ObjCgroup>("memcg")), bytes);
  rcuReadUnlock();
}

/** Charges the bytes of an object. */
export function chargeObject(objcg: usize, bytes: u32): void {
  irqOff();
  const stock = stockOf(cpu());
  const left = load32(stock + offsetof<Stock>("bytes"));
  const isThere = load32(stock + offsetof<Stock>("objcg")) === (objcg as u32) && left >= bytes;
  if (isThere) storeRelaxed32(stock + offsetof<Stock>("bytes"), left - bytes);
  irqOn();
  if (isThere) return;
  const whole = (bytes + pageBytes - 1) & ~(pageBytes - 1);
  chargeMemcg(objcg, whole);
  refill(objcg, whole - bytes);
}

/** Takes back the charge of an object. */
export function unchargeObject(objcg: usize, bytes: u32): void {
  refill(objcg, bytes);
}

/** Adds charged bytes to this CPU's stock; what was there for another object cgroup, or is too much, is taken back. */
function refill(objcg: usize, bytes: u32): void {
  irqOff();
  const stock = stockOf(cpu());
  const held: usize = load32(stock + offsetof<Stock>("objcg"));
  let left = load32(stock + offsetof<Stock>("bytes"));
  let excess: u32 = 0;
  if (held !== objcg) {
    excess = left;
    left = 0;
    storeRelaxed32(stock + offsetof<Stock>("objcg"), objcg as u32);
    percpuRefGet(objcg);
  }
  left += bytes;
  const tooMany: u32 = left > pageBytes ? left & ~(pageBytes - 1) : 0;
  storeRelaxed32(stock + offsetof<Stock>("bytes"), left - tooMany);
  irqOn();
  if (tooMany !== 0) chargeMemcg(objcg, -tooMany);
  if (held !== objcg && held !== 0) release(held, excess);
}

function release(objcg: usize, bytes: u32): void {
  if (bytes !== 0) chargeMemcg(objcg, -bytes);
  percpuRefPut(objcg);
}

/** Takes back what a CPU has in stock: this one, or one that runs nothing. Returns whether there was something. */
export function drainStock(target: u32): bool {
  irqOff();
  const stock = stockOf(target);
  const objcg: usize = load32(stock + offsetof<Stock>("objcg"));
  const bytes = load32(stock + offsetof<Stock>("bytes"));
  storeRelaxed32(stock + offsetof<Stock>("objcg"), 0);
  storeRelaxed32(stock + offsetof<Stock>("bytes"), 0);
  irqOn();
  if (objcg !== 0) release(objcg, bytes);
  return objcg !== 0;
}
