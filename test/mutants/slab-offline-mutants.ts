// Ways out of dead caches with one ingredient left out, of the variant or of the allocator below it.

import type { Mutant, Replacement } from "./mutant.ts";

const problem = "slab-offline";
const leaked: Mutant["expected"] = [{ kind: "leak", invariant: "a dead cache goes" }];
/** What was freed may be somebody else's already, and then an address is read where there is none. */
const usedAfterFree: Mutant["expected"] = [{ kind: "use after free" }, { kind: "access outside the arena" }];
const miscounted: Mutant["expected"] = [
  { kind: "broken invariant", invariant: "slabs count their objects" },
  { kind: "double free" },
  ...leaked,
  ...usedAfterFree,
];

const wait = "slab-offline/mark-and-wait";
const drain = "slab-offline/self-drain";
const slabs = "slab-offline/reparent-slabs";
const objcg = "slab-offline/object-cgroup";
const partial = "slab/slub-partial";
const poison = { LAB_FORM: 0 };

/** Statistics are written when the object is back already, and nothing keeps the cache. */
const countsLate = (free: string): readonly Replacement[] => [[`${free}slubCountFree(cache);\n`, `${free}`]];

const waiting: readonly Mutant[] = [
  {
    name: "offline-does-not-wait",
    problem,
    base: "mark-and-wait",
    description:
      "a cache is marked and flushed without a wait for frees in flight: the race of the original thread, in which a free has decided to freeze a slab",
    files: { [wait]: [["      if (form === formGracePeriod) waitForFrees();\n", ""]] },
    scenario: "freeze-against-offline",
    model: "sc",
    expected: leaked,
  },
  {
    name: "offline-waits-before-the-mark",
    problem,
    base: "mark-and-wait",
    description: "the wait for frees in flight comes before the mark, so that a free may begin in between",
    files: {
      [wait]: [
        ["      if (form === formGracePeriod) waitForFrees();\n", ""],
        [
          "    keepNoEmpty(cache);\n    markDead(cache);\n",
          "    if (form === formGracePeriod) waitForFrees();\n    keepNoEmpty(cache);\n    markDead(cache);\n",
        ],
      ],
    },
    scenario: "freeze-against-offline",
    model: "sc",
    expected: leaked,
  },
  {
    name: "frees-not-awaited",
    problem,
    base: "mark-and-wait",
    description: "frees do not say when they are in flight, so that the wait is for nothing",
    files: {
      [wait]: [
        ["  rcuReadLock();\n", ""],
        ["  slubCountFree(cache);\n  rcuReadUnlock();\n", "  slubCountFree(cache);\n"],
        ["import { rcuReadLock, rcuReadUnlock, synchronizeRcu }", "import { synchronizeRcu }"],
      ],
    },
    scenario: "preempted-frees-of-dead",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "cache-freed-at-once",
    problem,
    base: "mark-and-wait",
    description: "the cache is freed as soon as its last slab is gone, before the free that gave it back has ended",
    files: { [wait]: [["  else freeAfterGrace(cache);\n", "  else freeLater(cache);\n"]] },
    scenario: "two-last-frees",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "dead-caches-freeze",
    problem,
    base: "mark-and-wait",
    description: "frees of dead caches freeze slabs for their CPU as others do, and nobody takes them off its list",
    files: {
      [wait]: [["    return form === formPoison || !isDeadClone(changetype<usize>(this));\n", "    return true;\n"]],
    },
    scenario: "freeze-against-offline",
    model: "sc",
    expected: leaked,
    isSequential: true,
  },
];

const poisoned: readonly Mutant[] = [
  {
    name: "poison-seen-once",
    problem,
    base: "mark-and-wait",
    description: "a free looks for the poison before it tries to publish its slab, and not again when that has failed",
    files: {
      [partial]: [
        [
          "  while (true) {\n    let first: usize = load32(cell);\n    if (changetype<P>(cache).isClosed(first)) {\n",
          "  const before: usize = load32(cell);\n  while (true) {\n    let first: usize = load32(cell);\n    if (changetype<P>(cache).isClosed(before)) {\n",
        ],
      ],
    },
    constants: poison,
    scenario: "freeze-against-offline",
    model: "sc",
    expected: [...leaked, ...usedAfterFree],
  },
  {
    name: "poison-overwritten",
    problem,
    base: "mark-and-wait",
    description: "a free publishes its slab by a store, over whatever the flush has put there",
    files: {
      [partial]: [
        [
          "    if (compareExchange32(cell, first as u32, slab as u32) === (first as u32)) break;\n",
          "    storeRelaxed32(cell, slab as u32);\n    break;\n",
        ],
        ["import {\n  compareExchange32,\n", "import {\n"],
      ],
    },
    constants: poison,
    scenario: "freeze-against-offline",
    model: "sc",
    expected: leaked,
  },
  {
    name: "statistics-after-the-free",
    problem,
    base: "mark-and-wait",
    description:
      "a free writes its statistics when the object is back, and nothing keeps the cache meanwhile: why preemption had to be off",
    files: {
      [wait]: [
        ...countsLate("    const cache = slubCacheOf(slab);\n    "),
        [
          "    slubFree<Policy>(cache, slab, object);\n    return;\n",
          "    slubFree<Policy>(cache, slab, object);\n    slubCountFree(cache);\n    return;\n",
        ],
      ],
    },
    constants: poison,
    scenario: "two-last-frees",
    model: "sc",
    expected: usedAfterFree,
  },
];

