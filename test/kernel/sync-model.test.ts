// Each lock of `src/kernel/sync` against a simple model: sequences of operations by two CPUs, one at a time, none of
// which has to wait; in the native form and on the plain traced machine. Then what happens when one does wait.

import { beforeAll, describe, expect, test } from "vitest";
import { Random } from "../../src/workloads/random.ts";
import {
  base,
  compileLoops,
  type LockLoops,
  nativeCpus,
  type PlainCpus,
  plainCpus,
  type SyncMemory,
} from "./sync-rig.ts";

const cpus = 2;
const steps = 3000;
const lock = base;

const modules: Record<string, WebAssembly.Module> = {};

beforeAll(async () => {
  modules.native = await compileLoops("native");
  modules.traced = await compileLoops("traced");
}, 60_000);

interface Subject extends SyncMemory {
  readonly exports: readonly LockLoops[];
}

function start(form: "native" | "traced"): Subject {
  const module = modules[form] as WebAssembly.Module;
  return form === "native" ? nativeCpus(module, cpus) : plainCpus(module, cpus);
}

function call({ exports }: Subject, cpu: number, name: string, ...args: readonly number[]): number {
  const perform = exports[cpu]?.[name];
  if (perform === undefined) throw new Error(`no export '${name}'`);
  return perform(...args);
}

describe.each(["native", "traced"] as const)("%s", (form) => {
  test("a rwsem holds many readers or one writer", () => {
    const subject = start(form);
    const random = new Random(1);
    let readers = 0;
    let writer: number | undefined;
    for (let step = 0; step < steps; step++) {
      const cpu = random.below(cpus);
      const choice = random.below(4);
      if (choice === 0) {
        const isTaken = call(subject, cpu, "tryReadLock", lock);
        expect(isTaken).toBe(writer === undefined ? 1 : 0);
        readers += isTaken;
      } else if (choice === 1 && writer === undefined) {
        call(subject, cpu, "readLock", lock);
        readers++;
      } else if (choice === 2 && readers > 0) {
        call(subject, cpu, "readUnlock", lock);
        readers--;
      } else if (writer !== undefined) {
        call(subject, writer, "writeUnlock", lock);
        writer = undefined;
      } else if (readers === 0) {
        call(subject, cpu, "writeLock", lock);
        writer = cpu;
      }
      expect(subject.words[lock / 4]).toBe(256 * readers + (writer === undefined ? 0 : 1));
      expect(call(subject, cpu, "isContended", lock)).toBe(0);
    }
  });

  test("a mutex names its holder", () => {
    const subject = start(form);
    const random = new Random(2);
    let holder: number | undefined;
    for (let step = 0; step < steps; step++) {
      if (holder === undefined) {
        holder = random.below(cpus);
        call(subject, holder, "mutexLock", lock);
      } else {
        call(subject, holder, "mutexUnlock", lock);
        holder = undefined;
      }
      expect(subject.words[lock / 4]).toBe(holder === undefined ? 0 : 8 * (holder + 1));
    }
  });

  test("the queue of spinners is empty again when its only spinner leaves", () => {
    const subject = start(form);
    for (let step = 0; step < 10; step++) {
      call(subject, step % cpus, "osqLock", lock);
      expect(subject.words[lock / 4]).toBe(subject.layout.taskStacks + (step % cpus) * 4096 + 3840);
      call(subject, step % cpus, "osqUnlock", lock);
      expect(subject.words[lock / 4]).toBe(0);
    }
  });

  test("a completion lets as many through as were completed", () => {
    const subject = start(form);
    const random = new Random(3);
    let done = 0;
    for (let step = 0; step < steps; step++) {
      const cpu = random.below(cpus);
      if (done > 0 && random.below(2) === 0) {
        call(subject, cpu, "waitForCompletion", lock);
        done--;
      } else {
        call(subject, cpu, "complete", lock);
        done++;
      }
      expect(subject.words[lock / 4]).toBe(done);
    }
    call(subject, 0, "initCompletion", lock);
    expect(subject.words[lock / 4]).toBe(0);
  });

  test("a reference count ends once, and for good", () => {
    const subject = start(form);
    const random = new Random(4);
    let count = 0;
    for (let step = 0; step < steps; step++) {
      const cpu = random.below(cpus);
      const choice = random.below(100);
      if (count === 0 && choice < 30) {
        count = 1 + random.below(3);
        call(subject, cpu, "refcountSet", lock, count);
      } else if (choice < 65) {
        expect(call(subject, cpu, "incrementUnlessZero", lock)).toBe(count > 0 ? 1 : 0);
        if (count > 0) count++;
      } else if (count > 0) {
        count--;
        expect(call(subject, cpu, "decrementAndTest", lock)).toBe(count === 0 ? 1 : 0);
      }
      expect(subject.words[lock / 4]).toBe(count);
    }
  });
});

