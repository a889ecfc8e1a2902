// Grace periods of SRCU and RCU by the clock and by counts, on the plain traced machine, whose clock moves only when a
// CPU sleeps or computes.

import { beforeAll, describe, expect, test } from "vitest";
import { base, compileLoops, type PlainCpus, plainCpus } from "./sync-rig.ts";

const domain = base;
/** Number of grace periods that have ended * 4 + state. */
const sequenceCell = (base + 64) / 4;
const heads = base + 4096;
const cells = base + 8192;
const cpus = 3;

const modules = new Map<number, WebAssembly.Module>();

beforeAll(async () => {
  for (const hz of [100, 250, 1000]) modules.set(hz, await compileLoops("traced", { LAB_HZ: hz }));
}, 60_000);

function call({ exports }: PlainCpus, cpu: number, name: string, ...args: readonly number[]): number {
  const perform = exports[cpu]?.[name];
  if (perform === undefined) throw new Error(`no export '${name}'`);
  return perform(...args);
}

/** CPUs whose clock stands in the middle of a jiffy, and what they sleep. */
function start(hz: number): { subject: PlainCpus; sleeps: number[]; jiffyNs: number; beginNs: number } {
  const subject = plainCpus(modules.get(hz) as WebAssembly.Module, cpus);
  const jiffyNs = 1e9 / hz;
  const beginNs = 1e9 + 0.25 * jiffyNs;
  subject.world.nowNs = beginNs;
  const sleeps: number[] = [];
  subject.onSleep = (_cpu, ns) => sleeps.push(ns);
  return { subject, sleeps, jiffyNs, beginNs };
}

test("the default is 1000 ticks in a second", async () => {
  const subject = plainCpus(await compileLoops("traced"), 1);
  expect(call(subject, 0, "srcuNoDelayMax")).toBe(400);
});