const draining: readonly Mutant[] = [
  {
    name: "no-drain",
    problem,
    base: "self-drain",
    description: "a free does not look at the mark after it has put a slab on its CPU's list",
    files: { [drain]: [["    return cpuPartialOf(changetype<usize>(this)) === 0;\n", "    return false;\n"]] },
    scenario: "freeze-against-offline",
    model: "sc",
    expected: leaked,
    isSequential: true,
  },
  {
    name: "drain-preempted",
    problem,
    base: "self-drain",
    description:
      "preemption is on between the publication of a slab and the look at the mark: another free on the CPU drains the list, and the cache goes",
    files: {
      [partial]: [
        ["  preemptOff();\n  const part = slubCpuOf(cache, cpu());\n", "  const part = slubCpuOf(cache, cpu());\n"],
        ["      giveToNode<P>(cache, slab);\n      preemptOn();\n", "      giveToNode<P>(cache, slab);\n"],
        ["    irqOn();\n  }\n  preemptOn();\n  leave();\n", "    irqOn();\n  }\n  leave();\n"],
        ["  preemptOff,\n  preemptOn,\n", ""],
      ],
    },
    scenario: "preempted-frees-of-dead",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "no-kick",
    problem,
    base: "self-drain",
    description:
      "the cache is shrunk before every CPU sees the marks, which may still be in the store buffer of the CPU that set them",
    files: {
      [drain]: [
        ["    countMany(counterInterrupts, slubOnCpus(cache, kick.index, true));\n    return;\n", "    return;\n"],
      ],
    },
    scenario: "freeze-against-offline",
    model: "tso",
    expected: leaked,
  },
  {
    name: "min-partial-kept",
    problem,
    base: "self-drain",
    description: "the node of a dead cache goes on keeping empty slabs",
    files: {
      "slab-offline/clone": [['  storeRelaxed32(cache + offsetof<SlubCache>("minPartial"), 0);\n', ""]],
    },
    scenario: "last-free-against-offline",
    model: "sc",
    expected: leaked,
    isSequential: true,
  },
  {
    name: "cpus-not-flushed",
    problem,
    base: "self-drain",
    description: "what the CPUs have of a cache is not taken from them when its cgroup goes",
    files: {
      "slab-offline/clone": [["  flush<P>(cache, work.index, false);\n", ""]],
    },
    scenario: "fast-free-against-offline",
    model: "sc",
    expected: leaked,
    isSequential: true,
  },
  {
    name: "count-read-again",
    problem,
    base: "self-drain",
    description: "two who give back references both find that none is left, and both destroy the cache",
    files: {
      "slab-offline/counted": [
        [
          "  return decrementAndTest(refsOf(cache));\n",
          "  add32(refsOf(cache), u32(-1));\n  return load32(refsOf(cache)) === 0;\n",
        ],
        ["import { add32 } from", "import { add32, load32 } from"],
        ["import { decrementAndTest, refcountSet }", "import { refcountSet }"],
      ],
    },
    scenario: "last-free-against-offline",
    model: "sc",
    expected: [{ kind: "double free" }, ...usedAfterFree, { kind: "leak" }, { kind: "livelock" }, { kind: "trap" }],
  },
];

const allocator: readonly Mutant[] = [
  {
    name: "double-word-in-halves",
    problem,
    base: "self-drain",
    description: "freelist and counters of a slab change one after the other",
    files: {
      "slab/slub-word": [
        [
          '  return compareExchange64(slab + offsetof<Page>("freeObjects"), expected, word) === expected;\n',
          '  const cell = slab + offsetof<Page>("freeObjects");\n  if (compareExchange32(cell, expected as u32, word as u32) !== (expected as u32)) return false;\n  storeRelaxed32(slab + offsetof<Page>("counters"), (word >> 32) as u32);\n  return true;\n',
        ],
        ["compareExchange64", "compareExchange32"],
      ],
    },
    scenario: "two-frees-and-an-allocation",
    model: "sc",
    expected: miscounted,
  },
  {
    name: "slab-looked-at-first",
    problem,
    base: "self-drain",
    description:
      "a free looks for the CPU's active slab before it reads the CPU's word, which then belongs to another slab's objects",
    files: {
      "slab/slub": [
        [
          "    const seen = load64(part);\n    if (load32(slabCellOf(part)) !== (slab as u32)) break;\n",
          "    if (load32(slabCellOf(part)) !== (slab as u32)) break;\n    const seen = load64(part);\n",
        ],
      ],
    },
    scenario: "preempted-free-against-allocations",
    model: "sc",
    expected: miscounted,
  },
];

