// Programs made at random, for what has to hold of all of them.

import fc from "fast-check";
import {
  acquire,
  acquireCarelessly,
  add,
  allocated,
  barrier,
  compareExchange,
  data,
  defer,
  exchange,
  flag,
  freed,
  type Instruction,
  interrupt,
  irqOff,
  irqOn,
  isIdle,
  isRunning,
  type LitmusProgram,
  type LitmusTask,
  load,
  lock,
  object,
  pauseUntil,
  preemptOff,
  preemptOn,
  quiescent,
  release,
  skipUnless,
  sleep,
  store,
  storeOrdered,
  storeSum,
  wait,
  waitUntil,
  wake,
  x,
  y,
  z,
} from "./litmus.ts";

/** Registers in the order in which instructions of a task use them: 8 each. */
const perTask = 8;

/** An instruction, given the registers that it may load to and store from. */
type Draft = (fresh: number, before: number) => readonly Instruction[];

const cell = fc.constantFrom(x, y, y + 1);
const small = fc.integer({ min: 0, max: 2 });

const accesses: fc.Arbitrary<Draft> = fc.oneof(
  {
    weight: 4,
    arbitrary: cell.map(
      (on): Draft =>
        (fresh) => [load(fresh, on)],
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(cell, small).map(
      ([on, value]): Draft =>
        () => [store(on, value + 1)],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(cell, small).map(
      ([on, plus]): Draft =>
        (_, before) => [storeSum(on, before, plus)],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(cell, small).map(
      ([on, value]): Draft =>
        () => [storeOrdered(on, value + 1)],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(cell, small).map(
      ([on, value]): Draft =>
        (fresh) => [exchange(fresh, on, value)],
    ),
  },
  {
    weight: 1,
    arbitrary: cell.map(
      (on): Draft =>
        (fresh) => [add(fresh, on, 1)],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(cell, small, small).map(
      ([on, a, b]): Draft =>
        (fresh) => [compareExchange(fresh, on, a, b)],
    ),
  },
  { weight: 1, arbitrary: fc.constant<Draft>(() => [barrier()]) },
);

/** Tasks of so many instructions each, on CPUs that they may share. */
function tasksOf(drafts: fc.Arbitrary<Draft>, lengths: fc.IntegerConstraints): fc.Arbitrary<readonly LitmusTask[]> {
  const code = fc.integer(lengths).chain((length) => fc.array(drafts, { minLength: length, maxLength: length }));
  const task = fc.record({ cpu: fc.integer({ min: 0, max: 1 }), drafts: code });
  return fc
    .array(task, { minLength: 2, maxLength: 3 })
    .map((tasks) => tasks.map(({ cpu, drafts }, index) => ({ cpu, code: codeOf(drafts, index * perTask) })));
}

function codeOf(drafts: readonly Draft[], firstRegister: number): Instruction[] {
  let next = firstRegister;
  return drafts.flatMap((draft) => {
    const before = Math.max(firstRegister, next - 1);
    const instructions = draft(next, before);
    next = Math.max(next, ...instructions.map(({ group = 0 }) => group));
    return instructions;
  });
}

const parts: readonly (readonly Instruction[])[] = [
  [load(56, x), store(y, 5)],
  [add(57, data, 1)],
  [acquire(lock), load(58, data), storeSum(data, 58, 1), release(lock)],
  [store(flag, 1), wake(59, flag, 8)],
];
const part = fc.nat(parts.length - 1);

const everything: fc.Arbitrary<Draft> = fc.oneof(
  { weight: 4, arbitrary: accesses },
  {
    weight: 2,
    arbitrary: fc.constant<Draft>((fresh) => [
      acquire(lock),
      load(fresh, data),
      storeSum(data, fresh, 1),
      release(lock),
    ]),
  },
  {
    weight: 1,
    arbitrary: cell.map(
      (on): Draft =>
        () => [acquire(lock), store(on, 7), release(lock)],
    ),
  },
  // Mutual exclusion may be broken, and two orders may block each other.
  {
    weight: 1,
    arbitrary: fc.constant<Draft>((fresh) => [
      acquireCarelessly(lock),
      load(fresh, data),
      storeSum(data, fresh, 1),
      release(lock),
    ]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom([lock, z] as const, [z, lock] as const).map(
      ([outer, inner]): Draft =>
        () => [acquire(outer), acquire(inner), store(data, 3), release(inner), release(outer)],
    ),
  },
  { weight: 1, arbitrary: fc.constant<Draft>(() => [pauseUntil(flag, 1)]) },
  { weight: 1, arbitrary: fc.constant<Draft>(() => [store(flag, 1)]) },
  { weight: 1, arbitrary: fc.constant<Draft>((fresh) => [store(flag, 1), wake(fresh, flag, 8)]) },
  { weight: 1, arbitrary: fc.constant<Draft>(() => [waitUntil(flag, 1)]) },
  { weight: 1, arbitrary: fc.constant<Draft>((fresh) => [wait(fresh, flag, 0)]) },
  { weight: 1, arbitrary: fc.constant<Draft>(() => [sleep(1000)]) },
  { weight: 1, arbitrary: fc.constant<Draft>(() => [quiescent()]) },
  {
    weight: 1,
    arbitrary: cell.map(
      (on): Draft =>
        (fresh) => [preemptOff(), load(fresh, on), storeSum(on, fresh, 1), preemptOn()],
    ),
  },
  {
    weight: 1,
    arbitrary: cell.map(
      (on): Draft =>
        (fresh) => [irqOff(), load(fresh, on), storeSum(on, fresh, 1), irqOn()],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(1), part).map(
      ([cpu, which]): Draft =>
        () => [interrupt(cpu, which)],
    ),
  },
  {
    weight: 2,
    arbitrary: part.map(
      (which): Draft =>
        () => [defer(which)],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat(1).map(
      (task): Draft =>
        (fresh) => [isRunning(fresh, task)],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat(1).map(
      (cpu): Draft =>
        (fresh) => [isIdle(fresh, cpu)],
    ),
  },
  // Who sees the flag frees what others may be using.
  { weight: 1, arbitrary: fc.constant<Draft>((fresh) => [load(fresh, flag), skipUnless(fresh, 1, 1), freed(object)]) },
  { weight: 1, arbitrary: fc.constant<Draft>((fresh) => [load(fresh, object)]) },
);

/** Straight-line programs of accesses and barriers, each of so many instructions per task. */
export function accessPrograms(lengths: fc.IntegerConstraints): fc.Arbitrary<LitmusProgram> {
  return tasksOf(accesses, lengths).map((tasks) => ({ tasks }));
}

/** Programs of everything, each of so many drafts per task: they may go wrong, wait for ever, or spin. */
export function anyPrograms(lengths: fc.IntegerConstraints): fc.Arbitrary<LitmusProgram> {
  return tasksOf(everything, lengths).map((tasks) => ({ tasks, parts, cpus: 2, setup: [allocated(object)] }));
}