describe.each([
  { hz: 100, noDelayMax: 1000 },
  { hz: 250, noDelayMax: 1000 },
  { hz: 1000, noDelayMax: 400 },
])("SRCU with HZ=$hz", ({ hz, noDelayMax }) => {
  test("an expedited grace period takes no time", () => {
    const { subject, sleeps, beginNs } = start(hz);
    call(subject, 0, "synchronizeSrcuExpedited", domain);
    expect(sleeps).toEqual([]);
    expect(subject.world.nowNs).toBe(beginNs);
    expect(subject.words[sequenceCell]).toBe(4);
  });

  test("a normal one begins at the next tick, and its waiter goes on at the one after that", () => {
    const { subject, sleeps, jiffyNs } = start(hz);
    call(subject, 0, "synchronizeSrcuExpedited", domain);
    call(subject, 0, "synchronizeSrcu", domain);
    expect(sleeps).toEqual([0.75 * jiffyNs, jiffyNs]);
    expect(subject.words[sequenceCell]).toBe(8);
  });

  test("expedites by itself from 25 us after the last one on", () => {
    const { subject, sleeps } = start(hz);
    call(subject, 0, "synchronizeSrcu", domain);
    subject.world.nowNs += 25_000;
    call(subject, 1, "synchronizeSrcu", domain);
    expect(sleeps).toEqual([]);
    subject.world.nowNs += 24_999;
    call(subject, 2, "synchronizeSrcu", domain);
    expect(sleeps).toHaveLength(2);
  });

  test("does not expedite by itself while a grace period is wanted", () => {
    for (const cpu of [0, 1]) {
      const { subject, sleeps, jiffyNs } = start(hz);
      call(subject, 1, "callSrcuCounting", domain, heads, cells);
      subject.world.nowNs += 0.25 * jiffyNs;
      call(subject, cpu, "synchronizeSrcu", domain);
      // The first one ends at the tick, the next one follows at once.
      expect(sleeps).toEqual([0.5 * jiffyNs, jiffyNs]);
      expect(subject.words[sequenceCell]).toBe(8);
    }
  });

  test("an expedited request hurries the grace period that was to wait for it", () => {
    const { subject, sleeps, jiffyNs } = start(hz);
    call(subject, 1, "callSrcuCounting", domain, heads, cells);
    call(subject, 0, "synchronizeSrcuExpedited", domain);
    // The work that was put off until the tick stays so.
    expect(sleeps).toEqual([0.75 * jiffyNs]);
    call(subject, 1, "srcuPoll", domain);
    expect(subject.words[cells / 4]).toBe(1);
  });

  test("requests share a grace period, and one made while it lasts needs the next", () => {
    const { subject, jiffyNs } = start(hz);
    const poll = (): void => {
      for (let cpu = 0; cpu < cpus; cpu++) call(subject, cpu, "srcuPoll", domain);
    };
    const counts = (): number[] => [0, 1].map((index) => subject.words[cells / 4 + index] as number);
    call(subject, 0, "callSrcuCounting", domain, heads, cells);
    for (let index = 1; index <= 10; index++) {
      call(subject, index % cpus, "callSrcuCounting", domain, heads + 16 * index, cells + 4);
    }
    poll();
    expect(subject.words[sequenceCell]).toBe(1);
    subject.world.nowNs += 0.75 * jiffyNs - 1;
    poll();
    expect(subject.words[sequenceCell]).toBe(1);
    subject.world.nowNs += 1;
    poll();
    // The first has ended, and the second as well, because it follows at once.
    expect(subject.words[sequenceCell]).toBe(8);
    subject.world.nowNs += jiffyNs - 1;
    poll();
    expect(counts()).toEqual([0, 0]);
    expect([0, 1, 2].map((cpu) => call(subject, cpu, "srcuPending", domain))).toEqual([4, 4, 3]);
    subject.world.nowNs += 1;
    poll();
    expect(counts()).toEqual([1, 10]);
    expect(subject.words[sequenceCell]).toBe(8);
    expect([0, 1, 2].map((cpu) => call(subject, cpu, "srcuPending", domain))).toEqual([0, 0, 0]);
  });

  test("a callback that queues itself waits for another grace period each time", () => {
    const { subject, jiffyNs } = start(hz);
    call(subject, 0, "callSrcuAgain", domain, heads, 4);
    const ran: number[] = [];
    for (let tick = 0; tick < 12; tick++) {
      subject.world.nowNs += jiffyNs;
      call(subject, 0, "srcuPoll", domain);
      ran.push(subject.words[(heads + 24) / 4] as number);
    }
    // A tick to the end of each grace period, and one more to its callbacks.
    expect(ran).toEqual([0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5]);
    expect(subject.words[sequenceCell]).toBe(5 * 4);
  });

  test("looks again after a jiffy and the grace period's age, at most after 10 jiffies", () => {
    const { subject, jiffyNs, beginNs } = start(hz);
    call(subject, 0, "synchronizeSrcuExpedited", domain);
    const rank = call(subject, 1, "srcuReadLock", domain);
    const wakeUps: number[] = [];
    const first = Math.floor(beginNs / jiffyNs);
    subject.onSleep = () => {
      wakeUps.push(Math.round(subject.world.nowNs / jiffyNs) - first);
      if (wakeUps.length === 8) call(subject, 1, "srcuReadUnlock", domain, rank);
    };
    call(subject, 0, "synchronizeSrcu", domain);
    expect(wakeUps).toEqual([1, 2, 4, 8, 16, 26, 36, 46, 47]);
  });

  test("an expedited phase is looked at so often without a delay, and then once per tick", () => {
    const { subject, sleeps } = start(hz);
    expect(call(subject, 0, "srcuNoDelayMax")).toBe(noDelayMax);
    const rank = call(subject, 1, "srcuReadLock", domain);
    let rechecks = 0;
    const beforeSleeps: number[] = [];
    subject.onCompute = (_cpu, ns) => {
      expect(ns).toBe(5000);
      rechecks++;
      // As if they took no time, so that the grace period does not age meanwhile.
      subject.world.nowNs -= ns;
    };
    subject.onSleep = () => {
      beforeSleeps.push(rechecks);
      if (beforeSleeps.length === 2) call(subject, 1, "srcuReadUnlock", domain, rank);
    };
    call(subject, 0, "synchronizeSrcuExpedited", domain);
    // Each look asks for the delay twice, and rechecks twice when there is none, once when there is.
    expect(beforeSleeps).toEqual([noDelayMax + 1, noDelayMax + 2]);
    expect(sleeps).toEqual([]);
  });

  test("waits for a reader of the rank that is not in use", () => {
    const { subject } = start(hz);
    // As if a reader had fetched the rank before the last flip and counted itself only now.
    subject.words[(domain + 128 + 64) / 4 + 1] = 1;
    let sleeps = 0;
    subject.onSleep = () => {
      expect(subject.words[domain / 4]).toBe(0);
      sleeps++;
      if (sleeps === 3) subject.words[(domain + 128 + 64) / 4 + 3] = 1;
    };
    call(subject, 0, "synchronizeSrcuExpedited", domain);
    expect(sleeps).toBe(3);
    expect(subject.words[domain / 4]).toBe(1);
  });
});

