// Where the loops of `machine-costs.ts` find their cells and working sets in memory, and which CPUs they are run on.

import type { HostCpu } from "./host-topology.ts";

const lineBytes = 64;
const pageBytes = 4096;
const mib = 2 ** 20;

/** For the machine's own imports (`src/kernel/layout.ts`). */
export const cpuBlocks = 65_536;
export const taskStacks = 69_632;
// Every cell has 128 bytes for itself, since some processors fetch lines in pairs.
/** Line that is played ping-pong with. */
export const playCell = 81_920;
/** Line that one thread has for itself. */
export const ownLine = playCell + 128;
/** Whose turn it is. */
export const turnCell = playCell + 256;
/** Last turn that was answered. */
export const answerCell = playCell + 384;
/** Always 0. */
export const neverCell = playCell + 512;
/** When the thread that was woken ran, in ns, 64 bits. */
export const stampCell = playCell + 640;
const ringsBase = mib;

/** A working set that is walked in an order that no prefetcher knows. */
export interface Ring {
  readonly base: number;
  readonly bytes: number;
  readonly stride: number;
}

/** Lines of a ring. */
export function linesOf({ bytes, stride }: Ring): number {
  return Math.floor(bytes / stride);
}

/** Lines of which one window of a ring consists: of 32 pages, which the first-level TLB of any processor holds. */
export function windowLines({ stride }: Ring): number {
  return (32 * pageBytes) / stride;
}

/** Sizes of the caches of a core, and of the last-level cache, in bytes. */
export interface CacheSizes {
  readonly l1: number;
  readonly l2: number;
  readonly l3: number;
}

export interface Rings {
  readonly l1: Ring;
  readonly l2: Ring;
  /** Null where the third level is too small to be told from the second. */
  readonly l3: Ring | null;
  /** Null where memory does not suffice for a ring of which most is in no cache. */
  readonly local: Ring | null;
  /** The same in the memory of another socket. */
  readonly remote: Ring | null;
  /** First byte behind them. */
  readonly end: number;
}

/**
 * Lays out the working sets. That of a level fits well into it, and not at all into the level below. Beyond the second
 * level only one line of each pair of lines is used, because some processors fetch both.
 *
 * @param freeBytes memory that can be had; a quarter of it is used at most for each ring
 */
export function layOutRings(sizes: CacheSizes, freeBytes: number, hasRemote: boolean): Rings {
  let end = ringsBase;
  const take = (bytes: number, stride: number): Ring => {
    const ring = { base: end, bytes: Math.floor(bytes / pageBytes) * pageBytes, stride };
    end += ring.bytes;
    return ring;
  };
  const l1 = take(Math.max(pageBytes, sizes.l1 / 2), lineBytes);
  const l2 = take(Math.max(2 * pageBytes, sizes.l2 / 2), lineBytes);
  // As small as can be, because neighbours use the third level as well.
  const l3 = sizes.l3 >= 4 * sizes.l2 ? take(2 * sizes.l2, 2 * lineBytes) : null;
  const bytes = Math.min(Math.max(256 * mib, 8 * sizes.l3), 1024 * mib, freeBytes / 4);
  const isLarge = bytes >= 4 * sizes.l3;
  const local = isLarge ? take(bytes, 2 * lineBytes) : null;
  const remote = isLarge && hasRemote ? take(bytes, 2 * lineBytes) : null;
  return { l1, l2, l3, local, remote, end };
}

/** What a line that goes from one core to another crosses at most. */
export type PairKind = "transferSameCluster" | "transferSameSocket" | "transferCrossSocket";

export type CpuPair = readonly [HostCpu, HostCpu];

/** What a line that goes from one CPU to the other crosses; null for two CPUs of one core. */
export function pairKind([one, other]: CpuPair): PairKind | null {
  if (one.core === other.core) return null;
  if (one.socket !== other.socket) return "transferCrossSocket";
  return one.cluster === other.cluster ? "transferSameCluster" : "transferSameSocket";
}

/** At most `count` pairs of CPUs of each kind, spread evenly over all there are. */
export function choosePairs(cpus: readonly HostCpu[], count: number): ReadonlyMap<PairKind, readonly CpuPair[]> {
  const found = new Map<PairKind, CpuPair[]>();
  for (const [index, one] of cpus.entries()) {
    for (const other of cpus.slice(index + 1)) {
      const kind = pairKind([one, other]);
      if (kind === null) continue;
      const pairs = found.get(kind) ?? [];
      pairs.push([one, other]);
      found.set(kind, pairs);
    }
  }
  return new Map(
    [...found].map(([kind, pairs]) => {
      const step = Math.max(1, pairs.length / count);
      const chosen = Array.from({ length: Math.min(count, pairs.length) }, (_, at) => pairs[Math.floor(at * step)]!);
      return [kind, chosen];
    }),
  );
}