describe("a waiting task", () => {
  function plain(): PlainCpus {
    const subject = plainCpus(modules.traced as WebAssembly.Module, cpus);
    // Writers spin for readers for a while.
    subject.onPause = () => {
      subject.world.nowNs += 100;
    };
    return subject;
  }

  test("a waiting writer makes every trylock fail, and gets the lock from the last reader", () => {
    const subject = plain();
    let waits = 0;
    for (let reader = 0; reader < 2; reader++) call(subject, 1, "readLock", lock);
    subject.onWait = () => {
      waits++;
      expect(call(subject, 1, "isContended", lock)).toBe(1);
      expect(call(subject, 1, "tryReadLock", lock)).toBe(0);
      expect(subject.words[lock / 4]).toBe(2 * 256 + 2);
      call(subject, 1, "readUnlock", lock);
      expect(call(subject, 1, "tryReadLock", lock)).toBe(0);
      call(subject, 1, "readUnlock", lock);
    };
    call(subject, 0, "writeLock", lock);
    expect(waits).toBe(1);
    expect(subject.words[lock / 4]).toBe(1);
    expect(call(subject, 1, "isContended", lock)).toBe(0);
    call(subject, 0, "writeUnlock", lock);
    expect(call(subject, 1, "tryReadLock", lock)).toBe(1);
  });

  test("a waiting reader gets the lock from the writer", () => {
    const subject = plain();
    let waits = 0;
    call(subject, 1, "writeLock", lock);
    subject.onWait = () => {
      waits++;
      call(subject, 1, "writeUnlock", lock);
    };
    call(subject, 0, "readLock", lock);
    expect(waits).toBe(1);
    expect(subject.words[lock / 4]).toBe(256);
  });

  test("a writer that has waited for 4 ms gets the lock handed over", () => {
    const subject = plain();
    let waits = 0;
    call(subject, 1, "writeLock", lock);
    subject.onWait = () => {
      waits++;
      if (waits === 3) {
        // Kept for the waiter: the other one's next attempt would have to wait.
        expect((subject.words[lock / 4] as number) & 4).toBe(4);
        call(subject, 1, "writeUnlock", lock);
        expect(call(subject, 1, "tryReadLock", lock)).toBe(0);
        return;
      }
      // The other one is faster every time.
      call(subject, 1, "writeUnlock", lock);
      call(subject, 1, "writeLock", lock);
      subject.world.nowNs += 3_000_000;
    };
    call(subject, 0, "writeLock", lock);
    expect(waits).toBe(3);
    expect(subject.words[lock / 4]).toBe(1);
  });

  test("a first waiter that woke up in vain gets the mutex handed over", () => {
    const subject = plain();
    let waits = 0;
    call(subject, 1, "mutexLock", lock);
    subject.onWait = () => {
      waits++;
      call(subject, 1, "mutexUnlock", lock);
      if (waits === 1) call(subject, 1, "mutexLock", lock);
      // The holder is known before it knows itself: task 0 with waiters and pick-up.
      else expect(subject.words[lock / 4]).toBe(8 + 1 + 4);
    };
    call(subject, 0, "mutexLock", lock);
    expect(waits).toBe(2);
    expect(subject.words[lock / 4]).toBe(8);
    call(subject, 0, "mutexUnlock", lock);
    expect(subject.words[lock / 4]).toBe(0);
  });

  test("a completion that somebody else uses up first makes the waiter wait again", () => {
    const subject = plain();
    let waits = 0;
    subject.onWait = () => {
      waits++;
      call(subject, 1, "complete", lock);
      if (waits === 1) call(subject, 1, "waitForCompletion", lock);
    };
    call(subject, 0, "waitForCompletion", lock);
    expect(waits).toBe(2);
    expect(subject.words[lock / 4]).toBe(0);
  });
});
