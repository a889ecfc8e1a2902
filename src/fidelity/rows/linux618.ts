// What Linux 6.18, which has the reference counts, did on a small virtual machine.

import type { Table } from "../../report/tables.ts";
import { type CostName, loadProfile, type MachineProfile, type Sourced } from "../../simulator/profile.ts";
import type { CaseSpec, Lab, Outcome } from "../lab.ts";
import { makeRow, type Row } from "../row.ts";
import { cpusOn, describeTime } from "../text.ts";
import { type TreeSizes, WalkedTree } from "../tree.ts";

const hz = 250;
const mebibyte = 1024 * 1024;

/** The virtual machine, as far as small C programs in it could tell; everything else as on a Xeon of its generation. */
function virtualMachine(): MachineProfile {
  const base = loadProfile("xeon-24-1s");
  const measured = (value: number, what: string): Sourced => ({
    value,
    source: `${what}, in a nested virtual machine of the Cascade Lake class at 2.5 GHz`,
    mark: "measured",
  });
  const costs: Partial<Record<CostName, Sourced>> = {
    l1: measured(1.3, "pointer chase in 16 KiB"),
    l2: measured(4.6, "pointer chase in 128 KiB"),
    l3: measured(25, "pointer chase in 2 MiB"),
    // A kernel maps its own memory in huge pages.
    memoryLocal: measured(109, "pointer chase in 24 MiB of huge pages"),
    transferSameCluster: measured(113, "one-way hop of a line between the 2 CPUs, median"),
    locked: measured(6.7, "lock xadd, not contended, median"),
    barrier: measured(6.7, "sequentially consistent fence, median"),
    contextSwitch: measured(2055, "pipe one way on one CPU, median"),
  };
  return {
    ...base,
    name: "virtual-machine-6.18",
    description: "2 virtual CPUs of the Cascade Lake class at 2.5 GHz",
    coresPerCluster: measured(2, "virtual CPUs"),
    threadsPerCore: measured(1, "virtual CPUs"),
    l3: {
      ...base.l3,
      bytes: measured(4 * mebibyte, "pointer chases: 25 ns in 2 MiB, 105 ns in 8 MiB"),
      ways: measured(16, "our choice"),
    },
    costs: { ...base.costs, ...costs },
  };
}

/** Ids of 64 units. */
const mapIds = 4096;

function treeSpec(sizes: TreeSizes, machine: MachineProfile): CaseSpec {
  return {
    problem: "shrinker",
    variant: "refcount-rcu",
    constants: { LAB_HZ: hz },
    workload: new WalkedTree(sizes),
    machine,
    cpus: 1,
    virtualMs: null,
  };
}

/** What was measured of one tree. Shares are of a visit's time. */
interface MeasuredTree {
  readonly cgroups: number;
  readonly mounts: number;
  readonly passes: number;
  readonly visitNs: number;
  readonly shrinkSlabShare: number;
  readonly doShrinkSlabShare: number;
}

const measuredTrees = {
  small: {
    cgroups: 250,
    mounts: 250,
    passes: 40,
    visitNs: 2068,
    shrinkSlabShare: 0.688,
    doShrinkSlabShare: 0.092,
  },
  fewMounts: {
    cgroups: 4000,
    mounts: 250,
    passes: 4,
    visitNs: 4780,
    shrinkSlabShare: 0.688,
    doShrinkSlabShare: 0.119,
  },
  large: {
    cgroups: 4000,
    mounts: 4000,
    passes: 4,
    visitNs: 5323,
    shrinkSlabShare: 0.691,
    doShrinkSlabShare: 0.116,
  },
} as const satisfies Record<string, MeasuredTree>;

/** What is neither shrink_slab nor called by it. */
function pagesNsOf({ visitNs, shrinkSlabShare, doShrinkSlabShare }: MeasuredTree): number {
  return Math.round(visitNs * (1 - shrinkSlabShare - doShrinkSlabShare));
}

/** shrink_slab with what is inlined into it there. */
const inlined = ["shrink_slab", "find_next_bit", "shrinker_try_get"];
/** What shrink_slab calls, and what it is called by in the walk. */
const called = ["do_shrink_slab", "super_cache_count", "super_cache_scan", "idr_find", "shrinker_put"];

