import { describe, expect, test } from "vitest";
import { type FindingKind, memoryModels } from "../../src/checker/model.ts";
import { exhaustive } from "../../src/checker/schedulers/exhaustive.ts";
import { replay } from "../../src/checker/schedulers/replay.ts";
import {
  acquire,
  acquireCarelessly,
  add,
  allocated,
  compileLitmus,
  data,
  defer,
  describeEnd,
  type End,
  explore,
  flag,
  freed,
  type Instruction,
  interrupt,
  irqOff,
  irqOn,
  isIdle,
  isRunning,
  LitmusMachine,
  type LitmusProgram,
  load,
  lock,
  now,
  object,
  onCpus,
  pauseUntil,
  preemptOff,
  preemptOn,
  recurse,
  release,
  type Setting,
  searches,
  skipUnless,
  sleep,
  spinUntil,
  store,
  store64,
  storeSum,
  takeTurn,
  wait,
  waitUntil,
  wake,
  x,
  y,
} from "./litmus.ts";

const litmus = await compileLitmus();
const settings: readonly Setting[] = memoryModels.flatMap((model) =>
  [true, false].map((reduction) => ({ model, reduction })),
);
const nameOf = ({ model, reduction }: Setting): string => `${model}, ${reduction ? "reduced" : "every operation"}`;
const eachSetting = settings.map((setting) => [nameOf(setting), setting] as const);

/** Reads, and writes one more. */
const increment = (register: number): Instruction[] => [load(register, x), storeSum(x, register, 1)];

