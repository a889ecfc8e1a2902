// Tasks on virtual CPUs: computing, sleeping, waking up, taking turns; every time worked out by hand.

import { describe, expect, test } from "vitest";
import { StoppedError, ViolationError } from "../../src/errors.ts";
import { findNextBit, shrinkSlab } from "../../src/kernel/symbols.ts";
import { scheduleSymbol } from "../../src/simulator/core/protocol.ts";
import {
  add,
  addMany,
  cellAt,
  compute,
  enter,
  irqOff,
  irqOn,
  isIdle,
  isRunning,
  leave,
  load,
  ownTask,
  pause,
  plainCosts,
  preemptOff,
  preemptOn,
  quiescent,
  Rig,
  recurse,
  sleep,
  spinUntil,
  stackPage,
  storeRelaxed,
  symbolTotals,
  tick,
  trap,
  wait,
  wake,
} from "./rig.ts";

const { contextSwitch, wakeUp, wakeIdle, timeSlice, l1, memoryLocal, store, pause: pauseNs } = plainCosts;
const cell = cellAt(0);
const other = cellAt(2);

describe("a task alone on its CPU", () => {
  test("begins after a context switch, and computes for as long as it is told", async () => {
    const rig = await Rig.make({ cpus: 1 });
    const [task] = rig.round([{ cpu: 0, steps: [tick, compute(123), compute(0), compute(1_000_000), tick] }]);
    expect(task!.doneNs[0]).toBe(contextSwitch);
    expect(task!.tookNs.slice(1)).toEqual([123, 0, 1_000_000, 0]);
    expect(task!.endNs).toBe(contextSwitch + 1_000_123);
  });

  test("sleeps for as long as it is told, and its idle CPU takes a while to run it again", async () => {
    const rig = await Rig.make({ cpus: 1 });
    expect(rig.alone(0, sleep(10_000), sleep(0))).toEqual([10_000 + wakeIdle, wakeIdle]);
    expect(rig.machine.counts()).toMatchObject({ sleeps: 2, wakeUps: 2 });
  });

  test("returns what its function returned, and the machine goes on from its end", async () => {
    const rig = await Rig.make({ cpus: 1 });
    const [first] = rig.round([{ cpu: 0, steps: [compute(700), tick] }]);
    expect(first!.status).toBe(2);
    expect(rig.machine.nowNs).toBe(contextSwitch + 700);
    const [second] = rig.round([{ cpu: 0, steps: [tick] }]);
    expect(second!.doneNs).toEqual([2 * contextSwitch + 700]);
  });

  test("repeats its function until a deadline where that is asked for", async () => {
    const rig = await Rig.make({ cpus: 1 });
    const [task] = rig.round([{ cpu: 0, steps: [compute(1000)], untilNs: 10_000 }]);
    // Rounds end at 1500, 2500, ... 10,500, the first of which is past the deadline.
    expect(task).toMatchObject({ status: 10, endNs: 10_500 });
  });
});