function perVisit(outcome: Outcome, symbols: readonly string[]): number {
  const ns = symbols.reduce((sum, symbol) => sum + outcome.symbolNs(symbol), 0);
  return ns / outcome.value("virtual-visits");
}

async function walk(lab: Lab, tree: MeasuredTree): Promise<Outcome> {
  const { cgroups, mounts, passes } = tree;
  const sizes = { cgroups, mounts, mountsBefore: mapIds, passes, pagesNs: pagesNsOf(tree) };
  return lab.run(treeSpec(sizes, virtualMachine()));
}

const serial =
  "a simulated CPU waits for every load that misses its caches. A real one overlaps the loads of successive units, which do not depend on each other: with 4000 cgroups a unit takes 51 to 58 ns, where a single miss takes 109 ns";

const byFifth = (value: number): readonly [number, number] => [value * 0.8, value * 1.2];

export const visits: Row = makeRow({
  id: "K1",
  title: "A cgroup's visit on Linux 6.18, one CPU, maps of 4096 ids",
  seconds: 6,
  figures: {
    small: {
      quantity: "ns per visit, 250 cgroups and mounts",
      value: measuredTrees.small.visitNs,
      unit: "ns",
      source: "linux618",
      accepted: byFifth(measuredTrees.small.visitNs),
      miss: serial,
    },
    fewMounts: {
      quantity: "ns per visit, 4000 cgroups, 250 mounts",
      value: measuredTrees.fewMounts.visitNs,
      unit: "ns",
      source: "linux618",
      accepted: byFifth(measuredTrees.fewMounts.visitNs),
      miss: serial,
    },
    large: {
      quantity: "ns per visit, 4000 cgroups and mounts",
      value: measuredTrees.large.visitNs,
      unit: "ns",
      source: "linux618",
      accepted: byFifth(measuredTrees.large.visitNs),
      miss: serial,
    },
    growth: {
      quantity: "growth of a visit from 250 to 4000 cgroups, 250 mounts",
      value: measuredTrees.fewMounts.visitNs / measuredTrees.small.visitNs,
      unit: "×",
      source: "linux618",
      accepted: byFifth(measuredTrees.fewMounts.visitNs / measuredTrees.small.visitNs),
      miss: "the misses of the large tree are not overlapped (see above), while those of the small one come from the last-level cache and are short",
    },
    share: {
      quantity: "shrink_slab itself, share of the walk, 4000 cgroups and mounts",
      value: 100 * measuredTrees.large.shrinkSlabShare,
      unit: "%",
      source: "linux618",
      accepted: [60, 80],
      miss: serial,
    },
    smallShare: {
      quantity: "the same with 250 cgroups",
      value: 100 * measuredTrees.small.shrinkSlabShare,
      unit: "%",
      source: "linux618",
      accepted: [60, 80],
      miss: serial,
    },
    empty: {
      quantity: "ns per visit of a cgroup without charges, 250 to 4000 cgroups",
      value: 58,
      unit: "ns",
      source: "linux618",
      derivation: "58, 68, 39, 126 and 199 ns in trees of different sizes",
      accepted: [39, 199],
      miss: "Linux passes over a cgroup without charges before it comes to its shrinkers; the harness knows no charges and asks the shrinkers of every cgroup",
    },
  },
  async simulate(lab) {
    const names = ["small", "fewMounts", "large"] as const;
    const [small, fewMounts, large] = await Promise.all(names.map((name) => walk(lab, measuredTrees[name])));
    const found = { small, fewMounts, large } as Record<(typeof names)[number], Outcome>;
    const visitNs = (name: (typeof names)[number]): number => found[name].value("virtual-visit-ns");
    const share = (name: (typeof names)[number]): number => (100 * perVisit(found[name], inlined)) / visitNs(name);
    const ns = (value: number): string => Math.round(value).toLocaleString("en-US");
    const table: Table = [
      [
        "ns per visit",
        "measured",
        "ours",
        "measured: shrink_slab",
        "ours",
        "measured: what it calls",
        "ours",
        "given: pages",
      ],
      ...names.map((name) => {
        const tree = measuredTrees[name];
        return [
          `${tree.cgroups} cgroups, ${tree.mounts} mounts`,
          ns(tree.visitNs),
          ns(visitNs(name)),
          ns(tree.visitNs * tree.shrinkSlabShare),
          ns(perVisit(found[name], inlined)),
          ns(tree.visitNs * tree.doShrinkSlabShare),
          ns(perVisit(found[name], called)),
          ns(pagesNsOf(tree)),
        ];
      }),
    ];
    return {
      ours: {
        small: visitNs("small"),
        fewMounts: visitNs("fewMounts"),
        large: visitNs("large"),
        growth: visitNs("fewMounts") / visitNs("small"),
        share: share("large"),
        smallShare: share("small"),
        empty: null,
      },
      simulated: [
        `${cpusOn(1, virtualMachine())}; every cgroup has one file on a tmpfs, maps have 64 units of 64 ids; refcount-rcu, ${measuredTrees.small.passes} passes over 250 cgroups and ${measuredTrees.large.passes} over 4000, after one that is not measured.`,
        "Latencies of caches and memory are pointer chases measured in the same virtual machine: 25 ns in 2 MiB, as the bitmaps of 250 cgroups take 1 MB of lines, and 109 ns in 24 MiB of huge pages, in which a kernel maps its memory, for the 16 MB of 4000 cgroups. These are numbers of the hardware, not of a walk.",
        "The time of page reclaim in a visit is given: what of the measured visit is neither shrink_slab nor called by it. It is part of both columns.",
      ],
      tables: [{ title: "Where a visit's time goes", table }],
    };
  },
});

