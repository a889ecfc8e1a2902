import { describe, expect, test } from "vitest";
import * as protocol from "../../src/checker/core/protocol.ts";
import {
  operationAdd,
  operationAllocated,
  operationBegin,
  operationCompareExchange,
  operationCount,
  operationEnd,
  operationFlush,
  operationFreed,
  operationInterrupt,
  operationIrqOff,
  operationLoad,
  operationStore,
  operationTick,
  operationWait,
  operationWake,
  operationWrong,
} from "../../src/checker/core/protocol.ts";
import type { Agent } from "../../src/checker/model.ts";
import { timeline, timelineMarkdown } from "../../src/checker/timeline.ts";
import type { TracedOperation } from "../../src/checker/trace.ts";

const agents: readonly Agent[] = [
  { kind: "task", cpu: 0, name: "task 0 on CPU 0" },
  { kind: "task", cpu: 1, name: "task 1 on CPU 1" },
  { kind: "task", cpu: 0, name: "task 2 on CPU 0" },
  { kind: "handler", cpu: 1, name: "interrupts of CPU 1" },
  { kind: "flush", cpu: 0, name: "store buffer of CPU 0" },
  { kind: "clock", cpu: null, name: "clock" },
];

const [head, tail, own] = [0x1000, 0x1008, 0x2000];
const places: Readonly<Record<number, string>> = { [head]: "ring head", [tail]: "ring tail", [own]: "queue of CPU 0" };

function op(agent: number, operation: number, more: Partial<TracedOperation> = {}): TracedOperation {
  const { cell = 0, bytes = more.cell === undefined ? 0 : 4, place = places[cell] ?? "" } = more;
  const before = more.before ?? 0n;
  const frames = more.frames ?? [];
  const rest = { agent, operation, isBuffered: false, symbol: "", frames, after: before };
  return { ...rest, ...more, cell, bytes, place, before };
}

const put = {
  symbol: "kasan_quarantine_put",
  frames: [
    { symbol: "store32", file: "machine/checked.ts", line: 7, column: 1 },
    { symbol: "put", file: "quarantine/queue.ts", line: 142, column: 3 },
  ],
};

/** Task 0 stores late; task 1 has read the old value before, is interrupted, and frees what task 0 then uses. */
const race: readonly TracedOperation[] = [
  op(0, operationBegin),
  op(0, operationStore, { ...put, cell: own, after: 5n }),
  op(0, operationStore, { ...put, cell: head, after: 1n, isBuffered: true }),
  op(1, operationLoad, { cell: head }),
  op(1, operationInterrupt, { cell: 0 }),
  op(3, operationBegin),
  op(3, operationCompareExchange, { cell: tail, before: 7n, after: 4096n }),
  op(3, operationEnd),
  op(1, operationFreed, { place: "object 3" }),
  op(4, operationFlush, { cell: head, after: 1n }),
  op(5, operationTick),
  op(2, operationLoad, { cell: own, before: 5n }),
  op(2, operationLoad, { cell: own + 4, place: "queue of CPU 0 +4" }),
  op(2, operationLoad, { cell: own + 4, place: "queue of CPU 0 +4" }),
  op(0, operationWait, { cell: tail, before: 4096n }),
];

const finding = {
  kind: "use after free",
  invariant: "",
  message: "task 0 reads object 3, which task 1 has freed",
  agent: 0,
} as const;

const lines = (text: string): string[] => text.split("\n");

