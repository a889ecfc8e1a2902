// Reclaim over 4000 cgroups: where its time goes under the rwsem, under SRCU and with reference counts.

import { eventAOffset, eventKindOffset, eventSize, kindCompute } from "../../kernel/events.ts";
import type { Table } from "../../report/tables.ts";
import { loadProfile } from "../../simulator/profile.ts";
import { type CaseSpec, type Lab, type Outcome, workloadOf } from "../lab.ts";
import { busyShareOf, type PublishedProfile, refcountProfile, rwsemProfiles, srcuProfile } from "../profiles.ts";
import { makeRow, type Row } from "../row.ts";
import { cpusOn, describeTime } from "../text.ts";

const machineName = "xeon-8260-2s";
const cpus = 96;
const cgroups = 4001;
/** One dd after the other, on Linux 6.18. */
const forkNs = 2_440_000;
/** What a visit takes besides shrink_slab and what it calls, with 4001 cgroups on Linux 6.18. */
const pagesNs = 1027;

/**
 * Dd's that reclaim at a time: 454,187,219,766 cycles of their cgroup in 10.002 s under the rwsem, at the 3.1 GHz to which
 * cycles of this machine are converted, are 14.6 CPUs.
 */
const reclaimers = 15;
const passes = 13;
/** As many as there are CPUs. */
const crowd = 96;
const passesOfCrowd = 2;

/** Of the look at what the given time of page reclaim does. */
const passesWithoutPages = 5;

function specOf(variant: string, count: number, passesEach: number, pages: number): CaseSpec {
  return {
    problem: "shrinker",
    variant,
    constants: { LAB_HZ: 1000 },
    workload: {
      name: "cgroups-4000",
      parameters: {
        cgroups,
        "quarantine-bytes": 0,
        "background-objects": 1,
        "churn-batch": 1,
        "churn-cycles": 0,
        reclaimers: count,
        "reclaim-passes": passesEach,
        "settling-passes": 2,
        "start-spread-ns": forkNs * count,
        "pages-ns": pages,
      },
    },
    machine: loadProfile(machineName),
    cpus,
    virtualMs: null,
  };
}

/** Time that the reclaimers compute before their first pass, all together. */
function startNsOf(spec: CaseSpec): number {
  let sum = 0;
  for (const chunk of workloadOf(spec).chunks()) {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let offset = 0; offset < chunk.byteLength; offset += eventSize) {
      if (view.getUint16(offset + eventKindOffset, true) !== kindCompute) continue;
      sum += Number(view.getBigUint64(offset + eventAOffset, true));
    }
  }
  return sum;
}

/** Shares of a walk's CPU time in percent, by symbol. */
class Walk {
  readonly outcome: Outcome;
  /** CPU time of the walks: what is busy, less what comes before the first pass. */
  readonly ns: number;
  readonly #pagesNs: number;

  constructor(outcome: Outcome, startNs: number, pages: number) {
    this.outcome = outcome;
    this.#pagesNs = pages;
    this.ns = outcome.busyNs - startNs;
  }

  share(...symbols: readonly string[]): number {
    return (100 * symbols.reduce((sum, symbol) => sum + this.outcome.symbolNs(symbol), 0)) / this.ns;
  }

