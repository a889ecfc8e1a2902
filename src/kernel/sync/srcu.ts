// Sleepable RCU: readers count themselves in and out on a line of their own CPU, and a grace period sums the counts.
//
// Follows kernel/rcu/srcutree.c (Linux 6.6): two ranks of counters, the reader's two barriers, and a grace period that
// waits for the rank that is not in use, flips, and waits for the other one. Requests made before a grace period begins
// share it; one made while it lasts needs the next. A normal grace period begins at the next tick, or at once when it
// follows another one, is looked at again after one jiffy and its age, at most 10, and its callbacks run at the tick
// after its end. An expedited one has none of these delays, until a phase of it has been looked at too often
// (`srcuNoDelayMax`). `synchronizeSrcu` expedites by itself when the domain has been idle for 25 us.
//
// Different: there is no worker. The grace period is a state with a time at which to go on; waiters, and CPUs with
// callbacks, take it further when it is due, one at a time. A waiter sleeps until then. So a domain whose callbacks'
// CPUs get to no event boundary stands still.
// Left out: the tree of nodes that combines requests on more than 128 CPUs, and a smaller domain's gathering of all
// callbacks on the boot CPU.
//
// Readers are wait-free, on any CPU, may sleep, and may end on another CPU than they began on. Requests are lock-free.
// `srcuPoll` and `callSrcu` never wait; the synchronizing functions block until every reader that began before the call
// has ended, and must not be called by one. All of them with interrupts on, not from interrupt handlers. Callbacks run
// on the CPU that queued them, in `srcuPoll`; they may queue others.

import {
  barrier,
  compareExchange32,
  compute,
  cpu,
  cpus,
  deliver,
  enter,
  irqOff,
  irqOn,
  leave,
  load32,
  load64,
  note,
  now,
  pause,
  preemptOff,
  preemptOn,
  quiescent,
  sleep,
  store32,
  storeRelaxed32,
  storeRelaxed64,
} from "../machine/impl";
import { noteGracePeriod } from "../notes";
import {
  srcuReadLock as srcuReadLockSymbol,
  srcuReadUnlock as srcuReadUnlockSymbol,
  synchronizeSrcu as synchronizeSrcuSymbol,
} from "../symbols";
import { hz, jiffiesAt, tickAfter } from "./jiffies";
import { CpuPart, Domain, enteredCell, Head, leftCell, partOf } from "./srcu-domain";

export { srcuHeadSize, srcuSize } from "./srcu-domain";

const stateMask: u32 = 3;
const stateIdle: u32 = 0;
/** Waiting for the rank that is not in use. */
const stateFirstScan: u32 = 1;
/** Waiting for the rank that was in use when the grace period began. */
const stateSecondScan: u32 = 2;

const ticksMax: u32 = 10;
const recheckNs: u64 = 5000;
const idleNs: u64 = 25_000;

/** How often a phase may be looked at without a delay: for about a jiffy, twice for each recheck. */
const noDelayPhaseMax: u32 = 400_000 / hz > 1000 ? 1000 : 400_000 / hz < 3 ? 3 : 400_000 / hz;
/** The same for a grace period within one jiffy. */
const noDelayMax: u32 = noDelayPhaseMax > 100 ? noDelayPhaseMax : 100;

/** For tests. */
export function srcuNoDelayMax(): u32 {
  return noDelayPhaseMax;
}

/** Begins a read section and returns its rank, which `srcuReadUnlock` wants back. */
export function srcuReadLock(domain: usize): u32 {
  enter(srcuReadLockSymbol);
  const rank = enterReader(domain);
  leave();
  return rank;
}

/** The same unmarked, for what no profile is to show. */
export function enterReader(domain: usize): u32 {
  // Not preempted between load and store, so that no other reader of this CPU loses its count.
  preemptOff();
  const rank = load32(domain + offsetof<Domain>("rank"));
  const cell = enteredCell(domain, cpu(), rank);
  // Store and barrier in one: the count is visible before anything that the section reads. Pairs with `isQuiet`.
  store32(cell, load32(cell) + 1);
  preemptOn();
  return rank;
}

/** Ends a read section. */
export function srcuReadUnlock(domain: usize, rank: u32): void {
  enter(srcuReadUnlockSymbol);
  leaveReader(domain, rank);
  leave();
}

/** The same unmarked. */
export function leaveReader(domain: usize, rank: u32): void {
  preemptOff();
  const cell = leftCell(domain, cpu(), rank);
  // Barrier and store in one: what the section did is visible before the count. Pairs with `isQuiet`.
  store32(cell, load32(cell) + 1);
  preemptOn();
}

