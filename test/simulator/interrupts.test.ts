// Interrupts between virtual CPUs: when they arrive, what delays them, and what they delay.

import { describe, expect, test } from "vitest";
import { ViolationError } from "../../src/errors.ts";
import { interruptSymbol } from "../../src/simulator/core/protocol.ts";
import {
  add,
  cellAt,
  compute,
  interrupt,
  irqOff,
  irqOn,
  load,
  ownTask,
  plainCosts,
  preemptOff,
  preemptOn,
  Rig,
  sleep,
  spinUntil,
  stackPage,
  storeRelaxed,
  symbolTotals,
  tick,
  wait,
  wake,
} from "./rig.ts";

const { contextSwitch, interruptSend, interrupt: latency, wakeUp, wakeIdle, l1, memoryLocal, timeSlice } = plainCosts;
const cell = cellAt(0);
const other = cellAt(2);

/** When the sender of `sendAfter` has an interrupt arrive at the other CPU. */
function arrivalAfter(ns: number): number {
  return contextSwitch + ns + latency;
}

/** Two CPUs: what the second does, and the interrupt that the first sends it after some time. */
async function withInterrupt(steps: Parameters<Rig["put"]>[0], sendAfter: number, handler = [tick]) {
  const rig = await Rig.make({ cpus: 2 });
  const first = rig.put(handler);
  const [sender, target] = rig.round([
    { cpu: 0, steps: [compute(sendAfter), interrupt(1, first, handler.length)] },
    { cpu: 1, steps },
  ]);
  return { rig, sender: sender!, target: target!, handled: handler.map((_, index) => rig.outcomeOf(first + index)) };
}

describe("an interrupt arrives", () => {
  test("after its latency; the sender pays for sending only", async () => {
    const { rig, sender, handled } = await withInterrupt([compute(5000)], 700);
    expect(handled[0]!.doneNs).toBe(arrivalAfter(700));
    expect(sender.tookNs[1]).toBe(interruptSend);
    expect(rig.machine.counts().interrupts).toBe(1);
  });

  test("in the middle of a computation, which takes that much longer", async () => {
    const { target } = await withInterrupt([compute(5000), tick], 700, [compute(333)]);
    expect(target.doneNs[0]).toBe(contextSwitch + 5000 + 333);
  });

  test("with interrupts off while it is handled, which counts", async () => {
    const { rig } = await withInterrupt([compute(20_000)], 700, [compute(9000)]);
    const longest = rig.machine.counts().cpus.map(({ irqOffMaxNs }) => irqOffMaxNs);
    expect(longest).toEqual([0, 9000]);
  });

  test("in the middle of a computation that began while it was on its way", async () => {
    const { handled, target } = await withInterrupt([load(cell), compute(5000), tick], 0);
    expect(handled[0]!.doneNs).toBe(arrivalAfter(0));
    expect(target.doneNs[1]).toBe(contextSwitch + memoryLocal + 5000);
  });

  test("between two accesses", async () => {
    const { handled } = await withInterrupt(
      Array.from({ length: 4000 }, () => load(cell)),
      0,
    );
    // The first access past the arrival has to wait; the one before it ends at most its own length later.
    expect(handled[0]!.doneNs).toBe(arrivalAfter(0) + l1);
  });

  test("at an idle CPU, and leaves it idle", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const handler = rig.put([add(cell), tick]);
    rig.round([{ cpu: 0, steps: [interrupt(1, handler, 2), compute(10_000)] }]);
    expect(rig.outcomeOf(handler + 1).doneNs).toBe(arrivalAfter(0) + memoryLocal + plainCosts.locked);
    const { cpus } = rig.machine.counts();
    expect(cpus[1]!.symbolNs.get(interruptSymbol)).toBe(memoryLocal + plainCosts.locked);
    const [second] = rig.round([{ cpu: 1, steps: [tick] }]);
    expect(second!.tookNs).toEqual([contextSwitch]);
  });

  test("also when its sender was the last task of the round", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const handler = rig.put([add(cell, 5)]);
    rig.round([{ cpu: 0, steps: [interrupt(1, handler, 1)] }]);
    expect(rig.words[cell >>> 2]).toBe(5);
    expect(rig.machine.nowNs).toBe(arrivalAfter(0) + memoryLocal + plainCosts.locked);
    rig.round([
      { cpu: 1, steps: [interrupt(1, handler, 1)] },
      { cpu: 0, steps: [tick] },
    ]);
    expect(rig.words[cell >>> 2]).toBe(10);
  });

  test("at its own sender", async () => {
    const rig = await Rig.make({ cpus: 1 });
    const handler = rig.put([tick]);
    const [task] = rig.round([{ cpu: 0, steps: [interrupt(0, handler, 1), compute(5000)] }]);
    expect(rig.outcomeOf(handler).doneNs).toBe(arrivalAfter(0));
    expect(task!.endNs).toBe(contextSwitch + interruptSend + 5000);
  });

  test("while the CPU waits, sleeps or comes out of idle", async () => {
    const waiting = await withInterrupt([wait(cell, 0)], 3000, [storeRelaxed(cell, 1), wake(cell), tick]);
    expect(waiting.handled[2]!.doneNs).toBe(arrivalAfter(3000) + plainCosts.store + wakeUp);
    const sleeping = await withInterrupt([sleep(20_000), tick], 3000, [compute(100), tick]);
    expect(sleeping.handled[1]!.doneNs).toBe(arrivalAfter(3000) + 100);
    expect(sleeping.target.doneNs[0]).toBe(contextSwitch + 20_000 + wakeIdle);
  });
});

