// Shrinkers on locks and grace periods with one ingredient left out.
//
// Not among them, because x86 and the other accesses make up for what is left out:
// - the barrier of an SRCU reader that leaves: stores of a CPU are seen in order, and no store overtakes a load;
// - an SRCU reader's barrier in a quarantine: the lock that a reduction takes next is a full barrier;
// - the barriers of a flip: the first only orders loads before a store; without the second, a reader of the old rank is
//   waited for in the first scan of the next grace period;
// - the barrier of an SRCU request, that of `nextNumber` and that of the beginning of an RCU grace period: between the
//   unlinking and the request all variants execute another locked instruction, that of giving a mutex or a rwsem back;
//   and the end of an RCU grace period is taken under a lock that was taken after its beginning. `nextNumber` gets a form
//   in which it matters (`rcu-number-unordered`);
// - a wait list's `rearm` as a plain store: the wait lock is taken between it and the last look;
// - a hand-off flag that is not honoured: a waiter may be overtaken without end, but only by tasks without end.

import type { Changes, Mutant } from "./mutant.ts";

/** A descriptor is poisoned before it is freed, so that a call through it may trap. */
const lateCallback: Mutant["expected"] = [
  { kind: "callback after free", invariant: "no callback after unregister" },
  { kind: "use after free" },
  { kind: "trap" },
];
const deadlock: Mutant["expected"] = [{ kind: "deadlock" }];

/** Writers do not spin while readers hold the lock, so that few operations lead to a hand-off. */
const noSpinningForReaders: Changes = {
  "sync/rwsem-spin": [
    ["  if ((owner & ownerReaders) !== 0) return readers;\n", "  if ((owner & ownerReaders) !== 0) return hopeless;\n"],
  ],
};

/** The number of a callback's grace period is chosen when it is queued. Rightly, as long as `nextNumber` has its barrier. */
const numberedWhenQueued: Changes = {
  "sync/rcu": [
    [
      '  const last = load32(own + offsetof<CpuPart>("newLast"));\n',
      `  const number = nextNumber(rcu);
  const waiting = load32(own + offsetof<CpuPart>("waitingFirst"));
  const isShared = waiting === 0 || load32(own + offsetof<CpuPart>("waitingFor")) === number;
  if (isShared && load32(own + offsetof<CpuPart>("newFirst")) === 0) {
    storeRelaxed32(head + offsetof<Head>("next"), waiting);
    storeRelaxed32(own + offsetof<CpuPart>("waitingFirst"), head as u32);
    storeRelaxed32(own + offsetof<CpuPart>("waitingFor"), number);
    addPending(own, 1);
    irqOn();
    leave();
    return;
  }
  const last = load32(own + offsetof<CpuPart>("newLast"));
`,
    ],
  ],
};

const onSrcu: readonly Mutant[] = [
  {
    name: "srcu-no-flip",
    problem: "shrinker",
    base: "srcu-expedited",
    description: "an SRCU grace period does not flip, and twice waits for the rank that nobody uses",
    files: {
      "sync/srcu": [
        ["  storeRelaxed32(rankCell, load32(rankCell) ^ 1);\n", "  storeRelaxed32(rankCell, load32(rankCell));\n"],
      ],
    },
    scenario: "walk-against-unregister",
    model: "sc",
    expected: lateCallback,
  },
  {
    name: "srcu-one-scan",
    problem: "shrinker",
    base: "srcu-expedited",
    description:
      "an SRCU grace period waits only for the rank that it flips away from, and not for who fetched the other one earlier",
    files: {
      "sync/srcu": [["    if (!becomesQuiet(domain, 1)) {\n      putOff(domain);\n      return;\n    }\n", ""]],
    },
    scenario: "walk-against-two-unregisters",
    model: "sc",
    expected: lateCallback,
  },
  {
    name: "srcu-reader-unordered",
    problem: "shrinker",
    base: "srcu-expedited",
    description: "an SRCU reader counts itself in without a barrier, so that it reads before it can be seen",
    files: {
      "sync/srcu": [
        [
          "  // Store and barrier in one: the count is visible before anything that the section reads. Pairs with `isQuiet`.\n  store32(cell, load32(cell) + 1);\n",
          "  storeRelaxed32(cell, load32(cell) + 1);\n",
        ],
      ],
    },
    scenario: "walk-against-unregister",
    model: "tso",
    expected: lateCallback,
  },
  {
    name: "srcu-sums-swapped",
    problem: "shrinker",
    base: "srcu-expedited",
    description:
      "an SRCU grace period sums who entered before it sums who left: one who came in between stands for one who is inside",
    files: {
      "sync/srcu": [
        [
          `  let left: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) left += load32(leftCell(domain, index, rank));
  barrier();
  let entered: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) entered += load32(enteredCell(domain, index, rank));
`,
          `  let entered: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) entered += load32(enteredCell(domain, index, rank));
  barrier();
  let left: u32 = 0;
  for (let index: u32 = 0; index < cpus(); index++) left += load32(leftCell(domain, index, rank));
`,
        ],
      ],
    },
    scenario: "walk-and-set-bit-against-unregister",
    model: "sc",
    expected: lateCallback,
  },
];

