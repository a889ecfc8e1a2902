// Reads /proc/slabinfo and memory.kmem.slabinfo text, version 2.1: the columns of slabinfo(5) and of
// print_slabinfo_header in mm/slab_common.c. SLAB fills the tunables, SLUB leaves them 0. A cache that SLUB merged
// into another has no line of its own, so a name never appears twice.

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.ts";
import { packageRoot } from "../package-root.ts";

/** Bytes in one page of the machines whose slabinfo is read (x86-64). */
export const pageSize = 4096;

/** One line of slabinfo. */
export interface SlabCache {
  readonly name: string;
  /** Objects that the allocator has handed out and not got back. With KASAN this includes quarantined ones. */
  readonly activeObjects: number;
  /** Objects that the cache's slabs hold, free ones included. */
  readonly objects: number;
  /** Bytes from one object to the next, redzones included. */
  readonly objectSize: number;
  readonly objectsPerSlab: number;
  readonly pagesPerSlab: number;
  /** Tunables of SLAB; 0 with SLUB: objects in a per-CPU array, objects moved at once, factor of the shared array. */
  readonly limit: number;
  readonly batch: number;
  readonly shared: number;
  readonly activeSlabs: number;
  readonly slabs: number;
}

// Far above any real machine, and low enough that a nonsense file can neither fill memory nor leave exact integers.
const fileBytesMax = 16 * 1024 * 1024;
const cachesMax = 100_000;
const nameLengthMax = 200;
const objectsMax = 0xffff_ffff;
/** 2^10 pages (MAX_PAGE_ORDER), 4 MiB: the largest slab that the page allocator gives on x86-64. */
const pagesPerSlabMax = 1024;

/** The 16 columns of a line; `null` stands for text that must be there as it is. */
const columns: readonly (readonly [name: string, max: number | null])[] = [
  ["name", null],
  ["active_objs", objectsMax],
  ["num_objs", objectsMax],
  ["objsize", pagesPerSlabMax * pageSize],
  ["objperslab", 0xffff],
  ["pagesperslab", pagesPerSlabMax],
  [":", null],
  ["tunables", null],
  ["limit", objectsMax],
  ["batchcount", objectsMax],
  ["sharedfactor", objectsMax],
  [":", null],
  ["slabdata", null],
  ["active_slabs", objectsMax],
  ["num_slabs", objectsMax],
  ["sharedavail", objectsMax],
];

/**
 * Reads a slabinfo file.
 *
 * @param path a file, or `packaged:NAME` for one that comes with this package (`src/workloads/inputs`)
 * @throws {InputError} when the file cannot be read or is not slabinfo 2.1
 */
export function readSlabinfo(path: string): SlabCache[] {
  const packaged = /^packaged:([\w.-]+)$/.exec(path)?.[1];
  const file = packaged === undefined ? path : join(packageRoot, "src/workloads/inputs", `${packaged}.slabinfo`);
  return parseSlabinfo(readText(file, path), path);
}