describe("an interrupt has to wait", () => {
  test("for the end of a section with interrupts off", async () => {
    const { handled, target } = await withInterrupt([irqOff, compute(9000), irqOn, load(cell), tick], 0);
    expect(handled[0]!.doneNs).toBe(contextSwitch + 9000);
    expect(target.doneNs[3]).toBe(contextSwitch + 9000 + memoryLocal);
  });

  test("not for one with preemption off", async () => {
    const { handled } = await withInterrupt([preemptOff, compute(9000), preemptOn], 0);
    expect(handled[0]!.doneNs).toBe(arrivalAfter(0));
  });

  test("for the outermost of nested sections", async () => {
    const { handled } = await withInterrupt(
      [irqOff, irqOff, compute(4000), irqOn, compute(4000), load(cell), irqOn, tick, load(cell)],
      0,
    );
    expect(handled[0]!.doneNs).toBe(contextSwitch + 8000 + memoryLocal);
  });

  test("only until it arrives, when the section ends before that", async () => {
    const loads = Array.from({ length: 3000 }, () => load(cell));
    // The sender has ended by then, so that nothing else would stop the CPU.
    const { handled } = await withInterrupt([irqOff, compute(400), load(cell), irqOn, ...loads], 0);
    expect(handled[0]!.doneNs).toBe(arrivalAfter(0) + l1);
  });

  test("for the transfer that the CPU has sent for", async () => {
    const rig = await Rig.make({ cpus: 3, shape: { costs: { transferSameCluster: 4000, lineHold: 2000 } } });
    const handler = rig.put([tick]);
    const [, target] = rig.round([
      { cpu: 0, steps: [add(cell), compute(2000), interrupt(1, handler, 1)] },
      { cpu: 1, steps: [compute(1000), add(cell), tick] },
    ]);
    const got = contextSwitch + 1000 + 4000 + plainCosts.locked;
    expect(target!.doneNs[1]).toBe(got);
    expect(rig.outcomeOf(handler).doneNs).toBe(got);
  });
});

describe("several interrupts", () => {
  test("of one target are handled in the order in which they were sent, one after the other", async () => {
    const rig = await Rig.make({ cpus: 4 });
    const handlers = [0, 1, 2].map(() => rig.put([compute(2000), tick]));
    rig.round([
      { cpu: 0, steps: [compute(20), interrupt(3, handlers[0]!, 2)] },
      { cpu: 1, steps: [compute(10), interrupt(3, handlers[1]!, 2)] },
      { cpu: 2, steps: [compute(30), interrupt(3, handlers[2]!, 2)] },
      { cpu: 3, steps: [compute(50_000)] },
    ]);
    const ends = handlers.map((handler) => rig.outcomeOf(handler + 1).doneNs);
    expect(ends).toEqual([arrivalAfter(10) + 4000, arrivalAfter(10) + 2000, arrivalAfter(10) + 6000]);
  });

  test("of one sender, at a busy CPU, at an idle one and with interrupts off in between, lose none", async () => {
    const rig = await Rig.make({ cpus: 3 });
    const handler = rig.put([add(cell)]);
    const sends = Array.from({ length: 50 }, (_, index) => interrupt(1 + (index % 2), handler, 1));
    rig.round([
      { cpu: 0, steps: sends },
      { cpu: 1, steps: Array.from({ length: 20 }, () => [irqOff, compute(700), irqOn, load(other)]).flat() },
    ]);
    expect(rig.words[cell >>> 2]).toBe(50);
    expect(rig.machine.counts().interrupts).toBe(50);
  });

  test("sent between two CPUs that both have interrupts off do not block them", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const handler = rig.put([add(cell)]);
    const steps = (target: number) => [irqOff, interrupt(target, handler, 1), compute(5000), irqOn, tick];
    rig.round([
      { cpu: 0, steps: steps(1) },
      { cpu: 1, steps: steps(0) },
    ]);
    expect(rig.words[cell >>> 2]).toBe(2);
  });

  test("can be sent by a handler, too", async () => {
    const rig = await Rig.make({ cpus: 3 });
    const last = rig.put([tick]);
    const middle = rig.put([interrupt(2, last, 1), tick]);
    rig.round([{ cpu: 0, steps: [interrupt(1, middle, 2)] }]);
    expect(rig.outcomeOf(middle + 1).doneNs).toBe(arrivalAfter(0) + interruptSend);
    expect(rig.outcomeOf(last).doneNs).toBe(arrivalAfter(0) + latency);
  });
});