const onRcu: readonly Mutant[] = [
  {
    name: "rcu-number-unordered",
    problem: "shrinker",
    base: "refcount-rcu",
    description:
      "the number of a callback's grace period is read before the unlinking is visible, so that the grace period is too early",
    reachable: numberedWhenQueued,
    files: {
      "sync/rcu": [
        [
          '  barrier();\n  return load32(rcu + offsetof<Domain>("started")) + 1;\n',
          '  return load32(rcu + offsetof<Domain>("started")) + 1;\n',
        ],
      ],
    },
    scenario: "expansion-against-grace-period-and-walk",
    model: "tso",
    expected: [{ kind: "use after free" }],
  },
];

const onRwsem: readonly Mutant[] = [
  {
    name: "rwsem-up-read-silent",
    problem: "shrinker",
    base: "rwsem",
    description: "the last reader leaves without waking the writer who waits",
    files: { "sync/rwsem": [["    allowSpinning(sem);\n    wakeFirst(sem);\n", "    allowSpinning(sem);\n"]] },
    scenario: "list-walk-preempted",
    model: "sc",
    expected: deadlock,
  },
  {
    name: "rwsem-up-write-silent",
    problem: "shrinker",
    base: "rwsem",
    description: "the writer leaves without waking who waits",
    files: { "sync/rwsem": [["  if ((seen & flagWaiters) !== 0) wakeFirst(sem);\n", ""]] },
    scenario: "writers-preempted",
    model: "sc",
    expected: deadlock,
  },
  {
    name: "rwsem-heir-not-woken",
    problem: "shrinker",
    base: "rwsem",
    description: "the last reader does not wake a writer whom the lock is kept for, as if that one always spun",
    reachable: noSpinningForReaders,
    files: {
      "sync/rwsem": [
        [
          "& (heldMask | flagWaiters)) === flagWaiters) {",
          "& (heldMask | flagWaiters | flagHandoff)) === flagWaiters) {",
        ],
      ],
    },
    scenario: "contended-lock",
    model: "sc",
    expected: deadlock,
  },
];

const onMutex: readonly Mutant[] = [
  {
    name: "mutex-heir-not-woken",
    problem: "shrinker",
    base: "refcount-rcu",
    description: "who hands the mutex to the first waiter does not wake it, as if that one always spun",
    files: {
      "sync/mutex": [
        [
          "  if (first !== 0) markWoken(first);\n",
          "  if (first !== 0 && (seen & flagHandoff) === 0) markWoken(first);\n",
        ],
      ],
    },
    scenario: "writers-preempted",
    model: "sc",
    expected: deadlock,
  },
  {
    name: "mutex-rearmed-late",
    problem: "shrinker",
    base: "refcount-rcu",
    description: "a waiter gets ready to sleep after its last look at the mutex, and forgets who woke it in between",
    files: {
      "sync/mutex": [["    sleepAs(waiter);\n    rearm(waiter);\n", "    rearm(waiter);\n    sleepAs(waiter);\n"]],
    },
    scenario: "writers-preempted",
    model: "sc",
    expected: deadlock,
  },
];

const onCompletion: readonly Mutant[] = [
  {
    name: "completion-counts-unlocked",
    problem: "shrinker",
    base: "refcount-rcu",
    description:
      "a completer gives the spin lock back before the last store that it guards: the waiter wakes up, sees nothing and sleeps",
    files: {
      "sync/completion": [
        ["  storeRelaxed32(done, load32(done) + 1);\n", ""],
        [
          "  releaseIrqOn(lock);\n  // From here on the completion may be gone.\n",
          "  releaseIrqOn(lock);\n  storeRelaxed32(done, load32(done) + 1);\n",
        ],
      ],
    },
    scenario: "walk-against-unregister",
    model: "sc",
    expected: deadlock,
  },
];

export const syncMutants: readonly Mutant[] = [...onSrcu, ...onRcu, ...onRwsem, ...onMutex, ...onCompletion];
