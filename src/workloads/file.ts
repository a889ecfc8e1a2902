// Saves a workload to a file and opens it again. Nothing in a file is trusted: opening it reads every record once.
//
// Layout, little-endian: the header below, JSON, records (`src/kernel/events.ts`), and the number of events of every
// chunk as u32, because a chunk is a round. The records' hash is the workload's identity; the frame's hash covers the
// rest (header up to the hashes, JSON, chunk table), so that no damage passes unnoticed.

import { createHash, randomUUID } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { z } from "zod";
import { InputError } from "../errors.ts";
import { eventSize } from "../kernel/events.ts";
import { RecordProblem, Validator } from "./validate.ts";
import { chunkEventsMax, type Workload } from "./workload.ts";

const magic = "RCLMWORK";
const version = 1;

// Offsets in the header, in bytes.
const versionOffset = 8;
/** u32: bytes of JSON. */
const jsonSizeOffset = 12;
/** u64: events, and u64: chunks. */
const eventsOffset = 16;
const chunksOffset = 24;
const recordsHashOffset = 32;
const frameHashOffset = 64;
const headerSize = 96;

const jsonSizeMax = 1024 * 1024;

const count = z.number().int().min(0);
const index = count.max(0xffff_ffff);
const description = z.strictObject({
  name: z.string().min(1).max(200),
  parameters: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  seed: index,
  limits: z.strictObject({
    events: count,
    caches: index,
    objects: index,
    cgroups: index,
    superblocks: index,
    tasks: index,
    liveBytesMax: count,
    slabBytesMax: count,
  }),
});

/** The SHA-256 of a workload's records, as 64 hexadecimal digits: the same program has the same hash. */
export function workloadHash(workload: Workload): string {
  const hash = createHash("sha256");
  for (const chunk of workload.chunks()) hash.update(chunk);
  return hash.digest("hex");
}

/**
 * Writes a workload to a file, whole or not at all: it appears under its name when it is complete.
 *
 * @returns the workload's hash, as {@link workloadHash}
 * @throws {InputError} when the file cannot be written
 */