/** Whether no reader of the rank is inside. The sum of leavers is taken first, so that a reader in between is seen. */
function isQuiet(domain: usize, rank: u32): bool {
  let left: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) left += load32(leftCell(domain, index, rank));
  barrier();
  let entered: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) entered += load32(enteredCell(domain, index, rank));
  return entered === left;
}

/** Whether the grace period has ended after which `sequence` is `wanted`. */
function hasEnded(domain: usize, wanted: u32): bool {
  return i32(load32(domain + offsetof<Domain>("sequence")) - wanted) >= 0;
}

function isRequested(domain: usize, sequence: u32): bool {
  return i32(load32(domain + offsetof<Domain>("needed")) - sequence) > 0;
}

function isExpedited(domain: usize, sequence: u32): bool {
  return i32(load32(domain + offsetof<Domain>("neededExpedited")) - sequence) > 0;
}

function raise(cell: usize, to: u32): void {
  let seen = load32(cell);
  while (i32(to - seen) > 0) {
    const held = compareExchange32(cell, seen, to);
    if (held === seen) return;
    seen = held;
  }
}

/** Asks for the first grace period that begins after everything that this CPU has done. Returns what `sequence` is after it. */
function request(domain: usize, isUrgent: bool): u32 {
  // What the caller unlinked is visible before the present state is read: a grace period that begins later waits for
  // every reader that can have found it.
  barrier();
  const wanted = (load32(domain + offsetof<Domain>("sequence")) + stateMask + 4) & ~stateMask;
  // First, so that whoever begins the grace period knows.
  if (isUrgent) raise(domain + offsetof<Domain>("neededExpedited"), wanted);
  raise(domain + offsetof<Domain>("needed"), wanted);
  return wanted;
}

/** Takes the grace period further, if there is something to do, it is due, and nobody else does. */
function poll(domain: usize): void {
  const sequence = load32(domain + offsetof<Domain>("sequence"));
  const isUnderWay = (sequence & stateMask) !== stateIdle;
  if (!isUnderWay && !isRequested(domain, sequence)) return;
  if (isUnderWay && now() < load64(domain + offsetof<Domain>("due"))) return;
  preemptOff();
  if (compareExchange32(domain + offsetof<Domain>("lock"), 0, 1) === 0) {
    advance(domain);
    storeRelaxed32(domain + offsetof<Domain>("lock"), 0);
  }
  preemptOn();
}

/** Under the domain's lock. */
function advance(domain: usize): void {
  const sequence = load32(domain + offsetof<Domain>("sequence"));
  if ((sequence & stateMask) === stateIdle) {
    if (!isRequested(domain, sequence)) return;
    const beginNs = now();
    begin(domain, sequence, beginNs);
    if (delayOf(domain) !== 0) {
      storeRelaxed64(domain + offsetof<Domain>("due"), tickAfter(beginNs, 1));
      return;
    }
  } else if (now() < load64(domain + offsetof<Domain>("due"))) {
    return;
  }
  if ((load32(domain + offsetof<Domain>("sequence")) & stateMask) === stateFirstScan) {
    // A reader may have fetched the rank before the last flip and count itself only now: wait for those, too.
    if (!becomesQuiet(domain, 1)) {
      putOff(domain);
      return;
    }
    flip(domain);
  }
  if (!becomesQuiet(domain, 2)) {
    putOff(domain);
    return;
  }
  end(domain);
}

function begin(domain: usize, sequence: u32, beginNs: u64): void {
  storeRelaxed32(domain + offsetof<Domain>("beginning"), jiffiesAt(beginNs));
  storeRelaxed32(domain + offsetof<Domain>("noDelays"), 0);
  // Until it is known: at once.
  storeRelaxed64(domain + offsetof<Domain>("due"), 0);
  // Requests from here on need the next grace period. A full barrier: the counts are read afterwards.
  store32(domain + offsetof<Domain>("sequence"), sequence + stateFirstScan);
}

function flip(domain: usize): void {
  const rankCell = domain + offsetof<Domain>("rank");
  const sequenceCell = domain + offsetof<Domain>("sequence");
  // The sums come before the flip, so that the first scan does not wait for readers of the new rank; the flip comes
  // before the next sums, so that a reader who is missed there sees the new rank next time.
  barrier();
  storeRelaxed32(rankCell, load32(rankCell) ^ 1);
  barrier();
  storeRelaxed32(domain + offsetof<Domain>("noDelays"), 0);
  storeRelaxed32(sequenceCell, load32(sequenceCell) + (stateSecondScan - stateFirstScan));
}

