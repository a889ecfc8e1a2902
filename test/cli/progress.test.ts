import { expect, test } from "vitest";
import type { Io } from "../../src/cli/io.ts";
import { formatDuration, Progress } from "../../src/cli/progress.ts";

function testIo(options: { readonly isTerminal: boolean; readonly columns?: number }) {
  const printed: string[] = [];
  let seconds = 0;
  const io: Io = {
    write: () => expect.unreachable("progress is no result"),
    warn: (text) => void printed.push(text),
    clock: () => new Date(seconds * 1000),
    columns: 80,
    ...options,
  };
  return {
    io,
    /** Lets time pass. */
    pass: (more: number) => {
      seconds += more;
    },
    /** What was printed since the last call. */
    printed: () => printed.splice(0),
  };
}

test("without a terminal a finished case is one plain line with the time that remains", () => {
  const { io, pass, printed } = testIo({ isTerminal: false });
  const progress = new Progress(io, { unitsTotal: 40 });
  progress.begin("a");
  pass(30);
  progress.update(5);
  expect(printed()).toEqual([]);
  progress.finish(10);
  expect(printed()).toEqual(["25% 10/40  elapsed 30s, remaining 1m 30s  a\n"]);
});

test("what remains is no more than what is left of a time for all", () => {
  const { io, pass, printed } = testIo({ isTerminal: false });
  const progress = new Progress(io, { unitsTotal: 40, msMax: 60_000 });
  progress.begin("a");
  pass(40);
  progress.finish(10);
  expect(printed()).toEqual(["25% 10/40  elapsed 40s, remaining 20s  a\n"]);
});

test("without a terminal lines are at least ten seconds apart, but the last case is always told", () => {
  const { io, pass, printed } = testIo({ isTerminal: false });
  const progress = new Progress(io, { unitsTotal: 4 });
  for (const name of ["a", "b", "c", "d"]) {
    progress.begin(name);
    pass(6);
    progress.clear();
    progress.finish(1);
  }
  const named = printed().map((line) => line.at(-2));
  expect(named).toEqual(["a", "c", "d"]);
});

test("on a terminal one line is redrawn, at most every tenth of a second", () => {
  const { io, pass, printed } = testIo({ isTerminal: true });
  const progress = new Progress(io, { unitsTotal: 10 });
  progress.begin("a");
  expect(printed()).toEqual(["\r0% 0/10  elapsed 0s, remaining ?  a\x1b[K"]);
  pass(0.05);
  progress.update(1);
  expect(printed()).toEqual([]);
  pass(1.95);
  progress.update(2.5);
  expect(printed()).toEqual(["\r25% 2.5/10  elapsed 2s, remaining 6s  a\x1b[K"]);
});

test("on a terminal the line never fills the width, so that it does not wrap", () => {
  const { io, printed } = testIo({ isTerminal: true, columns: 20 });
  new Progress(io, { unitsTotal: 10 }).begin("a case with a long name");
  expect(printed()).toEqual([`\r${"0% 0/10  elapsed 0s, remaining".slice(0, 19)}\x1b[K`]);
});

test("a cleared line is drawn again by the next update", () => {
  const { io, printed } = testIo({ isTerminal: true });
  const progress = new Progress(io, { unitsTotal: 10 });
  progress.begin("a");
  progress.clear();
  progress.update(0);
  expect(printed()).toHaveLength(3);
});

test("cases of an earlier run count as done, but not as speed", () => {
  const { io, pass, printed } = testIo({ isTerminal: false });
  const progress = new Progress(io, { unitsTotal: 100, unitsDone: 50 });
  progress.begin("a");
  pass(10);
  progress.finish(25);
  expect(printed()).toEqual(["75% 75/100  elapsed 10s, remaining 10s  a\n"]);
});

test("cases that come up later count as not done, until they are", () => {
  const { io, pass, printed } = testIo({ isTerminal: false });
  const progress = new Progress(io, { unitsTotal: 10 });
  progress.begin("a");
  pass(10);
  progress.finish(10);
  progress.expect(30);
  progress.begin("b");
  pass(10);
  progress.finish(10);
  pass(20);
  progress.finish(20);
  expect(printed()).toEqual([
    "100% 10/10  elapsed 10s, remaining 0s  a\n",
    "50% 20/40  elapsed 20s, remaining 20s  b\n",
    "100% 40/40  elapsed 40s, remaining 0s  b\n",
  ]);
});

test("weights whose sum misses the total by rounding still reach the end", () => {
  const { io, printed } = testIo({ isTerminal: false });
  const progress = new Progress(io, { unitsTotal: 0.3 + 0.7 });
  for (let index = 0; index < 10; index += 1) {
    progress.begin(`case ${index}`);
    progress.finish(0.1);
  }
  expect(printed().at(-1)).toBe("100% 1/1  elapsed 0s, remaining 0s  case 9\n");
});

test.each([
  [499, "0s"],
  [59_400, "59s"],
  [59_600, "1m 00s"],
  [187_000, "3m 07s"],
  [3_599_600, "1h 00m"],
  [7_500_000, "2h 05m"],
])("%s ms is written %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
