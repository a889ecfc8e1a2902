// Calls `doShrinkSlab` for a shrinker that is none: it counts what it is told, and a scan frees all that it is asked for.
// For tests of the arithmetic; nothing else uses it.

import { load32, load64, storeRelaxed32, storeRelaxed64, taskStack } from "../machine/impl";
import { deltaOf, doShrinkSlab, Shrinker, totalOf } from "./shrinker";

/** On the task's stack: the descriptor, then what the callbacks and the caller share. */
@unmanaged
class Amounts {
  /** Objects that a scan asked to be freed, and how often one was called, so far. */
  delta: u64 = 0;
  total: u64 = 0;
  calls: u64 = 0;
  scanned: u64 = 0;
  deferred: u64 = 0;
  freeable: u32 = 0;
}

function amounts(): usize {
  return taskStack() + offsetof<Shrinker>();
}

function countGiven(_shrinker: usize, _memcg: u32, _node: u32): u32 {
  return load32(amounts() + offsetof<Amounts>("freeable"));
}

function scanGiven(_shrinker: usize, _memcg: u32, _node: u32, objects: u32): u32 {
  const calls = amounts() + offsetof<Amounts>("calls");
  const scanned = amounts() + offsetof<Amounts>("scanned");
  storeRelaxed64(calls, load64(calls) + 1);
  storeRelaxed64(scanned, load64(scanned) + u64(objects));
  return objects;
}

function deferredGiven(_memcg: u32, _node: u32, _id: u32): usize {
  return amounts() + offsetof<Amounts>("deferred");
}

/**
 * What one call does with so many objects that can be freed and so many deferred.
 *
 * @returns address of five u64: delta, total, calls of scan, objects scanned, objects deferred afterwards
 */
export function amountsOf(freeable: u32, deferred: u32, priority: u32, seeks: u32): usize {
  const shrinker = taskStack();
  for (let offset: usize = 0; offset < offsetof<Shrinker>() + offsetof<Amounts>(); offset += 4) {
    storeRelaxed32(shrinker + offset, 0);
  }
  storeRelaxed32(shrinker + offsetof<Shrinker>("countObjects"), countGiven.index);
  storeRelaxed32(shrinker + offsetof<Shrinker>("scanObjects"), scanGiven.index);
  storeRelaxed32(shrinker + offsetof<Shrinker>("seeks"), seeks);
  const delta = deltaOf(freeable, priority, seeks);
  storeRelaxed64(amounts() + offsetof<Amounts>("delta"), delta as u64);
  storeRelaxed64(amounts() + offsetof<Amounts>("total"), totalOf(freeable, deferred, delta, priority) as u64);
  storeRelaxed64(amounts() + offsetof<Amounts>("deferred"), deferred);
  storeRelaxed32(amounts() + offsetof<Amounts>("freeable"), freeable);
  doShrinkSlab(shrinker, 0, 0, priority, deferredGiven);
  return amounts();
}