function end(domain: usize): void {
  const sequence = load32(domain + offsetof<Domain>("sequence"));
  const next = (sequence | stateMask) + 1;
  const endNs = now();
  const callbacksDue = isExpedited(domain, sequence) ? 0 : tickAfter(endNs, 1);
  storeRelaxed64(callbacksDueCell(domain, next), callbacksDue);
  storeRelaxed64(domain + offsetof<Domain>("lastEnd"), endNs);
  // Kept near, so that it cannot fall behind by half the numbers there are.
  raise(domain + offsetof<Domain>("neededExpedited"), next);
  storeRelaxed32(domain + offsetof<Domain>("sequence"), next);
  note(noteGracePeriod, domain);
  // At once, and due at once: these requests have waited already.
  if (isRequested(domain, next)) begin(domain, next, endNs);
}

function callbacksDueCell(domain: usize, sequence: u32): usize {
  return domain + offsetof<Domain>("callbacksDue0") + usize((sequence >> 2) & 1) * 8;
}

/** Jiffies until the grace period should be taken further. */
function delayOf(domain: usize): u32 {
  const sequence = load32(domain + offsetof<Domain>("sequence"));
  let ticks: u32 = isExpedited(domain, sequence) ? 0 : 1;
  if ((sequence & stateMask) !== stateIdle) {
    const age = i32(jiffiesAt(now()) - 1 - load32(domain + offsetof<Domain>("beginning")));
    if (age > 0) ticks += age as u32;
    if (ticks === 0) {
      const noDelays = load32(domain + offsetof<Domain>("noDelays")) + 1;
      storeRelaxed32(domain + offsetof<Domain>("noDelays"), noDelays);
      if (noDelays > noDelayPhaseMax) ticks = 1;
    }
  }
  return min<u32>(ticks, ticksMax);
}

/** Whether the rank that is not in use has no readers. Looks so many times, once more if there is no hurry to sleep. */
function becomesQuiet(domain: usize, times: i32): bool {
  const rank = load32(domain + offsetof<Domain>("rank")) ^ 1;
  let left = delayOf(domain) === 0 ? times + 1 : times;
  while (!isQuiet(domain, rank)) {
    left--;
    if (left <= 0) return false;
    compute(recheckNs);
  }
  return true;
}

/** Sets the time at which to look again. */
function putOff(domain: usize): void {
  let ticks = delayOf(domain);
  const nowNs = now();
  if (ticks !== 0) {
    storeRelaxed32(domain + offsetof<Domain>("retries"), 0);
  } else {
    const jiffy = jiffiesAt(nowNs);
    const isSame = load32(domain + offsetof<Domain>("retryJiffy")) === jiffy;
    const retries = isSame ? load32(domain + offsetof<Domain>("retries")) + 1 : 1;
    storeRelaxed32(domain + offsetof<Domain>("retries"), retries);
    storeRelaxed32(domain + offsetof<Domain>("retryJiffy"), jiffy);
    if (retries > noDelayMax) ticks = 1;
  }
  storeRelaxed64(domain + offsetof<Domain>("due"), ticks === 0 ? 0 : tickAfter(nowNs, ticks));
}

/** Waits until every read section that began before the call has ended. Takes a tick or two if the domain is busy. */
export function synchronizeSrcu(domain: usize): void {
  enter(synchronizeSrcuSymbol);
  waitForReaders(domain, mightBeIdle(domain));
  leave();
}

/** The same without the delays, at the cost of CPU time. */
export function synchronizeSrcuExpedited(domain: usize): void {
  enter(synchronizeSrcuSymbol);
  waitForReaders(domain, true);
  leave();
}

/** Whether the domain seems to be so little used that a grace period need not wait for others to share it. */
function mightBeIdle(domain: usize): bool {
  const own = partOf(domain, cpu());
  if (load32(own + offsetof<CpuPart>("waiting")) !== 0) return false;
  irqOff();
  const isWaited =
    load32(own + offsetof<CpuPart>("first")) !== 0 &&
    !hasEnded(domain, load32(usize(load32(own + offsetof<CpuPart>("last"))) + offsetof<Head>("sequence")));
  irqOn();
  if (isWaited) return false;
  if (now() - load64(domain + offsetof<Domain>("lastEnd")) < idleNs) return false;
  const sequence = load32(domain + offsetof<Domain>("sequence"));
  return !isRequested(domain, sequence);
}