describe("a timeline", () => {
  test("shows who did what to what they share, in the columns of their CPUs", () => {
    expect(timeline(race, agents, { finding, width: 100 })).toBe(
      `
   CPU 0                                           | CPU 1
   … 1 operation of its own                        |
 2 task 0 kasan_quarantine_put: queue of CPU 0:    |
     0 → 5 (quarantine/queue.ts:142)               |
 3   ring head: 0 → 1, in the store buffer         |
       (quarantine/queue.ts:142)                   |
 4                                                 | task 1: ring head is 0
 5                                                 |   sends an interrupt to CPU 0
                                                   | ! interrupt taken in task 1
                                                   | … 1 operation of its own
 7                                                 | ! interrupts: ring tail: 7 → 0x1000,
                                                   |   compare-exchange
 8                                                 | ! ends
                                                   | -- back to task 1 --
 9                                                 | task 1: frees object 3
10 store buffer: ring head reaches memory, 0 → 1   |
11 clock: a tick passes
   -- switch from task 0 to task 2 --              |
12 task 2: queue of CPU 0 is 5                     |
   … 2 operations of its own                       |
   -- switch from task 2 to task 0 --              |
15 task 0: waits at ring tail, which is 0x1000     |
use after free: task 0 reads object 3, which task 1 has freed`.slice(1),
    );
  });

  test("shows everything if asked to", () => {
    expect(timeline(race.slice(0, 4), agents, { all: true })).toBe(
      `
   CPU 0                                                     | CPU 1
 1 task 0: begins                                            |
 2 task 0 kasan_quarantine_put: queue of CPU 0: 0 → 5        |
     (quarantine/queue.ts:142)                               |
 3   ring head: 0 → 1, in the store buffer                   |
       (quarantine/queue.ts:142)                             |
 4                                                           | task 1: ring head is 0`.slice(1),
    );
  });

  test("tells of an agent's own operations where it begins and where it ends, not amid its turn", () => {
    const mixed = [
      op(0, operationLoad, { cell: own }),
      op(0, operationStore, { cell: head, after: 1n }),
      op(0, operationLoad, { cell: own }),
      op(0, operationStore, { cell: head, before: 1n, after: 2n }),
      op(0, operationLoad, { cell: own }),
      op(1, operationLoad, { cell: head, before: 2n }),
    ];
    expect(timeline(mixed, agents, { width: 62 })).toBe(
      `
   CPU 0                        | CPU 1
   … 1 operation of its own     |
 2 task 0: ring head: 0 → 1     |
 4   ring head: 1 → 2           |
   … 1 operation of its own     |
 6                              | task 1: ring head is 2`.slice(1),
    );
  });

  test("leaves out the middle of a long turn, and says whose what follows is", () => {
    const stores = Array.from({ length: 100 }, (_, place) =>
      op(0, operationStore, { cell: head, after: BigInt(place) }),
    );
    const long = [...stores, op(1, operationLoad, { cell: head })];
    const text = lines(timeline(long, agents));
    expect(text).toHaveLength(1 + 14 + 1 + 22 + 1);
    expect(text[15]).toMatch(/^ +… 64 more/);
    expect(text[16]).toMatch(/^ 79 task 0: ring head: 0 → 78 /);
    expect(lines(timeline(long, agents, { all: true }))).toHaveLength(1 + 101);
  });

  test("leaves out the middle of what goes on for long", () => {
    const turns = Array.from({ length: 1000 }, (_, place) => op(place % 2, operationStore, { cell: head }));
    const text = lines(timeline(turns, agents));
    expect(text).toHaveLength(1 + 60 + 1 + 40);
    expect(text[61]).toBe("     … 900 rows left out …");
    expect(text[62]).toMatch(/^ 961 task 0: ring head/);
    expect(text.at(-1)).toMatch(/^1000 .* task 1: ring head/);
  });

  test("shows where it goes wrong", () => {
    const wrong = [op(0, operationBegin), op(0, operationWrong, { cell: 0x4000, place: "object 7" })];
    expect(timeline(wrong, agents)).toContain("2 task 0: goes wrong at object 7");
    expect(timeline([op(0, operationWrong)], agents)).toMatch(/goes wrong$/);
  });

  test("of narrow columns does not take values apart", () => {
    const values = { before: 0xffff_ffff_ffff_ffffn, after: 0xffff_ffff_ffff_fffen };
    const text = timeline([op(0, operationStore, { cell: head, ...values })], agents, { all: true, width: 30 });
    expect(text).toMatch(/0xffffffffffffffff →\n +0xfffffffffffffffe/);
  });

  test("of two CPUs fits a terminal, and long names lose their middle", () => {
    const file = `quarantine/${"a-very-long-name-".repeat(4)}.ts`;
    const long = [
      op(0, operationAdd, {
        cell: head,
        after: 1n,
        symbol: "quarantine_reduce",
        frames: [{ ...put.frames[1]!, file }],
      }),
      op(1, operationLoad, { cell: head, before: 0xffff_ffff_ffff_ffffn, place: "word ".repeat(40).trim() }),
    ];
    const text = lines(timeline(long, agents, { finding: { ...finding, message: "so ".repeat(80).trim() } }));
    expect(Math.max(...text.map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(text.join("\n")).toMatch(/\(quarantine\/a-very[-a-z]*…[-a-z]*name-\.ts:142\)/);
    expect(text.join(" ").match(/word/g)).toHaveLength(40);
    expect(text.join(" ").match(/\bso\b/g)).toHaveLength(80);
    expect(text.join(" ")).toMatch(/is\s+\|?\s*0xffffffffffffffff/);
  });

  test("takes a cell for shared where accesses of different widths overlap, and where one writes", () => {
    const wide = [op(0, operationStore, { cell: head, bytes: 8, after: 1n }), op(1, operationLoad, { cell: head + 4 })];
    expect(timeline(wide, agents)).not.toContain("of its own");
    const beside = [
      op(0, operationStore, { cell: head, bytes: 4, after: 1n }),
      op(1, operationLoad, { cell: head + 4 }),
    ];
    expect(timeline(beside, agents).match(/1 operation of its own/g)).toHaveLength(2);
    const reads = [op(0, operationLoad, { cell: head }), op(1, operationLoad, { cell: head })];
    expect(timeline(reads, agents).match(/1 operation of its own/g)).toHaveLength(2);
  });

  test("does not take a store buffer for somebody else", () => {
    const alone = [op(0, operationStore, { cell: own, isBuffered: true }), op(4, operationFlush, { cell: own })];
    expect(timeline(alone, agents)).not.toContain("reaches memory");
    expect(timeline(alone, agents)).toContain("… 1 flush of its own");
    expect(timeline(alone, agents, { all: true })).toContain("store buffer: queue of CPU 0 reaches memory");
  });

  test("has words for every operation", () => {
    const names = Object.entries(protocol).filter(([name]) => /^operation(?!Count)/.test(name));
    expect(names).toHaveLength(operationCount);
    const texts = names.map(
      ([, operation]) => lines(timeline([op(0, operation, { cell: head })], agents, { all: true }))[1],
    );
    expect(new Set(texts).size).toBe(operationCount);
    expect(() => timeline([op(0, operationCount)], agents, { all: true })).toThrow(RangeError);
  });

  test("of nothing is a line of nothing but the finding", () => {
    expect(timeline([], agents, { finding }).trim()).toBe(
      "use after free: task 0 reads object 3, which task 1 has freed",
    );
  });
});

describe("the same in Markdown", () => {
  test("is a table", () => {
    const wakes = [
      ...race.slice(0, 4),
      op(0, operationIrqOff),
      op(0, operationAllocated, { place: "object *3|4*" }),
      op(5, operationTick),
      op(1, operationWake, { cell: head, after: 1n }),
      op(1, operationWake, { cell: 0x3000 }),
      op(0, operationWait, { cell: tail, before: 5n, after: 4n }),
    ];
    const broken = { ...finding, kind: "broken invariant", invariant: "no object twice" } as const;
    expect(timelineMarkdown(wakes, agents, { finding: broken })).toBe(
      `
|  | CPU 0 | CPU 1 |
| --: | :-- | :-- |
|  | … 2 operations of its own |  |
| 3 | task 0 kasan_quarantine_put: ring head: 0 → 1, in the store buffer (quarantine/queue.ts:142) |  |
| 4 |  | task 1: ring head is 0 |
|  | … 1 operation of its own |  |
| 6 | task 0: allocates object \\*3\\|4\\* |  |
| 7 | clock: a tick passes |  |
| 8 |  | task 1: wakes 1 at ring head |
| 9 |  | task 1: wakes nobody at 0x3000 |
| 10 | task 0: does not wait at ring tail: it is 5, not 4 |  |

**broken invariant (no object twice): task 0 reads object 3, which task 1 has freed**`.slice(1),
    );
  });
});
