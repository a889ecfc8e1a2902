import { describe, expect, test } from "vitest";
import type { Operation } from "../../src/problems/problem.ts";
import { CallCounter } from "../../src/traced/calls.ts";
import { accessLoad, accessLocked, accessStore } from "../../src/traced/counting-machine.ts";

const globals = 0x1000;
const statistics = { base: 0x2000, end: 0x2100 };
const arenaBase = 0x4000;
const bytes = 0x10000;

// Symbols, and notes of objects.
const visit = 1;
const change = 2;
const grow = 3;
const helper = 4;
const callback = 5;
const appeared = 30;
const gone = 31;

const operations: readonly Operation[] = [
  { symbol: visit, label: "visit", without: [callback] },
  { symbol: change, label: "change" },
  { symbol: grow, label: "grow" },
];
const visits = 0;
const changes = 1;
const growths = 2;

function measuringCounter(cpus = 2): CallCounter {
  const counter = new CallCounter(operations, cpus);
  counter.watch({ bytes, arenaBase, statistics });
  counter.track([{ allocated: appeared, freed: gone, bytes: 128 }]);
  counter.measuring = true;
  return counter;
}

/** Performs what lies between entering and leaving a symbol. */
function within(counter: CallCounter, cpu: number, symbol: number, body: () => void): void {
  counter.enter(cpu, symbol);
  body();
  counter.leave(cpu);
}

describe("calls", () => {
  test("count accesses, distinct lines and locked operations, nested functions included", () => {
    const counter = measuringCounter();
    counter.access(0, globals, 4, accessLocked);
    within(counter, 0, visit, () => {
      counter.access(0, globals, 4, accessLocked);
      counter.access(0, globals + 8, 8, accessLoad);
      within(counter, 0, helper, () => counter.access(0, globals + 64, 8, accessLoad));
    });
    within(counter, 0, visit, () => counter.access(0, globals, 4, accessLocked));
    expect(counter.calls(visits)).toBe(2);
    expect(counter.counts(visits)).toMatchObject({ accesses: 4, lines: 3, locked: 2 });
    expect(counter.calls(changes)).toBe(0);
  });

  test("leave out what they are to be without, the harness's statistics and what is not measured", () => {
    const counter = measuringCounter();
    within(counter, 0, visit, () => {
      within(counter, 0, helper, () => {
        within(counter, 0, callback, () => {
          counter.access(0, globals, 4, accessStore);
          within(counter, 0, helper, () => counter.access(0, globals, 4, accessLoad));
        });
        counter.access(0, globals, 4, accessLoad);
      });
      counter.access(0, statistics.base, 8, accessStore);
      counter.access(0, statistics.end - 8, 8, accessStore);
      counter.access(0, statistics.end, 8, accessLoad);
    });
    counter.measuring = false;
    within(counter, 0, visit, () => counter.access(0, globals, 4, accessLoad));
    expect(counter.calls(visits)).toBe(1);
    expect(counter.counts(visits)).toMatchObject({ accesses: 2, lines: 2, "stored-bytes": 0 });
  });

  test("of several operations nest, each with what the others do within it", () => {
    const counter = measuringCounter();
    within(counter, 0, change, () => {
      counter.access(0, globals, 4, accessLoad);
      within(counter, 0, grow, () => {
        counter.access(0, arenaBase, 8, accessStore);
        counter.access(0, arenaBase + 8, 4, accessLocked);
      });
    });
    expect(counter.counts(changes)).toMatchObject({ accesses: 3, "stored-bytes": 12, locked: 1 });
    expect(counter.counts(growths)).toMatchObject({ accesses: 2, "stored-bytes": 12, locked: 1 });
    expect(counter.calls(visits)).toBe(0);
  });

  test("are one where a function calls itself, and two where it is called from what the first is to be without", () => {
    const counter = measuringCounter();
    within(counter, 0, change, () => within(counter, 0, change, () => counter.access(0, globals, 4, accessLoad)));
    expect(counter.calls(changes)).toBe(1);
    expect(counter.counts(changes).accesses).toBe(1);
    within(counter, 0, visit, () => within(counter, 0, callback, () => within(counter, 0, visit, () => {})));
    expect(counter.calls(visits)).toBe(2);
  });

  test("of several CPUs at once are told apart", () => {
    const counter = measuringCounter();
    counter.enter(0, visit);
    counter.access(1, globals, 4, accessLoad);
    counter.enter(1, callback);
    counter.access(0, globals, 4, accessLoad);
    counter.leave(0);
    counter.access(0, globals, 4, accessLoad);
    expect(counter.counts(visits).accesses).toBe(1);
    expect(counter.cpusOf(visits)).toBe(1);
    counter.leave(1);
    expect(() => counter.leave(1)).toThrow("CPU 1 leaves a symbol that it did not enter");
  });

  test("know how long each slept", () => {
    const counter = measuringCounter();
    counter.slept(0, 9999);
    within(counter, 0, change, () => {
      counter.slept(0, 1000);
      within(counter, 0, helper, () => counter.slept(0, 500));
      counter.slept(1, 7777);
    });
    within(counter, 0, change, () => counter.slept(0, 200));
    counter.measuring = false;
    within(counter, 0, change, () => counter.slept(0, 5000));
    expect(counter.counts(changes)).toMatchObject({ "slept-ns": 1700, "slept-ns-max": 1500 });
  });
});

