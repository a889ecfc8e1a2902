import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Slice } from "../../src/checker/model.ts";
import { decodeToken, encodeToken, type TokenContent } from "../../src/checker/token.ts";
import { InputError } from "../../src/errors.ts";

const slices = fc.array(
  fc.record({
    agent: fc.integer({ min: 0, max: 30 }),
    operations: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 0x7fff_ffff })),
    isBuffered: fc.boolean(),
  }),
  { maxLength: 60 },
);

const contents: fc.Arbitrary<TokenContent> = fc.record({
  problem: fc.constantFrom("quarantine", "shrinker"),
  variant: fc.string({ unit: "grapheme" }),
  moduleHash: fc.oneof(fc.string(), fc.stringMatching(/^([0-9a-f]{2}){0,32}$/)),
  scenario: fc.string({ unit: "grapheme" }),
  model: fc.constantFrom("sc", "tso"),
  skipWhenEmpty: fc.boolean(),
  schedule: slices,
});

const example: TokenContent = {
  problem: "shrinker",
  variant: "srcu-split grace=expedited",
  moduleHash: "0123456789abcdef",
  scenario: "unregister-against-walk",
  model: "tso",
  skipWhenEmpty: false,
  schedule: [
    { agent: 0, operations: 17, isBuffered: false },
    { agent: 12, operations: 1, isBuffered: true },
    { agent: 0, operations: 300, isBuffered: false },
  ],
};

/** A token of any bytes with the check sum that fits them. */
function tokenOf(...bytes: readonly number[]): string {
  const sum = crc32(Uint8Array.from(bytes));
  return Buffer.from([...bytes, sum & 255, (sum >>> 8) & 255, (sum >>> 16) & 255, sum >>> 24]).toString("base64url");
}

/** The line that says what is wrong with it. */
function complaintOf(token: string): string {
  try {
    decodeToken(token);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as Error).message;
  }
  return "";
}

describe("a token", () => {
  test("gives back what was put into it", () => {
    fc.assert(
      fc.property(contents, (content) => {
        const token = encodeToken(content);
        expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(decodeToken(token)).toEqual(content);
      }),
    );
  });

  test("stays the same from version to version", () => {
    expect(encodeToken(example)).toBe(
      "AQEBABpzcmN1LXNwbGl0IGdyYWNlPWV4cGVkaXRlZBd1bnJlZ2lzdGVyLWFnYWluc3Qtd2FsawEIASNFZ4mrze8DgAgZwJUBMdIZqg",
    );
    expect(decodeToken(encodeToken(example))).toEqual(example);
  });

  test("of 60 slices and a whole SHA-256 is a few hundred characters long", () => {
    const schedule: Slice[] = Array.from({ length: 60 }, (_, place) => ({
      agent: place % 14,
      operations: 1 + ((place * 7) % 200),
      isBuffered: false,
    }));
    expect(encodeToken({ ...example, moduleHash: "5e".repeat(32), schedule }).length).toBeLessThan(320);
  });

  test("may be wrapped by a terminal", () => {
    const token = encodeToken(example);
    expect(decodeToken(` ${token.slice(0, 20)}\r\n  ${token.slice(20)}\n`)).toEqual(example);
  });

  test("cannot be of a slice that no schedule has", () => {
    const withSlice = (slice: Partial<Slice>): TokenContent => {
      return { ...example, schedule: [{ agent: 0, operations: 1, isBuffered: false, ...slice }] };
    };
    for (const slice of [
      { agent: 31 },
      { agent: -1 },
      { operations: 0 },
      { operations: 1.5 },
      { operations: 2 ** 31 },
    ]) {
      expect(() => encodeToken(withSlice(slice))).toThrow(RangeError);
    }
  });
});

describe("a bad token is refused:", () => {
  test("an empty one", () => {
    expect(complaintOf(" \n")).toBe("token: empty");
  });

  test("one with a character that no token has", () => {
    expect(complaintOf("AQAB+x")).toBe("token: character 5, '+', is none of base64url (A-Z a-z 0-9 - _)");
  });

  test("one with any bit changed, a character missing, or one too many", () => {
    const damaged = "token: damaged or cut off: its check sum does not fit; copy it again as a whole";
    const token = encodeToken(example);
    const bytes = Buffer.from(token, "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(complaintOf(changed.toString("base64url"))).toBe(damaged);
    }
    for (let length = 1; length < token.length; length++) expect(complaintOf(token.slice(0, length))).toBe(damaged);
    expect(complaintOf(`${token}A`)).toBe(damaged);
    expect(complaintOf(`${token}AAAA`)).toBe(damaged);
  });

  test("one of another version", () => {
    expect(complaintOf(tokenOf(2, 1, 2, 3))).toBe(
      "token: format 2, and this version of reclaim-bench reads format 1 only",
    );
  });

  test("one with a fitting check sum that nobody wrote", () => {
    const head = [0, 0, 0, 0, 0, 0, 0];
    const cases: readonly [bytes: readonly number[], what: string][] = [
      [[9], "problem"],
      [[0, 9], "memory model"],
      [[0, 0, 0, 5], "end"],
      [head, "end"],
      [[...head, 1], "end"],
      [[...head, 1, 62], "agent"],
      [[...head, 0, 0], "end"],
      [[...head, ...Array.from({ length: 9 }, () => 255), 1], "number"],
    ];
    for (const [bytes, what] of cases) {
      expect(complaintOf(tokenOf(1, ...bytes))).toMatch(new RegExp(`^token: byte \\d+: no valid ${what}; it was not`));
    }
  });

  test("any other text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(complaintOf(text)).toMatch(/^token: /);
      }),
    );
  });
});