describe("a handler", () => {
  test("is not interrupted, nor does a time slice end it", async () => {
    const rig = await Rig.make({ cpus: 2, shape: { costs: { timeSlice: 2000 } } });
    const second = rig.put([tick]);
    const first = rig.put([compute(50_000), tick]);
    rig.round([
      { cpu: 0, steps: [interrupt(1, first, 2), interrupt(1, second, 1)] },
      { cpu: 1, steps: [compute(1000)] },
      { cpu: 1, steps: [tick] },
    ]);
    const end = arrivalAfter(0) + 50_000;
    expect(rig.outcomeOf(first + 1).doneNs).toBe(end);
    expect(rig.outcomeOf(second).doneNs).toBe(end);
  });

  test("has an identity and a page that no task has", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const handler = rig.put([ownTask, stackPage]);
    const outcomes = rig.round([
      { cpu: 0, steps: [interrupt(1, handler, 2), ownTask, stackPage] },
      { cpu: 1, steps: [compute(5000), ownTask, stackPage] },
    ]);
    const [identities, pages] = [1, 2].map((step) => [
      rig.outcomeOf(handler + step - 1).result,
      ...outcomes.map(({ results }) => results.at(step - 3)),
    ]);
    expect(new Set(identities).size).toBe(3);
    expect(new Set(pages).size).toBe(3);
  });

  test("may wake a task of its own CPU, which runs when the handler has ended", async () => {
    const { handled, target } = await withInterrupt([wait(cell, 0), tick], 3000, [
      storeRelaxed(cell, 1),
      wake(cell),
      compute(800),
      tick,
    ]);
    const end = handled[3]!.doneNs;
    expect(end).toBe(arrivalAfter(3000) + plainCosts.store + wakeUp + 800);
    expect(target.doneNs[0]).toBe(end + contextSwitch + l1);
  });

  test("lets a task that woke up meanwhile take its turn at the end of the time slice", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const handler = rig.put([compute(5000)]);
    const [, sleeper] = rig.round([
      { cpu: 0, steps: [compute(1000), interrupt(1, handler, 1)] },
      { cpu: 1, steps: [sleep(4000), tick] },
      { cpu: 1, steps: [compute(300_000)] },
    ]);
    // The handler begins at 2500, the sleeper is due at 4500, and the computing one's slice began at 1000.
    expect(sleeper!.doneNs[0]).toBe(2 * contextSwitch + timeSlice + contextSwitch);
  });

  test("must not sleep", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const handler = rig.put([sleep(10)]);
    expect(() => rig.round([{ cpu: 0, steps: [interrupt(1, handler, 1), compute(9000)] }])).toThrow(ViolationError);
  });

  test("is shown as such in the profile", async () => {
    const { rig } = await withInterrupt([compute(5000)], 0, [compute(1234)]);
    expect(symbolTotals(rig.machine.counts()).get(interruptSymbol)).toBe(1234 + interruptSend);
  });
});

test("a CPU that is stuck is found, however often it is interrupted", async () => {
  const rig = await Rig.make({ cpus: 2, shape: { costs: { pause: 1_000_000 } } });
  const handler = rig.put([tick]);
  expect(() =>
    rig.round([
      { cpu: 0, steps: [interrupt(1, handler, 1), sleep(500_000_000)], untilNs: 60e9 },
      { cpu: 1, steps: [spinUntil(cell, 1)] },
    ]),
  ).toThrow("CPU 1 is stuck for 20 s of virtual time");
});

test("a CPU that was idle for long is not stuck when it is interrupted", async () => {
  const rig = await Rig.make({ cpus: 2 });
  const handler = rig.put([compute(100), load(cell)]);
  rig.round([
    {
      cpu: 0,
      steps: [...Array.from({ length: 25 }, () => sleep(1_000_000_000)), interrupt(1, handler, 2), compute(9000)],
    },
  ]);
  expect(rig.outcomeOf(handler).doneNs).toBeGreaterThan(25e9);
});
