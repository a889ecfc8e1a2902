// Performs steps that a test has written into the event buffer, one after the other, and writes into each when it was
// done and what it returned. The buffer is read and written plainly, which costs no virtual time.

import { eventBuffer } from "../layout";
import {
  add32,
  barrier,
  compareExchange32,
  compute,
  enter,
  exchange32,
  interrupt,
  irqOff,
  irqOn,
  isIdle,
  isRunning,
  leave,
  load32,
  note,
  now,
  pause,
  preemptOff,
  preemptOn,
  quiescent,
  sleep,
  store32,
  storeRelaxed32,
  task,
  taskStack,
  wait,
  wake,
} from "../machine/impl";
import {
  stepAdd,
  stepAddMany,
  stepBarrier,
  stepCompareExchange,
  stepCompute,
  stepEnter,
  stepExchange,
  stepInterrupt,
  stepIrqOff,
  stepIrqOn,
  stepIsIdle,
  stepIsRunning,
  stepLeave,
  stepLoad,
  stepLoadMany,
  stepNote,
  stepNow,
  stepPause,
  stepPreemptOff,
  stepPreemptOn,
  stepQuiescent,
  stepRecurse,
  stepSleep,
  stepSpinUntil,
  stepStackPage,
  stepStore,
  stepStoreLocked,
  stepTask,
  stepTrap,
  stepWait,
  stepWake,
} from "./step-operations";

@unmanaged
class Step {
  operation: u32 = 0;
  a: u32 = 0;
  b: u32 = 0;
  c: u32 = 0;
  /** Written when it is done. */
  result: u32 = 0;
  pad: u32 = 0;
  /** The machine's time, in ns. Written when it is done. */
  doneNs: f64 = 0;
}

if (offsetof<Step>() !== 32) ERROR("Step must be 32 bytes");

export function run(first: u32, end: u32): u32 {
  for (let index = first; index < end; index++) {
    const step = eventBuffer + usize(index) * offsetof<Step>();
    const result = perform(
      load<u32>(step),
      load<u32>(step, offsetof<Step>("a")),
      load<u32>(step, offsetof<Step>("b")),
      load<u32>(step, offsetof<Step>("c")),
    );
    store<u32>(step, result, offsetof<Step>("result"));
    store<f64>(step, now() as f64, offsetof<Step>("doneNs"));
  }
  return end - first;
}

/** Runs the steps over and over until the deadline. */
export function runUntil(first: u32, end: u32, deadlineNs: f64): u32 {
  let rounds: u32 = 0;
  do {
    run(first, end);
    rounds++;
  } while ((now() as f64) < deadlineNs);
  return rounds;
}

/** Handles an interrupt: the argument is the index of its first step, and the number of steps in the upper half. */
function handle(steps: usize): void {
  const first = (steps & 0xffff) as u32;
  run(first, first + ((steps >>> 16) as u32));
}

export function handleWork(): u32 {
  return handle.index;
}

export function runWork(work: u32, argument: usize): void {
  call_indirect<void>(work, argument);
}

function recurse(depth: u32, cell: usize): u32 {
  if (depth === 0) return load32(cell);
  const below = recurse(depth - 1, cell);
  return below + load32(cell + (depth & 7) * 4);
}

function perform(operation: u32, a: u32, b: u32, c: u32): u32 {
  switch (operation) {
    case stepLoad:
      return load32(a);
    case stepStore:
      storeRelaxed32(a, b);
      return 0;
    case stepStoreLocked:
      store32(a, b);
      return 0;
    case stepAdd:
      return add32(a, b);
    case stepCompareExchange:
      return compareExchange32(a, b, c);
    case stepExchange:
      return exchange32(a, b);
    case stepBarrier:
      barrier();
      return 0;
    case stepPause:
      pause();
      return 0;
    case stepWait:
      return wait(a, b);
    case stepWake:
      return wake(a, b);
    case stepInterrupt:
      interrupt(a, handle.index, b);
      return 0;
    case stepSleep:
      sleep(a);
      return 0;
    case stepCompute:
      compute(a);
      return 0;
    case stepPreemptOff:
      preemptOff();
      return 0;
    case stepPreemptOn:
      preemptOn();
      return 0;
    case stepIrqOff:
      irqOff();
      return 0;
    case stepIrqOn:
      irqOn();
      return 0;
    case stepEnter:
      enter(a);
      return 0;
    case stepLeave:
      leave();
      return 0;
    case stepNote:
      note(a, b);
      return 0;
    case stepIsRunning:
      return isRunning(a) ? 1 : 0;
    case stepIsIdle:
      return isIdle(a) ? 1 : 0;
    case stepTask:
      return task();
    case stepQuiescent:
      quiescent();
      return 0;
    case stepSpinUntil: {
      // Ends when somebody stores the value.
      let looks: u32 = 1;
      while (load32(a) !== b) {
        pause();
        looks++;
      }
      return looks;
    }
    case stepTrap:
      unreachable();
      return 0;
    case stepRecurse:
      return recurse(a, b);
    case stepAddMany:
      for (let index: u32 = 0; index < b; index++) add32(a, 1);
      return 0;
    case stepLoadMany:
      for (let index: u32 = 0; index < b; index++) load32(a + index * c);
      return 0;
    case stepStackPage:
      return taskStack() as u32;
    default:
      if (operation !== stepNow) unreachable();
      return 0;
  }
}
