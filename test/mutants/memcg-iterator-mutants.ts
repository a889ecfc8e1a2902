// Memcg iterators with one ingredient left out of the variant, of the cgroup core or of its references.
//
// Not among them, because something else makes up for what is left out:
// - a `dead-count` that is read anew at the end of a step, while offline comes a grace period after the removal: nobody who
//   is still in a section can have missed a count; it is in `dead-count-fresh-sequence`, together with what makes it matter;
// - the look for the next sibling by serial number: who stands at a cgroup that was taken out of its list holds it, or has
//   read it in a section that began before, so what its link says has memory;
// - `read` and `write barrier` of a load after a load and a store after a store, which x86 does not reorder: the mutants
//   have them in the wrong order instead.

import type { Changes, Mutant } from "./mutant.ts";

const deadCount = "memcg-iterator/dead-count";
const wipe = "memcg-iterator/targeted-wipe";
const pinned = "memcg-iterator/pinned-position";
const weak = "memcg-iterator/weak-position";
const lastVisited = "memcg-iterator/last-visited";
const css = "memcg-iterator/css";
const percpuRef = "sync/percpu-ref";

/** What was freed may be somebody else's already, and then an address is read where there is none. */
const usedAfterFree: Mutant["expected"] = [
  { kind: "use after free" },
  { kind: "access outside the arena" },
  { kind: "trap" },
];
/** A reference too few: freed too early, or twice. */
const freedTooEarly: Mutant["expected"] = [...usedAfterFree, { kind: "double free" }];
const goesOn: Mutant["expected"] = [{ kind: "broken invariant", invariant: "a walk ends with its round" }];
const pinnedFor: Mutant["expected"] = [{ kind: "leak", invariant: "no pinned cgroup" }];
const incomplete: Mutant["expected"] = [{ kind: "broken invariant", invariant: "every cgroup in every round" }];

/** The variant is told at once, before the grace period: as in Linux 3.10, where a reference counted down directly. */
const offlineAtOnce: Changes = {
  [css]: [
    [
      "  percpuRefKill(refOf(memcg), onKilled.index);\n",
      "  percpuRefKill(refOf(memcg), onKilled.index);\n  offlineMemcg(memcg);\n",
    ],
    ["  offlineMemcg(memcg);\n  endWork(memcg, begun);\n", "  endWork(memcg, begun);\n"],
  ],
};

