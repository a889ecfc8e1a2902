// Log vectors: the snapshot of an item that goes into the log, and how large it is.
//
// Follows struct xfs_log_vec and xfs_log_iovec of fs/xfs/xfs_log.h, xlog_cil_iovec_space() of xfs_log_cil.c and
// xlog_prepare_iovec() of xfs_log.h (Linux 4.8 to 5.18): one allocation holds the header, the iovecs and the data; each
// iovec begins at a multiple of 8. Fields are where they are on a 64-bit machine; pointers have 32 bits here, and what is
// free beside them holds what the harness has to know.
// A vector belongs to one item or to one checkpoint. Who it belongs to is alone with it (`region.ts`, `context.ts`).

import { load32, note, read64, storeRelaxed32, storeRelaxed64 } from "../machine/impl";
import { noteVectorOverrun } from "../notes";
import { count, countAlways, countMany } from "../statistics";
import { counterFormatted, counterFormattedBytes, counterHeaderBytes, counterOverruns } from "./counters";
import { Item } from "./region";

/** The header. */
@unmanaged
export class LogVec {
  /** Next vector of the checkpoint, or 0. */
  next: u32 = 0;
  /** One of the kinds of `memory.ts`. The harness's. */
  kind: u32 = 0;
  /** Iovecs. */
  iovecs: u32 = 0;
  pad0: u32 = 0;
  /** Address of the iovecs. */
  iovecTable: u32 = 0;
  pad1: u32 = 0;
  /** Item that it is of. */
  item: u32 = 0;
  /** Version of the item that the log is to find here. Written by the push. The harness's. */
  version: u32 = 0;
  /** Where the data begin. */
  data: u32 = 0;
  pad2: u32 = 0;
  /** Bytes that were formatted. */
  bytes: u32 = 0;
  /** The same with each iovec rounded up to 8, or `orderedLength`. */
  length: u32 = 0;
  /** Bytes of the whole allocation that may be used. */
  size: u32 = 0;
  pad3: u32 = 0;
}

/** Bytes of the header, as on a 64-bit machine. */
export const logVecSize: u32 = 56;
if (offsetof<LogVec>() !== 56) ERROR("LogVec must be 56 bytes");

@unmanaged
class Iovec {
  address: u32 = 0;
  pad: u32 = 0;
  length: u32 = 0;
  /** Index of the region in its item. */
  type: u32 = 0;
}

const iovecSize: u32 = 16;
if (offsetof<Iovec>() !== 16) ERROR("Iovec must be 16 bytes");

/** `length` of a vector that only tracks its item (XFS_LOG_VEC_ORDERED). */
export const orderedLength: u32 = u32.MAX_VALUE;

/** Bytes that each iovec adds to what the log has to hold: an operation header (xlog_op_header). */
export const iovecLogBytes: u32 = 12;

/** Largest item that takes one region alone, such as an intent. */
const intentBytesMax: u32 = 128;
/** Largest item of three regions, an inode: its format structure, its core and a fork. Larger ones are buffers. */
const inodeBytesMax: u32 = 512;
/** Bytes of the format structure and of the core of an inode, and of the format structure of a buffer. */
const inodeFormatBytes: u32 = 56;
const inodeCoreBytes: u32 = 64;
const bufferFormatBytes: u32 = 24;

/** Distance of the words by which changed data are told from unchanged ones. */
const stampDistance: u32 = 64;

function roundUp(bytes: u32): u32 {
  return (bytes + 7) & ~7;
}

/** Bytes in front of the data. */
export function iovecSpace(iovecs: u32): u32 {
  return roundUp(logVecSize + iovecs * iovecSize);
}

/** Bytes of a vector for so many bytes in so many iovecs. */
export function vectorSize(iovecs: u32, bytes: u32): u32 {
  return iovecSpace(iovecs) + roundUp(bytes + iovecs * 8);
}

/** Iovecs of an item: what it is follows from how much of it is logged. 0 bytes: an ordered item. */
export function iovecsOf(bytes: u32): u32 {
  if (bytes === 0) return 0;
  if (bytes <= intentBytesMax) return 1;
  return bytes <= inodeBytesMax ? 3 : 2;
}

/** Bytes of one of the regions of an item. */
function regionLength(bytes: u32, region: u32): u32 {
  const iovecs = iovecsOf(bytes);
  if (iovecs === 1) return bytes;
  if (iovecs === 2) return region === 0 ? bufferFormatBytes : bytes - bufferFormatBytes;
  if (region === 0) return inodeFormatBytes;
  return region === 1 ? inodeCoreBytes : bytes - inodeFormatBytes - inodeCoreBytes;
}

