// metadata-commits: tasks commit transactions of log items of 128 B to 1 MiB to a journal that collects them in memory, as
// XFS's delayed logging does. Sizes after the commit message of 8dc9384b7d75 (Linux 5.17): 64 KiB directory blocks and
// attributes are the heavy case, and vectors of 72 KiB to 1 MiB were seen.
//
// The same program short of memory is `commits-short-of-memory`: the limit is below the push threshold, so that the journal
// has to be pushed because there is no memory, as in the report that led to b1c5ebb21301 (Linux 4.8).

import { InputError } from "../errors.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCompute,
  kindLogPush,
  kindTransactionCommit,
  kindTransactionItem,
} from "../kernel/events.ts";
import { checkLimits, tasksMax } from "./common-parameters.ts";
import { EventWriter } from "./event-writer.ts";
import { checkSeed, type ParametersOf, type ParameterTable, resolveParameters } from "./parameters.ts";
import { Random } from "./random.ts";
import { logItemBytesMax } from "./validate.ts";
import { chunkEventsMax, type ParameterValue, type Workload, type WorkloadLimits } from "./workload.ts";

const mebibyte = 1024 * 1024;

export const metadataCommitsParameters = {
  committers: {
    kind: "integer",
    default: 8,
    min: 1,
    max: tasksMax,
    unit: "tasks",
    meaning: "tasks that commit at the same time (our choice; about a dozen in the message of 8dc9384b7d75)",
  },
  transactions: {
    kind: "integer",
    default: 4000,
    min: 1,
    max: 1_000_000_000,
    unit: "transactions",
    meaning: "measured transactions of each task; a bogo-op each",
  },
  "items-per-transaction": {
    kind: "integer",
    default: 4,
    min: 1,
    max: 1000,
    unit: "items",
    meaning:
      "items that join a transaction (our choice: an inode, a directory block, a btree block, a free-space block)",
  },
  items: {
    kind: "integer",
    default: 128,
    min: 1,
    max: 1_000_000,
    unit: "items",
    meaning: "items of each task (our choice)",
  },
  mix: {
    kind: "text",
    default: "512:2,4096:1,65536:1",
    unit: "bytes:weight",
    meaning:
      "sizes of items and how many have each: an inode in two, a block, and a 64 KiB directory block or attribute; each size 8 to 1048576",
  },
  resize: {
    kind: "real",
    default: 0.25,
    min: 0,
    max: 1,
    unit: "",
    meaning: "probability that a transaction logs another part of an item than all of it: half to all (our choice)",
  },
  relog: {
    kind: "real",
    default: 0.5,
    min: 0,
    max: 1,
    unit: "",
    meaning: "probability that an item is one of the task's last few transactions instead of any (our choice)",
  },
  ordered: {
    kind: "real",
    default: 0,
    min: 0,
    max: 1,
    unit: "",
    meaning: "share of the items that are tracked and not logged, as buffers of new inodes are",
  },
  evict: {
    kind: "real",
    default: 0.01,
    min: 0,
    max: 1,
    unit: "",
    meaning:
      "probability that an item is destroyed once the change is in the log; its index is then a new item (our choice)",
  },
  shared: {
    kind: "real",
    default: 0.1,
    min: 0,
    max: 1,
    unit: "",
    meaning: "share of a task's items that the next task has in the chunk that follows (our choice)",
  },
  "compute-ns": {
    kind: "integer",
    default: 20_000,
    min: 0,
    max: 1_000_000_000,
    unit: "ns",
    meaning: "other work of a task between two transactions (our choice)",
  },
  "force-every": {
    kind: "integer",
    default: 0,
    min: 0,
    max: 1_000_000_000,
    unit: "transactions",
    meaning: "transactions of a task after which it forces the log, as fsync does; 0: never",
  },
  "push-threshold": {
    kind: "integer",
    default: 32 * mebibyte,
    min: 1,
    max: 1024 * mebibyte,
    unit: "bytes",
    meaning: "bytes of a checkpoint at which it is pushed: 32 MiB in Linux, or an eighth of a smaller log",
  },
  "memory-limit": {
    kind: "integer",
    default: 0,
    min: 0,
    max: 2048 * mebibyte,
    unit: "bytes",
    meaning: "memory that log vectors can have at a time; 0: plenty",
  },
  "io-ns": {
    kind: "integer",
    default: 1_000_000,
    min: 0,
    max: 4_000_000_000,
    unit: "ns",
    meaning: "time of a checkpoint's log I/O, after which its vectors are freed (our choice)",
  },
  "compaction-ns": {
    kind: "integer",
    default: 16_000,
    min: 0,
    max: 1_000_000_000,
    unit: "ns",
    meaning:
      "time that compacting memory for an allocation above order 3 takes: 1.57 times the copy of 64 KiB, by the profile in 8dc9384b7d75 (21.6 % against 13.7 %) at 6.4 GB/s; 0: memory is not fragmented",
  },
  "hang-ms": {
    kind: "integer",
    default: 120_000,
    min: 1,
    max: 3_600_000,
    unit: "ms",
    meaning: "wait for memory that counts as a deadlock: hung_task_timeout_secs in Linux",
  },
} as const satisfies ParameterTable;