function readText(file: string, shown: string): string {
  let bytes: Buffer;
  try {
    // Before opening, because to open a pipe would wait for its writer.
    if (!statSync(file).isFile()) throw new Error("not a regular file");
    const descriptor = openSync(file, "r");
    try {
      // Not by the size that stat gives: it is 0 for /proc/slabinfo.
      const parts: Buffer[] = [];
      for (let size = 0; size <= fileBytesMax; ) {
        const part = Buffer.alloc(64 * 1024);
        const count = readSync(descriptor, part);
        if (count === 0) break;
        parts.push(part.subarray(0, count));
        size += count;
      }
      bytes = Buffer.concat(parts);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new InputError(`${shown}:1: field 'file': cannot be read (${(error as Error).message}); check the path`);
  }
  if (bytes.length > fileBytesMax) {
    throw new InputError(`${shown}:1: field 'file': larger than ${fileBytesMax} bytes; give a slabinfo file`);
  }
  // One character per byte, so that the parser sees every byte that is not ASCII.
  return bytes.toString("latin1");
}

/**
 * Parses slabinfo text.
 *
 * @param file name to show in errors
 * @throws {InputError} `FILE:LINE: field 'x': what was wrong; what to do`
 */
export function parseSlabinfo(text: string, file: string): SlabCache[] {
  const fail = (line: number, field: string, wrong: string, remedy: string) =>
    new InputError(`${file}:${line}: field '${field}': ${wrong}; ${remedy}`);

  const odd = /[^\n\t\x20-\x7e]/.exec(text);
  if (odd !== null) {
    const line = text.slice(0, odd.index).split("\n").length;
    const code = (text.codePointAt(odd.index) as number).toString(16);
    throw fail(line, "text", `holds the byte 0x${code}, which is not plain text`, "give the unmodified slabinfo text");
  }
  const lines = text.split("\n");
  const version = /^slabinfo - version: (.+)$/.exec(lines[0] as string)?.[1];
  if (version === undefined) {
    throw fail(1, "version", "no 'slabinfo - version: 2.1' in the first line", "give a copy of /proc/slabinfo");
  }
  if (version !== "2.1") {
    throw fail(1, "version", `is ${show(version)}, not 2.1`, "record it on a newer kernel without slab statistics");
  }
  if (!/^# name\s+<active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables /.test(lines[1] ?? "")) {
    throw fail(2, "header", "no '# name <active_objs> ...' in the second line", "copy the whole file");
  }
  // The last line ends in a newline too, so an unmodified file splits into one empty string more than it has lines.
  if (lines.pop() !== "") {
    throw fail(lines.length + 1, "line", "ends without a newline, so the file was cut off", "copy the whole file");
  }
  if (lines.length === 2) throw fail(2, "line", "no cache follows the header", "copy the whole file as root");
  if (lines.length - 2 > cachesMax) {
    throw fail(cachesMax + 3, "line", `more than ${cachesMax} caches`, "give a slabinfo file");
  }

  const caches: SlabCache[] = [];
  const lineOfName = new Map<string, number>();
  for (let index = 2; index < lines.length; index++) {
    const line = index + 1;
    const cache = parseLine(lines[index] as string, (field, wrong, remedy) => fail(line, field, wrong, remedy));
    const earlier = lineOfName.get(cache.name);
    if (earlier !== undefined) {
      throw fail(line, "name", `${show(cache.name)} is already on line ${earlier}`, "keep one of the two lines");
    }
    lineOfName.set(cache.name, line);
    caches.push(cache);
  }
  return caches;
}

type Fail = (field: string, wrong: string, remedy: string) => InputError;

function parseLine(line: string, fail: Fail): SlabCache {
  const words = line.split(/[ \t]+/);
  if (words.at(-1) === "") words.pop();
  if (words.length !== columns.length) {
    throw fail("line", `has ${words.length} fields instead of ${columns.length}`, "copy the whole line");
  }
  const numbers: number[] = columns.map(([column, max], index) => {
    const word = words[index] as string;
    if (max === null) {
      if (index > 0 && word !== column) throw fail(column, `is ${show(word)}`, `expected '${column}' here`);
      return 0;
    }
    if (!/^\d+$/.test(word)) throw fail(column, `${show(word)} is not a whole number`, "copy the line unmodified");
    if (word.length > 15 || Number(word) > max) throw fail(column, `${show(word)} is above ${max}`, "check the line");
    return Number(word);
  });
  const name = words[0] as string;
  if (name === "" || name.length > nameLengthMax) {
    throw fail("name", `has ${name.length} characters`, `expected 1 to ${nameLengthMax}`);
  }
  const [, activeObjects = 0, objects = 0, objectSize = 0, objectsPerSlab = 0, pagesPerSlab = 0] = numbers;
  const [limit = 0, batch = 0, shared = 0] = numbers.slice(8);
  const [activeSlabs = 0, slabs = 0] = numbers.slice(13);
  const atLeastOne = { objsize: objectSize, objperslab: objectsPerSlab, pagesperslab: pagesPerSlab };
  for (const [field, value] of Object.entries(atLeastOne)) {
    if (value === 0) throw fail(field, "is 0", "every cache has at least 1; copy the line unmodified");
  }
  if (activeObjects > objects) {
    throw fail("active_objs", `${activeObjects} is above num_objs ${objects}`, "copy the line unmodified");
  }
  if (activeSlabs > slabs) {
    throw fail("active_slabs", `${activeSlabs} is above num_slabs ${slabs}`, "copy the line unmodified");
  }
  if (objectsPerSlab * objectSize > pagesPerSlab * pageSize) {
    const slab = `${pagesPerSlab} pages of ${pageSize} bytes`;
    throw fail("objperslab", `${objectsPerSlab} objects of ${objectSize} bytes exceed ${slab}`, "check the line");
  }
  return {
    name,
    activeObjects,
    objects,
    objectSize,
    objectsPerSlab,
    pagesPerSlab,
    limit,
    batch,
    shared,
    activeSlabs,
    slabs,
  };
}

/** Quotes what a file holds, so that it cannot break the one line of a message. */
function show(text: string): string {
  return `'${text.length > 40 ? `${text.slice(0, 40)}...` : text}'`;
}