const computeNs = 100_000;
const virtualMs = 500;

export const unmounts: Row = makeRow({
  id: "K2",
  title: "Mounting and unmounting on Linux 6.18, 2 CPUs, 2 workers",
  seconds: 1,
  figures: {
    sleeps: {
      quantity: "waits in shrinker_free, per unmount",
      value: 0,
      unit: "count",
      source: "linux618",
      derivation:
        "the only wait of an unmount is synchronize_rcu_expedited in namespace_unlock, of the VFS, which is not modelled",
      accepted: [0, 0.01],
      miss: "tasks wait for the mutex of registration, as the kernel's do when they meet there",
    },
    unregister: {
      quantity: "ns per shrinker_free",
      value: 443,
      unit: "ns",
      source: "linux618",
      accepted: [222, 886],
      miss: "instructions, the slab allocator and what debugfs adds cost otherwise",
    },
    register: {
      quantity: "ns per shrinker_alloc and shrinker_register",
      value: 405,
      unit: "ns",
      source: "linux618",
      derivation: "326 and 79 ns",
      accepted: [203, 810],
      miss: "our slab allocator has no slabs per CPU: each allocation takes its cache's lock, which the other worker had before",
    },
  },
  async simulate(lab) {
    const machine = virtualMachine();
    const outcome = await lab.run({
      problem: "shrinker",
      variant: "refcount-rcu",
      constants: { LAB_HZ: hz },
      workload: {
        name: "stress-ng-ramfs",
        parameters: {
          workers: 2,
          "bogo-ops": 4,
          "superblocks-per-op": 1,
          "compute-ns": computeNs,
          "quarantine-bytes": 0,
        },
      },
      machine,
      cpus: 2,
      virtualMs,
    });
    return {
      ours: {
        sleeps: outcome.value("sleeps") / outcome.value("virtual-unregistered"),
        unregister: outcome.distribution("virtual-unregister-latency-ns").quantile(0.5),
        register: outcome.distribution("virtual-register-latency-ns").quantile(0.5),
      },
      simulated: [
        `${cpusOn(2, machine)}; stress-ng-ramfs as in 0.15.06 with one superblock per op, 2 workers, ${describeTime(computeNs)} of other work, for ${describeTime(virtualMs * 1e6)} of virtual time at ${hz} Hz; refcount-rcu. Medians.`,
      ],
    };
  },
});