/** The same with the defaults of a machine that is short of memory. */
export const commitsShortOfMemoryParameters = {
  ...metadataCommitsParameters,
  transactions: { ...metadataCommitsParameters.transactions, default: 1000 },
  "memory-limit": {
    ...metadataCommitsParameters["memory-limit"],
    default: 16 * mebibyte,
    min: 1,
    meaning: "memory that log vectors can have at a time (our choice: half of the push threshold)",
  },
} as const satisfies ParameterTable;

type Values = ParametersOf<typeof metadataCommitsParameters>;

/** How many transactions back an item is that is logged again. */
const recentTransactions = 4;
/** Bytes that are logged are multiples of this, as a buffer's dirty regions are (XFS_BLF_CHUNK). */
const granule = 128;
/** More than header, iovecs and slack of a vector of two iovecs take. */
const vectorOverheadBytes = 256;

/** A size of items, and how many have it. */
interface Share {
  readonly bytes: number;
  readonly weight: number;
}

/** @throws {InputError} for text that is no mix */
function parseMix(text: string): readonly Share[] {
  const shares = text.split(",").map((part) => {
    const match = /^\s*(\d+):(\d+)\s*$/.exec(part);
    const bytes = Number(match?.[1]);
    const weight = Number(match?.[2]);
    if (match === null || bytes < 8 || bytes > logItemBytesMax || weight < 1 || weight > 1_000_000) {
      throw new InputError(
        `parameter 'mix': '${part.trim()}' is not bytes:weight with 8 to ${logItemBytesMax} bytes and a weight of 1 to 1000000`,
      );
    }
    return { bytes, weight };
  });
  return shares;
}

/** Bytes that a vector for so many takes at most, as a power of two. */
function vectorBytes(bytes: number): number {
  let size = 64;
  while (size < bytes + vectorOverheadBytes) size *= 2;
  return size;
}

/**
 * Program: no set-up. In every chunk, all of them measured, each task performs the same number of transactions: items join,
 * the transaction commits, now and then the log is forced, the task computes, and a bogo-op is done.
 *
 * A task's items are its own, but for those that are passed on from chunk to chunk: of the items that are shared, task t
 * has those of task t + c modulo the number of tasks in chunk c. Item i of a task has the size that the weights of the mix
 * give to its place; no transaction has an item twice.
 */
export class MetadataCommits implements Workload {
  readonly name: string;
  readonly parameters: Values;
  readonly seed: number;
  readonly limits: WorkloadLimits;
  // Nothing of cgroups, superblocks or lists changes, and whatever is logged can be logged again.
  readonly repeatable = true;
  /** Size of an item, 0 for one that is ordered, by its place among those of a task. */
  readonly #sizes: readonly number[];
  /** Events of a transaction at most. */
  readonly #eventsEach: number;
  /** Transactions of each task in a chunk. */
  readonly #perChunk: number;
  /** The first so many of a task's items are passed on. */
  readonly #sharedItems: number;

