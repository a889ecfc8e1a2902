// The functions of `sync/percpu-ref.ts` one by one, and a loop that several CPUs run at the same time and that looks for
// broken promises.

import { add32, cpu, exchange32, load32, quiescent, storeRelaxed32 } from "../machine/impl";
import {
  percpuRefGet,
  percpuRefInit,
  percpuRefIsDying,
  percpuRefKill,
  percpuRefPut,
  percpuRefSize,
  percpuRefTryGet,
  percpuRefTryGetLive,
} from "../sync/percpu-ref";
import { callRcu, rcuQuiescent, rcuReadLock, rcuReadUnlock } from "../sync/rcu";

export {
  percpuRefGet,
  percpuRefIsDying,
  percpuRefIsZero,
  percpuRefPut,
  percpuRefTryGet,
  percpuRefTryGetLive,
} from "../sync/percpu-ref";
export { rcuPending, rcuQuiescent, rcuSize } from "../sync/rcu";

/** An object that is counted, published, killed, and used again when it was freed. */
@unmanaged
class Counted {
  ref0: u64 = 0;
  ref1: u64 = 0;
  ref2: u64 = 0;
  ref3: u64 = 0;
  ref4: u64 = 0;
  ref5: u64 = 0;
  /** For the grace period before it is free. */
  head0: u64 = 0;
  head1: u64 = 0;
  /** How often `release` was called since it was made. */
  released: u32 = 0;
  /** How often `confirm` was called since it was made. */
  confirmed: u32 = 0;
  /** Not 0 when its owner may publish it. */
  isFree: u32 = 0;
  /** Address of the RCU domain. */
  rcu: u32 = 0;
  /** Cell in which callbacks count broken promises. */
  broken: u32 = 0;
  pad0: u32 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
}

/** Bytes of an object. */
export const countedSize: u32 = 128;
if (offsetof<Counted>() !== 128) ERROR("Counted must fill two lines");
if (offsetof<Counted>("head0") !== percpuRefSize) ERROR("the count must fit");
/** Objects of each task. */
export const countedPerTask: u32 = 6;

export function runWork(work: u32, argument: usize): void {
  call_indirect<void>(work, argument);
}

function isReleased(object: usize): bool {
  return load32(object + offsetof<Counted>("released")) !== 0;
}

function onConfirm(object: usize): void {
  if (isReleased(object)) add32(load32(object + offsetof<Counted>("broken")), 1);
  storeRelaxed32(object + offsetof<Counted>("confirmed"), load32(object + offsetof<Counted>("confirmed")) + 1);
}

function onRelease(object: usize): void {
  const released = add32(object + offsetof<Counted>("released"), 1);
  if (released !== 0 || load32(object + offsetof<Counted>("confirmed")) !== 1) {
    add32(load32(object + offsetof<Counted>("broken")), 1);
  }
  callRcu(load32(object + offsetof<Counted>("rcu")), object + offsetof<Counted>("head0"), onFree.index, object);
}

function onFree(object: usize): void {
  storeRelaxed32(object + offsetof<Counted>("isFree"), 1);
}

/** Makes an object with its initial reference. `broken` is the cell in which its callbacks count. */
export function make(object: usize, counters: usize, stride: usize, rcu: usize, broken: usize): void {
  storeRelaxed32(object + offsetof<Counted>("released"), 0);
  storeRelaxed32(object + offsetof<Counted>("confirmed"), 0);
  storeRelaxed32(object + offsetof<Counted>("isFree"), 0);
  storeRelaxed32(object + offsetof<Counted>("rcu"), rcu as u32);
  storeRelaxed32(object + offsetof<Counted>("broken"), broken as u32);
  percpuRefInit(object, counters, stride, rcu, onRelease.index);
}

/** Kills an object. */
export function kill(object: usize): void {
  percpuRefKill(object, onConfirm.index);
}

function dawdle(cell: usize, rounds: u32): void {
  for (let round: u32 = 0; round < rounds; round++) load32(cell);
}

function next(random: u32): u32 {
  return random * 1_664_525 + 1_013_904_223;
}

/** Bits 8 and up of a random number, below `bound`. */
function below(random: u32, bound: u32): u32 {
  return (random >>> 8) % bound;
}

/** One reference that is taken, used, maybe handed on, and given back. Returns how many promises were broken. */
function useOne(shared: usize, random: u32): u32 {
  let broken: u32 = 0;
  const isLive = (random & 0x100) !== 0;
  rcuReadLock();
  const object: usize = load32(shared);
  const confirmed = object === 0 ? 0 : load32(object + offsetof<Counted>("confirmed"));
  const isTaken = object !== 0 && (isLive ? percpuRefTryGetLive(object) : percpuRefTryGet(object));
  rcuReadUnlock();
  if (!isTaken) return 0;
  if (isLive && confirmed !== 0) broken++;
  dawdle(shared, below(random, 20));
  if (isReleased(object)) broken++;
  if ((random & 0x200) !== 0) {
    percpuRefGet(object);
    dawdle(shared, below(random, 7));
    if (percpuRefPut(object)) broken++;
    if (isReleased(object)) broken++;
  }
  // Given back by whoever comes next: counters of single CPUs go below 0.
  const held = usize((random & 0x400) !== 0 ? exchange32(shared + 64, object as u32) : (object as u32));
  if (held !== 0) {
    if (isReleased(held)) broken++;
    percpuRefPut(held);
  }
  return broken;
}

/** Publishes a free object of this task and kills the one that was published. */
function replace(shared: usize, objects: usize, counters: usize, stride: usize, rcu: usize): void {
  for (let index: u32 = 0; index < countedPerTask; index++) {
    const object = objects + usize(index) * countedSize;
    if (load32(object + offsetof<Counted>("isFree")) === 0) continue;
    make(object, counters + usize(index) * 4, stride, rcu, shared + 128);
    const old: usize = exchange32(shared, object as u32);
    if (old !== 0) kill(old);
    return;
  }
}

/**
 * Takes references to a published object, hands some of them on to other CPUs, gives them back, and now and then
 * publishes another object and kills the old one.
 *
 * @param shared the published object at +0, a reference that is handed on at +64, broken promises of callbacks at +128
 * @param objects this task's own, `countedPerTask` of `countedSize` bytes; at first those may be used with `isFree` set
 * @param counters address of CPU 0's counter of the first of them; the others follow
 * @returns broken promises
 */
export function percpuRefStress(
  rcu: usize,
  shared: usize,
  objects: usize,
  counters: usize,
  stride: usize,
  rounds: u32,
  killEvery: u32,
): u32 {
  let broken: u32 = 0;
  let random = (objects as u32) / countedSize + cpu();
  for (let round: u32 = 0; round < rounds; round++) {
    random = next(random);
    broken += useOne(shared, random);
    random = next(random);
    if (below(random, killEvery) === 0) replace(shared, objects, counters, stride, rcu);
    quiescent();
    rcuQuiescent(rcu);
  }
  return broken;
}

/** Gives back what is handed on and kills what is published. Nobody else runs. */
export function finish(shared: usize): void {
  const held: usize = exchange32(shared + 64, 0);
  if (held !== 0) percpuRefPut(held);
  const object: usize = exchange32(shared, 0);
  if (object !== 0 && !percpuRefIsDying(object)) kill(object);
}
