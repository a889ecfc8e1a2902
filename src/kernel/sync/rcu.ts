// RCU: readers do nothing; a grace period ends when every CPU has passed a quiescent state.
//
// Follows kernel/rcu/tree.c (Linux 6.6) without preemption (CONFIG_PREEMPT_NONE): numbered grace periods, callbacks on
// lists of their CPU that wait for a grace period that begins after they were queued, and CPUs that report a quiescent
// state or are found idle.
// Left out: the tree that combines the reports and the grace-period thread; CPUs with callbacks and tasks that
// wait look at the reports themselves, and go on from the CPU that was missing last time. Also left out: expedited grace
// periods, and offloaded or lazy callbacks.
//
// What a waiter waits goes by jiffies, as in Linux: its grace period begins at the tick, or when the one before it ends;
// idle CPUs are looked for `lookTicks` after that, and the waiter's callback runs at the tick after the end. That is the
// least; a CPU that gets to no event boundary makes it longer. Not so callbacks (`callRcu`): they run as soon as every CPU
// has been at an event boundary or was found idle, and somebody looks, which is some jiffies sooner than in Linux. Nobody
// waits for them; less memory is on its way, and what they begin begins sooner. Where a CPU is busy and HZ is 250 or less,
// its report comes a tick later in Linux; also left out.
//
// Readers are wait-free and cost nothing; they must not sleep or reach an event boundary. `rcuQuiescent` and `callRcu`
// never wait. `synchronizeRcu` sleeps. Any CPU may call these at the same time; `callRcu` also with interrupts on only.
// Callbacks run on the CPU that queued them, in `rcuQuiescent`, with interrupts on; they may queue others, which then
// wait for the next grace period. A callback must not wait for a grace period.
//
// Why a grace period is long enough (number n, x86-TSO): who retires an object unlinks it, executes a full barrier, and
// then reads that n - 1 is the newest number. n is stored later. A CPU that reports n has loaded n, so what it reads
// afterwards includes the unlinking; a CPU that is found idle after n was stored executes a full barrier before it
// reads anything. What it had read before comes before its report, because no store overtakes a load.

import {
  barrier,
  compareExchange32,
  compareExchange64,
  cpu,
  cpus,
  enter,
  irqOff,
  irqOn,
  isIdle,
  isTimed,
  leave,
  load32,
  load64,
  note,
  now,
  preemptOff,
  preemptOn,
  sleep,
  store32,
  storeRelaxed32,
} from "../machine/impl";
import { noteGracePeriod } from "../notes";
import { callRcu as callRcuSymbol, synchronizeRcu as synchronizeRcuSymbol } from "../symbols";
import { hz, jiffyNs, tickAfter } from "./jiffies";

/** The line that all CPUs read. */
@unmanaged
class Domain {
  /** Number of the newest grace period. Written under `lock`. */
  started: u32 = 0;
  /** Number of the last grace period that has ended: `started` or one less. Written under `lock`. */
  completed: u32 = 0;
  /** Taken by who begins or ends a grace period, if it is free. */
  lock: u32 = 0;
  /** CPUs below this have passed a quiescent state in the present grace period. Written under `lock`. */
  checked: u32 = 0;
  /** When the newest grace period begins that somebody waits for, by the rule of Linux. Any CPU. */
  begins: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
}

/** One CPU's line. Only that CPU writes it; the lists with interrupts off. */
@unmanaged
class CpuPart {
  /** Number of the newest grace period that the CPU has seen at a quiescent state. */
  seen: u32 = 0;
  /** Callbacks that have not ended yet. */
  pending: u32 = 0;
  /** Callbacks without a grace period, oldest first. */
  newFirst: u32 = 0;
  newLast: u32 = 0;
  /** Callbacks that run when `waitingFor` has ended, oldest first. */
  waitingFirst: u32 = 0;
  waitingFor: u32 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
}

/** Jiffies from the beginning of a grace period until CPUs are asked whether they are idle. */
function lookTicks(): u32 {
  return 1 + u32(hz > 250) + u32(hz > 500) + cpus() / 256;
}

/** What `callRcu` needs in the object. */
@unmanaged
class Head {
  next: u32 = 0;
  work: u32 = 0;
  argument: u32 = 0;
  pad0: u32 = 0;
}