const onDeadCount: readonly Mutant[] = [
  {
    name: "dead-count-at-once",
    problem: "memcg-iterator",
    base: "dead-count",
    description:
      "the count grows before the grace period: a walker's old position and another one's new count make a cursor that is trusted",
    files: offlineAtOnce,
    scenario: "two-walkers-against-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "dead-count-fresh-sequence",
    problem: "memcg-iterator",
    base: "dead-count",
    description:
      "a cursor is stored with the count as it is then, so that what went during the step is not noticed (race T2)",
    reachable: offlineAtOnce,
    files: {
      [deadCount]: [
        [
          '    storeRelaxed32(slot + offsetof<LastVisited>("deadCount"), sequence);\n',
          '    storeRelaxed32(slot + offsetof<LastVisited>("deadCount"), load32(deadCountOf(root)));\n',
        ],
      ],
    },
    scenario: "broken-walk-against-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "dead-count-stored-first",
    problem: "memcg-iterator",
    base: "dead-count",
    description: "the count is stored before the position: what a missing write barrier would allow",
    files: {
      [deadCount]: [
        [
          '    storeRelaxed32(slot + offsetof<LastVisited>("position"), next as u32);\n    cursorMoved(',
          '    storeRelaxed32(slot + offsetof<LastVisited>("deadCount"), sequence);\n    storeRelaxed32(slot + offsetof<LastVisited>("position"), next as u32);\n    cursorMoved(',
        ],
      ],
    },
    scenario: "walks-after-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "dead-count-read-last",
    problem: "memcg-iterator",
    base: "dead-count",
    description: "the position is read before the count: what a missing read barrier would allow",
    files: {
      [deadCount]: [
        [
          "  const slot = slotOf(root, node, priority);\n  if (load32",
          '  const slot = slotOf(root, node, priority);\n  const position: usize = load32(slot + offsetof<LastVisited>("position"));\n  if (load32',
        ],
        [
          '    return 0;\n  }\n  const position: usize = load32(slot + offsetof<LastVisited>("position"));\n',
          "    return 0;\n  }\n",
        ],
      ],
    },
    scenario: "walks-after-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "dead-count-own-root-only",
    problem: "memcg-iterator",
    base: "dead-count",
    description: "only the parent's count grows, so that cursors of the ancestors above it are trusted",
    files: {
      [deadCount]: [
        [
          "  for (let parent = parentOf(memcg); parent !== 0; parent = parentOf(parent)) add32(deadCountOf(parent), 1);\n",
          "  add32(deadCountOf(parentOf(memcg)), 1);\n",
        ],
      ],
    },
    scenario: "walk-after-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "dead-count-root-counted",
    problem: "memcg-iterator",
    base: "dead-count",
    description:
      "a cursor at the root needs a reference to it: when the root is dying, a walk begins for ever (fixed in 3.14, ecc736fc3c71)",
    files: {
      [deadCount]: [
        ["position === 0 || position === root || percpuRef", "position === 0 || percpuRef"],
        ["    putVisited(position, root);\n", "    putVisited(position, 0);\n"],
      ],
    },
    scenario: "walked-root-destroyed",
    model: "sc",
    expected: [{ kind: "livelock", invariant: "every walk ends" }],
  },
  {
    name: "dead-count-put-twice",
    problem: "memcg-iterator",
    base: "dead-count",
    description: "the reference of a position is given back twice, a bug of 2013's first version of these cursors",
    files: {
      [deadCount]: [
        ["    putVisited(position, root);\n", "    putVisited(position, root);\n    putVisited(position, root);\n"],
      ],
    },
    scenario: "broken-walk-then-destroy",
    model: "sc",
    expected: [...freedTooEarly, { kind: "leak" }, { kind: "broken invariant", invariant: "every reference is there" }],
    isSequential: true,
  },
  {
    name: "dead-count-any-round",
    problem: "memcg-iterator",
    base: "dead-count",
    description:
      "a walk does not look whether the round that it joined is still the present one, and goes on in the next",
    files: {
      [deadCount]: [
        [
          "    if (previous !== 0 && generationOf(cookie) !== generation) {\n",
          "    if (generation === u32.MAX_VALUE) {\n",
        ],
        [
          "import { cursorCount, cursorOf, generationOf, joinGeneration }",
          "import { cursorCount, cursorOf, joinGeneration }",
        ],
      ],
    },
    scenario: "round-ended-by-another",
    model: "sc",
    expected: goesOn,
  },
  {
    name: "last-visited-break-keeps",
    problem: "memcg-iterator",
    base: "dead-count",
    description: "a walk that is broken off keeps the reference to where it was (race T4 the other way round)",
    files: {
      [lastVisited]: [
        ["  enter(memCgroupIterBreak);\n  putVisited(previous, root);\n", "  enter(memCgroupIterBreak);\n"],
      ],
    },
    scenario: "two-walkers-against-destroy",
    model: "sc",
    expected: pinnedFor,
    isSequential: true,
  },
];