  constructor(
    given: Readonly<Record<string, ParameterValue>>,
    seed: number,
    { name, table }: { readonly name: string; readonly table: ParameterTable } = {
      name: "metadata-commits",
      table: metadataCommitsParameters,
    },
  ) {
    const values = resolveParameters(table, given) as Values;
    this.name = name;
    this.parameters = values;
    this.seed = checkSeed(seed);
    const { committers, transactions, items, "items-per-transaction": joined } = values;
    if (joined > items) {
      throw new InputError(`parameter 'items-per-transaction': must be at most items (${items}), got ${joined}`);
    }
    const mix = parseMix(values.mix);
    this.#sizes = sizesOf(mix, items, Math.round(items * values.ordered));
    this.#sharedItems = Math.round(items * values.shared);
    const forces = values["force-every"] > 0 ? 1 : 0;
    const computes = values["compute-ns"] > 0 ? 1 : 0;
    this.#eventsEach = joined + 2 + forces + computes;
    this.#perChunk = Math.min(Math.floor(chunkEventsMax / (committers * this.#eventsEach)), transactions);
    if (this.#perChunk === 0) {
      throw new InputError(
        `parameter 'committers': a transaction of each would be ${committers * this.#eventsEach} events, more than a chunk's ${chunkEventsMax}`,
      );
    }
    const limit = values["memory-limit"];
    const needed = committers * joined * vectorBytes(Math.max(...mix.map(({ bytes }) => bytes)));
    if (limit > 0 && limit < needed) {
      throw new InputError(
        `parameter 'memory-limit': the vectors of ${committers} transactions at the same time can take ${needed} bytes, got ${limit}`,
      );
    }
    const perForce = forces === 0 ? 0 : Math.floor(transactions / values["force-every"]);
    this.limits = checkLimits(this.name, {
      events: committers * (transactions * (this.#eventsEach - forces) + perForce),
      caches: 0,
      objects: committers * items,
      cgroups: 0,
      superblocks: 0,
      tasks: committers,
      liveBytesMax: 0,
      slabBytesMax: 0,
    });
  }

  *chunks(): Generator<Uint8Array> {
    const { committers, transactions } = this.parameters;
    const random = new Random(this.seed);
    const writer = new EventWriter();
    writer.flags = flagMeasured;
    /** Of each task, the places of the items that it had last. */
    const recent = Array.from({ length: committers }, (): number[] => []);
    for (let first = 0, chunk = 0; first < transactions; first += this.#perChunk, chunk++) {
      const end = Math.min(first + this.#perChunk, transactions);
      for (let transaction = first; transaction < end; transaction++) {
        for (let task = 0; task < committers; task++) {
          writer.task = task;
          this.#transaction(writer, random, { task, chunk, transaction, recent: recent[task] as number[] });
        }
      }
      yield* writer.flush();
    }
  }

  #transaction(
    writer: EventWriter,
    random: Random,
    what: { readonly task: number; readonly chunk: number; readonly transaction: number; readonly recent: number[] },
  ): void {
    const values = this.parameters;
    const { task, chunk, transaction, recent } = what;
    const places = this.#choose(random, recent);
    for (const place of places) {
      const owner = place < this.#sharedItems ? (task + chunk) % values.committers : task;
      const size = this.#sizes[place] as number;
      const isPart = size > granule && isChance(random, values.resize);
      const bytes = isPart ? partOf(random, size) : size;
      const isLast = isChance(random, values.evict);
      writer.add(kindTransactionItem, owner * values.items + place, 0, bytes, isLast ? 1 : 0);
    }
    writer.add(kindTransactionCommit, 0, 0, 0, 0);
    const every = values["force-every"];
    if (every > 0 && (transaction + 1) % every === 0) writer.add(kindLogPush, 0, 0, 0, 0);
    if (values["compute-ns"] > 0) writer.add(kindCompute, 0, 0, values["compute-ns"], 0);
    writer.add(kindBogoOp, 0, 0, transaction, 0);
    recent.push(...places);
    recent.splice(0, Math.max(0, recent.length - recentTransactions * values["items-per-transaction"]));
  }

  /** Different places of items, ascending: items are locked in one order. */
  #choose(random: Random, recent: readonly number[]): number[] {
    const { items, relog, "items-per-transaction": joined } = this.parameters;
    const chosen = new Set<number>();
    while (chosen.size < joined) {
      const again = isChance(random, relog) ? recent.filter((place) => !chosen.has(place)) : [];
      let place = again.length > 0 ? (again[random.below(again.length)] as number) : random.below(items);
      // The next one that is free, so that few items are enough.
      while (chosen.has(place)) place = (place + 1) % items;
      chosen.add(place);
    }
    return [...chosen].sort((one, other) => one - other);
  }
}

function isChance(random: Random, probability: number): boolean {
  return random.next() < probability * 0x1_0000_0000;
}

/** Half to all of a size, in whole granules. */
function partOf(random: Random, size: number): number {
  const granules = Math.floor(size / granule);
  const least = Math.max(1, Math.floor(granules / 2));
  return (least + random.below(granules - least + 1)) * granule;
}

/** Sizes by place: each kind spread evenly over all places, by the error that has grown most. The last ones are ordered. */
function sizesOf(mix: readonly Share[], items: number, ordered: number): readonly number[] {
  const total = mix.reduce((sum, { weight }) => sum + weight, 0);
  const given = mix.map(() => 0);
  return Array.from({ length: items }, (_, place) => {
    const lacking = mix.map(({ weight }, index) => (weight * (place + 1)) / total - (given[index] as number));
    const next = lacking.indexOf(Math.max(...lacking));
    given[next] = (given[next] as number) + 1;
    return place >= items - ordered ? 0 : (mix[next] as Share).bytes;
  });
}

/** Largest size that a mix names, or `otherwise` when it is none. */
export function largestOf(mix: ParameterValue | undefined, otherwise: number): number {
  if (typeof mix !== "string") return otherwise;
  try {
    return Math.max(...parseMix(mix).map(({ bytes }) => bytes));
  } catch {
    return otherwise;
  }
}