/** Waits for readers, expedited or not; unmarked. */
export function waitForReaders(domain: usize, isUrgent: bool): void {
  addTo(domain, offsetof<CpuPart>("waiting"), 1);
  const wanted = request(domain, isUrgent);
  while (true) {
    poll(domain);
    if (hasEnded(domain, wanted)) break;
    const due = load64(domain + offsetof<Domain>("due"));
    const nowNs = due === 0 ? 0 : now();
    if (nowNs < due) {
      sleep(due - nowNs);
    } else {
      // With preemption on: a reader that was preempted on this CPU must be able to end.
      pause();
      deliver();
    }
  }
  // Read once: later grace periods use the cell again. Pairs with the order of the stores in `end`.
  const callbacksDue = load64(callbacksDueCell(domain, wanted));
  addTo(domain, offsetof<CpuPart>("waiting"), u32(-1));
  if (callbacksDue !== 0) {
    const nowNs = now();
    if (nowNs < callbacksDue) sleep(callbacksDue - nowNs);
  }
  // What the caller frees now is not seen to be freed before the grace period's end.
  barrier();
  quiescent();
}

/** Adds to a cell of this CPU's part. */
function addTo(domain: usize, offset: usize, delta: u32): void {
  preemptOff();
  const cell = partOf(domain, cpu()) + offset;
  storeRelaxed32(cell, load32(cell) + delta);
  preemptOn();
}

/** Has `work(argument)` called on this CPU after a grace period. The head must stay untouched until then. */
export function callSrcu(domain: usize, head: usize, work: u32, argument: usize): void {
  storeRelaxed32(head + offsetof<Head>("next"), 0);
  storeRelaxed32(head + offsetof<Head>("work"), work);
  storeRelaxed32(head + offsetof<Head>("argument"), argument as u32);
  // Requested and queued in one go, so that the list is in the order of the grace periods.
  irqOff();
  storeRelaxed32(head + offsetof<Head>("sequence"), request(domain, false));
  const own = partOf(domain, cpu());
  if (load32(own + offsetof<CpuPart>("first")) === 0) {
    storeRelaxed32(own + offsetof<CpuPart>("first"), head as u32);
  } else {
    storeRelaxed32(usize(load32(own + offsetof<CpuPart>("last"))) + offsetof<Head>("next"), head as u32);
  }
  storeRelaxed32(own + offsetof<CpuPart>("last"), head as u32);
  storeRelaxed32(own + offsetof<CpuPart>("pending"), load32(own + offsetof<CpuPart>("pending")) + 1);
  irqOn();
  poll(domain);
}

/** Callbacks of this CPU that have not run to their end. */
export function srcuPending(domain: usize): u32 {
  return load32(partOf(domain, cpu()) + offsetof<CpuPart>("pending"));
}

/** Takes the grace period further and runs what is due, if this CPU has callbacks. Called at event boundaries. */
export function srcuPoll(domain: usize): void {
  if (srcuPending(domain) !== 0) runCallbacks(domain, partOf(domain, cpu()));
}

function runCallbacks(domain: usize, own: usize): void {
  poll(domain);
  let ready: usize = 0;
  irqOff();
  const first = load32(own + offsetof<CpuPart>("first"));
  if (first !== 0 && hasEnded(domain, load32(usize(first) + offsetof<Head>("sequence")))) {
    if (isDue(domain, own, load32(usize(first) + offsetof<Head>("sequence")))) ready = takeEnded(domain, own);
  }
  irqOn();
  while (ready !== 0) {
    // Read first: the callback may free the memory that the head lies in.
    const next = load32(ready + offsetof<Head>("next"));
    call_indirect<void>(load32(ready + offsetof<Head>("work")), usize(load32(ready + offsetof<Head>("argument"))));
    irqOff();
    addTo(domain, offsetof<CpuPart>("pending"), u32(-1));
    irqOn();
    ready = next;
  }
}

/** Whether callbacks of a grace period that has ended may run. The CPU's timer is set once and only moved forward. */
function isDue(domain: usize, own: usize, sequence: u32): bool {
  const set = load64(own + offsetof<CpuPart>("timer"));
  let due = load64(callbacksDueCell(domain, sequence));
  if (set !== 0) due = min<u64>(due, set);
  const isOver = due === 0 || now() >= due;
  storeRelaxed64(own + offsetof<CpuPart>("timer"), isOver ? 0 : due);
  return isOver;
}

/** Takes the callbacks off whose grace period has ended, and returns them as a list. With interrupts off. */
function takeEnded(domain: usize, own: usize): usize {
  const first: usize = load32(own + offsetof<CpuPart>("first"));
  let last = first;
  let next: usize = load32(last + offsetof<Head>("next"));
  while (next !== 0 && hasEnded(domain, load32(next + offsetof<Head>("sequence")))) {
    last = next;
    next = load32(last + offsetof<Head>("next"));
  }
  storeRelaxed32(last + offsetof<Head>("next"), 0);
  storeRelaxed32(own + offsetof<CpuPart>("first"), next as u32);
  return first;
}
