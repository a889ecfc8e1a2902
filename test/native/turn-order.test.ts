import { expect, test } from "vitest";
import { TurnOrder } from "../../src/native/turn-order.ts";

function rounds(count: number, blocks: number, seed = 1): (readonly number[])[] {
  const order = new TurnOrder(count, seed);
  return Array.from({ length: count * blocks }, () => order.next());
}

test.each([1, 2, 3, 5, 12])("of %i subjects each has every place once in a block", (count) => {
  const blocks = 20;
  const all = rounds(count, blocks);
  const everybody = Array.from({ length: count }, (_, index) => index);
  for (let block = 0; block < blocks; block++) {
    const square = all.slice(block * count, (block + 1) * count);
    for (const round of square) expect([...round].sort((a, b) => a - b)).toEqual(everybody);
    for (let place = 0; place < count; place++) {
      expect(square.map((round) => round[place]!).sort((a, b) => a - b)).toEqual(everybody);
    }
  }
});

test("which of two goes first in a block is drawn", () => {
  const blocks = 1000;
  const all = rounds(2, blocks);
  const firsts = Array.from({ length: blocks }, (_, block) => all[2 * block]![0]!);
  // Six standard deviations.
  expect(Math.abs(firsts.filter((one) => one === 0).length - blocks / 2)).toBeLessThan(95);
});

test("of several none always follows the same other one", () => {
  const followers = new Map<string, number>();
  for (const round of rounds(4, 500)) {
    for (let place = 1; place < 4; place++) {
      const pair = `${round[place - 1]} ${round[place]}`;
      followers.set(pair, (followers.get(pair) ?? 0) + 1);
    }
  }
  expect(followers.size).toBe(12);
  // 6000 pairs, 500 of each kind.
  for (const count of followers.values()) expect(Math.abs(count - 500)).toBeLessThan(150);
});

test("the order hangs on the seed alone", () => {
  expect(rounds(5, 10, 7)).toEqual(rounds(5, 10, 7));
  expect(rounds(5, 10, 7)).not.toEqual(rounds(5, 10, 8));
});