  /** The given time of page reclaim. */
  get pagesShare(): number {
    return (100 * this.#pagesNs * this.outcome.value("virtual-visits")) / this.ns;
  }

  get visitNs(): number {
    return this.ns / this.outcome.value("virtual-visits");
  }
}

async function walkOf(
  lab: Lab,
  variant: string,
  count: number,
  passesEach: number,
  pages: number = pagesNs,
): Promise<Walk> {
  const spec = specOf(variant, count, passesEach, pages);
  return new Walk(await lab.run(spec), startNsOf(spec), pages);
}

/** Symbols of ours that stand for one of theirs, because there it is inlined. */
interface Line {
  readonly title: string;
  readonly theirs: readonly string[];
  readonly ours: readonly string[];
}

function profileTable(
  lines: readonly Line[],
  published: readonly (readonly [string, PublishedProfile])[],
  walks: readonly (readonly [string, Walk])[],
): Table {
  const percent = (share: number | null): string => (share === null ? "–" : share.toFixed(2));
  return [
    ["% of busy time", ...published.map(([title]) => title), ...walks.map(([title]) => title)],
    ...lines.map(({ title, theirs, ours }) => [
      title,
      ...published.map(([, profile]) => percent(busyShareOf(profile, theirs))),
      ...walks.map(([, walk]) => percent(walk.share(...ours))),
    ]),
    [
      "shrink_node, shrink_lruvec; ours: pages-ns",
      ...published.map(([, profile]) => percent(busyShareOf(profile, ["shrink_node", "shrink_lruvec"]))),
      ...walks.map(([, walk]) => percent(walk.pagesShare)),
    ],
  ];
}

const common: readonly Line[] = [
  { title: "do_shrink_slab", theirs: ["do_shrink_slab"], ours: ["do_shrink_slab"] },
  {
    title: "idr_find",
    theirs: ["idr_find", "__radix_tree_lookup"],
    ours: ["idr_find"],
  },
  {
    title: "super_cache_count, list_lru_count_one",
    theirs: ["super_cache_count", "list_lru_count_one"],
    ours: ["super_cache_count", "super_cache_scan"],
  },
  { title: "mem_cgroup_iter", theirs: ["mem_cgroup_iter"], ours: ["mem_cgroup_iter"] },
];

function describe(count: number, passesEach: number): string {
  return `${cpusOn(cpus, loadProfile(machineName))}; cgroups-4000 at its full size of ${cgroups} cgroups and tmpfs (maps of 63 times 64 ids), ${count} reclaimers, ${passesEach} passes each, beginning within ${describeTime(forkNs * count)}, after 2 settling passes; ${describeTime(pagesNs)} of page reclaim in each visit, as on Linux 6.18 and not simulated.`;
}

const crowdRemark = `The table also shows ${crowd} reclaimers, one per CPU (${passesOfCrowd} passes each): how many reclaim at a time was not published. The ${reclaimers} follow from the cycles that the baseline's cgroup used: 454,187,219,766 in 10.002 s at 3.1 GHz. Under the profiler idle CPUs are hardly sampled, so all shares are of busy time.`;

const pagesRemark = `Page reclaim per visit is not known of the published machine. The ${describeTime(pagesNs)} are a measurement of another kernel on another machine, taken over as it is; by the published shares it was shorter there. The last column shows what the shares are without any (${passesWithoutPages} passes each): the truth lies between the two. No figure is compared with it.`;

const published = [
  ["March 2023", rwsemProfiles.march],
  ["June 2023", rwsemProfiles.june],
  ["July 2023", rwsemProfiles.july],
] as const;

const july = rwsemProfiles.july;
const shareOf = (profile: PublishedProfile, ...symbols: readonly string[]): number =>
  busyShareOf(profile, symbols) as number;

/** From half to twice. */
const byTwo = (value: number): readonly [number, number] => [value / 2, value * 2];
const tooMuchPages =
  "the given time of page reclaim is a larger part of a visit than it was there (see the table); without any, the share is the upper bound";

export const rwsemWalk: Row = makeRow({
  id: "B5",
  title: "4000 cgroups under the rwsem: the profile",
  seconds: 190,
  figures: {
    locks: {
      quantity: "down_read_trylock and up_read, share of busy time",
      value: shareOf(july, "down_read_trylock", "up_read"),
      unit: "%",
      source: "refcountV2",
      derivation: "58.03 % of all samples, of which 13.64 % are idle",
      accepted: [46, 81],
      miss: "the contention for the line of the rwsem comes out otherwise",
    },
    ratio: {
      quantity: "down_read_trylock to up_read",
      value: 40.44 / 17.59,
      unit: "×",
      source: "refcountV2",
      accepted: [1.5, 3.1],
      miss: "who pays for the line depends on what lies between two operations on it: page reclaim between up_read and the next trylock, and the call of the shrinker between trylock and up_read. A load cannot be told from the locked operation behind it in a profile, either: perf charges the wait to the instruction after it",
    },
    shrinkSlab: {
      quantity: "shrink_slab itself, share of busy time",
      value: shareOf(july, "shrink_slab"),
      unit: "%",
      source: "refcountV2",
      derivation: "11.90 % of all samples; 15.70 and 18.44 % in March and June",
      accepted: [6.9, 27.6],
      miss: "the look whether somebody waits for the rwsem, which is inlined, reads the contended line",
    },
    findNextBit: {
      quantity: "_find_next_bit, share of busy time",
      value: shareOf(july, "_find_next_bit"),
      unit: "%",
      source: "refcountV2",
      accepted: byTwo(shareOf(july, "_find_next_bit")),
      isRangeLate: true,
      miss: "instructions cost nothing here",
    },
    idrFind: {
      quantity: "idr_find with __radix_tree_lookup, share of busy time",
      value: shareOf(july, "idr_find", "__radix_tree_lookup"),
      unit: "%",
      source: "refcountV2",
      accepted: byTwo(shareOf(july, "idr_find", "__radix_tree_lookup")),
      isRangeLate: true,
      miss: "not explained. Here a visit finds one set bit after the settling passes, that of its own tmpfs, and looks its shrinker up once, in nodes that stay in the caches. So large a share with so little in do_shrink_slab says that many more ids were looked up than shrinkers called, or that the nodes were not in the caches",
    },
    crowdLocks: {
      quantity: "the locks' share with 96 reclaimers",
      value: shareOf(july, "down_read_trylock", "up_read"),
      unit: "%",
      source: "refcountV2",
      accepted: [46, 81],
      miss: "the contention for the line of the rwsem comes out otherwise",
    },
  },
  async simulate(lab) {
    const [few, many, without] = await Promise.all([
      walkOf(lab, "rwsem", reclaimers, passes),
      walkOf(lab, "rwsem", crowd, passesOfCrowd),
      walkOf(lab, "rwsem", reclaimers, passesWithoutPages, 0),
    ]);
    const lines: readonly Line[] = [
      { title: "down_read_trylock", theirs: ["down_read_trylock"], ours: ["down_read_trylock"] },
      { title: "up_read", theirs: ["up_read"], ours: ["up_read"] },
      { title: "shrink_slab", theirs: ["shrink_slab"], ours: ["shrink_slab"] },
      { title: "_find_next_bit", theirs: ["_find_next_bit"], ours: ["find_next_bit"] },
      ...common,
    ];
    return {
      ours: {
        locks: few.share("down_read_trylock", "up_read"),
        ratio: few.share("down_read_trylock") / few.share("up_read"),
        shrinkSlab: few.share("shrink_slab"),
        findNextBit: few.share("find_next_bit"),
        idrFind: few.share("idr_find"),
        crowdLocks: many.share("down_read_trylock", "up_read"),
      },
      simulated: [describe(reclaimers, passes), crowdRemark],
      tables: [
        {
          title: "Profile under the rwsem",
          table: profileTable(lines, published, [
            [`ours, ${reclaimers}`, few],
            [`ours, ${crowd}`, many],
            [`ours, ${reclaimers}, pages-ns=0`, without],
          ]),
        },
      ],
      notes: [
        pagesRemark,
        `A visit takes ${describeTime(few.visitNs)} with ${reclaimers} reclaimers and ${describeTime(many.visitNs)} with ${crowd}; without page reclaim ${describeTime(without.visitNs)}.`,
      ],
    };
  },
});

const srcuShare = (...symbols: readonly string[]): number => shareOf(srcuProfile, ...symbols);

export const srcuWalk: Row = makeRow({
  id: "B4",
  title: "4000 cgroups under SRCU: the profile",
  seconds: 80,
  figures: {
    locks: {
      quantity: "srcu_read_lock and srcu_read_unlock, share of busy time",
      value: 0,
      unit: "%",
      source: "srcuV4",
      derivation: "not among the symbols that were shown, the least of which has 3.88 % of all samples",
      accepted: [0, 4.6],
      miss: "the visits are too short otherwise",
    },
    findNextBit: {
      quantity: "_find_next_bit, share of busy time",
      value: srcuShare("_find_next_bit"),
      unit: "%",
      source: "srcuV4",
      accepted: byTwo(srcuShare("_find_next_bit")),
      miss: "instructions cost nothing here, and the words of a bitmap are next to each other, 8 in a line; and the given time of page reclaim is two thirds of a visit that is as short as this one",
    },
    shrinkSlab: {
      quantity: "shrink_slab itself, share of busy time",
      value: srcuShare("shrink_slab"),
      unit: "%",
      source: "srcuV4",
      accepted: byTwo(srcuShare("shrink_slab")),
      miss: "instructions cost nothing here, and the given time of page reclaim is two thirds of a visit that is as short as this one",
    },
    doShrinkSlab: {
      quantity: "do_shrink_slab itself, share of busy time",
      value: srcuShare("do_shrink_slab"),
      unit: "%",
      source: "srcuV4",
      accepted: byTwo(srcuShare("do_shrink_slab")),
      miss: "a visit finds the lines of its shrinker and of its deferred count where another CPU left them; how far apart the walkers are was not published",
    },
    ipc: {
      quantity: "instructions per cycle, against those under the rwsem (0.63 to 0.17)",
      value: 0.63 / 0.17,
      unit: "×",
      source: "srcuV4",
      accepted: byTwo(0.63 / 0.17),
      miss: "the simulator has accesses and no instructions",
    },
  },
  async simulate(lab) {
    const walk = await walkOf(lab, "srcu", reclaimers, passes);
    const lines: readonly Line[] = [
      {
        title: "srcu_read_lock, srcu_read_unlock",
        theirs: ["__srcu_read_lock", "__srcu_read_unlock"],
        ours: ["srcu_read_lock", "srcu_read_unlock"],
      },
      { title: "_find_next_bit", theirs: ["_find_next_bit"], ours: ["find_next_bit"] },
      { title: "shrink_slab", theirs: ["shrink_slab"], ours: ["shrink_slab"] },
      ...common,
    ];
    return {
      ours: {
        locks: walk.share("srcu_read_lock", "srcu_read_unlock"),
        findNextBit: walk.share("find_next_bit"),
        shrinkSlab: walk.share("shrink_slab"),
        doShrinkSlab: walk.share("do_shrink_slab"),
        ipc: null,
      },
      simulated: [describe(reclaimers, passes), "As many reclaimers as under the rwsem (B5)."],
      tables: [
        {
          title: "Profile under SRCU",
          table: profileTable(lines, [["March 2023", srcuProfile]], [[`ours, ${reclaimers}`, walk]]),
        },
      ],
      notes: [`A visit takes ${describeTime(walk.visitNs)}.`],
    };
  },
});

const refcountShare = (...symbols: readonly string[]): number => shareOf(refcountProfile, ...symbols);

export const refcountWalk: Row = makeRow({
  id: "B6",
  title: "4000 cgroups with reference counts: the profile",
  seconds: 190,
  figures: {
    locks: {
      quantity: "lock operations, share of busy time",
      value: 0,
      unit: "%",
      source: "refcountV2",
      derivation: "osq_lock, of other locks, left out",
      accepted: [0, 5],
      miss: "visits take no lock, so something else does",
    },
    shrinkSlab: {
      quantity: "shrink_slab, share of busy time",
      value: refcountShare("shrink_slab"),
      unit: "%",
      source: "refcountV2",
      derivation: "60.17 % of all samples, of which 20.42 % are idle",
      accepted: [60, 90],
      miss: tooMuchPages,
    },
    doShrinkSlab: {
      quantity: "do_shrink_slab itself, share of busy time",
      value: refcountShare("do_shrink_slab"),
      unit: "%",
      source: "refcountV2",
      accepted: byTwo(refcountShare("do_shrink_slab")),
      miss: "the share hangs on how long the rest of a visit takes, which is memory latency",
    },
    put: {
      quantity: "shrinker_put, share of busy time",
      value: refcountShare("shrinker_put"),
      unit: "%",
      source: "refcountV2",
      accepted: byTwo(refcountShare("shrinker_put")),
      miss: "two walkers that come to the same cgroup at the same time fight for its shrinker's line; how far apart they are was not published",
    },
    crowdShrinkSlab: {
      quantity: "shrink_slab with 96 reclaimers",
      value: refcountShare("shrink_slab"),
      unit: "%",
      source: "refcountV2",
      accepted: [60, 90],
      miss: tooMuchPages,
    },
  },
  async simulate(lab) {
    const [few, many, without] = await Promise.all([
      walkOf(lab, "refcount-rcu", reclaimers, passes),
      walkOf(lab, "refcount-rcu", crowd, passesOfCrowd),
      walkOf(lab, "refcount-rcu", reclaimers, passesWithoutPages, 0),
    ]);
    // The look at a unit's word and the way to a reference are inlined there.
    const inlined = ["shrink_slab", "find_next_bit", "shrinker_try_get"];
    const lines: readonly Line[] = [
      { title: "shrink_slab; ours with find_next_bit and shrinker_try_get", theirs: ["shrink_slab"], ours: inlined },
      { title: "shrinker_put", theirs: ["shrinker_put"], ours: ["shrinker_put"] },
      { title: "__rcu_read_lock, __rcu_read_unlock", theirs: ["__rcu_read_lock", "__rcu_read_unlock"], ours: [] },
      ...common,
    ];
    const lockSymbols = ["down_read_trylock", "down_read", "up_read", "mutex_lock", "mutex_unlock"];
    return {
      ours: {
        locks: few.share(...lockSymbols),
        shrinkSlab: few.share(...inlined),
        doShrinkSlab: few.share("do_shrink_slab"),
        put: few.share("shrinker_put"),
        crowdShrinkSlab: many.share(...inlined),
      },
      simulated: [describe(reclaimers, passes), crowdRemark],
      tables: [
        {
          title: "Profile with reference counts",
          table: profileTable(
            lines,
            [["July 2023", refcountProfile]],
            [
              [`ours, ${reclaimers}`, few],
              [`ours, ${crowd}`, many],
              [`ours, ${reclaimers}, pages-ns=0`, without],
            ],
          ),
        },
      ],
      notes: [
        pagesRemark,
        `A visit takes ${describeTime(few.visitNs)} with ${reclaimers} reclaimers and ${describeTime(many.visitNs)} with ${crowd}; without page reclaim ${describeTime(without.visitNs)}. An RCU read section costs nothing here, as in a kernel that is not preemptible.`,
      ],
    };
  },
});
