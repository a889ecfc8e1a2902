// container-start: containers are started and stopped, which mounts and unmounts a tmpfs each time, while memory is
// reclaimed from a tree of cgroups. After what Kirill Tkhai raised in the linux-mm threads about the shrinkers' lock: a
// mount that waits for the global rwsem makes every trylock of reclaim fail, so that while many containers are being
// started next to no slab is reclaimed at all.
//
// Neither he nor anybody else published a program or figures for it. So everything but the sequence of events is our
// choice. No slab object is allocated and no cache exists: a problem about those must refuse this workload.

import { InputError } from "../errors.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCompute,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../kernel/events.ts";
import { callbackSleepNs, checkLimits, tasksMax } from "./common-parameters.ts";
import { EventWriter } from "./event-writer.ts";
import { checkSeed, type ParametersOf, type ParameterTable, resolveParameters } from "./parameters.ts";
import { chunkEventsMax, type ParameterValue, type Workload, type WorkloadLimits } from "./workload.ts";

export const containerStartParameters = {
  mounters: {
    kind: "integer",
    default: 4,
    min: 1,
    max: tasksMax,
    unit: "tasks",
    meaning: "tasks, from task 0 on, that start and stop one container after the other (our choice)",
  },
  reclaimers: {
    kind: "integer",
    default: 4,
    min: 0,
    max: tasksMax,
    unit: "tasks",
    meaning: "tasks, after the mounters, that walk the tree meanwhile (our choice)",
  },
  cgroups: {
    kind: "integer",
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: "cgroups",
    meaning: "cgroups of the tree with a tmpfs of their own that stays; each mounter has one more for its containers",
  },
  "lru-objects": {
    kind: "integer",
    default: 2,
    min: 1,
    max: 1_000_000,
    unit: "objects",
    meaning:
      "objects on the LRU list of every tmpfs, charged to its cgroup; all in use, a scan frees none (our choice)",
  },
  rounds: { kind: "integer", default: 20, min: 1, max: 1_000_000, unit: "rounds", meaning: "measured chunks" },
  containers: {
    kind: "integer",
    default: 100,
    min: 1,
    max: chunkEventsMax,
    unit: "ops",
    meaning: "containers of each mounter in a round: its bogo-ops",
  },
  "reclaim-passes": {
    kind: "integer",
    default: 13,
    min: 0,
    max: chunkEventsMax,
    unit: "passes",
    meaning: "passes of each reclaimer in a round, at priority 12 down to 0 and over again",
  },
  "compute-ns": {
    kind: "integer",
    default: 25_000,
    min: 0,
    max: 1_000_000_000,
    unit: "ns",
    meaning:
      "other work while a container's tmpfs is mounted: about the rest of mount(2) and umount2(2), 13.5 and 11.3 us on Linux 6.18, so that a container does nothing else",
  },
  "callback-sleep-ns": {
    ...callbackSleepNs,
    meaning: "time for which each callback of a slow cgroup's tmpfs sleeps, as one that waits for a disk or a server",
  },
  "slow-cgroups": {
    kind: "integer",
    default: 1,
    min: 0,
    max: 1_000_000,
    unit: "cgroups",
    meaning: "cgroups, the first ones, whose tmpfs has callbacks that sleep callback-sleep-ns; at most cgroups",
  },
} as const satisfies ParameterTable;

type Values = ParametersOf<typeof containerStartParameters>;

/**
 * Program: set-up by task 0 creates the root cgroup, the tree's top below it, and below that `cgroups` cgroups with a
 * mounted tmpfs and its LRU objects, and an empty cgroup per mounter. Then each round, measured, in one chunk:
 *
 * - each mounter runs `containers` containers: mount a tmpfs, add its objects, charged to the mounter's cgroup, to its
 *   LRU, compute, unmount. That is a bogo-op;
 * - each reclaimer makes `reclaim-passes` walks over the tree, and does nothing else. They are no bogo-ops.
 *
 * The reclaimers find the containers' tmpfs in the mounters' cgroups. In a chunk the passes stand between the mounts
 * and the unmounts of all mounters, evenly over the round, so that they are not void when the tasks run in turn.
 *
 * Repeatable: a mounter's containers and a reclaimer's passes are repeated each for itself, so how many of one go with
 * one of the other is then a result, and the round's numbers say only how often a task's events start again.
 * Mounter m has its own superblock and cgroup, so no event of a task depends on an event of another one in its chunk.
 */
export class ContainerStart implements Workload {
  readonly name = "container-start";
  readonly parameters: Values;
  readonly seed: number;
  readonly limits: WorkloadLimits;
  readonly repeatable = true;

