// Variants of cil with one ingredient left out of the variant or of what the variants share.
//
// Five are the behaviour of mistakes in a first draft of the shadows (linux-xfs, 2015), which Linux 4.8 did not have. Where the
// draft had what no compiler takes, or what nobody can predict, the mutant does what the mistake comes to.

import type { Mutant } from "./mutant.ts";

const shadow = "cil/shadow-buffers";
const context = "cil/context";
const commit = "cil/commit";

/** A vector that two have: whoever looks first finds it out. */
const ownedTwice: Mutant["expected"] = [
  { kind: "broken invariant", invariant: "one owner per vector" },
  { kind: "broken invariant", invariant: "mutual exclusion" },
  { kind: "broken invariant", invariant: "a checkpoint does not change" },
  { kind: "use after free" },
  { kind: "double free" },
];

const ofTheDraft: readonly Mutant[] = [
  {
    name: "cil-draft-keeps-too-small",
    problem: "cil",
    base: "shadow-buffers",
    description: "the draft's test for a new shadow is the wrong way round: one that is too small stays (L3)",
    files: {
      [shadow]: [["if (shadow === 0 || size > sizeOf(shadow)) {", "if (shadow === 0 || size <= sizeOf(shadow)) {"]],
    },
    scenario: "resize-against-push",
    model: "sc",
    expected: [{ kind: "broken invariant", invariant: "what is formatted fits" }],
    isSequential: true,
  },
  {
    name: "cil-draft-forgets-ordered",
    problem: "cil",
    base: "shadow-buffers",
    description:
      "the draft overwrites the mark of an ordered item with a length of 0: it is passed over as one without vectors, and listed",
    files: {
      [shadow]: [
        ["  if (bytes === 0) markOrdered(shadow);\n", ""],
        [
          "    const ordered = isOrdered(shadow);\n",
          '    const ordered = isOrdered(shadow);\n    if (!ordered && load32(shadow + offsetof<LogVec>("iovecs")) === 0) {\n      endItem(item);\n      item = load32(item + offsetof<Item>("nextInTransaction"));\n      continue;\n    }\n',
        ],
      ],
    },
    scenario: "ordered-against-push",
    model: "sc",
    expected: [
      { kind: "broken invariant", invariant: "one owner per vector" },
      { kind: "access outside the arena" },
      { kind: "trap" },
    ],
    isSequential: true,
  },
  {
    name: "cil-draft-uses-stale-pointer",
    problem: "cil",
    base: "shadow-buffers",
    description:
      "the draft uses a pointer to the shadow that it has not set: here it holds the active vector, if there is one",
    files: {
      [shadow]: [
        [
          '  let shadow: usize = load32(item + offsetof<Item>("shadow"));\n  beginOwning',
          '  let shadow: usize = load32(item + offsetof<Item>("active"));\n  beginOwning',
        ],
      ],
    },
    scenario: "relog-against-push",
    model: "sc",
    expected: [...ownedTwice, { kind: "access outside the arena" }, { kind: "trap" }],
    isSequential: true,
  },
  {
    name: "cil-draft-walks-one-item",
    problem: "cil",
    base: "shadow-buffers",
    description:
      "the draft's loop over the items has no variable of its own: here it prepares the first item's shadow and no other",
    files: {
      [shadow]: [
        [
          '    allocateShadow(item, task, isFailFast);\n    item = load32(item + offsetof<Item>("nextInTransaction"));\n',
          "    allocateShadow(item, task, isFailFast);\n    item = 0;\n",
        ],
      ],
    },
    scenario: "commits-side-by-side",
    model: "sc",
    expected: [
      { kind: "broken invariant", invariant: "one owner per vector" },
      { kind: "access outside the arena" },
      { kind: "use after free" },
      { kind: "trap" },
    ],
    isSequential: true,
  },
  {
    name: "cil-draft-compares-size-alone",
    problem: "cil",
    base: "shadow-buffers",
    description:
      "the draft compares the shadow's size alone, and an active vector that is formatted again keeps its old number of iovecs (L5)",
    files: {
      [shadow]: [
        [
          'if (!ordered) prepareVector(old, load32(shadow + offsetof<LogVec>("iovecs")));',
          'if (!ordered) prepareVector(old, load32(old + offsetof<LogVec>("iovecs")));',
        ],
      ],
    },
    scenario: "resize-against-push",
    model: "sc",
    expected: [
      { kind: "broken invariant", invariant: "what is formatted fits" },
      { kind: "broken invariant", invariant: "space is accounted" },
      { kind: "broken invariant", invariant: "a checkpoint does not change" },
      { kind: "access outside the arena" },
    ],
    isSequential: true,
  },
];