describe("waiting for another task", () => {
  test("a wake-up costs the waker, and the woken CPU comes out of idle", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const [waiter, waker] = rig.round([
      { cpu: 0, steps: [wait(cell, 0), load(cell)] },
      { cpu: 1, steps: [compute(10_000), storeRelaxed(cell, 1), wake(cell), tick] },
    ]);
    const woken = contextSwitch + 10_000 + store + wakeUp;
    expect(waker!.doneNs.slice(1, 3)).toEqual([contextSwitch + 10_000 + store, woken]);
    expect(waker!.results[2]).toBe(1);
    // It looks at the cell before it returns: a line that the waker has.
    expect(waiter!.doneNs[0]).toBe(woken + wakeIdle + plainCosts.transferSameCluster);
    expect(waiter!.results).toEqual([0, 1]);
  });

  test("who finds another value does not sleep", async () => {
    const rig = await Rig.make({ cpus: 1 });
    rig.words[cell >>> 2] = 5;
    const [task] = rig.round([{ cpu: 0, steps: [wait(cell, 0)] }]);
    expect(task!.results).toEqual([1]);
    expect(task!.doneNs).toEqual([contextSwitch + memoryLocal]);
    expect(rig.machine.counts().sleeps).toBe(0);
  });

  test("no wake-up is lost, wherever it comes between the look and the sleep", async () => {
    for (let delay = 0; delay < 300; delay += 1) {
      const rig = await Rig.make({ cpus: 2, pages: 16 });
      const [waiter] = rig.round([
        { cpu: 0, steps: [load(other), wait(cell, 0)] },
        { cpu: 1, steps: [compute(delay), storeRelaxed(cell, 1), wake(cell)] },
      ]);
      expect(rig.words[cell >>> 2]).toBe(1);
      expect(waiter!.endNs, `delay ${delay}`).toBeLessThan(10_000);
    }
  });

  test("a wake-up without a change of the cell lets nobody through", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const [waiter] = rig.round([
      { cpu: 0, steps: [wait(cell, 0)] },
      { cpu: 1, steps: [compute(10_000), wake(cell), compute(50_000), storeRelaxed(cell, 1), wake(cell)] },
    ]);
    expect(waiter!.doneNs[0]).toBeGreaterThan(60_000);
    expect(rig.machine.counts()).toMatchObject({ sleeps: 2, wakeUps: 2 });
  });

  test("sleepers are woken in the order in which they came, at most as many as asked, at a cost each", async () => {
    const rig = await Rig.make({ cpus: 4 });
    const sleeper = (cpu: number, delay: number) => ({ cpu, steps: [compute(delay), wait(cell, 0), tick] });
    const outcomes = rig.round([
      sleeper(0, 3000),
      sleeper(1, 1000),
      sleeper(2, 2000),
      {
        cpu: 3,
        steps: [compute(20_000), storeRelaxed(cell, 1), wake(cell, 2), compute(50_000), wake(cell, 0xffff_ffff)],
      },
    ]);
    expect(outcomes[3]!.results).toEqual([0, 0, 2, 0, 1]);
    expect(outcomes[3]!.tookNs[2]).toBe(2 * wakeUp);
    // Each looks at the cell, which the first takes from the waker and the others copy.
    const { transferSameCluster, l3 } = plainCosts;
    const begun = outcomes[3]!.doneNs[1]!;
    expect(outcomes[1]!.endNs).toBe(begun + wakeUp + wakeIdle + transferSameCluster);
    expect(outcomes[2]!.endNs).toBe(begun + 2 * wakeUp + wakeIdle + l3);
    expect(outcomes[0]!.endNs).toBe(begun + 2 * wakeUp + 50_000 + wakeUp + wakeIdle + l3);
  });

  test("nobody to wake costs nothing", async () => {
    const rig = await Rig.make({ cpus: 1 });
    expect(rig.alone(0, wake(cell, 5))).toEqual([0]);
  });
});

