// Shrinkers with one ingredient left out of the variant or of what the variants share. Those of the locks below them are in
// `sync-mutants.ts`.

import type { Mutant, Replacement } from "./mutant.ts";

/** A descriptor is poisoned before it is freed, so that a call through it may trap. */
const lateCallback: Mutant["expected"] = [
  { kind: "callback after free", invariant: "no callback after unregister" },
  { kind: "use after free" },
  { kind: "trap" },
];
/** What was freed may be somebody else's already, and then an address is read where there is none. */
const usedAfterFree: Mutant["expected"] = [{ kind: "use after free" }, { kind: "access outside the arena" }];
const lostBit: Mutant["expected"] = [{ kind: "broken invariant", invariant: "no lost bit" }];

const refcount = "shrinker/refcount-rcu";
const rwsem = "shrinker/rwsem";
const srcu = "shrinker/srcu";
const split = "shrinker/srcu-split";

/** One look, after which the bit goes. */
const oneLook = (map: string, bit: string, cell: string, indent: string): Replacement => [
  `${indent}freed += shrinkMarked(shrinker, memcg, node, priority, ${map}, ${bit}, ${cell});\n`,
  `${indent}const result = doShrinkSlab(shrinker, memcg, node, priority, ${cell});
${indent}if (result === shrinkEmpty) clearStale(${map}, ${bit});
${indent}else freed += result;
`,
];

const onRefcount: readonly Mutant[] = [
  {
    name: "refcount-put-before-rcu",
    problem: "shrinker",
    base: "refcount-rcu",
    description:
      "a walk gives its reference back before it is in RCU again, and then reads the link: the order of Linux 6.7 matters",
    files: {
      [refcount]: [["    rcuReadLock();\n    put(shrinker);\n  }\n", "    put(shrinker);\n    rcuReadLock();\n  }\n"]],
    },
    scenario: "list-walk-preempted",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "refcount-not-awaited",
    problem: "shrinker",
    base: "refcount-rcu",
    description:
      "an unregistration does not wait until nobody has a reference: RCU does not span callbacks, which may sleep",
    files: { [refcount]: [["  waitForCompletion(doneOf(shrinker));\n", ""]] },
    scenario: "walk-against-unregister",
    model: "sc",
    expected: lateCallback,
  },
  {
    name: "refcount-freed-at-once",
    problem: "shrinker",
    base: "refcount-rcu",
    description:
      "an unregistration frees without a grace period: a walk that found the shrinker still looks at its count",
    files: {
      [refcount]: [
        [
          "  // Walkers that found it before may still be reading its count and its link.\n  freeLater(shrinker);\n",
          "  freeShrinker(shrinker);\n",
        ],
      ],
    },
    scenario: "walk-against-unregister",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "refcount-kept",
    problem: "shrinker",
    base: "refcount-rcu",
    description:
      "a walk that finds its cgroup offline goes on without giving the reference back: Linux 6.7, fixed in 2025",
    files: {
      [refcount]: [
        [
          "    rcuReadUnlock();\n    freed += shrinkMarked(",
          "    rcuReadUnlock();\n    if (!isOnline(memcg)) continue;\n    freed += shrinkMarked(",
        ],
      ],
    },
    scenario: "offline-against-walk",
    model: "sc",
    expected: [{ kind: "deadlock" }],
  },
  {
    name: "refcount-one-look",
    problem: "shrinker",
    base: "refcount-rcu",
    description: "a bit is cleared without a second look: an object that came in between is lost to its cgroup",
    files: { [refcount]: [oneLook("map", "offset", "deferredCell", "    ")] },
    scenario: "add-against-clear",
    model: "sc",
    expected: lostBit,
  },
  {
    name: "refcount-array-freed-at-once",
    problem: "shrinker",
    base: "refcount-rcu",
    description: "an array of units that was replaced is freed without a grace period, below a walk that reads it",
    files: {
      [refcount]: [["  callRcu(rcuDomain(), headOfInfo(info), freeRetired.index, info);\n", "  kfree(info);\n"]],
    },
    scenario: "first-expansion-against-walk",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "refcount-bit-tested",
    problem: "shrinker",
    base: "refcount-rcu",
    description:
      "setting a bit looks first and leaves it when it is set: then nothing orders the object before the look",
    files: {
      "shrinker/bits": [
        [
          "    const held = compareExchange64(cell, seen, seen | mask);\n",
          "    if ((seen & mask) !== 0) return;\n    const held = compareExchange64(cell, seen, seen | mask);\n",
        ],
      ],
    },
    scenario: "add-against-clear",
    model: "tso",
    expected: lostBit,
  },
];

