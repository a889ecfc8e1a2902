// Cgroups as far as slab memory goes: a reference count, what is charged, and the caches and object cgroups that belong to
// one.
//
// Follows struct mem_cgroup and page_counter of mm/memcontrol.c (Linux 4.0 to 5.9): charges count at the cgroup and at all
// above it, and whoever has a pointer has a reference or is in an RCU section. Left out: limits, reclaim, everything but
// slabs; css's reference count per CPU: references are taken and given back by caches and object cgroups, not by objects.
// Any task may call these at any time.

import { add32, load32, storeRelaxed32 } from "../machine/impl";
import { kfree, kmallocBytes, kzalloc } from "../slab/kmalloc";
import { callRcu, rcuHeadSize } from "../sync/rcu";
import { decrementAndTest, incrementUnlessZero, refcountSet } from "../sync/refcount";
import { noticeDying } from "./oracle";
import { kmallocCaches, rcuDomain } from "./region";

@unmanaged
export class Memcg {
  /** References: one until it is taken offline, one for each child, cache and object cgroup. */
  refs: u32 = 0;
  /** Address of the parent, or 0 for the root. Written at creation. */
  parent: u32 = 0;
  /** Index that the workload knows it by. Written at creation. */
  index: u32 = 0;
  /** Bytes charged to it and to those below. Any CPU. */
  charged: u32 = 0;
  /** First of its caches, or 0. Under slab_mutex. */
  caches: u32 = 0;
  /** Address of the object cgroup that new objects get, or 0. Readers are in an RCU section. */
  objcg: u32 = 0;
  /** First of the object cgroups that were moved here, or 0. Under their lock. */
  objcgs: u32 = 0;
  /** Not 0 once it is offline. Written by the harness. */
  isOffline: u32 = 0;
  /** For the grace period after the last reference. */
  head0: u64 = 0;
  head1: u64 = 0;
}

/** Bytes of a cgroup. */
export const memcgSize: u32 = 48;
if (offsetof<Memcg>() !== 48) ERROR("Memcg must be 48 bytes");
if (offsetof<Memcg>() - offsetof<Memcg>("head0") !== rcuHeadSize) ERROR("the head must fit");

/** Makes a cgroup with one reference. Returns 0 when the memory is used up. */
export function makeMemcg(index: u32, parent: usize): usize {
  const memcg = kzalloc(kmallocCaches(), memcgSize);
  if (memcg === 0) return 0;
  if (parent !== 0) memcgGet(parent);
  storeRelaxed32(memcg + offsetof<Memcg>("parent"), parent as u32);
  storeRelaxed32(memcg + offsetof<Memcg>("index"), index);
  refcountSet(memcg + offsetof<Memcg>("refs"), 1);
  return memcg;
}

/** Takes another reference. The caller has one, or knows somebody who does. */
export function memcgGet(memcg: usize): void {
  incrementUnlessZero(memcg + offsetof<Memcg>("refs"));
}

/** Gives a reference back. The cgroup goes a grace period after the last one. */
export function memcgPut(memcg: usize): void {
  if (!decrementAndTest(memcg + offsetof<Memcg>("refs"))) return;
  callRcu(rcuDomain(), memcg + offsetof<Memcg>("head0"), freeMemcg.index, memcg);
}

function freeMemcg(memcg: usize): void {
  const parent = parentOf(memcg);
  if (load32(memcg + offsetof<Memcg>("isOffline")) !== 0) noticeDying(u32(-1));
  kfree(memcg);
  if (parent !== 0) memcgPut(parent);
}

/** Says that a cgroup is offline, before what it has is dealt with. */
export function markOffline(memcg: usize): void {
  storeRelaxed32(memcg + offsetof<Memcg>("isOffline"), 1);
  noticeDying(1);
}

/** Address of the parent, or 0 for the root. */
export function parentOf(memcg: usize): usize {
  return load32(memcg + offsetof<Memcg>("parent"));
}

/** Bytes charged to a cgroup and to those below. */
export function chargedTo(memcg: usize): u32 {
  return load32(memcg + offsetof<Memcg>("charged"));
}

/** Charges bytes, or takes a charge back where they are negative. The caller has a reference or is in an RCU section. */
export function charge(memcg: usize, bytes: u32): void {
  let at = memcg;
  while (at !== 0) {
    add32(at + offsetof<Memcg>("charged"), bytes);
    at = parentOf(at);
  }
}

/** Bytes that a cgroup takes, as allocated. */
export function memcgBytes(): u32 {
  return kmallocBytes(memcgSize);
}