describe("several tasks of a CPU", () => {
  test("run one after the other while none of them takes longer than a time slice", async () => {
    const rig = await Rig.make({ cpus: 1 });
    const [one, two, three] = rig.round([100, 200, 300].map((ns) => ({ cpu: 0, steps: [tick, compute(ns)] })));
    expect(one!.doneNs).toEqual([500, 600]);
    expect(two!.doneNs).toEqual([1100, 1300]);
    expect(three!.doneNs).toEqual([1800, 2100]);
    expect(rig.machine.counts().contextSwitches).toBe(3);
    expect(symbolTotals(rig.machine.counts()).get(scheduleSymbol)).toBe(3 * contextSwitch);
  });

  test("take turns by time slices while they compute", async () => {
    const rig = await Rig.make({ cpus: 1 });
    const steps = [compute(timeSlice + 50_000), tick];
    const [one, two] = rig.round([
      { cpu: 0, steps },
      { cpu: 0, steps },
    ]);
    // 500 switch, 100,000 of the first; 500, 100,000 of the second; 500, 50,000; 500, 50,000.
    expect(one!.endNs).toBe(3 * contextSwitch + 2 * timeSlice + 50_000);
    expect(two!.endNs).toBe(4 * contextSwitch + 2 * timeSlice + 100_000);
    expect(rig.machine.counts().contextSwitches).toBe(4);
  });

  test("take turns by time slices while they access memory", async () => {
    const rig = await Rig.make({ cpus: 1, shape: { costs: { timeSlice: 1000 } } });
    const loads = (at: number) => Array.from({ length: 1200 }, () => load(at));
    const [one, two] = rig.round([
      { cpu: 0, steps: loads(cell) },
      { cpu: 0, steps: loads(other) },
    ]);
    // The first load of each takes 100 ns, the others 1 ns. A slice ends with the first access past its end: 1001 ns.
    const beyond = 100 + 1199 - 1001;
    expect(one!.endNs).toBe(contextSwitch + 1001 + contextSwitch + 1001 + contextSwitch + beyond);
    expect(two!.endNs).toBe(one!.endNs + contextSwitch + beyond);
  });

  test("one that is alone has no time slice, until another wakes up: then at the slice's end", async () => {
    const rig = await Rig.make({ cpus: 1 });
    const [one, two] = rig.round([
      { cpu: 0, steps: [sleep(30_000), tick] },
      { cpu: 0, steps: [compute(250_000), tick] },
    ]);
    // The second begins at 1000; the first is due at 30,500 and has to wait for the end of the slice at 101,000.
    expect(one!.doneNs[0]).toBe(1000 + timeSlice + contextSwitch);
    expect(two!.endNs).toBe(1000 + 250_000 + 2 * contextSwitch);
  });

  test("one that wakes up after the slice's end gets its turn at once", async () => {
    const rig = await Rig.make({ cpus: 1 });
    const [one] = rig.round([
      { cpu: 0, steps: [sleep(150_000), tick] },
      { cpu: 0, steps: [compute(250_000), tick] },
    ]);
    expect(one!.doneNs[0]).toBe(contextSwitch + 150_000 + contextSwitch);
  });

  test("a section with preemption off delays the switch to its end", async () => {
    const rig = await Rig.make({ cpus: 1, shape: { costs: { timeSlice: 1000 } } });
    const [one, two] = rig.round([
      { cpu: 0, steps: [preemptOff, compute(5000), load(cell), preemptOn, load(cell), tick] },
      { cpu: 0, steps: [tick] },
    ]);
    const sectionEnd = contextSwitch + 5000 + memoryLocal;
    expect(two!.doneNs).toEqual([sectionEnd + contextSwitch]);
    expect(one!.doneNs[4]).toBe(sectionEnd + 2 * contextSwitch + l1);
  });

  test("so does one with interrupts off", async () => {
    const rig = await Rig.make({ cpus: 1, shape: { costs: { timeSlice: 1000 } } });
    const [, two] = rig.round([
      { cpu: 0, steps: [irqOff, compute(5000), irqOn, load(cell)] },
      { cpu: 0, steps: [tick] },
    ]);
    expect(two!.doneNs).toEqual([contextSwitch + 5000 + contextSwitch]);
  });

  test("a slice that ends soon after a section with preemption off ends in time", async () => {
    const rig = await Rig.make({ cpus: 1, shape: { costs: { timeSlice: 5000 } } });
    const loads = Array.from({ length: 3000 }, () => load(cell));
    const [, two] = rig.round([
      { cpu: 0, steps: [load(cell), preemptOff, compute(4000), load(cell), preemptOn, ...loads] },
      { cpu: 0, steps: [tick] },
    ]);
    // The slice is over at 5500; the first access past that is at 5501.
    expect(two!.doneNs).toEqual([contextSwitch + 5000 + l1 + contextSwitch]);
  });

  test("each has an identity and a page of its own, wherever it runs", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const outcomes = rig.round([0, 1, 0, 1].map((cpu) => ({ cpu, steps: [ownTask, stackPage] })));
    expect(outcomes.map(({ results }) => results[0])).toEqual([0, 1, 2, 3]);
    expect(new Set(outcomes.map(({ results }) => results[1])).size).toBe(4);
  });
});

describe("who asks", () => {
  test("is told whether a task is on its CPU, and whether a CPU is idle", async () => {
    const rig = await Rig.make({ cpus: 3 });
    const outcomes = rig.round([
      { cpu: 0, steps: [compute(5000), isRunning(0), isRunning(1), isRunning(2), isIdle(0), isIdle(1), isIdle(2)] },
      { cpu: 1, steps: [sleep(100_000)] },
      { cpu: 1, steps: [compute(50_000)] },
    ]);
    expect(outcomes[0]!.results.slice(1)).toEqual([1, 0, 1, 0, 0, 1]);
    expect(outcomes[0]!.tookNs.slice(1)).toEqual([l1, l1, l1, l1, l1, l1]);
  });
});

