// Quarantines with one ingredient left out. The first fault of each kind is on the reference, the others repeat it where a
// variant has code of its own for it.

import type { Changes, Mutant, Replacement } from "./mutant.ts";

const leftBehind: Mutant["expected"] = [{ kind: "broken invariant", invariant: "no object of a destroyed cache" }];
const freedTwice: Mutant["expected"] = [{ kind: "double free" }, { kind: "use after free" }, ...leftBehind];

const noReaderInReduction: readonly Replacement[] = [
  ["  const rank = srcuReadLock(srcu());\n  const detached = taskStack();\n", "  const detached = taskStack();\n"],
];
const noFinalWait: Replacement = ["  synchronizeSrcuExpedited(srcu());\n", ""];
const noReaderInDrain: readonly Replacement[] = [
  ["  const rank = srcuReadLock(srcu());\n  // Before the drain,", "  // Before the drain,"],
];

const fifo = "quarantine/singly-linked-fifo";

/** Of the reference and of what is built on it. */
const fifoSplicesFirst: Changes = {
  [fifo]: [
    [
      "  if (append(queue, object, objectSizeOf(cache)) > cpuQueueBytesMax) flushOwn(queue);\n  irqOn();\n",
      `  const spliced = taskStack();
  storeRelaxed32(spliced + offsetof<Queue>("head"), 0);
  storeRelaxed64(spliced + offsetof<Queue>("bytes"), 0);
  if (append(queue, object, objectSizeOf(cache)) > cpuQueueBytesMax) moveAll(queue, spliced);
  irqOn();
  if (isEmpty(spliced)) return true;
  irqOff();
  flushOwn(spliced);
  irqOn();
`,
    ],
  ],
};
const fifoReducesUnseen: Changes = {
  [fifo]: [
    ...noReaderInReduction,
    [
      "  freeAll(detached, 0, noteEvicted);\n  srcuReadUnlock(srcu(), rank);\n",
      "  freeAll(detached, 0, noteEvicted);\n",
    ],
  ],
};
const fifoDoesNotWait: Changes = { [fifo]: [noFinalWait] };