describe("what can be wrong is found, and its schedule shows it again:", () => {
  const cases: readonly (readonly [string, FindingKind, string, LitmusProgram])[] = [
    [
      "an access to what somebody else frees",
      "use after free",
      "task 1 on CPU 1 uses the arena +4, which was freed",
      { ...onCpus([freed(object)], [store(object + 1, 1), load(0, object)]), setup: [allocated(object)] },
    ],
    [
      "an access to what the own CPU has freed",
      "use after free",
      "",
      { ...onCpus([freed(object), load(0, object + 3)]), setup: [allocated(object)] },
    ],
    ["two frees", "double free", "", { ...onCpus([freed(object)], [freed(object)]), setup: [allocated(object)] }],
    [
      "an access to what was never handed out",
      "access outside the arena",
      "",
      { ...onCpus([load(0, object + 32)]), setup: [allocated(object)] },
    ],
    ["a 64-bit access that is not aligned", "access outside the arena", "", onCpus([store64(x + 1, 1)])],
    [
      "a wake-up that comes before the sleep",
      "deadlock",
      "task 0 on CPU 0 sleeps until cell 48 changes",
      onCpus([load(0, x), skipUnless(0, 0, 1), wait(1, flag, 0)], [store(x, 1), wake(2, flag, 1)]),
    ],
    [
      "a wait with preemption off",
      "broken invariant",
      "task 0 on CPU 0 sleeps where it must not: others cannot have its CPU",
      onCpus([preemptOff(), wait(0, flag, 0), preemptOn()], [store(flag, 1), wake(1, flag, 1)]),
    ],
    ["a wait that nobody ends", "deadlock", "", onCpus([waitUntil(flag, 1)], [store(x, 1)])],
    ["a loop with a pause that nobody ends", "livelock", "", onCpus([pauseUntil(flag, 1)], [store(x, 1)])],
    ["a loop without a pause that nobody ends", "livelock", "", onCpus([spinUntil(flag, 1)])],
    ["the same on a cell that others use", "livelock", "", onCpus([spinUntil(flag, 1)], [store(flag, 2)])],
    [
      "an access to what somebody else frees and gets again",
      "use after free",
      "",
      { ...onCpus([freed(object), store(y, 1), allocated(object)], [load(0, object)]), setup: [allocated(object)] },
    ],
    [
      "the same under a lock that is given back in between",
      "use after free",
      "",
      {
        ...onCpus(
          [acquire(lock), freed(object), release(lock), allocated(object)],
          [acquire(lock), load(0, object), release(lock)],
        ),
        setup: [allocated(object)],
      },
    ],
    [
      "a lock that may be taken twice",
      "broken invariant",
      "",
      onCpus([acquireCarelessly(lock), release(lock)], [acquireCarelessly(lock), release(lock)]),
    ],
    [
      "more interrupts than a CPU can have waiting",
      "overflow",
      "",
      {
        ...onCpus(
          Array.from({ length: 9 }, () => interrupt(1, 0)),
          [store(y, 1)],
        ),
        parts: [[]],
      },
    ],
    ["a recursion without end", "trap", "", onCpus([recurse(0)])],
  ];

  test.each(cases.flatMap((one) => eachSetting.map(([name, setting]) => [one[0], name, one, setting] as const)))(
    "%s, %s",
    (_what, _setting, [, kind, message, program], setting) => {
      const machine = new LitmusMachine(litmus, program, setting, describeEnd);
      const { outcome, finding, schedule } = explore(machine, exhaustive());
      expect({ outcome, kind: finding?.kind }).toEqual({ outcome: "violation", kind });
      expect(finding?.message).toContain(message);
      machine.restart();
      expect(replay(machine, schedule!, 10_000).finding?.kind).toBe(kind);
    },
  );

  const waits: readonly (readonly [string, LitmusProgram])[] = [
    [
      "a handler that takes the lock of the task that it interrupts",
      {
        ...onCpus([interrupt(0, 0), acquire(lock), release(lock)]),
        parts: [[acquire(lock), release(lock)]],
      },
    ],
    [
      "an interrupt's lock, held by somebody who wants the lock that is interrupted",
      {
        ...onCpus(
          [acquire(lock), store(data, 1), release(lock)],
          [acquire(flag), interrupt(0, 0), acquire(lock), store(data, 2), release(lock), release(flag)],
        ),
        parts: [[acquire(flag), release(flag)]],
      },
    ],
    [
      "two locks in different orders",
      onCpus(
        [acquire(lock), acquire(data), release(data), release(lock)],
        [acquire(data), acquire(lock), release(lock), release(data)],
      ),
    ],
  ];

  test.each(waits.flatMap((one) => eachSetting.map(([name, setting]) => [one[0], name, one[1], setting] as const)))(
    "%s, %s",
    (_what, _setting, program, setting) => {
      const machine = new LitmusMachine(litmus, program, setting, describeEnd);
      const { finding, schedule } = explore(machine, exhaustive());
      // If it is left out, who would spin for ever waits where it would fail to take the lock.
      expect(finding?.kind).toBe(setting.reduction ? "deadlock" : "livelock");
      machine.restart();
      expect(["deadlock", "livelock"]).toContain(replay(machine, schedule!, 10_000).finding?.kind);
    },
  );
});

describe("what is right is not found fault with:", () => {
  const cases: readonly (readonly [string, LitmusProgram])[] = [
    ["a wait for what the wake-up comes with", onCpus([wait(0, flag, 0)], [store(flag, 1), wake(1, flag, 1)])],
    ["two takes of a spin lock", onCpus([acquire(lock), release(lock)], [acquire(lock), release(lock)])],
    ["a loop with a pause that somebody ends", onCpus([pauseUntil(flag, 1)], [store(flag, 1)])],
    ["a loop without a pause that somebody ends", onCpus([spinUntil(flag, 1)], [store(flag, 1)])],
    [
      "a loop with a pause that somebody ends who sleeps many times before",
      onCpus([pauseUntil(flag, 1)], [...Array.from({ length: 6 }, () => sleep(1000)), store(flag, 1)]),
    ],
    ["two that take turns", onCpus([takeTurn(x, 0, 1), takeTurn(x, 2, 3)], [takeTurn(x, 1, 2), takeTurn(x, 3, 4)])],
    [
      "an object that is handed on under a lock, and freed by the last",
      {
        ...onCpus(
          [acquire(lock), store(object, 1), store(flag, 1), release(lock)],
          [acquire(lock), load(0, flag), skipUnless(0, 1, 2), load(1, object), freed(object), release(lock)],
        ),
        setup: [allocated(object)],
      },
    ],
    [
      "a handler that takes a lock which others take with interrupts off",
      {
        ...onCpus([interrupt(0, 0), irqOff(), acquire(lock), release(lock), irqOn()]),
        parts: [[acquire(lock), release(lock)]],
      },
    ],
  ];

  test.each(cases.flatMap((one) => eachSetting.map(([name, setting]) => [one[0], name, one[1], setting] as const)))(
    "%s, %s",
    (_what, _setting, program, setting) => {
      const machine = new LitmusMachine(litmus, program, setting, describeEnd);
      const { outcome, finding } = explore(machine, exhaustive());
      expect({ outcome, finding }).toEqual({ outcome: "exhausted", finding: undefined });
    },
  );
});

