// The slabinfo parser: real files, each kind of bad line, and damage at random.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { packageRoot } from "../../src/package-root.ts";
import { parseSlabinfo, readSlabinfo } from "../../src/workloads/slabinfo.ts";

const guestFile = join(packageRoot, "src/workloads/inputs/libvirt-guest.slabinfo");
const guestText = readFileSync(guestFile, "latin1");
const inputs = join(packageRoot, "test/workloads/inputs");

/** The guest's text with one edit. */
function edited(from: string | RegExp, to: string): string {
  const text = guestText.replace(from, to);
  expect(text).not.toBe(guestText);
  return text;
}

test("the libvirt guest has 24 caches, 12 without a slab, and the published totals", () => {
  const caches = readSlabinfo("packaged:libvirt-guest");
  const sum = (of: (cache: (typeof caches)[number]) => number) => caches.reduce((total, one) => total + of(one), 0);
  expect(caches).toHaveLength(24);
  expect(caches.filter((cache) => cache.slabs === 0)).toHaveLength(12);
  expect(sum((cache) => cache.activeObjects)).toBe(1025);
  expect(sum((cache) => cache.objects)).toBe(1871);
  expect(sum((cache) => cache.activeObjects * cache.objectSize)).toBe(251_448);
  expect(sum((cache) => cache.slabs)).toBe(104);
  expect(sum((cache) => cache.slabs * cache.pagesPerSlab)).toBe(105);
});

test("every column lands in its field", () => {
  expect(readSlabinfo(guestFile).find((cache) => cache.name === "sock_inode_cache")).toEqual({
    name: "sock_inode_cache",
    activeObjects: 3,
    objects: 8,
    objectSize: 832,
    objectsPerSlab: 4,
    pagesPerSlab: 1,
    limit: 54,
    batch: 27,
    shared: 8,
    activeSlabs: 2,
    slabs: 2,
  });
});

test.each(["linux-6.18-idle", "linux-6.18-4000-cgroups"])(
  "%s, which is SLUB, has 235 caches without tunables",
  (name) => {
    const caches = readSlabinfo(join(inputs, `${name}.slabinfo`));
    expect(caches).toHaveLength(235);
    expect(caches.every((cache) => cache.limit === 0 && cache.batch === 0 && cache.shared === 0)).toBe(true);
  },
);

test("the packaged ramfs rows are those of the idle Linux 6.18 machine", () => {
  const idle = readSlabinfo(join(inputs, "linux-6.18-idle.slabinfo"));
  for (const cache of readSlabinfo("packaged:linux-6.18-ramfs")) expect(idle).toContainEqual(cache);
});