/** Zeroes header and iovecs of new memory and makes it an empty vector. */
export function initVector(vector: usize, kind: u32, item: usize, iovecs: u32, size: u32): void {
  const end = vector + iovecSpace(iovecs);
  for (let cell = vector; cell < end; cell += 8) storeRelaxed64(cell, 0);
  storeRelaxed32(vector + offsetof<LogVec>("kind"), kind);
  storeRelaxed32(vector + offsetof<LogVec>("item"), item as u32);
  storeRelaxed32(vector + offsetof<LogVec>("size"), size);
  prepareVector(vector, iovecs);
}

/** Makes a vector ready to be formatted, or formatted again: it has so many iovecs and no data. */
export function prepareVector(vector: usize, iovecs: u32): void {
  storeRelaxed32(vector + offsetof<LogVec>("next"), 0);
  storeRelaxed32(vector + offsetof<LogVec>("iovecs"), iovecs);
  storeRelaxed32(vector + offsetof<LogVec>("iovecTable"), (vector + usize(logVecSize)) as u32);
  storeRelaxed32(vector + offsetof<LogVec>("data"), (vector + usize(iovecSpace(iovecs))) as u32);
  storeRelaxed32(vector + offsetof<LogVec>("bytes"), 0);
  storeRelaxed32(vector + offsetof<LogVec>("length"), 0);
}

/** Marks a vector that tracks an ordered item. */
export function markOrdered(vector: usize): void {
  storeRelaxed32(vector + offsetof<LogVec>("length"), orderedLength);
}

export function isOrdered(vector: usize): bool {
  return load32(vector + offsetof<LogVec>("length")) === orderedLength;
}

export function sizeOf(vector: usize): u32 {
  return load32(vector + offsetof<LogVec>("size"));
}

/** iop_format: copies what the item logs into a prepared vector, 64 bits at a time. With the item locked. */
export function formatItem(item: usize, vector: usize): void {
  const bytes = load32(item + offsetof<Item>("bytes"));
  const iovecs = load32(vector + offsetof<LogVec>("iovecs"));
  const end = vector + usize(sizeOf(vector));
  let from: usize = load32(item + offsetof<Item>("data"));
  let to: usize = load32(vector + offsetof<LogVec>("data"));
  let copied: u32 = 0;
  let length: u32 = 0;
  for (let region: u32 = 0; region < iovecs; region++) {
    const part = regionLength(bytes, region);
    const rounded = roundUp(part);
    // As the assertion in Linux; what lies behind the vector is somebody else's.
    if (to + rounded > end) break;
    const iovec = vector + usize(logVecSize + region * iovecSize);
    storeRelaxed32(iovec + offsetof<Iovec>("address"), to as u32);
    storeRelaxed32(iovec + offsetof<Iovec>("length"), part);
    storeRelaxed32(iovec + offsetof<Iovec>("type"), region);
    const last = to + rounded;
    for (; to < last; to += 8) {
      storeRelaxed64(to, read64(from));
      from += 8;
    }
    copied += part;
    length += rounded;
  }
  if (copied !== bytes) {
    note(noteVectorOverrun, vector);
    countAlways(counterOverruns);
  }
  storeRelaxed32(vector + offsetof<LogVec>("bytes"), copied);
  storeRelaxed32(vector + offsetof<LogVec>("length"), length);
  storeRelaxed32(item + offsetof<Item>("logged"), load32(item + offsetof<Item>("version")));
  count(counterFormatted);
  countMany(counterFormattedBytes, copied);
  countMany(counterHeaderBytes, iovecSpace(iovecs));
}

function stampOf(identity: u32, version: u32): u64 {
  return (u64(identity + 1) << 32) | u64(version);
}

/** Changes the data of an item: a word of each line says whose they are and which version. With the item locked. */
export function stampData(item: usize, identity: u32): void {
  const data: usize = load32(item + offsetof<Item>("data"));
  const bytes = load32(item + offsetof<Item>("bytes"));
  const version = load32(item + offsetof<Item>("version")) + 1;
  storeRelaxed32(item + offsetof<Item>("version"), version);
  for (let offset: u32 = 0; offset < bytes; offset += stampDistance) {
    storeRelaxed64(data + usize(offset), stampOf(identity, version));
  }
}

/** Whether a vector holds, in every line, a version of an item. The log reads it line by line. */
export function holdsVersion(vector: usize, identity: u32, version: u32): bool {
  if (isOrdered(vector)) return true;
  const data: usize = load32(vector + offsetof<LogVec>("data"));
  const bytes = load32(vector + offsetof<LogVec>("bytes"));
  for (let offset: u32 = 0; offset < bytes; offset += stampDistance) {
    if (read64(data + usize(offset)) !== stampOf(identity, version)) return false;
  }
  return true;
}