const onTargetedWipe: readonly Mutant[] = [
  {
    name: "wipe-before-grace-period",
    problem: "memcg-iterator",
    base: "targeted-wipe",
    description:
      "cursors are cleared before the grace period: a walker that has the cgroup stores it afterwards (race T1)",
    files: offlineAtOnce,
    scenario: "broken-walk-against-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "wipe-without-ancestors",
    problem: "memcg-iterator",
    base: "targeted-wipe",
    description: "only the parent's cursors are cleared",
    files: {
      [wipe]: [
        [
          "  for (let parent = parentOf(memcg); parent !== 0; parent = parentOf(parent)) wipe(parent, memcg);\n",
          "  wipe(parentOf(memcg), memcg);\n",
        ],
      ],
    },
    scenario: "walk-after-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "wipe-without-priorities",
    problem: "memcg-iterator",
    base: "targeted-wipe",
    description: "only the cursors of one priority are cleared",
    files: {
      [wipe]: [
        ["priority < priorities; priority++) {\n        const cell", "priority < 1; priority++) {\n        const cell"],
      ],
    },
    scenario: "walk-after-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "wipe-nothing",
    problem: "memcg-iterator",
    base: "targeted-wipe",
    description: "cursors are trusted and never cleared: what a broken walk leaves behind (race T4)",
    files: { [wipe]: [["        storeRelaxed32(cell, 0);\n", ""]] },
    scenario: "broken-walk-against-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "wipe-takes-dying",
    problem: "memcg-iterator",
    base: "targeted-wipe",
    description: "a walk takes dying cgroups, too, and so stores one after its cursors were cleared",
    files: {
      [lastVisited]: [
        ["!percpuRefTryGetLive(refOf(next))", "!percpuRefTryGet(refOf(next))"],
        ["percpuRefPut, percpuRefTryGetLive", "percpuRefPut, percpuRefTryGet"],
      ],
    },
    scenario: "broken-walk-against-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
];

const onPosition: readonly Mutant[] = [
  {
    name: "pinned-without-second-put",
    problem: "memcg-iterator",
    base: "pinned-position",
    description:
      "the cursor's own reference is not given back when it moves on: the first version of the patch, October 2014",
    files: { [pinned]: [["      if (position !== 0) percpuRefPut(refOf(position));\n    } else", "    } else"]] },
    scenario: "broken-walk-then-destroy",
    model: "sc",
    expected: pinnedFor,
    isSequential: true,
  },
  {
    name: "pinned-without-own-reference",
    problem: "memcg-iterator",
    base: "pinned-position",
    description: "the cursor takes no reference of its own, and gives one back",
    files: {
      [pinned]: [
        ["      if (next !== 0) percpuRefGet(refOf(next));\n", ""],
        ["percpuRefGet, percpuRefPut,", "percpuRefPut,"],
      ],
    },
    scenario: "broken-walk-then-destroy",
    model: "sc",
    expected: [...freedTooEarly, { kind: "broken invariant", invariant: "every reference is there" }],
    isSequential: true,
  },
  {
    name: "pinned-any-round",
    problem: "memcg-iterator",
    base: "pinned-position",
    description:
      "a walk does not look whether the round that it joined is still the present one, and goes on in the next",
    files: {
      [pinned]: [
        ["  if (previous === 0 || generationOf(cookie) === load32(generation)) {\n", "  if (slot !== 0) {\n"],
        ["generationOf, joinGeneration", "joinGeneration"],
      ],
    },
    scenario: "round-ended-by-another",
    model: "sc",
    expected: goesOn,
  },
  {
    name: "weak-any-round",
    problem: "memcg-iterator",
    base: "weak-position",
    description:
      "a walk does not look whether the round that it joined is still the present one, and goes on in the next",
    files: {
      [weak]: [["  if (previous !== 0 && generationOf(cookie) !== load32(generation)) return 0;\n", ""]],
    },
    scenario: "round-ended-by-another",
    model: "sc",
    expected: goesOn,
  },
  {
    name: "winner-any-round",
    problem: "memcg-iterator",
    base: "weak-position",
    description: "the same where a walker that comes too late begins again",
    constants: { LAB_RESTART: 1 },
    files: {
      [weak]: [["    else if (generationOf(cookie) !== present) return 0;\n", ""]],
    },
    scenario: "round-ended-by-another",
    model: "sc",
    expected: goesOn,
  },
  {
    name: "weak-without-invalidation",
    problem: "memcg-iterator",
    base: "weak-position",
    description: "the end of a cgroup does not clear the cursors that point at it",
    files: {
      [weak]: [
        ["root !== 0; root = parentOf(root)) invalidate(root, memcg);", "root !== 0; root = parentOf(root)) {}"],
      ],
    },
    scenario: "broken-walk-against-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "weak-without-ancestors",
    problem: "memcg-iterator",
    base: "weak-position",
    description:
      "only the cgroup's own cursors and its parent's are cleared, as where children were not accounted (fixed in 2019)",
    files: {
      [weak]: [
        [
          "  for (let root = memcg; root !== 0; root = parentOf(root)) invalidate(root, memcg);\n",
          "  invalidate(memcg, memcg);\n  invalidate(parentOf(memcg), memcg);\n",
        ],
      ],
    },
    scenario: "walk-after-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "weak-stores",
    problem: "memcg-iterator",
    base: "weak-position",
    description: "the cursor is moved by a store instead of a compare-and-exchange: a late walker takes it back, or on",
    files: {
      [weak]: [
        [
          "  if (compareExchange32(slot, position as u32, next as u32) === (position as u32)) {\n    if (isAnew)",
          "  storeRelaxed32(slot, next as u32);\n  if (slot !== 0) {\n    if (isAnew)",
        ],
      ],
    },
    scenario: "two-walkers",
    model: "sc",
    expected: incomplete,
  },
  {
    name: "weak-waits-for-release",
    problem: "memcg-iterator",
    base: "weak-position",
    description:
      "a walker waits until the worker has cleared a dead position, on whose CPU it may be: asked about in review, 2015",
    files: {
      [weak]: [
        [
          "    if (compareExchange32(cell, position as u32, 0) === (position as u32)) cursorLost(position);\n",
          "    pause();\n",
        ],
        ["load32, storeRelaxed32", "load32, pause, storeRelaxed32"],
      ],
    },
    scenario: "dead-position-on-the-same-cpu",
    model: "sc",
    expected: [{ kind: "livelock" }, { kind: "deadlock" }],
  },
  {
    name: "winner-forgets-the-loser",
    problem: "memcg-iterator",
    base: "weak-position",
    description:
      "a walker that begins again returns what it had found before and given back: the first version of the 2024 change forgot to clear its result",
    constants: { LAB_RESTART: 1 },
    files: {
      [weak]: [
        ["  while (true) {\n    const present", "  let lost: usize = 0;\n  while (true) {\n    const present"],
        [
          "generationOf(cookie) !== present) return 0;\n    // Not",
          "generationOf(cookie) !== present) return lost;\n    // Not",
        ],
        [
          "      putVisited(next, root);\n      continue;\n",
          "      putVisited(next, root);\n      lost = next;\n      continue;\n",
        ],
      ],
    },
    scenario: "two-walkers",
    model: "sc",
    expected: [...freedTooEarly, { kind: "broken invariant", invariant: "every reference is there" }],
  },
];

const onCore: readonly Mutant[] = [
  {
    name: "freed-without-grace-period",
    problem: "memcg-iterator",
    base: "weak-position",
    description: "a cgroup's memory goes when its last reference is gone, under walkers that look whether there is one",
    files: {
      [css]: [
        ['  callRcu(rcuDomain(), memcg + offsetof<Memcg>("head0"), free.index, memcg);\n', "  free(memcg);\n"],
        ['import { callRcu } from "../sync/rcu";\n', ""],
      ],
    },
    scenario: "broken-walk-then-destroy",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "parent-not-held",
    problem: "memcg-iterator",
    base: "pinned-position",
    description: "a child has no reference to its parent, which may go before it",
    files: {
      [css]: [
        ["  if (parent !== 0) percpuRefGet(refOf(parent));\n", ""],
        ["  if (parent !== 0) percpuRefPut(refOf(parent));\n", ""],
      ],
    },
    scenario: "pinned-child",
    model: "sc",
    expected: usedAfterFree,
  },
  {
    name: "percpu-ref-unbiased",
    problem: "memcg-iterator",
    base: "dead-count",
    description: "the count has no bias while CPUs still count for themselves: it comes to 0 early",
    files: { [percpuRef]: [["const bias: u32 = 0x8000_0000;", "const bias: u32 = 0;"]] },
    scenario: "walk-against-destroy",
    model: "sc",
    expected: freedTooEarly,
  },
  {
    name: "percpu-ref-summed-at-once",
    problem: "memcg-iterator",
    base: "dead-count",
    description: "the counters of the CPUs are summed up without a grace period, and one that counts just then is lost",
    files: {
      [percpuRef]: [
        [
          '  callRcu(load32(ref + offsetof<PercpuRef>("rcu")), ref + offsetof<PercpuRef>("head0"), sumUp.index, ref);\n',
          "  sumUp(ref);\n",
        ],
        ["import { callRcu, rcuHeadSize,", "import { rcuHeadSize,"],
      ],
    },
    scenario: "walk-against-destroy",
    model: "sc",
    expected: [...freedTooEarly, { kind: "leak" }],
  },
];

export const memcgIteratorMutants: readonly Mutant[] = [...onDeadCount, ...onTargetedWipe, ...onPosition, ...onCore];