const reparenting: readonly Mutant[] = [
  {
    name: "free-does-not-retry",
    problem,
    base: "reparent-slabs",
    description:
      "a free that waited for a slab's lock does not look whether the slab has come to another cache meanwhile",
    files: {
      [slabs]: [
        ["  const isHere = slubCacheOf(slab) === cache;\n", "  const isHere = true;\n"],
        ["function push(cache: usize,", "function push(_cache: usize,"],
      ],
    },
    scenario: "reparent-against-frees",
    model: "sc",
    expected: miscounted,
  },
  {
    name: "source-freed-at-once",
    problem,
    base: "reparent-slabs",
    description: "the emptied cache is freed without a grace period, while a free that found it asks for a reference",
    files: {
      [slabs]: [
        ["  freeAfterGrace(cache);\n", "  freeLater(cache);\n"],
        ["  freeAfterGrace,\n", "  freeLater,\n"],
      ],
    },
    scenario: "reparent-against-frees",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "charge-stays",
    problem,
    base: "reparent-slabs",
    description: "slabs come to the root cache and their charge does not go from the cgroups above",
    files: { [slabs]: [["    chargeSlab(cache, -slabBytes(slab));\n    // Last", "    // Last"]] },
    scenario: "freeze-against-offline",
    model: "sc",
    expected: [{ kind: "broken invariant", invariant: "charges are those of what is there" }],
    isSequential: true,
  },
  {
    name: "full-slabs-not-listed",
    problem,
    base: "reparent-slabs",
    description: "full slabs are on no list, so that the migration does not find them",
    files: {
      [slabs]: [
        [
          "  keepsFull(): bool {\n    return !isRoot(changetype<usize>(this));\n",
          "  keepsFull(): bool {\n    return false;\n",
        ],
      ],
    },
    scenario: "reparent-against-frees",
    model: "sc",
    expected: [...miscounted, { kind: "broken invariant" }],
    isSequential: true,
  },
  {
    name: "no-drain-after-reparenting",
    problem,
    base: "reparent-caches",
    description:
      "a free does not look at the mark after it has put a slab on its CPU's list: the grace period before the shrink closes no gap by itself",
    files: {
      "slab-offline/reparent-caches": [
        ["    return cpuPartialOf(changetype<usize>(this)) === 0;\n", "    return false;\n"],
      ],
    },
    scenario: "two-last-frees",
    model: "sc",
    expected: leaked,
    isSequential: true,
  },
  {
    name: "no-reference-to-the-parent",
    problem,
    base: "reparent-caches",
    description: "a cache that comes to the parent cgroup takes no reference to it",
    files: {
      "slab-offline/reparent-caches": [
        ["    memcgGet(parent);\n", ""],
        ["import { Memcg, memcgGet, memcgPut, parentOf }", "import { Memcg, memcgPut, parentOf }"],
      ],
    },
    scenario: "reparent-against-frees",
    model: "sc",
    expected: [...usedAfterFree, { kind: "double free" }, { kind: "broken invariant" }, { kind: "leak" }],
    isSequential: true,
  },
  {
    name: "charge-outside-rcu",
    problem,
    base: "object-cgroups",
    description: "who takes a charge back reads the cgroup outside of RCU, and it is freed meanwhile",
    files: {
      [objcg]: [
        ["  rcuReadLock();\n", ""],
        ["  rcuReadUnlock();\n", ""],
        ["import { callRcu, rcuHeadSize, rcuReadLock, rcuReadUnlock }", "import { callRcu, rcuHeadSize }"],
      ],
    },
    scenario: "preempted-free-against-offline",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "list-not-spliced",
    problem,
    base: "object-cgroups",
    description: "object cgroups that get another cgroup stay on the list of the old one",
    files: { [objcg]: [["    link(objcg, parent);\n", ""]] },
    scenario: "reparent-against-frees",
    model: "sc",
    expected: [...usedAfterFree, { kind: "double free" }, { kind: "broken invariant" }, { kind: "leak" }],
    isSequential: true,
  },
];

export const slabOfflineMutants: readonly Mutant[] = [
  ...waiting,
  ...poisoned,
  ...draining,
  ...allocator,
  ...reparenting,
];
