// A shrinker's module, running.

import { InputError } from "../errors.ts";
import {
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../kernel/events.ts";
import type { WorkloadLimits } from "../workloads/workload.ts";
import type { CompiledModule } from "./compile.ts";
import { type HarnessExports, type MachineImports, type MakeMachine, type RunningModule, start } from "./instance.ts";

/** What the shrinker's harness exports (`src/kernel/shrinker/harness.ts`). Integers are 32 bits wide unless said otherwise. */
export interface ShrinkerExports extends HarnessExports {
  initialise(): void;
  /** Repeats the events until `now() >= deadlineNs` (an f64), looked at after each bogo-op. */
  runUntil(first: number, end: number, deadlineNs: number): number;
  /** Finishes callbacks that wait for a grace period, while all other CPUs are idle. */
  drain(): void;
  /** What this CPU counted (`src/kernel/shrinker/counters.ts`). An f64. */
  counter(index: number): number;
  /** Address of one of this CPU's histograms. */
  histogramAddress(index: number): number;
  /** Ids that the maps of all cgroups have room for. */
  capacity(): number;
  /** Bytes of the bitmaps of all present cgroups. An f64, as the next two. */
  mapBytes(): number;
  /** Bytes of their deferred counts. */
  deferredBytes(): number;
  /** Bytes of all that holds these, as the allocator rounds them. */
  infoBytes(): number;
  /** Bytes of one shrinker. */
  shrinkerBytes(): number;
  /** What the problem's memory holds at an address (`src/kernel/shrinker/areas.ts`). */
  areaAt(address: number): number;
  /** Pages of the arena that were ever used. */
  touchedPageCount(): number;
}

/** The sizes that a shrinker's case is laid out for. */
export interface ShrinkerSizes {
  /** CPUs of the machine, at least 1. */
  readonly cpus: number;
  /** NUMA nodes, at least 1. */
  readonly nodes: number;
  /** Steps of `compute` in a microsecond; see {@link start}. */
  readonly spinsPerMicrosecond?: number;
  /** Bytes for fibers; see {@link start}. */
  readonly fiberBytes?: number;
  /** Bytes of the arena at most, for a case that is known to need less; see {@link start}. */
  readonly arenaBytesMax?: number;
}

/** Kinds of events that the shrinker acts on or counts; its harness skips all others. */
export const shrinkerKinds: ReadonlySet<number> = new Set([
  kindCgroupCreate,
  kindCgroupOffline,
  kindSuperblockMount,
  kindSuperblockUnmount,
  kindLruAdd,
  kindReclaimPass,
  kindCompute,
  kindBogoOp,
]);

/** Ids of one word of a map; the maps grow by as many. */
const idsPerWord = 64;
/** Ids beyond the superblocks: those of shrinkers on their way out. */
const spareIds = 16;
/** Most bytes of the headers of a block, or of an array of units. */
const headerBytes = 128;
/** Counts and bitmap of 64 ids, with the unit's header. */
const unitBytes = idsPerWord * 8 + 8;
const pointerBytes = 8;
/** Replaced maps that wait for a grace period are always provided for as long as they take no more than this. */
const retiredBytesMax = 128 * 1024 * 1024;
/** Bytes of a shrinker, whatever the variant adds. */
const shrinkerBytesMax = 512;
/** Cgroups of one leaf of a superblock's lists, 8 bytes each. */
const leafCgroups = 64;
/** Leaves that a superblock is expected to have at most: its objects are charged to few cgroups. */
const leavesExpected = 4;

/** Bytes that the kernel code's allocator hands out for so many (`src/kernel/slab/kmalloc.ts`). */
function kmallocBytes(bytes: number): number {
  return 2 ** Math.max(6, Math.ceil(Math.log2(bytes)));
}

/**
 * Bytes of the arena that a workload's shrinkers can need, partly filled slabs aside; the layout doubles it.
 *
 * Maps before Linux 6.7 are one block per cgroup and node; during an expansion the old one of every cgroup is still
 * there. Since 6.7 they are units that stay, and an array of pointers that is replaced.
 */
export function shrinkerArenaBytes(limits: WorkloadLimits, nodes: number): number {
  const { cgroups, superblocks } = limits;
  const words = Math.ceil((superblocks + spareIds) / idsPerWord);
  let block = 0;
  let blocksEver = 0;
  for (let grown = 1; grown <= words; grown++) {
    block = kmallocBytes(headerBytes + grown * (idsPerWord * 8 + idsPerWord / 8));
    blocksEver += block;
  }
  const units = words * kmallocBytes(unitBytes) + 2 * kmallocBytes(headerBytes + words * pointerBytes);
  const maps = cgroups * nodes;
  const infos = Math.max(maps * 2 * block, maps * units, Math.min(maps * blocksEver, retiredBytesMax));
  const leaves = Math.min(Math.ceil(cgroups / leafCgroups), leavesExpected);
  const table = kmallocBytes(Math.ceil(cgroups / leafCgroups) * pointerBytes);
  const lists = table + leaves * kmallocBytes(leafCgroups * nodes * 8);
  return infos + superblocks * (lists + shrinkerBytesMax);
}

/**
 * Instantiates a shrinker module on memory of its own and prepares it for a workload.
 *
 * @param machine imports of the form of the machine that the module was compiled for, for CPU 0
 * @param attach called before the module touches its memory, for machines that act on it themselves
 * @throws {InputError} when the memory that the case needs cannot be had
 */
export function startShrinker<Exports extends ShrinkerExports = ShrinkerExports>(
  compiled: CompiledModule,
  limits: WorkloadLimits,
  sizes: ShrinkerSizes,
  machine: MachineImports | MakeMachine,
  attach: (running: RunningModule<Exports>) => void = () => {},
): RunningModule<Exports> {
  const { cpus, nodes, spinsPerMicrosecond, fiberBytes = 0, arenaBytesMax } = sizes;
  const globals = { cgroupCount: limits.cgroups, superblockCount: limits.superblocks, nodeCount: nodes };
  const arenaBytes = shrinkerArenaBytes(limits, nodes);
  const running = start<Exports>({
    compiled,
    cpus,
    // Events of slab objects are the quarantine's.
    limits: { ...limits, caches: 1, objects: 1, liveBytesMax: 0, slabBytesMax: 0 },
    heldBytesMax: arenaBytes,
    harness: () => globals,
    machine,
    ...(spinsPerMicrosecond === undefined ? {} : { spinsPerMicrosecond }),
    fiberBytes,
    ...(arenaBytesMax === undefined ? {} : { arenaBytesMax }),
    advice: "use fewer cgroups, superblocks or nodes, or free memory",
  });
  const { arenaBase, arenaEnd } = running.layout;
  if (arenaEnd - arenaBase < arenaBytes) {
    throw new InputError(
      `${limits.cgroups} cgroups with ${limits.superblocks} superblocks on ${nodes} nodes need ${Math.ceil(arenaBytes / 2 ** 20)} MiB of maps, more than 32-bit Wasm can address beside the rest; use fewer`,
    );
  }
  attach(running);
  running.exports.initialise();
  return running;
}