test.each<[string, string, string]>([
  ["an empty file", "", "F:1: field 'version': no 'slabinfo"],
  ["another file", "hello\n", "F:1: field 'version': no 'slabinfo"],
  ["version 2.0", edited("2.1", "2.0"), "F:1: field 'version': is '2.0', not 2.1"],
  ["statistics", edited("2.1", "2.1 (statistics)"), "F:1: field 'version': is '2.1 (statistics)', not 2.1"],
  ["no header", edited(/# name.*\n/, ""), "F:2: field 'header': no '# name"],
  ["no caches", guestText.split("\n").slice(0, 2).join("\n").concat("\n"), "F:2: field 'line': no cache"],
  ["a cut last line", guestText.slice(0, -10), "F:26: field 'line': ends without a newline"],
  ["a last line without newline", guestText.slice(0, -1), "F:26: field 'line': ends without a newline"],
  ["a NUL byte", edited("dentry", "den\0try"), "F:21: field 'text': holds the byte 0x0"],
  ["Windows line ends", guestText.replaceAll("\n", "\r\n"), "F:1: field 'text': holds the byte 0xd"],
  ["a missing field", edited(/0 +0 +0\n/, "0 0\n"), "F:3: field 'line': has 15 fields instead of 16"],
  ["a word for a number", edited("2240", "big"), "F:3: field 'objsize': 'big' is not a whole number"],
  ["a negative number", edited("2240", "-240"), "F:3: field 'objsize': '-240' is not a whole number"],
  ["a fraction", edited("2240", "22.4"), "F:3: field 'objsize': '22.4' is not a whole number"],
  ["a huge number", edited("2240", "9".repeat(400)), "F:3: field 'objsize': '9999"],
  ["another word", edited("tunables   24", "tuneables   24"), "F:3: field 'tunables': is 'tuneables'"],
  ["objects of 0 bytes", edited("2240", "0"), "F:3: field 'objsize': is 0"],
  ["0 objects per slab", edited("2240    3", "2240    0"), "F:3: field 'objperslab': is 0"],
  ["0 pages per slab", edited("2240    3    2", "2240    3    0"), "F:3: field 'pagesperslab': is 0"],
  ["more active than all", edited("3     21", "30    21"), "F:8: field 'active_objs': 30 is above num_objs 21"],
  ["more active slabs", edited("slabdata      1      1", "slabdata 2 1"), "F:8: field 'active_slabs': 2 is above"],
  [
    "more than fits",
    edited("2240    3", "2240    4"),
    "F:3: field 'objperslab': 4 objects of 2240 bytes exceed 2 pages",
  ],
  ["a name twice", edited("kmalloc-512 ", "kmalloc-2048 "), "F:4: field 'name': 'kmalloc-2048' is already on line 3"],
])("%s is refused with file, line and field", (_, text, message) => {
  expect(() => parseSlabinfo(text, "F")).toThrow(InputError);
  expect(() => parseSlabinfo(text, "F")).toThrow(message);
});

test.each(["/nonexistent/slabinfo", "/", "/dev/zero", "packaged:nothing"])("%s is refused, and named", (path) => {
  expect(() => readSlabinfo(path)).toThrow(InputError);
  expect(() => readSlabinfo(path)).toThrow(`${path}:1: field 'file': cannot be read`);
});

test("a file that is too large is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "slabinfo-"));
  try {
    const path = join(folder, "large");
    writeFileSync(path, Buffer.alloc(17 * 1024 * 1024, "x"));
    expect(() => readSlabinfo(path)).toThrow(`${path}:1: field 'file': larger than`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const bases = [guestText, readFileSync(join(inputs, "linux-6.18-idle.slabinfo"), "latin1")];
const place = fc.nat({ max: 0xffff_ffff });

/** One random damage: a byte changed, removed or put in, a cut, two lines swapped, a line doubled or dropped. */
const damage = fc.oneof(
  fc.record({ kind: fc.constantFrom("change", "insert"), at: place, with: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constantFrom("remove", "cut", "double", "drop"), at: place, with: fc.constant(0) }),
  fc.record({ kind: fc.constant("swap"), at: place, with: place }),
);

function damaged(text: string, what: { kind: string; at: number; with: number }): string {
  const at = what.at % (text.length + 1);
  const lines = text.split("\n");
  const line = what.at % lines.length;
  const other = what.with % lines.length;
  const character = String.fromCharCode(what.with & 0xff);
  switch (what.kind) {
    case "change":
      return text.slice(0, at) + character + text.slice(at + 1);
    case "insert":
      return text.slice(0, at) + character + text.slice(at);
    case "remove":
      return text.slice(0, at) + text.slice(at + 1);
    case "cut":
      return text.slice(0, at);
    case "double":
      return lines.toSpliced(line, 0, lines[line] as string).join("\n");
    case "drop":
      return lines.toSpliced(line, 1).join("\n");
    default:
      return lines
        .with(line, lines[other] as string)
        .with(other, lines[line] as string)
        .join("\n");
  }
}

test("damaged text either parses or gives an InputError of one line that names file and line", () => {
  let parsed = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.constantFrom(...bases), fc.array(damage, { minLength: 1, maxLength: 4 }), (base, damages) => {
      try {
        const caches = parseSlabinfo(damages.reduce(damaged, base), "some/file");
        parsed++;
        for (const cache of caches) expect(cache.activeObjects).toBeLessThanOrEqual(cache.objects);
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
        expect((error as Error).message).toMatch(/^some\/file:\d+: field '[^\n]+': [^\n]+; [^\n]+$/);
        refused++;
      }
    }),
    { numRuns: 2000 },
  );
  // The property has met both outcomes.
  expect(parsed).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(0);
});