const onRwsem: readonly Mutant[] = [
  {
    name: "rwsem-unregisters-unlocked",
    problem: "shrinker",
    base: "rwsem",
    description: "an unregistration does not take the lock that walks hold",
    files: {
      [rwsem]: [
        [
          "export function unregister(shrinker: usize): void {\n  writeLock(sem());\n",
          "export function unregister(shrinker: usize): void {\n",
        ],
        ["  giveId(idOf(shrinker));\n  writeUnlock(sem());\n", "  giveId(idOf(shrinker));\n"],
      ],
    },
    scenario: "walk-against-unregister",
    model: "sc",
    expected: lateCallback,
  },
  {
    name: "rwsem-one-look",
    problem: "shrinker",
    base: "rwsem",
    description: "as refcount-one-look",
    files: { [rwsem]: [oneLook("map", "id", "deferredInBlock", "    ")] },
    scenario: "add-against-clear",
    model: "sc",
    expected: lostBit,
  },
  {
    name: "rwsem-map-copied",
    problem: "shrinker",
    base: "rwsem",
    description:
      "a larger map gets a copy of the old one's bits instead of all bits: one that is set meanwhile is lost",
    files: {
      "shrinker/info-block": [
        ["storeRelaxed64(map + offset, u64.MAX_VALUE)", "storeRelaxed64(map + offset, load64(mapOf(old) + offset))"],
      ],
    },
    scenario: "expansion-against-set-bit",
    model: "sc",
    expected: lostBit,
  },
  {
    name: "rwsem-block-freed-at-once",
    problem: "shrinker",
    base: "rwsem",
    description: "a replaced map is freed without a grace period, below somebody who sets a bit in it",
    files: {
      [rwsem]: [["  callRcu(rcuDomain(), headOfBlock(block), freeRetired.index, block);\n", "  kfree(block);\n"]],
    },
    scenario: "expansion-against-set-bit",
    model: "sc",
    expected: usedAfterFree,
  },
];

const onSrcu: readonly Mutant[] = [
  {
    name: "srcu-does-not-wait",
    problem: "shrinker",
    base: "srcu",
    description: "an unregistration does not wait for walks that have begun",
    files: { [srcu]: [["  synchronizeSrcu(shrinkerSrcu());\n", ""]] },
    scenario: "walk-against-unregister",
    model: "sc",
    expected: lateCallback,
  },
  {
    name: "srcu-block-freed-at-once",
    problem: "shrinker",
    base: "srcu",
    description: "as rwsem-block-freed-at-once, below a walk",
    files: {
      [srcu]: [["  callSrcu(shrinkerSrcu(), headOfBlock(block), freeRetired.index, block);\n", "  kfree(block);\n"]],
    },
    scenario: "first-expansion-against-walk",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "split-callback-unlocked",
    problem: "shrinker",
    base: "srcu-split",
    description:
      "a callback runs without the shrinker's rwsem, so that the fast half of an unregistration does not wait for it",
    files: {
      [split]: [
        ["  readLock(semOf(shrinker));\n", ""],
        ["  readUnlock(semOf(shrinker));\n", ""],
      ],
    },
    scenario: "walk-against-unregister",
    model: "sc",
    expected: lateCallback,
  },
];

export const shrinkerMutants: readonly Mutant[] = [...onRefcount, ...onRwsem, ...onSrcu];