describe("shared writes", () => {
  const none = { "shared-writes": 0, "object-shared-writes": 0, "arena-shared-writes": 0, "global-shared-writes": 0 };

  test("are those to lines that calls on other CPUs touch, before and after the second came", () => {
    const counter = measuringCounter();
    const call = (cpu: number, cell: number, how: number): void =>
      within(counter, cpu, visit, () => counter.access(cpu, cell, 4, how));
    call(0, globals, accessLocked);
    call(0, globals, accessStore);
    expect(counter.counts(visits)).toMatchObject(none);
    // The same line, elsewhere in it, and only read.
    call(1, globals + 60, accessLoad);
    expect(counter.counts(visits)["global-shared-writes"]).toBe(2);
    call(0, globals, accessLocked);
    expect(counter.counts(visits)).toMatchObject({ ...none, "global-shared-writes": 3, "shared-writes": 3 });
    expect(counter.cpusOf(visits)).toBe(2);
  });

  test("are none where every CPU's calls have a line of their own, whoever else reads it", () => {
    const counter = measuringCounter();
    for (const cpu of [0, 1]) {
      within(counter, cpu, visit, () => counter.access(cpu, globals + cpu * 64, 4, accessLocked));
    }
    // Outside of the operation, as a grace period does.
    for (const cell of [globals, globals + 64]) counter.access(0, cell, 4, accessLoad);
    within(counter, 0, change, () => counter.access(0, globals + 64, 4, accessLoad));
    expect(counter.counts(visits)).toMatchObject(none);
  });

  test("tell objects from what else lies in the arena, also where an object's memory is used again", () => {
    const counter = measuringCounter();
    const object = arenaBase + 256;
    const callsOfBoth = (cell: number, how: number): void => {
      for (const cpu of [0, 1]) within(counter, cpu, visit, () => counter.access(cpu, cell, 8, how));
    };
    counter.note(0, appeared, object);
    callsOfBoth(object + 64, accessLocked);
    callsOfBoth(object + 128, accessLocked);
    const both = { ...none, "object-shared-writes": 2, "arena-shared-writes": 2, "shared-writes": 4 };
    expect(counter.counts(visits)).toMatchObject(both);
    counter.note(0, gone, object);
    callsOfBoth(object + 64, accessStore);
    expect(counter.counts(visits)).toMatchObject({ ...both, "arena-shared-writes": 4, "shared-writes": 6 });
    counter.note(0, gone, object);
    counter.note(0, appeared, object);
    // Only one CPU's calls touch the new one.
    within(counter, 0, visit, () => counter.access(0, object, 8, accessLocked));
    expect(counter.counts(visits)["object-shared-writes"]).toBe(4);
  });

  test("work at addresses above 2 GiB, which notes pass as signed numbers", () => {
    const counter = new CallCounter(operations, 2);
    const object = 0x8000_0000;
    counter.watch({ bytes: 0x8001_0000, arenaBase, statistics });
    counter.track([{ allocated: appeared, freed: gone, bytes: 64 }]);
    counter.measuring = true;
    counter.note(0, appeared, object | 0);
    for (const cpu of [0, 1]) within(counter, cpu, visit, () => counter.access(cpu, object, 4, accessLocked));
    expect(counter.counts(visits)).toMatchObject({ ...none, "object-shared-writes": 2, "shared-writes": 2 });
  });
});

test("there is an end to CPUs and operations that can be counted", () => {
  expect(() => new CallCounter(operations, 255)).toThrow("at most 254 CPUs");
  expect(() => new CallCounter(new Array<Operation>(32).fill(operations[0]!), 2)).toThrow("at most 31 operations");
  expect(() => measuringCounter().calls(3)).toThrow("there is no operation 3");
});
