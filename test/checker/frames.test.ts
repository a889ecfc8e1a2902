import { expect, test } from "vitest";
import { functionStarts, lastUpTo } from "../../src/checker/code-section.ts";
import { operationLoad } from "../../src/checker/core/protocol.ts";
import { withoutMergedFrames } from "../../src/checker/frames.ts";
import type { SourceFrame } from "../../src/checker/outcome.ts";
import { readSourceMap } from "../../src/checker/source-map.ts";
import type { TracedOperation } from "../../src/checker/trace.ts";

const frame = (text: string): SourceFrame => {
  const [file = "", line] = text.split(":");
  return { symbol: "", file, line: Number(line), column: 1 };
};

/** Each text is a stack, the innermost frame first. */
function framesAfter(...stacks: readonly string[]): string[] {
  const operations = stacks.map(
    (stack): TracedOperation => ({
      agent: 0,
      operation: operationLoad,
      cell: 8,
      bytes: 4,
      before: 0n,
      after: 0n,
      isBuffered: false,
      symbol: "",
      place: "",
      frames: stack === "" ? [] : stack.split(" ").map(frame),
    }),
  );
  return withoutMergedFrames(operations).map(({ frames }) =>
    frames.map(({ file, line }) => `${file}:${line}`).join(" "),
  );
}

test("a frame that different places of other files lead to is left out", () => {
  expect(framesAfter("machine/a.ts:1 sync/b.ts:2 ring.ts:3 harness.ts:4", "sync/b.ts:2 ring.ts:5")).toEqual([
    "ring.ts:3 harness.ts:4",
    "ring.ts:5",
  ]);
});

test("frames of the machine are left out, with all that seem to be inside of them", () => {
  expect(framesAfter("sync/b.ts:2 machine/a.ts:1 ring.ts:3 harness.ts:4")).toEqual(["ring.ts:3 harness.ts:4"]);
});

test("other frames stay", () => {
  for (const stacks of [
    ["sync/b.ts:2 ring.ts:3", "sync/b.ts:2 ring.ts:3", "sync/b.ts:7 ring.ts:5"],
    ["sync/b.ts:2 sync/b.ts:3", "sync/b.ts:2 sync/b.ts:4"],
    ["quarantine/fifo.ts:2 sync/b.ts:3", "quarantine/fifo.ts:2 harness.ts:4"],
    ["ring.ts:3", ""],
  ]) {
    expect(framesAfter(...stacks)).toEqual(stacks);
  }
});

// Two functions without parameters, results, locals or instructions: an empty one, and one that does nothing three times.
const wasm = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 4, 1, 0x60, 0, 0],
  ...[3, 3, 2, 0, 0],
  ...[10, 10, 2, 2, 0, 0x0b, 5, 0, 1, 1, 1, 0x0b],
]);

test("functions begin behind their sizes", () => {
  expect(WebAssembly.validate(wasm)).toBe(true);
  expect([...functionStarts(wasm)]).toEqual([23, 26]);
  expect([...functionStarts(wasm.slice(0, 19))]).toEqual([]);
  expect([22, 23, 25, 26, 99].map((value) => lastUpTo(Int32Array.of(23, 26), value))).toEqual([0, 23, 23, 26, 26]);
});

test("a position before the first entry of its function has no place in the sources", () => {
  // Position 23 is line 1, position 28 is line 2, columns 1.
  const map = JSON.stringify({ version: 3, sources: ["a.ts"], names: [], mappings: "uBAAA,KACA" });
  const find = readSourceMap(map, wasm, undefined);
  expect([24, 27, 28, 29].map((position) => find(position)?.line)).toEqual([1, undefined, 2, 2]);
});