if (offsetof<Domain>() !== 64) ERROR("Domain must fill one 64-byte line");
if (offsetof<CpuPart>() !== 64) ERROR("CpuPart must fill one 64-byte line");

/** Bytes of a callback's head. */
export const rcuHeadSize: usize = 16;
if (offsetof<Head>() !== 16) ERROR("Head must be 16 bytes");

/** Bytes of a domain on a machine of `cpuCount` CPUs. Zeroed memory is an idle domain. */
export function rcuSize(cpuCount: u32): usize {
  return offsetof<Domain>() + cpuCount * offsetof<CpuPart>();
}

function partOf(rcu: usize, index: u32): usize {
  return rcu + offsetof<Domain>() + index * offsetof<CpuPart>();
}

/** Begins a read section. */
export function rcuReadLock(): void {
  preemptOff();
}

/** Ends a read section. */
export function rcuReadUnlock(): void {
  preemptOn();
}

/** Says that no read section is open on this CPU, and runs its callbacks that are ready. Called at event boundaries. */
export function rcuQuiescent(rcu: usize): void {
  const own = partOf(rcu, cpu());
  report(rcu, own);
  if (load32(own + offsetof<CpuPart>("pending")) !== 0) runCallbacks(rcu, own);
}

function report(rcu: usize, own: usize): void {
  const started = load32(rcu + offsetof<Domain>("started"));
  // On x86 a plain store comes after all that the CPU has read and written before.
  if (load32(own + offsetof<CpuPart>("seen")) !== started) storeRelaxed32(own + offsetof<CpuPart>("seen"), started);
}

/** Callbacks of this CPU that have not run to their end. */
export function rcuPending(rcu: usize): u32 {
  return load32(partOf(rcu, cpu()) + offsetof<CpuPart>("pending"));
}

/** Whether grace period `number` has ended. */
function hasEnded(rcu: usize, number: u32): bool {
  return i32(load32(rcu + offsetof<Domain>("completed")) - number) >= 0;
}

/** Has `work(argument)` called on this CPU after a grace period. The head must stay untouched until then. */
export function callRcu(rcu: usize, head: usize, work: u32, argument: usize): void {
  enter(callRcuSymbol);
  storeRelaxed32(head + offsetof<Head>("next"), 0);
  storeRelaxed32(head + offsetof<Head>("work"), work);
  storeRelaxed32(head + offsetof<Head>("argument"), argument as u32);
  irqOff();
  const own = partOf(rcu, cpu());
  const last = load32(own + offsetof<CpuPart>("newLast"));
  if (load32(own + offsetof<CpuPart>("newFirst")) === 0) {
    storeRelaxed32(own + offsetof<CpuPart>("newFirst"), head as u32);
  } else {
    storeRelaxed32(usize(last) + offsetof<Head>("next"), head as u32);
  }
  storeRelaxed32(own + offsetof<CpuPart>("newLast"), head as u32);
  addPending(own, 1);
  irqOn();
  leave();
}

function addPending(own: usize, delta: u32): void {
  const cell = own + offsetof<CpuPart>("pending");
  storeRelaxed32(cell, load32(cell) + delta);
}

function runCallbacks(rcu: usize, own: usize): void {
  let ready: usize = 0;
  irqOff();
  if (
    load32(own + offsetof<CpuPart>("waitingFirst")) !== 0 &&
    hasEnded(rcu, load32(own + offsetof<CpuPart>("waitingFor")))
  ) {
    ready = load32(own + offsetof<CpuPart>("waitingFirst"));
    storeRelaxed32(own + offsetof<CpuPart>("waitingFirst"), 0);
  }
  const first = load32(own + offsetof<CpuPart>("newFirst"));
  if (load32(own + offsetof<CpuPart>("waitingFirst")) === 0 && first !== 0) {
    storeRelaxed32(own + offsetof<CpuPart>("waitingFirst"), first);
    storeRelaxed32(own + offsetof<CpuPart>("waitingFor"), nextNumber(rcu));
    storeRelaxed32(own + offsetof<CpuPart>("newFirst"), 0);
  }
  const isWaiting = load32(own + offsetof<CpuPart>("waitingFirst")) !== 0;
  const number = load32(own + offsetof<CpuPart>("waitingFor"));
  irqOn();
  if (isWaiting) advance(rcu, own, number);
  while (ready !== 0) {
    // Read first: the callback may free the memory that the head lies in.
    const next = load32(ready + offsetof<Head>("next"));
    call_indirect<void>(load32(ready + offsetof<Head>("work")), usize(load32(ready + offsetof<Head>("argument"))));
    irqOff();
    addPending(own, u32(-1));
    irqOn();
    ready = next;
  }
}