interface Known {
  readonly name: string;
  readonly program: LitmusProgram;
  readonly describe: (end: End) => string;
  readonly expected: readonly string[];
}

const registersAnd =
  (registers: number, ...cells: readonly number[]) =>
  (end: End): string =>
    [...end.registers.slice(0, registers), ...cells.map((cell) => end.cells[cell])].join(" ");

const oneCpu = (...codes: readonly (readonly Instruction[])[]): LitmusProgram => ({
  tasks: codes.map((code) => ({ cpu: 0, code })),
});

const stores = [store(x, 1), store(x, 2), store(x, 3)];

const known: readonly Known[] = [
  {
    name: "tasks of one CPU are preempted anywhere",
    program: oneCpu(increment(0), increment(1)),
    describe: registersAnd(2, x),
    expected: ["0 0 1", "0 1 2", "1 0 2"],
  },
  {
    name: "with preemption off, no other task of the CPU gets in between",
    program: oneCpu([preemptOff(), ...increment(0), preemptOn()], [preemptOff(), ...increment(1), preemptOn()]),
    describe: registersAnd(2, x),
    expected: ["0 1 2", "1 0 2"],
  },
  {
    name: "if one task has it off, the other one can be in the middle",
    program: oneCpu([preemptOff(), ...increment(0), preemptOn()], increment(1)),
    describe: registersAnd(2, x),
    expected: ["0 0 1", "0 1 2", "1 0 2"],
  },
  {
    name: "preemption off keeps nobody away on another CPU",
    program: onCpus([preemptOff(), ...increment(0), preemptOn()], [preemptOff(), ...increment(1), preemptOn()]),
    describe: registersAnd(2, x),
    expected: ["0 0 1", "0 1 2", "1 0 2"],
  },
  {
    name: "an interrupt comes before, after and between any two operations",
    program: { ...onCpus(stores, [interrupt(0, 0)]), parts: [[load(0, x)]] },
    describe: registersAnd(1),
    expected: ["0", "1", "2", "3"],
  },
  {
    name: "with preemption off, too",
    program: { ...onCpus([preemptOff(), ...stores, preemptOn()], [interrupt(0, 0)]), parts: [[load(0, x)]] },
    describe: registersAnd(1),
    expected: ["0", "1", "2", "3"],
  },
  {
    name: "with interrupts off, it comes before or after",
    program: { ...onCpus([irqOff(), ...stores, irqOn()], [interrupt(0, 0)]), parts: [[load(0, x)]] },
    describe: registersAnd(1),
    expected: ["0", "3"],
  },
  {
    name: "a handler is not interrupted by its task",
    program: { ...onCpus([interrupt(0, 0), load(0, x)]), parts: [stores] },
    describe: registersAnd(1),
    expected: ["0", "3"],
  },
  {
    name: "another CPU sees a handler's stores one by one",
    program: { ...onCpus([interrupt(0, 0)], [load(0, x)]), parts: [stores] },
    describe: registersAnd(1),
    expected: ["0", "1", "2", "3"],
  },
  {
    name: "what is deferred runs once, at any time from then on",
    program: { ...oneCpu([load(0, x), defer(0), load(1, x), load(2, x)]), parts: [[add(3, x, 1)]] },
    describe: registersAnd(3, x),
    expected: ["0 0 0 1", "0 0 1 1", "0 1 1 1"],
  },
  {
    name: "with preemption off, not before it is on",
    program: { ...oneCpu([preemptOff(), defer(0), load(0, x), preemptOn(), load(1, x)]), parts: [[add(3, x, 1)]] },
    describe: registersAnd(2, x),
    expected: ["0 0 1", "0 1 1"],
  },
  {
    name: "what is deferred runs in the order in which it was",
    program: { ...oneCpu([defer(0), defer(1)]), parts: [[store(x, 1)], [load(0, x)]] },
    describe: registersAnd(1),
    expected: ["1"],
  },
  {
    name: "also what two tasks of a CPU defer, whichever comes first",
    program: {
      ...oneCpu([add(0, x, 1), defer(0)], [add(1, x, 1), defer(1)]),
      parts: [[add(2, y, 1)], [add(3, y, 1)]],
    },
    describe: registersAnd(4),
    expected: ["0 1 0 1", "0 1 1 0", "1 0 0 1", "1 0 1 0"],
  },
  {
    name: "interrupts are taken in the order in which they were sent",
    program: { ...onCpus([interrupt(0, 0), interrupt(0, 1)]), parts: [[store(x, 1)], [load(0, x)]] },
    describe: registersAnd(1),
    expected: ["1"],
  },
  {
    name: "a wake-up wakes no more than it is to",
    program: {
      ...onCpus(
        [wait(0, flag, 0), add(3, x, 1)],
        [wait(1, flag, 0), add(4, x, 1)],
        [sleep(1), store(flag, 1), wake(2, flag, 1), wake(5, flag, 8)],
      ),
    },
    describe: ({ registers, cells }) => `${registers[2]! <= 1} ${registers[2]! + registers[5]! <= 2} ${cells[x]}`,
    expected: ["true true 2"],
  },
  {
    name: "a sleep ends before and after anything that others do",
    program: onCpus([sleep(1000), load(0, x)], [store(x, 1), store(x, 2)]),
    describe: registersAnd(1),
    expected: ["0", "1", "2"],
  },
  {
    name: "time passes by ticks as often as the scenario says, and by sleeping",
    program: { ...onCpus([now(0), now(1), sleep(1000), now(2)]), ticks: 1 },
    describe: ({ registers: [a = 0, b = 0, c = 0] }) => `${b - a} ${c - b}`,
    expected: ["0 1000", "0 4000000", "0 4001000", "4000000 1000"],
  },
  {
    name: "a CPU is idle before its task begins, when it has ended, and while it sleeps",
    program: onCpus([isIdle(0, 1), isRunning(1, 1)], [load(2, y)]),
    describe: registersAnd(2),
    expected: ["0 0", "0 1", "1 0", "1 1"],
  },
];