describe("RCU", () => {
  const busy = (...list: readonly number[]) => {
    const { subject, sleeps } = start(1000);
    subject.isIdle = (cpu) => !list.includes(cpu);
    return { subject, sleeps };
  };
  const quiescent = (subject: PlainCpus, cpu: number): number => call(subject, cpu, "rcuQuiescent", domain);

  test("a callback runs when every CPU that is not idle has passed a quiescent state", () => {
    const { subject } = busy(0, 1);
    call(subject, 0, "callRcuCounting", domain, heads, cells);
    expect(call(subject, 0, "rcuPending", domain)).toBe(1);
    for (let round = 0; round < 5; round++) quiescent(subject, 0);
    expect(subject.words[cells / 4]).toBe(0);
    quiescent(subject, 1);
    for (let round = 0; round < 2; round++) quiescent(subject, 0);
    expect(subject.words[cells / 4]).toBe(1);
    expect(call(subject, 0, "rcuPending", domain)).toBe(0);
  });

  test("a quiescent state before the grace period does not count", () => {
    const { subject } = busy(0, 1);
    for (let round = 0; round < 3; round++) quiescent(subject, 1);
    call(subject, 0, "callRcuCounting", domain, heads, cells);
    for (let round = 0; round < 5; round++) quiescent(subject, 0);
    expect(subject.words[cells / 4]).toBe(0);
  });

  test("a callback queued during a grace period waits for the next", () => {
    const { subject } = busy(0, 1);
    call(subject, 0, "callRcuCounting", domain, heads, cells);
    quiescent(subject, 0);
    call(subject, 0, "callRcuCounting", domain, heads + 16, cells + 4);
    quiescent(subject, 1);
    for (let round = 0; round < 5; round++) quiescent(subject, 0);
    expect([subject.words[cells / 4], subject.words[cells / 4 + 1]]).toEqual([1, 0]);
    quiescent(subject, 1);
    for (let round = 0; round < 2; round++) quiescent(subject, 0);
    expect([subject.words[cells / 4], subject.words[cells / 4 + 1]]).toEqual([1, 1]);
  });

  test("callbacks run on their own CPU, and one that queues itself waits for another grace period each time", () => {
    const { subject } = busy(0);
    call(subject, 0, "callRcuAgain", domain, heads, 4);
    for (let round = 0; round < 20; round++) quiescent(subject, 1);
    expect(subject.words[(heads + 24) / 4]).toBe(0);
    for (let round = 0; round < 40; round++) quiescent(subject, 0);
    expect(subject.words[(heads + 24) / 4]).toBe(5);
    // Five grace periods have begun and ended.
    expect([subject.words[domain / 4], subject.words[domain / 4 + 1]]).toEqual([5, 5]);
  });

  test("a quiescent state stores nothing when there is nothing to report", () => {
    const { subject } = busy(0, 1, 2);
    let stores = 0;
    subject.onStore = () => stores++;
    for (let round = 0; round < 3; round++) quiescent(subject, 1);
    expect(stores).toBe(0);
    call(subject, 0, "callRcuCounting", domain, heads, cells);
    quiescent(subject, 0);
    stores = 0;
    for (let round = 0; round < 3; round++) quiescent(subject, 1);
    expect(stores).toBe(1);
  });

  test("synchronising sleeps until the others have been quiescent, however long that takes", () => {
    const { subject } = busy(0, 1);
    let ticks = 0;
    subject.onSleep = () => {
      ticks++;
      if (ticks === 20) quiescent(subject, 1);
    };
    call(subject, 0, "synchronizeRcu", domain);
    expect(ticks).toBe(20);
  });

  test.each([
    { hz: 100, looks: 1 },
    { hz: 250, looks: 1 },
    { hz: 1000, looks: 3 },
  ])("with HZ=$hz a wait is to the tick, $looks jiffies, and the tick after that", ({ hz, looks }) => {
    const { subject, jiffyNs } = start(hz);
    const first = Math.floor(subject.world.nowNs / jiffyNs);
    call(subject, 0, "synchronizeRcu", domain);
    expect(subject.world.nowNs / jiffyNs).toBe(first + 1 + looks + 1);
    // At a tick: the next one begins at the tick after that.
    call(subject, 0, "synchronizeRcu", domain);
    expect(subject.world.nowNs / jiffyNs).toBe(first + 2 * (1 + looks + 1));
  });

  test("those who wait share a grace period that has not begun, and wait for the next where it has", () => {
    const { subject, jiffyNs } = start(1000);
    const first = Math.floor(subject.world.nowNs / jiffyNs);
    const ends: number[] = [];
    const wait = (cpu: number): void => {
      call(subject, cpu, "synchronizeRcu", domain);
      ends[cpu] = subject.world.nowNs / jiffyNs - first;
    };
    // As if all of them had called at their time, and nobody else's sleep had taken any.
    const at = (jiffies: number, cpu: number): void => {
      subject.world.nowNs = (first + jiffies) * jiffyNs;
      wait(cpu);
    };
    at(0.25, 0);
    at(0.75, 1);
    // That grace period is from 1 to 4.
    at(1.5, 2);
    expect(ends).toEqual([5, 5, 8]);
    at(3.5, 0);
    at(4, 1);
    expect(ends).toEqual([8, 11, 8]);
  });
});