/** Number of the first grace period that begins after everything that this CPU has done so far. */
function nextNumber(rcu: usize): u32 {
  // What the caller unlinked is visible before the newest number is read; otherwise a grace period could begin in
  // between whose later readers still find it.
  barrier();
  return load32(rcu + offsetof<Domain>("started")) + 1;
}

/**
 * Begins or ends a grace period, if it is possible now and `number` has not ended. Called at a quiescent state of
 * this CPU. Returns whether it is worth calling again at once.
 */
function advance(rcu: usize, own: usize, number: u32): bool {
  const started = load32(rcu + offsetof<Domain>("started"));
  const isIdleDomain = load32(rcu + offsetof<Domain>("completed")) === started;
  if (isIdleDomain) {
    if (i32(number - started) <= 0) return false;
  } else {
    // Only reads of lines that seldom change, as long as the same CPU is missing.
    const checked = load32(rcu + offsetof<Domain>("checked"));
    if (checked < cpus() && !hasPassed(rcu, checked, started)) return false;
  }
  preemptOff();
  const isOwner = compareExchange32(rcu + offsetof<Domain>("lock"), 0, 1) === 0;
  if (isOwner) {
    // As it was, unless somebody else got here in between.
    if (load32(rcu + offsetof<Domain>("started")) === started) {
      if (load32(rcu + offsetof<Domain>("completed")) !== started) end(rcu, started);
      else if (isIdleDomain) begin(rcu, started + 1);
    }
    storeRelaxed32(rcu + offsetof<Domain>("lock"), 0);
  }
  preemptOn();
  report(rcu, own);
  return isOwner;
}

function begin(rcu: usize, number: u32): void {
  storeRelaxed32(rcu + offsetof<Domain>("checked"), 0);
  // A full barrier: CPUs are asked whether they are idle only after the number is visible.
  store32(rcu + offsetof<Domain>("started"), number);
}

function end(rcu: usize, number: u32): void {
  let index = load32(rcu + offsetof<Domain>("checked"));
  while (index < cpus() && hasPassed(rcu, index, number)) index++;
  storeRelaxed32(rcu + offsetof<Domain>("checked"), index);
  if (index < cpus()) return;
  storeRelaxed32(rcu + offsetof<Domain>("completed"), number);
  note(noteGracePeriod, rcu);
}

function hasPassed(rcu: usize, index: u32, number: u32): bool {
  return load32(partOf(rcu, index) + offsetof<CpuPart>("seen")) === number || isIdle(index);
}

/** Waits until all read sections have ended that began before the call. Called outside of any. */
export function synchronizeRcu(rcu: usize): void {
  enter(synchronizeRcuSymbol);
  const own = partOf(rcu, cpu());
  const number = nextNumber(rcu);
  const due = isTimed ? plan(rcu) : 0;
  while (true) {
    report(rcu, own);
    while (!hasEnded(rcu, number) && advance(rcu, own, number)) {}
    if (hasEnded(rcu, number)) break;
    sleep(jiffyNs);
  }
  if (isTimed) {
    const nowNs = now();
    if (nowNs < due) sleep(due - nowNs);
  }
  // What the caller frees now is not seen to be freed before the grace period's end.
  barrier();
  leave();
}

/** Takes part in the next grace period, by the rule of Linux, and returns when its callbacks run. */
function plan(rcu: usize): u64 {
  const cell = rcu + offsetof<Domain>("begins");
  const length = u64(lookTicks()) * jiffyNs;
  let begins = load64(cell);
  while (true) {
    const nowNs = now();
    // One that has not begun is shared. One that is under way is followed by the next at once.
    if (nowNs < begins) break;
    const next = max<u64>(tickAfter(nowNs, 1), begins + length);
    const held = compareExchange64(cell, begins, next);
    if (held === begins) {
      begins = next;
      break;
    }
    begins = held;
  }
  return begins + length + jiffyNs;
}
