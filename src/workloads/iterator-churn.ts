// iterator-churn: cgroups come and go while reclaim walks over all of them, some of which take long, and walks are broken
// off. After the report of a node that swapped for days with free memory (Virtuozzo, 2021, about Linux 3.10): around 1000
// cgroups, some of which need three seconds each to be reclaimed from, others created and destroyed all the time; and
// after its test, in which walks of global reclaim were broken off at random with a probability of 2 %.
//
// No slab object is allocated, no cache exists and nothing is mounted: a problem about those must refuse this workload.

import { InputError } from "../errors.ts";
import {
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindReclaimPass,
} from "../kernel/events.ts";
import { checkLimits, checkTasks, tasksMax } from "./common-parameters.ts";
import { EventWriter } from "./event-writer.ts";
import { checkSeed, type ParametersOf, type ParameterTable, resolveParameters } from "./parameters.ts";
import { Random } from "./random.ts";
import { chunkEventsMax, type ParameterValue, type Workload, type WorkloadLimits } from "./workload.ts";

const nsMax = 1_000_000_000_000;

export const iteratorChurnParameters = {
  cgroups: {
    kind: "integer",
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: "cgroups",
    meaning: "cgroups that are reclaimed from and come and go; about 1000 in the report",
  },
  parents: {
    kind: "integer",
    default: 4,
    min: 1,
    max: 10_000,
    unit: "cgroups",
    meaning: "cgroups between the root and these, which stay; each has an equal share of them (our choice)",
  },
  walkers: {
    kind: "integer",
    default: 1,
    min: 0,
    max: tasksMax,
    unit: "tasks",
    meaning: "tasks, from task 0 on, that walk over everything as kswapd does, task t on node t modulo nodes",
  },
  churners: {
    kind: "integer",
    default: 1,
    min: 0,
    max: tasksMax,
    unit: "tasks",
    meaning: "tasks, after the walkers, that remove and create cgroups, each its own share of them (our choice)",
  },
  "direct-reclaimers": {
    kind: "integer",
    default: 2,
    min: 0,
    max: tasksMax,
    unit: "tasks",
    meaning:
      "tasks, after the churners, that walk over one parent and its cgroups at a time, as limit reclaim (our choice)",
  },
  nodes: {
    kind: "integer",
    default: 1,
    min: 1,
    max: 64,
    unit: "nodes",
    meaning: "NUMA nodes of the machine, each with cursors of its own (our choice)",
  },
  "slow-cgroups": {
    kind: "integer",
    default: 10,
    min: 0,
    max: 1_000_000,
    unit: "cgroups",
    meaning: "cgroups that take slow-ns, evenly spread; some in the report; at most cgroups",
  },
  "slow-ns": {
    kind: "integer",
    default: 3_000_000_000,
    min: 0,
    max: nsMax,
    unit: "ns",
    meaning: "time that reclaim takes in a slow cgroup: three seconds in the report",
  },
  "visit-ns": {
    kind: "integer",
    default: 1_000_000,
    min: 0,
    max: nsMax,
    unit: "ns",
    meaning: "time that reclaim takes in any other cgroup (our choice)",
  },
  "churn-ns": {
    kind: "integer",
    default: 100_000_000,
    min: 0,
    max: nsMax,
    unit: "ns",
    meaning: "time that a churner lets pass with each cgroup, half of it while the cgroup is gone (our choice)",
  },
  "break-percent": {
    kind: "real",
    default: 2,
    min: 0,
    max: 100,
    unit: "%",
    meaning: "probability that a walk is broken off after a visit, drawn for each; 2 in the report's test",
  },
  priorities: {
    kind: "integer",
    default: 1,
    min: 1,
    max: 13,
    unit: "priorities",
    meaning:
      "priorities that the passes of a task have in turn, from 12 down, each with cursors of its own (our choice)",
  },
  rounds: { kind: "integer", default: 20, min: 1, max: 1_000_000, unit: "rounds", meaning: "measured chunks" },
  "churn-ops": {
    kind: "integer",
    default: 50,
    min: 1,
    max: chunkEventsMax,
    unit: "ops",
    meaning: "cgroups that each churner removes and creates again in a round: its bogo-ops",
  },
  passes: {
    kind: "integer",
    default: 50,
    min: 0,
    max: chunkEventsMax,
    unit: "passes",
    meaning: "passes of each walker and each direct reclaimer in a round",
  },
} as const satisfies ParameterTable;

type Values = ParametersOf<typeof iteratorChurnParameters>;

/**
 * Program: set-up by task 0 creates the root, the parents below it, and the cgroups, in turn below each parent. Then each
 * round, measured, in one chunk:
 *
 * - each walker makes `passes` walks over the root, each direct reclaimer as many, each over a parent that is drawn. After
 *   every visit a walk is broken off with the given probability, drawn beforehand;
 * - each churner does `churn-ops` times: remove a cgroup that is drawn from its share, let time pass, create it again
 *   below the same parent, let time pass. That is a bogo-op.
 *
 * A cgroup that was created again is its parent's last child. The passes stand evenly between the churners' operations, so
 * that they meet when the tasks run in turn.
 *
 * Repeatable: a churner's operations and a walker's passes are repeated each for itself. Churner c has the cgroups whose
 * number is c modulo their number, nobody removes a root of a walk, so no event of a task depends on one of another.
 */
export class IteratorChurn implements Workload {
  readonly name = "iterator-churn";
  readonly parameters: Values;
  readonly seed: number;
  readonly limits: WorkloadLimits;
  readonly repeatable = true;

