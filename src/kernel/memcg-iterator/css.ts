// A cgroup's life: created, removed, taken offline, released, freed.
//
// Follows css_create(), kill_css(), css_killed_ref_fn(), css_killed_work_fn(), css_release(), css_release_work_fn() and
// css_free_rwork_fn() of kernel/cgroup/cgroup.c (Linux 6.6). What one step may rely on:
//
//   remove    no walk is given the cgroup a grace period from now on, unless the variant takes dying ones, too;
//   offline   in a worker, after that grace period: no walk that could still get a live reference is in its section;
//   release   in a worker, when the last reference is gone: nobody holds the cgroup, some may still look at it;
//   free      a grace period later: nobody looks at it any more. Its reference to the parent goes with it.
//
// Left out: the count that keeps a parent online until its children are offline; controllers other than memory; the
// worker that frees, as nothing here has to wait then; charged pages, which in Linux hold references for long.

import { recordDuration } from "../histogram";
import { defer, enter, leave, load32, load64, now, storeRelaxed32, storeRelaxed64 } from "../machine/impl";
import { kfree, kmalloc, kmallocBytes, zero } from "../slab/kmalloc";
import { begin, end, histogramAt, measured } from "../statistics";
import { cgroupMkdir, cgroupRmdir, memCgroupCssOffline, memCgroupCssReleased } from "../symbols";
import { mutexLock, mutexUnlock } from "../sync/mutex";
import { percpuCounterSize, percpuRefGet, percpuRefInit, percpuRefKill, percpuRefPut } from "../sync/percpu-ref";
import { callRcu } from "../sync/rcu";
import { acquireIrqOff, releaseIrqOn } from "../sync/spin-lock";
import { histogramDestroy, histogramDestroyWork, histogramFreed } from "./counters";
import { lookForReference } from "./harness";
import { createMemcg, memcgBytes, offlineMemcg, releaseMemcg } from "./impl";
import {
  cgroupMutex,
  kmallocCaches,
  memcgsMax,
  percpuBase,
  percpuFreeCell,
  percpuLinks,
  percpuLock,
  percpuStride,
  percpuUsedCell,
  rcuDomain,
  serialCell,
} from "./region";
import { link, liveMark, Memcg, memcgOfRef, memcgSize, parentOf, refOf, unlink } from "./tree";
import { tallyFreed, tallyRemoved } from "./watch";

/** Bytes of one cgroup, as allocated. */
export function allocatedBytesOf(): u32 {
  return kmallocBytes((memcgSize as u32) + memcgBytes());
}

/** Takes a per-CPU counter, or returns 0 when there is none: its index + 1. */
function takeCounter(): u32 {
  acquireIrqOff(percpuLock());
  let taken = load32(percpuFreeCell());
  if (taken !== 0) storeRelaxed32(percpuFreeCell(), load32(percpuLinks() + usize(taken - 1) * 4));
  else {
    const used = load32(percpuUsedCell());
    if (used < memcgsMax()) {
      taken = used + 1;
      storeRelaxed32(percpuUsedCell(), taken);
    }
  }
  releaseIrqOn(percpuLock());
  return taken;
}

function giveCounter(counter: u32): void {
  acquireIrqOff(percpuLock());
  storeRelaxed32(percpuLinks() + usize(counter) * 4, load32(percpuFreeCell()));
  storeRelaxed32(percpuFreeCell(), counter + 1);
  releaseIrqOn(percpuLock());
}

/** Makes a cgroup below `parent`, or at the top for 0, with its initial reference. Returns 0 when memory is used up. */
export function createCgroup(index: u32, parent: usize, reclaimNs: u64): usize {
  enter(cgroupMkdir);
  mutexLock(cgroupMutex());
  const memcg = make(index, parent, reclaimNs);
  if (memcg !== 0) link(memcg);
  mutexUnlock(cgroupMutex());
  leave();
  return memcg;
}