const onFifo: readonly Mutant[] = [
  {
    name: "fifo-splices-first",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description:
      "put turns interrupts on with the CPU's queue spliced into a list on the stack, before it is in the ring: Linux 4.10, fixed in 4.11",
    files: fifoSplicesFirst,
    scenario: "put-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "fifo-reduces-unseen",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description: "a reduction is no SRCU reader: Linux 4.10, fixed in 4.11",
    files: fifoReducesUnseen,
    scenario: "reduce-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "fifo-does-not-wait",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description: "a removal does not wait for reductions that have begun: the other half of the fix in Linux 4.11",
    files: fifoDoesNotWait,
    scenario: "reduce-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "fifo-filter-stops",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description: "the filter ends behind its first match, whose link it has overwritten: Linux 4.7, fixed in 4.8",
    files: {
      "quarantine/queue": [
        [
          "  makeEmpty(from);\n  while (object !== 0) {\n    const next = nextOf(object);\n    const owner = cacheOf(object);\n    if (owner === cache) {\n",
          "  makeEmpty(from);\n  let isFound = false;\n  while (object !== 0) {\n    const next = nextOf(object);\n    const owner = cacheOf(object);\n    if (owner === cache && !isFound) {\n      isFound = true;\n",
        ],
      ],
    },
    scenario: "put-against-remove",
    model: "sc",
    expected: [...leftBehind, { kind: "lost object" }],
    isSequential: true,
  },
  {
    name: "fifo-filter-wrong-tail",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description:
      "the filter leaves a queue whose last object it took with a tail that is not its last object: Linux 4.7",
    files: {
      "quarantine/queue": [
        [
          "  makeEmpty(from);\n  while (object !== 0) {\n    const next",
          '  const tail = load32(from + offsetof<Queue>("tail"));\n  makeEmpty(from);\n  while (object !== 0) {\n    const next',
        ],
        [
          "    object = next;\n  }\n  leave();\n}\n\n/** Really frees the objects of a queue",
          '    object = next;\n  }\n  storeRelaxed32(from + offsetof<Queue>("tail"), tail);\n  leave();\n}\n\n/** Really frees the objects of a queue',
        ],
      ],
    },
    scenario: "put-against-remove",
    model: "sc",
    expected: [...freedTwice, { kind: "lost object" }],
    isSequential: true,
  },
  {
    name: "fifo-no-drain",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description: "a CPU goes offline with objects in its queue, where no interrupt gets to them: fixed in Linux 5.10",
    files: { [fifo]: [["  freeAll(queue, 0, noteDrained);\n", ""]] },
    scenario: "offline-against-remove",
    model: "sc",
    expected: leftBehind,
    isSequential: true,
  },
  {
    name: "fifo-no-second-offline-check",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description: "an interrupt filters the queue of a CPU that is draining it: fixed in Linux 5.18",
    files: { [fifo]: [['  if (load32(part + offsetof<CpuPart>("offline")) !== 0) return;\n', ""]] },
    scenario: "offline-against-remove",
    model: "sc",
    expected: freedTwice,
  },
  {
    name: "fifo-drains-unseen",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description: "the drain of a CPU that goes offline is no SRCU reader, so that a removal overtakes it",
    files: {
      [fifo]: [
        ...noReaderInDrain,
        ["  freeAll(queue, 0, noteDrained);\n  srcuReadUnlock(srcu(), rank);\n", "  freeAll(queue, 0, noteDrained);\n"],
      ],
    },
    scenario: "offline-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "fifo-flag-after-drain",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description:
      "the offline flag is set behind the drain, so that an interrupt in between filters the queue that is drained",
    files: {
      [fifo]: [
        [
          '  storeRelaxed32(queue + offsetof<CpuPart>("offline"), 1);\n  freeAll(queue, 0, noteDrained);\n',
          '  freeAll(queue, 0, noteDrained);\n  storeRelaxed32(queue + offsetof<CpuPart>("offline"), 1);\n',
        ],
      ],
    },
    scenario: "offline-against-remove",
    model: "sc",
    expected: freedTwice,
  },
  {
    name: "fifo-sum-unlocked",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description: "a reduction gives the ring's lock back before the last store that it guards, that of the sum",
    files: {
      [fifo]: [
        ['    storeRelaxed64(ring() + offsetof<Ring>("bytes"), bytes - bytesOf(detached));\n', ""],
        [
          "  releaseIrqOn(ring());\n  freeAll(detached, 0, noteEvicted);\n",
          '  releaseIrqOn(ring());\n  if (!isEmpty(detached)) storeRelaxed64(ring() + offsetof<Ring>("bytes"), bytes - bytesOf(detached));\n  freeAll(detached, 0, noteEvicted);\n',
        ],
      ],
    },
    scenario: "reduce-against-remove",
    model: "sc",
    expected: [{ kind: "broken invariant", invariant: "the sums are what is held" }, { kind: "lost object" }],
  },
  {
    name: "slab-count-unlocked",
    problem: "quarantine",
    base: "singly-linked-fifo",
    description: "freeing an object gives the cache's lock back before the last store that it guards",
    files: {
      "slab/cache": [
        [
          '  storeRelaxed32(cache + offsetof<Cache>("usedCount"), load32(cache + offsetof<Cache>("usedCount")) - 1);\n  if (first === 0) pushPartial(cache, slab);\n',
          '  const left = load32(cache + offsetof<Cache>("usedCount")) - 1;\n  if (first === 0) pushPartial(cache, slab);\n',
        ],
        [
          '  countFree();\n  releaseIrqOn(cache + offsetof<Cache>("lock"));\n',
          '  countFree();\n  releaseIrqOn(cache + offsetof<Cache>("lock"));\n  storeRelaxed32(cache + offsetof<Cache>("usedCount"), left);\n',
        ],
      ],
    },
    scenario: "reduce-against-remove",
    model: "sc",
    expected: [...leftBehind, { kind: "broken invariant", invariant: "the sums are what is held" }],
  },
];

const hash = "quarantine/hash-buckets";

const onHashBuckets: readonly Mutant[] = [
  {
    name: "hash-splices-first",
    problem: "quarantine",
    base: "hash-buckets",
    description: "as fifo-splices-first",
    files: {
      [hash]: [
        [
          "  if (bytes > cpuQueueBytesMax) flushOwn(part);\n  irqOn();\n",
          `  const spliced = taskStack();
  for (let index: u32 = 0; index < bucketCount; index++) setHead(bucketOf(spliced, index), 0);
  setBytes(spliced, 0);
  if (bytes > cpuQueueBytesMax) moveAll(part, spliced);
  irqOn();
  if (bytesOf(spliced) === 0) return true;
  irqOff();
  flushOwn(spliced);
  irqOn();
`,
        ],
      ],
    },
    scenario: "put-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "hash-reduces-unseen",
    problem: "quarantine",
    base: "hash-buckets",
    description: "as fifo-reduces-unseen",
    files: {
      [hash]: [
        ...noReaderInReduction,
        [
          "  freeBuckets(detached, noteEvicted);\n  srcuReadUnlock(srcu(), rank);\n",
          "  freeBuckets(detached, noteEvicted);\n",
        ],
      ],
    },
    scenario: "reduce-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "hash-does-not-wait",
    problem: "quarantine",
    base: "hash-buckets",
    description: "as fifo-does-not-wait",
    files: { [hash]: [noFinalWait] },
    scenario: "reduce-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "hash-no-second-offline-check",
    problem: "quarantine",
    base: "hash-buckets",
    description: "as fifo-no-second-offline-check",
    files: { [hash]: [['  if (load32(part + offsetof<Buckets>("offline")) === 0) {\n', "  {\n"]] },
    scenario: "offline-against-remove",
    model: "sc",
    expected: freedTwice,
  },
];