export function saveWorkload(workload: Workload, path: string): string {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const descriptor = openSync(temporary, "wx");
    let hash: string;
    try {
      hash = writeWorkload(workload, descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
    return hash;
  } catch (error) {
    rmSync(temporary, { force: true });
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new InputError(`${path}: field 'file': cannot be written (${(error as Error).message}); check the path`);
  }
}

function writeWorkload(workload: Workload, descriptor: number): string {
  const { name, parameters, seed, limits } = workload;
  const json = Buffer.from(JSON.stringify({ name, parameters, seed, limits }));
  const header = Buffer.alloc(headerSize);
  // The header comes last, when the hashes are known; until then the file has no magic and opens as nothing.
  let position = writeAll(descriptor, json, headerSize);
  const recordsHash = createHash("sha256");
  const chunkEvents: number[] = [];
  for (const chunk of workload.chunks()) {
    recordsHash.update(chunk);
    chunkEvents.push(chunk.byteLength / eventSize);
    position = writeAll(descriptor, chunk, position);
  }
  const table = Buffer.alloc(4 * chunkEvents.length);
  for (const [chunk, events] of chunkEvents.entries()) table.writeUInt32LE(events, 4 * chunk);
  writeAll(descriptor, table, position);

  header.write(magic, "latin1");
  header.writeUInt32LE(version, versionOffset);
  header.writeUInt32LE(json.length, jsonSizeOffset);
  header.writeBigUInt64LE(BigInt(chunkEvents.reduce((sum, events) => sum + events, 0)), eventsOffset);
  header.writeBigUInt64LE(BigInt(chunkEvents.length), chunksOffset);
  const records = recordsHash.digest();
  records.copy(header, recordsHashOffset);
  frameHash(header, json, table).copy(header, frameHashOffset);
  writeAll(descriptor, header, 0);
  return records.toString("hex");
}

function frameHash(header: Buffer, json: Buffer, table: Buffer): Buffer {
  return createHash("sha256").update(header.subarray(0, recordsHashOffset)).update(json).update(table).digest();
}

/** Returns the position behind what was written. */
function writeAll(descriptor: number, bytes: Uint8Array, position: number): number {
  let done = 0;
  while (done < bytes.byteLength) {
    done += writeSync(descriptor, bytes, done, bytes.byteLength - done, position + done);
  }
  return position + bytes.byteLength;
}

/**
 * Opens a saved workload, after having checked every record of it.
 *
 * @throws {InputError} that names the file and the field, and the record where it is one
 */
export function openWorkload(path: string): Workload {
  const opened = withFile(path, (file) => readFrame(file));
  const validator = new Validator(opened.workload.limits);
  const hash = createHash("sha256");
  for (const chunk of readChunks(path, opened)) {
    try {
      validator.check(chunk);
    } catch (error) {
      if (!(error instanceof RecordProblem)) throw error;
      const byte = opened.recordsPosition + error.record * eventSize;
      throw new InputError(
        `${path}: record ${error.record} (byte ${byte}): field '${error.field}': ${error.message}; save the workload again`,
      );
    }
    hash.update(chunk);
  }
  if (hash.digest("hex") !== opened.recordsHash) {
    throw new InputError(
      `${path}: field 'hash': the records were changed after they were saved; save the workload again`,
    );
  }
  return { ...opened.workload, repeatable: false, chunks: () => readChunks(path, opened) };
}

interface OpenedFile {
  readonly descriptor: number;
  readonly size: number;
  readonly fail: (field: string, wrong: string) => InputError;
}

/** What a file says of its workload. */
type Description = Omit<Workload, "chunks" | "repeatable">;

interface Frame {
  readonly workload: Description;
  readonly recordsPosition: number;
  readonly recordsHash: string;
  /** Events of every chunk. */
  readonly chunkEvents: Uint32Array;
  readonly size: number;
}

function withFile<Result>(path: string, use: (file: OpenedFile) => Result): Result {
  const fail = (field: string, wrong: string) => new InputError(`${path}: field '${field}': ${wrong}`);
  let descriptor: number | undefined;
  try {
    // Before opening, because to open a pipe would wait for its writer.
    if (!statSync(path).isFile()) throw fail("file", "not a regular file; give a saved workload");
    descriptor = openSync(path, "r");
    return use({ descriptor, size: fstatSync(descriptor).size, fail });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw fail("file", `cannot be read (${(error as Error).message}); check the path`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function readExactly(file: OpenedFile, into: Uint8Array, position: number): void {
  let done = 0;
  while (done < into.byteLength) {
    const got = readSync(file.descriptor, into, done, into.byteLength - done, position + done);
    if (got === 0) throw file.fail("size", "the file became shorter while it was read; save the workload again");
    done += got;
  }
}

function readFrame(file: OpenedFile): Frame {
  const { fail, size } = file;
  const header = Buffer.alloc(headerSize);
  if (size < headerSize) throw fail("size", `${size} bytes are less than a header; save the workload again`);
  readExactly(file, header, 0);
  if (header.toString("latin1", 0, magic.length) !== magic) throw fail("magic", "not a saved workload");
  const found = header.readUInt32LE(versionOffset);
  if (found !== version) throw fail("version", `is ${found}, this program reads ${version}; save the workload again`);
  const jsonSize = header.readUInt32LE(jsonSizeOffset);
  if (jsonSize > jsonSizeMax) throw fail("json size", `${jsonSize} is above ${jsonSizeMax}; save the workload again`);
  const events = header.readBigUInt64LE(eventsOffset);
  const chunks = header.readBigUInt64LE(chunksOffset);
  // As BigInt, so that no count can overflow. When it holds, every allocation below is at most the file's size.
  const expected = BigInt(headerSize + jsonSize) + events * BigInt(eventSize) + chunks * 4n;
  if (expected !== BigInt(size)) {
    throw fail("size", `${size} bytes instead of ${expected}: cut off or damaged; save the workload again`);
  }
  const recordsPosition = headerSize + jsonSize;
  const json = Buffer.alloc(jsonSize);
  readExactly(file, json, headerSize);
  const table = Buffer.alloc(Number(chunks) * 4);
  readExactly(file, table, recordsPosition + Number(events) * eventSize);
  if (!frameHash(header, json, table).equals(header.subarray(frameHashOffset, headerSize))) {
    throw fail("header", "was changed after it was saved; save the workload again");
  }

  const chunkEvents = Uint32Array.from({ length: Number(chunks) }, (_, chunk) => table.readUInt32LE(4 * chunk));
  let sum = 0;
  for (const [chunk, inChunk] of chunkEvents.entries()) {
    if (inChunk === 0 || inChunk > chunkEventsMax) throw fail("chunks", `chunk ${chunk} has ${inChunk} events`);
    sum += inChunk;
  }
  if (BigInt(sum) !== events) throw fail("chunks", `hold ${sum} events, but the file has ${events}`);
  const recordsHash = header.toString("hex", recordsHashOffset, frameHashOffset);
  return { workload: parseDescription(json, Number(events), fail), recordsPosition, recordsHash, chunkEvents, size };
}

function parseDescription(json: Buffer, events: number, fail: OpenedFile["fail"]): Description {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json.toString());
  } catch {
    throw fail("json", "is not JSON; save the workload again");
  }
  const result = description.safeParse(parsed);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw fail(issue?.path.join(".") || "json", `${issue?.message ?? "invalid"}; save the workload again`);
  }
  const { limits } = result.data;
  // Every index is brought into use by an event of its own. So a limit above that is nonsense, and whoever lays out
  // memory by the limits never needs more than in proportion to the file.
  for (const name of ["caches", "objects", "cgroups", "superblocks"] as const) {
    if (limits[name] > events) throw fail(`limits.${name}`, `${limits[name]} cannot come from ${events} events`);
  }
  if (limits.tasks > Math.max(1, events))
    throw fail("limits.tasks", `${limits.tasks} cannot come from ${events} events`);
  return result.data;
}

function* readChunks(path: string, frame: Frame): Generator<Uint8Array> {
  const buffer = new Uint8Array(chunkEventsMax * eventSize);
  let position = frame.recordsPosition;
  for (const events of frame.chunkEvents) {
    const chunk = buffer.subarray(0, events * eventSize);
    // Opened for every chunk: an open file would leak when the reader stops halfway and drops the iterator.
    withFile(path, (file) => {
      if (file.size !== frame.size) throw file.fail("size", "the file changed after it was opened; open it again");
      readExactly(file, chunk, position);
    });
    position += chunk.byteLength;
    yield chunk;
  }
}