/** Under the mutex. */
function make(index: u32, parent: usize, reclaimNs: u64): usize {
  const bytes = (memcgSize as u32) + memcgBytes();
  const memcg = kmalloc(kmallocCaches(), bytes);
  if (memcg === 0) return 0;
  const counter = takeCounter();
  if (counter === 0) {
    kfree(memcg);
    return 0;
  }
  zero(memcg, bytes);
  const serial = load32(serialCell()) + 1;
  storeRelaxed32(serialCell(), serial);
  storeRelaxed32(memcg + offsetof<Memcg>("parent"), parent as u32);
  storeRelaxed32(memcg + offsetof<Memcg>("serial"), serial);
  storeRelaxed32(memcg + offsetof<Memcg>("index"), index);
  storeRelaxed64(memcg + offsetof<Memcg>("reclaimNs"), reclaimNs);
  storeRelaxed32(memcg + offsetof<Memcg>("mark"), liveMark);
  storeRelaxed32(memcg + offsetof<Memcg>("counter"), counter - 1);
  const counters = percpuBase() + usize(counter - 1) * percpuCounterSize;
  percpuRefInit(refOf(memcg), counters, percpuStride(), rcuDomain(), onRelease.index);
  createMemcg(memcg);
  // For as long as the child has memory.
  if (parent !== 0) percpuRefGet(refOf(parent));
  return memcg;
}

/** Removes a cgroup without children, as rmdir. The rest of its end comes later. */
export function removeCgroup(memcg: usize): void {
  enter(cgroupRmdir);
  const begun = begin();
  storeRelaxed64(memcg + offsetof<Memcg>("removedNs"), begun);
  mutexLock(cgroupMutex());
  // Given back by the offline work, so that there is no release before it.
  percpuRefGet(refOf(memcg));
  percpuRefKill(refOf(memcg), onKilled.index);
  mutexUnlock(cgroupMutex());
  end(histogramDestroy, begun);
  leave();
  tallyRemoved();
}

/** Everybody sees that the references are dying. In an RCU callback. */
function onKilled(ref: usize): void {
  const memcg = memcgOfRef(ref);
  defer(memcg + offsetof<Memcg>("offline0"), takeOffline.index, memcg, 0);
}

/** In a worker. */
function takeOffline(memcg: usize): void {
  mutexLock(cgroupMutex());
  enter(memCgroupCssOffline);
  const begun = beginWork(memcg);
  offlineMemcg(memcg);
  endWork(memcg, begun);
  leave();
  mutexUnlock(cgroupMutex());
  lookForReference(memcg);
  percpuRefPut(refOf(memcg));
}

/** The last reference is gone. Wherever that was given back. */
function onRelease(ref: usize): void {
  const memcg = memcgOfRef(ref);
  defer(memcg + offsetof<Memcg>("release0"), finishRelease.index, memcg, 0);
}

/** In a worker. */
function finishRelease(memcg: usize): void {
  mutexLock(cgroupMutex());
  unlink(memcg);
  enter(memCgroupCssReleased);
  const begun = beginWork(memcg);
  releaseMemcg(memcg);
  endWork(memcg, begun);
  leave();
  mutexUnlock(cgroupMutex());
  if (isTimed(memcg)) recordWork(memcg);
  callRcu(rcuDomain(), memcg + offsetof<Memcg>("head0"), free.index, memcg);
}

/** Nobody looks at it any more. In an RCU callback. */
function free(memcg: usize): void {
  const parent = parentOf(memcg);
  if (isTimed(memcg)) {
    const removed = load64(memcg + offsetof<Memcg>("removedNs"));
    recordDuration(histogramAt(histogramFreed), now() - removed);
  }
  storeRelaxed32(memcg + offsetof<Memcg>("mark"), 0);
  giveCounter(load32(memcg + offsetof<Memcg>("counter")));
  kfree(memcg);
  tallyFreed();
  if (parent !== 0) percpuRefPut(refOf(parent));
}

/** Whether the cgroup's removal was measured, and what runs now is measured, too. */
function isTimed(memcg: usize): bool {
  return measured() !== 0 && load64(memcg + offsetof<Memcg>("removedNs")) !== 0;
}

function beginWork(memcg: usize): u64 {
  return isTimed(memcg) ? now() : 0;
}

function endWork(memcg: usize, begun: u64): void {
  if (begun === 0) return;
  const cell = memcg + offsetof<Memcg>("workNs");
  storeRelaxed64(cell, load64(cell) + (now() - begun));
}

function recordWork(memcg: usize): void {
  recordDuration(histogramAt(histogramDestroyWork), load64(memcg + offsetof<Memcg>("workNs")));
}