describe("a case that cannot end", () => {
  test("stops when everybody waits, and says who waits for what, and where", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const round = () =>
      rig.round([
        { cpu: 0, steps: [enter(shrinkSlab), enter(findNextBit), wait(cell, 0)] },
        { cpu: 1, steps: [wait(other, 0)] },
        { cpu: 1, steps: [compute(10)] },
      ]);
    expect(round).toThrow(ViolationError);
    const again = await Rig.make({ cpus: 1 });
    expect(() => again.round([{ cpu: 0, steps: [enter(shrinkSlab), enter(findNextBit), wait(cell, 0)] }])).toThrow(
      `nobody can go on: task 0 on CPU 0 waits for the cell at ${cell} in shrink_slab > find_next_bit`,
    );
  });

  test("is found out soon when all spin, and names who and where", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const spin = (cpu: number) => ({ cpu, steps: [spinUntil(cell, 1)] });
    expect(() => rig.round([spin(0), spin(1)])).toThrow(
      `nobody gets on: CPU 0 spins for the cell at ${cell} in no symbol; CPU 1 spins for the cell at ${cell} in no symbol`,
    );
  });

  test("is not mistaken for one where somebody takes long to end the spinning", async () => {
    const rig = await Rig.make({ cpus: 3 });
    const end = (cpu: number, ns: number) => ({ cpu, steps: [sleep(ns), compute(ns), storeRelaxed(cell, cpu)] });
    const outcomes = rig.round([{ cpu: 0, steps: [spinUntil(cell, 2)] }, end(1, 10_000_000), end(2, 30_000_000)]);
    expect(outcomes[0]!.endNs).toBeGreaterThan(60_000_000);
  });

  test("names eight of many that wait, and counts the others", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const tasks = Array.from({ length: 11 }, (_, index) => ({ cpu: index % 2, steps: [wait(cellAt(index), 0)] }));
    expect(() => rig.round(tasks)).toThrow(/task 7 on CPU 1 waits .*; and 3 more$/);
  });

  test("stops when a CPU is at no event boundary for 20 s, and says where", async () => {
    const rig = await Rig.make({ cpus: 2, shape: { costs: { pause: 1_000_000 } } });
    expect(() => rig.round([{ cpu: 1, steps: [enter(shrinkSlab), spinUntil(cell, 1)] }])).toThrow(
      "CPU 1 is stuck for 20 s of virtual time in shrink_slab",
    );
  });

  test("finds that also while others sleep and wake up all the time", async () => {
    const rig = await Rig.make({ cpus: 2, shape: { costs: { pause: 1_000_000 } } });
    expect(() =>
      rig.round([
        { cpu: 0, steps: [sleep(100_000), quiescent], untilNs: 60e9 },
        { cpu: 1, steps: [spinUntil(cell, 1)] },
      ]),
    ).toThrow("CPU 1 is stuck for 20 s of virtual time");
  });

  test("is no lockup when event boundaries come in between", async () => {
    const rig = await Rig.make({ cpus: 1, shape: { costs: { pause: 1_000_000_000 } } });
    const [task] = rig.round([{ cpu: 0, steps: [pause, quiescent], untilNs: 60e9 }]);
    expect(task!.status).toBe(60);
  });

  test("stops when it is asked to, also while tasks sleep and wake up", async () => {
    const controller = new AbortController();
    const rig = await Rig.make({ cpus: 2, signal: controller.signal });
    controller.abort();
    expect(() => rig.round([{ cpu: 0, steps: [sleep(100), quiescent], untilNs: 1e12 }])).toThrow(StoppedError);
  });
});

describe("what no task may do is an error:", () => {
  test.each([
    ["sleeping with preemption off", [preemptOff, sleep(10)], /CPU 0 sleeps where it must not, in shrink_slab/],
    ["sleeping with interrupts off", [irqOff, sleep(10)], /CPU 0 sleeps where it must not, in shrink_slab/],
    ["waiting with preemption off", [preemptOff, wait(cell, 0)], /CPU 0 waits where it must not, in shrink_slab/],
    ["a trap", [trap], /CPU 0 trapped in shrink_slab: .*unreachable/],
    ["too deep a recursion", [recurse(5000, cell)], /CPU 0 .*stack.* in shrink_slab/],
  ])("%s", async (_what, steps, message) => {
    const rig = await Rig.make({ cpus: 2 });
    const round = () =>
      rig.round([
        { cpu: 0, steps: [enter(shrinkSlab), ...steps, leave] },
        // Keeps the other CPU from getting through without a suspension.
        { cpu: 1, steps: [addMany(other, 1000)] },
      ]);
    let error: unknown;
    try {
      round();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ViolationError);
    expect((error as Error).message).toMatch(message);
  });

  test("waiting for ever outside of the measured part", async () => {
    const rig = await Rig.make({ cpus: 1 });
    expect(() => rig.untimed(0, [wait(cell, 0)])).toThrow(ViolationError);
    const again = await Rig.make({ cpus: 1 });
    expect(() => again.untimed(0, [spinUntil(cell, 1)])).toThrow("CPU 0 spins for ever");
  });

  test("a recursion that fits in the stack is none", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const [task] = rig.round([
      { cpu: 0, steps: [recurse(60, cell)] },
      { cpu: 1, steps: [storeRelaxed(cell, 1)] },
    ]);
    expect(task!.endNs).toBeGreaterThan(0);
  });
});

describe("outside of the measured part", () => {
  test("accesses cost nothing, time passes by sleep and computation, and the caches stay empty", async () => {
    const rig = await Rig.make({ cpus: 2 });
    expect(rig.untimed(1, [storeRelaxed(cell, 7), load(cell), add(cell, 2), load(cell)])).toEqual([0, 7, 7, 9]);
    expect(rig.machine.nowNs).toBe(0);
    rig.untimed(0, [sleep(500), compute(250), pause]);
    expect(rig.machine.nowNs).toBe(750 + pauseNs);
    expect(rig.alone(0, load(cell))).toEqual([memoryLocal]);
    expect(rig.machine.counts().accesses).toBe(1);
  });
});