const others: readonly Mutant[] = [
  {
    name: "cil-frees-under-lock",
    problem: "cil",
    base: "shadow-buffers",
    description: "the vector that gave way is freed under the context lock instead of being kept as the shadow (L1)",
    files: {
      [shadow]: [
        [
          'if (vector === shadow) storeRelaxed32(item + offsetof<Item>("shadow"), old as u32);',
          'if (vector === shadow) storeRelaxed32(item + offsetof<Item>("shadow"), 0);\n    if (vector === shadow && old !== 0) freeVector(taskOf(transaction), old);',
        ],
      ],
    },
    scenario: "resize-against-push",
    model: "sc",
    expected: [{ kind: "broken invariant", invariant: "no allocation under the context lock" }],
    isSequential: true,
  },
  {
    name: "cil-allocates-under-lock",
    problem: "cil",
    base: "shadow-buffers",
    description: "shadows are made when the context lock is held already (L1)",
    files: {
      [shadow]: [
        [
          "  allocateShadows(transaction, task, isFailFast);\n  lockContext(task);\n",
          "  lockContext(task);\n  allocateShadows(transaction, task, isFailFast);\n",
        ],
      ],
    },
    scenario: "short-of-memory",
    model: "sc",
    expected: [{ kind: "deadlock" }],
    isSequential: true,
  },
  {
    name: "cil-keeps-shadow",
    problem: "cil",
    base: "shadow-buffers",
    description: "an item keeps its shadow when that has become the active vector: two have it (L2)",
    files: {
      [shadow]: [
        [
          'if (vector === shadow) storeRelaxed32(item + offsetof<Item>("shadow"), old as u32);',
          'if (vector === shadow && old !== 0) storeRelaxed32(item + offsetof<Item>("shadow"), old as u32);',
        ],
      ],
    },
    scenario: "relog-against-push",
    model: "sc",
    expected: ownedTwice,
    isSequential: true,
  },
  {
    name: "cil-push-keeps-active",
    problem: "cil",
    base: "shadow-buffers",
    description:
      "a push does not take the active vector off its item: the next commit formats into what the log reads (L6)",
    files: { [context]: [['    storeRelaxed32(item + offsetof<Item>("active"), 0);\n', ""]] },
    scenario: "relog-against-push",
    model: "sc",
    expected: ownedTwice,
    isSequential: true,
  },
  {
    name: "cil-push-without-lock",
    problem: "cil",
    base: "shadow-buffers",
    description: "a push does not keep commits out: it takes vectors that are being formatted (L6)",
    files: {
      [context]: [
        ["  writeLock(contextLock());\n", ""],
        ["    writeUnlock(contextLock());\n    store32", "    store32"],
        ["  writeUnlock(contextLock());\n  // The worker", "  // The worker"],
      ],
    },
    scenario: "relog-against-push",
    model: "sc",
    expected: [
      ...ownedTwice,
      { kind: "broken invariant", invariant: "space is accounted" },
      { kind: "broken invariant", invariant: "pinned once per checkpoint" },
    ],
  },
  {
    name: "cil-pins-again",
    problem: "cil",
    base: "shadow-buffers",
    description: "an item is pinned by every commit into the same context (L4)",
    files: {
      [commit]: [
        [
          "  if (old === 0) pinItem(item, sequence);\n  else if",
          "  pinItem(item, sequence);\n  if (old === 0) count(counterRelogged);\n  else if",
        ],
      ],
    },
    scenario: "relog-against-push",
    model: "sc",
    expected: [
      { kind: "broken invariant", invariant: "pinned once per checkpoint" },
      { kind: "broken invariant", invariant: "one owner per vector" },
    ],
    isSequential: true,
  },
  {
    name: "cil-counts-twice",
    problem: "cil",
    base: "shadow-buffers",
    description: "an item that is committed again is accounted without taking off what it had (L5)",
    files: { [shadow]: [["      account(transaction, old, -1);\n", ""]] },
    scenario: "relog-against-push",
    model: "sc",
    expected: [{ kind: "broken invariant", invariant: "space is accounted" }],
    isSequential: true,
  },
  {
    name: "cil-accounts-unlocked",
    problem: "cil",
    base: "shadow-buffers",
    description: "commits account and move items without the list's lock: they lose each other's (L5)",
    files: {
      [commit]: [
        ["  acquire(lock);\n", ""],
        ["  release(lock);\n", ""],
      ],
    },
    scenario: "commits-side-by-side",
    model: "sc",
    expected: [
      { kind: "broken invariant", invariant: "space is accounted" },
      { kind: "broken invariant", invariant: "one owner per vector" },
      { kind: "broken invariant", invariant: "pinned once per checkpoint" },
      { kind: "leak" },
      { kind: "lost object" },
      { kind: "trap" },
      { kind: "access outside the arena" },
    ],
  },
  {
    name: "cil-publishes-late",
    problem: "cil",
    base: "shadow-buffers",
    description:
      "a push publishes the next sequence when it has given the context lock back: a log force misses its caller's commit (L7)",
    files: {
      [context]: [
        [
          '  setCilField(offsetof<Cil>("currentSequence"), sequence);\n  setCilField(offsetof<Cil>("pushSequence"), 0);',
          '  setCilField(offsetof<Cil>("pushSequence"), 0);',
        ],
        [
          "  writeUnlock(contextLock());\n  // The worker",
          '  writeUnlock(contextLock());\n  setCilField(offsetof<Cil>("currentSequence"), sequence + 1);\n  // The worker',
        ],
      ],
    },
    scenario: "forces-side-by-side",
    model: "sc",
    expected: [{ kind: "broken invariant", invariant: "commit records in order" }],
  },
  {
    name: "cil-records-unordered",
    problem: "cil",
    base: "shadow-buffers",
    description: "a push writes its commit record without waiting for those of earlier checkpoints (L7)",
    files: { [context]: [["  awaitRecord(sequence - 1);\n", ""]] },
    scenario: "forces-side-by-side",
    model: "sc",
    expected: [{ kind: "broken invariant", invariant: "commit records in order" }],
  },
  {
    name: "cil-leaks-shadow",
    problem: "cil",
    base: "shadow-buffers",
    description: "an item that is destroyed leaves its shadow behind",
    files: { [shadow]: [["  if (shadow !== 0) giveBack(shadow);\n", "  if (shadow === 1) giveBack(shadow);\n"]] },
    scenario: "relog-against-push",
    model: "sc",
    expected: [{ kind: "leak" }],
    isSequential: true,
  },
  {
    name: "cil-destroys-in-use",
    problem: "cil",
    base: "shadow-buffers",
    description: "an item that is used again is destroyed all the same when its last checkpoint is in the log",
    files: { "cil/item": [["  setStale(item, false);\n", ""]] },
    scenario: "last-commit-against-push",
    model: "sc",
    expected: [
      { kind: "use after free" },
      { kind: "double free" },
      { kind: "leak" },
      { kind: "access outside the arena" },
      { kind: "lost object" },
      { kind: "broken invariant" },
      { kind: "trap" },
    ],
    isSequential: true,
  },
  {
    name: "cil-wakes-nobody",
    problem: "cil",
    base: "shadow-buffers",
    description: "memory that is freed is announced to nobody: who waits for it sleeps on",
    files: { "cil/memory": [['  wake(cil() + offsetof<Cil>("freed"), u32.MAX_VALUE);\n', ""]] },
    scenario: "short-of-memory",
    model: "sc",
    expected: [{ kind: "deadlock" }],
  },
];

export const cilMutants: readonly Mutant[] = [...ofTheDraft, ...others];