describe.each(known.map((one) => [one.name, one] as const))("%s", (_name, { program, describe, expected }) => {
  test.each(memoryModels.flatMap((model) => searches.map((search) => [model, search.name, search] as const)))(
    "%s, %s",
    (model, _search, { reduction, search }) => {
      const machine = new LitmusMachine(litmus, program, { model, reduction }, describe);
      expect(explore(machine, search).outcome).toBe("exhausted");
      expect([...machine.ends].sort()).toEqual([...expected].sort());
    },
  );
});

describe("what is learnt", () => {
  const learntBy = (program: LitmusProgram): number => {
    const machine = new LitmusMachine(litmus, program, { model: "tso", reduction: true }, describeEnd);
    const first = explore(machine, exhaustive());
    const { learnt } = machine;
    machine.restart();
    const again = explore(machine, exhaustive());
    expect(machine.learnt).toBe(learnt);
    expect(again).toEqual(first);
    return learnt;
  };

  test("is which cells are used by several, one of them writing; it is kept", () => {
    expect(learntBy(onCpus([store(x, 1), load(0, y)], [store(y, 1), load(1, x)]))).toBe(2);
  });

  test("is nothing about cells of one task, or that are only read", () => {
    expect(learntBy(onCpus([store(x, 1), load(0, data)], [store(y, 1), load(1, data)]))).toBe(0);
  });

  test("is the lock, and nothing about what it protects", () => {
    const section = (register: number) => [acquire(lock), ...increment(register), release(lock)];
    expect(learntBy(onCpus(section(0), section(1)))).toBe(1);
  });
});