const doubly = "quarantine/doubly-linked";

const onDoublyLinked: readonly Mutant[] = [
  {
    name: "doubly-splices-first",
    problem: "quarantine",
    base: "doubly-linked",
    description: "as fifo-splices-first: the queue is spliced, and an interrupt finds nothing to make global",
    files: {
      [doubly]: [
        [
          "  if (append(queue, object, object, objectSizeOf(cache)) > cpuQueueBytesMax) flushOwn(queue);\n  irqOn();\n",
          `  const spliced = taskStack();
  makeEmpty(spliced);
  if (append(queue, object, object, objectSizeOf(cache)) > cpuQueueBytesMax) {
    append(spliced, headOf(queue), load32(queue + offsetof<List>("tail")), bytesOf(queue));
    makeEmpty(queue);
  }
  irqOn();
  if (headOf(spliced) === 0) return true;
  irqOff();
  flushOwn(spliced);
  irqOn();
`,
        ],
        [
          "/** Makes this CPU's objects global. Apart from `put`, which is short without it. */\n",
          `function makeEmpty(list: usize): void {
  storeRelaxed32(list + offsetof<List>("head"), 0);
  storeRelaxed32(list + offsetof<List>("tail"), 0);
  storeRelaxed64(list + offsetof<List>("bytes"), 0);
}

`,
        ],
      ],
    },
    scenario: "put-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "doubly-reduces-unseen",
    problem: "quarantine",
    base: "doubly-linked",
    description: "as fifo-reduces-unseen",
    files: {
      [doubly]: [
        [
          "  const rank = srcuReadLock(srcu());\n  acquireIrqOff(global());\n  updateSizes();\n",
          "  acquireIrqOff(global());\n  updateSizes();\n",
        ],
        [
          "    acquireIrqOff(global());\n  }\n  releaseIrqOn(global());\n  srcuReadUnlock(srcu(), rank);\n",
          "    acquireIrqOff(global());\n  }\n  releaseIrqOn(global());\n",
        ],
      ],
    },
    scenario: "reduce-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "doubly-does-not-wait",
    problem: "quarantine",
    base: "doubly-linked",
    description: "as fifo-does-not-wait",
    files: { [doubly]: [noFinalWait] },
    scenario: "reduce-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "doubly-no-second-offline-check",
    problem: "quarantine",
    base: "doubly-linked",
    description: "an interrupt makes a queue global that its CPU is draining",
    files: { [doubly]: [['  if (load32(queue + offsetof<CpuPart>("offline")) === 0) {\n', "  {\n"]] },
    scenario: "offline-against-remove",
    model: "sc",
    expected: freedTwice,
  },
];

/** Every removal is a walk of its own. */
const scanAtOnce = { LAB_FORM: 1, LAB_GROUP: 1 };
const batched = "quarantine/batched-async";

const onBatchedAsync: readonly Mutant[] = [
  {
    name: "batched-splices-first",
    problem: "quarantine",
    base: "batched-async",
    description: "as fifo-splices-first",
    files: fifoSplicesFirst,
    constants: scanAtOnce,
    scenario: "put-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "batched-reduces-unseen",
    problem: "quarantine",
    base: "batched-async",
    description: "as fifo-reduces-unseen",
    files: fifoReducesUnseen,
    constants: scanAtOnce,
    scenario: "reduce-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "batched-does-not-wait",
    problem: "quarantine",
    base: "batched-async",
    description: "as fifo-does-not-wait",
    files: fifoDoesNotWait,
    constants: scanAtOnce,
    scenario: "reduce-against-remove",
    model: "sc",
    expected: leftBehind,
  },
  {
    name: "batched-two-walks",
    problem: "quarantine",
    base: "batched-async",
    description: "two workers walk at once: one takes the other's objects, and frees them too late",
    files: { [batched]: [['  if (load32(dead() + offsetof<Dead>("walking")) !== 0) {\n', "  if (false) {\n"]] },
    constants: scanAtOnce,
    scenario: "two-removals",
    model: "sc",
    expected: leftBehind,
  },
];

export const quarantineMutants: readonly Mutant[] = [...onFifo, ...onHashBuckets, ...onDoublyLinked, ...onBatchedAsync];