  constructor(given: Readonly<Record<string, ParameterValue>>, seed: number) {
    this.parameters = resolveParameters(iteratorChurnParameters, given);
    this.seed = checkSeed(seed);
    const { cgroups, parents, walkers, churners, rounds, passes } = this.parameters;
    const { "direct-reclaimers": direct, "slow-cgroups": slow, "churn-ops": ops } = this.parameters;
    checkTasks("churners", churners, { count: cgroups, of: "cgroups" });
    if (slow > cgroups) {
      throw new InputError(`parameter 'slow-cgroups': must be at most cgroups (${cgroups}), got ${slow}`);
    }
    const tasks = walkers + churners + direct;
    const roundEvents = churners * ops * opEvents + (walkers + direct) * passes;
    if (roundEvents === 0) {
      throw new InputError(`workload '${this.name}': has neither churners nor passes; set one of them`);
    }
    if (roundEvents > chunkEventsMax) {
      throw new InputError(
        `workload '${this.name}': a round would have ${roundEvents} events, more than the ${chunkEventsMax} of a chunk; lower churn-ops or passes and raise rounds`,
      );
    }
    this.limits = checkLimits(this.name, {
      events: 1 + parents + cgroups + rounds * roundEvents,
      caches: 0,
      objects: 0,
      cgroups: 1 + parents + cgroups,
      superblocks: 0,
      tasks,
      liveBytesMax: 0,
      slabBytesMax: 0,
    });
  }

  *chunks(): Generator<Uint8Array> {
    const random = new Random(this.seed);
    const writer = new EventWriter();
    yield* this.#setUp(writer);
    writer.flags = flagMeasured;
    for (let round = 0; round < this.parameters.rounds; round++) {
      this.#round(writer, random, round);
      yield* writer.flush();
    }
  }

  *#setUp(writer: EventWriter): Generator<Uint8Array> {
    const { parents, cgroups } = this.parameters;
    writer.add(kindCgroupCreate, 0, rootCgroup, rootCgroup, 0);
    for (let parent = 0; parent < parents; parent++) {
      yield* writer.reserve(1);
      writer.add(kindCgroupCreate, 0, firstParent + parent, rootCgroup, this.parameters["visit-ns"]);
    }
    for (let cgroup = 0; cgroup < cgroups; cgroup++) {
      yield* writer.reserve(1);
      this.#create(writer, cgroup);
    }
    yield* writer.flush();
  }

  #create(writer: EventWriter, cgroup: number): void {
    const { cgroups, parents, "slow-cgroups": slow, "slow-ns": slowNs, "visit-ns": ns } = this.parameters;
    // Where the number of slow ones up to here grows.
    const isSlow = Math.floor(((cgroup + 1) * slow) / cgroups) > Math.floor((cgroup * slow) / cgroups);
    const parent = firstParent + (cgroup % parents);
    writer.add(kindCgroupCreate, 0, firstParent + parents + cgroup, parent, isSlow ? slowNs : ns);
  }

  #round(writer: EventWriter, random: Random, round: number): void {
    const { walkers, churners, passes, "churn-ops": ops } = this.parameters;
    const steps = churners === 0 ? 1 : ops;
    let passed = 0;
    for (let op = 0; op < steps; op++) {
      for (let churner = 0; churner < churners; churner++) {
        writer.task = walkers + churner;
        this.#churn(writer, random, churner, round * ops + op);
      }
      for (const due = Math.floor((passes * (op + 1)) / steps); passed < due; passed++) {
        this.#passes(writer, random, round * passes + passed);
      }
    }
  }

  #churn(writer: EventWriter, random: Random, churner: number, op: number): void {
    const { cgroups, parents, churners, "churn-ns": ns } = this.parameters;
    const share = Math.floor((cgroups - churner - 1) / churners) + 1;
    const cgroup = churner + random.below(share) * churners;
    const gone = Math.floor(ns / 2);
    writer.add(kindCgroupOffline, 0, firstParent + parents + cgroup, 0, 0);
    writer.add(kindCompute, 0, 0, gone, 0);
    this.#create(writer, cgroup);
    writer.add(kindCompute, 0, 0, ns - gone, 0);
    writer.add(kindBogoOp, 0, 0, op, 0);
  }

  /** One pass of every walker and direct reclaimer. */
  #passes(writer: EventWriter, random: Random, pass: number): void {
    const { walkers, churners, parents, nodes, priorities, "direct-reclaimers": direct } = this.parameters;
    const priority = priorityMax - (pass % priorities);
    for (let walker = 0; walker < walkers; walker++) {
      writer.task = walker;
      writer.add(kindReclaimPass, 0, rootCgroup, priority, (walker % nodes) + this.#visits(random) * twoTo32);
    }
    for (let reclaimer = 0; reclaimer < direct; reclaimer++) {
      writer.task = walkers + churners + reclaimer;
      const parent = firstParent + random.below(parents);
      const node = random.below(nodes);
      writer.add(kindReclaimPass, 0, parent, priority, node + this.#visits(random) * twoTo32);
    }
  }

  /** Visits after which a walk is broken off; 0: never. */
  #visits(random: Random): number {
    const threshold = Math.round((this.parameters["break-percent"] / 100) * twoTo32);
    if (threshold === 0) return 0;
    for (let visits = 1; visits <= visitsMax; visits++) if (random.next() < threshold) return visits;
    return 0;
  }
}

/** Cgroup 0 is the root, then come the parents, then their children. */
const rootCgroup = 0;
const firstParent = 1;
/** Removal, compute, creation, compute, bogo-op. */
const opEvents = 5;
/** DEF_PRIORITY: a reclaim starts at 12 and becomes more urgent down to 0. */
const priorityMax = 12;
const twoTo32 = 2 ** 32;
/** A walk that was not broken off after so many visits is not at all. */
const visitsMax = 100_000;