  constructor(given: Readonly<Record<string, ParameterValue>>, seed: number) {
    this.parameters = resolveParameters(containerStartParameters, given);
    // Nothing in the program is random; the seed is part of the workload's identity all the same.
    this.seed = checkSeed(seed);
    const { mounters, reclaimers, cgroups, rounds, containers, "reclaim-passes": passes } = this.parameters;
    const roundEvents = mounters * containers * containerEvents + reclaimers * passes;
    if (roundEvents > chunkEventsMax) {
      throw new InputError(
        `workload '${this.name}': a round would have ${roundEvents} events, more than the ${chunkEventsMax} of a chunk; lower containers or reclaim-passes and raise rounds`,
      );
    }
    const slow = this.parameters["slow-cgroups"];
    if (slow > cgroups) {
      throw new InputError(`parameter 'slow-cgroups': must be at most cgroups (${cgroups}), got ${slow}`);
    }
    this.limits = checkLimits(this.name, {
      events: 2 + 3 * cgroups + mounters + rounds * roundEvents,
      caches: 0,
      objects: 0,
      cgroups: firstCgroup + cgroups + mounters,
      superblocks: cgroups + mounters,
      tasks: mounters + (passes === 0 ? 0 : reclaimers),
      liveBytesMax: 0,
      slabBytesMax: 0,
    });
  }

  *chunks(): Generator<Uint8Array> {
    const writer = new EventWriter();
    yield* this.#setUp(writer);
    writer.flags = flagMeasured;
    for (let round = 0; round < this.parameters.rounds; round++) {
      this.#round(writer, round);
      yield* writer.flush();
    }
  }

  *#setUp(writer: EventWriter): Generator<Uint8Array> {
    const { mounters, cgroups, "lru-objects": objects, "slow-cgroups": slow } = this.parameters;
    writer.add(kindCgroupCreate, 0, 0, 0, 0);
    writer.add(kindCgroupCreate, 0, topCgroup, 0, 0);
    for (let cgroup = 0; cgroup < cgroups; cgroup++) {
      yield* writer.reserve(3);
      writer.add(kindCgroupCreate, 0, firstCgroup + cgroup, topCgroup, 0);
      writer.add(kindSuperblockMount, cgroup, 0, 0, cgroup < slow ? this.parameters["callback-sleep-ns"] : 0);
      writer.add(kindLruAdd, cgroup, firstCgroup + cgroup, objects, 0);
    }
    for (let mounter = 0; mounter < mounters; mounter++) {
      yield* writer.reserve(1);
      writer.add(kindCgroupCreate, 0, firstCgroup + cgroups + mounter, topCgroup, 0);
    }
    yield* writer.flush();
  }

  #round(writer: EventWriter, round: number): void {
    const { mounters, cgroups, containers, "lru-objects": objects, "reclaim-passes": passes } = this.parameters;
    const compute = this.parameters["compute-ns"];
    let passed = 0;
    for (let container = 0; container < containers; container++) {
      for (let mounter = 0; mounter < mounters; mounter++) {
        writer.task = mounter;
        writer.add(kindSuperblockMount, cgroups + mounter, 0, 0, 0);
        writer.add(kindLruAdd, cgroups + mounter, firstCgroup + cgroups + mounter, objects, 0);
        writer.add(kindCompute, 0, 0, compute, 0);
      }
      for (const due = Math.floor((passes * (container + 1)) / containers); passed < due; passed++) {
        this.#pass(writer, passed);
      }
      for (let mounter = 0; mounter < mounters; mounter++) {
        writer.task = mounter;
        writer.add(kindSuperblockUnmount, cgroups + mounter, 0, 0, 0);
        writer.add(kindBogoOp, 0, 0, round * containers + container, 0);
      }
    }
  }

  /** One pass of every reclaimer. */
  #pass(writer: EventWriter, pass: number): void {
    const { mounters, reclaimers } = this.parameters;
    for (let reclaimer = 0; reclaimer < reclaimers; reclaimer++) {
      writer.task = mounters + reclaimer;
      writer.add(kindReclaimPass, 0, topCgroup, priorityMax - (pass % (priorityMax + 1)), 0);
    }
  }
}

/** Cgroup 0 is the root, 1 the top of the tree, then those that stay, then one per mounter. */
const topCgroup = 1;
const firstCgroup = 2;
/** Mount, LRU, compute, unmount, bogo-op. */
const containerEvents = 5;
/** DEF_PRIORITY: a reclaim starts at 12 and becomes more urgent down to 0. */
const priorityMax = 12;
