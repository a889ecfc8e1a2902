// Records of the core. All times are f64 and hold integers of 0.1 ns.

/** Value of a time that never comes. */
export const never: f64 = Infinity;

/** One virtual CPU. */
@unmanaged
export class Cpu {
  /** The CPU's time. That of the running CPU is kept in a global. */
  clock: f64 = 0;
  /** When the oldest pending interrupt arrives, or `never`. */
  interruptAt: f64 = 0;
  /** When the running task has to make room for another one, or `never`. */
  sliceEnd: f64 = 0;
  /** When all stores of the store buffer will have been performed. */
  storesDone: f64 = 0;
  /** When each of the last `storesBuffered` stores will have been, in a ring; `oldestStore` is the next to be replaced. */
  stores: usize = 0;
  oldestStore: u32 = 0;
  /** Up to when the CPU's time was charged to symbols. */
  charged: f64 = 0;
  /** Since when interrupts are off, and the longest such time. */
  irqOffSince: f64 = 0;
  irqOffMax: f64 = 0;
  /** What the CPU performs: the address of an `Activity`, or 0 when it is idle. */
  activity: usize = 0;
  /** f64 for each symbol: time spent in it. */
  symbolTimes: usize = 0;
  /** Tags of the private caches of the CPU's core. */
  l1: usize = 0;
  l2: usize = 0;
  /** Tags of the last-level cache that its core uses. */
  l3: usize = 0;
  /** Index of its core. */
  core: u32 = 0;
  /** Bit of its cluster, and those of its socket. */
  clusterBit: u32 = 0;
  socketBits: u32 = 0;
  socket: u32 = 0;
  cluster: u32 = 0;
  /** Where the table has the exported functions of the CPU's instance. */
  functions: u32 = 0;
  /** Where the CPU stands in the heap, or `notInHeap`. */
  heapIndex: u32 = 0;
  /** The next CPU of the same core, in a ring: the address of its record. */
  sibling: usize = 0;
}

/** Most nested symbols that are told apart. */
export const symbolDepthMax: u32 = 24;
/** Most locks held by one activity whose times are told apart. */
export const locksMax: u32 = 8;

/** Something that a CPU performs and that can be suspended: a task, or the handling of an interrupt. */
@unmanaged
export class Activity {
  /** Where its frames are kept while it is suspended, in the memory of the code under test. */
  stack: u32 = 0;
  /** The task's own page in that memory. */
  page: u32 = 0;
  /** Index of the task, or of the CPU for an interrupt. */
  identity: u32 = 0;
  /** 0: not begun. */
  isBegun: u32 = 0;
  /** Which function of the CPU's instance is called: one of `call...`. */
  call: u32 = 0;
  a: u32 = 0;
  b: u32 = 0;
  preemptDepth: u32 = 0;
  deadline: f64 = 0;
  irqDepth: u32 = 0;
  /** What it waits to have done: one of `operation...`. */
  operation: u32 = 0;
  operands0: u32 = 0;
  operands1: u32 = 0;
  operands2: u32 = 0;
  /** What the operation returned. */
  result: u32 = 0;
  /** Time of the operation: how long to sleep, or what is left to compute. */
  span: f64 = 0;
  /** Since when the present piece is computed. */
  computingSince: f64 = 0;
  /** Pauses since somebody changed anything, and the number of changes then. */
  quietPauses: u32 = 0;
  seenChanges: u32 = 0;
  /** The cell that was looked at before the last pause. */
  lookedAt: u32 = 0;
  /** Its CPU's time when it was last at an event boundary or slept, put forward by the time that others had the CPU since. */
  boundary: f64 = 0;
  /** While it is not on its CPU: time that it had the CPU since then. */
  ranFor: f64 = 0;
  /** What it is in outside every marked function. */
  symbol: u32 = 0;
  pad: u32 = 0;
  /** What is left of a transfer once the line has set out to the CPU that waits for it; 0 when there is none. */
  transfer: f64 = 0;
  symbolDepth: u32 = 0;
  lockCount: u32 = 0;
}

/** A symbol that an activity is in. */
@unmanaged
export class Scope {
  symbol: u32 = 0;
  pad: u32 = 0;
  since: f64 = 0;
}

/** A lock that an activity holds. */
@unmanaged
export class Held {
  lock: u32 = 0;
  pad: u32 = 0;
  since: f64 = 0;
}

/** Where scopes and locks lie behind an activity. */
export const scopesOffset: usize = offsetof<Activity>();
export const locksOffset: usize = scopesOffset + usize(symbolDepthMax) * offsetof<Scope>();
export const activitySize: usize = locksOffset + usize(locksMax) * offsetof<Held>();

/** One cache line of the memory of the code under test. */
@unmanaged
export class Line {
  /** When it arrives where it was last sent to. */
  arrivesAt: f64 = 0;
  /** When it sets out to the next core that has sent for it, or 0. */
  setsOutAt: f64 = 0;
  /** When it is, or was, there at the core of `presentTo`, which has its tag already. */
  presentAt: f64 = 0;
  /** When the first of several readers has it, and others may copy it. */
  copyAt: f64 = 0;
  /** Time that accesses waited for the transfers before theirs. */
  waited: f64 = 0;
  /** Grows whenever a core's write makes the copies of all others invalid. Part of a cache's tag. */
  version: u32 = 0;
  /** Transfers from one core to another. */
  transfers: u32 = 0;
  /** Clusters in which a core may have it. */
  clusters: u32 = 0;
  /** Bit of the cluster that sent for it last; 0 when it came from a last-level cache or memory. */
  lastTo: u32 = 0;
  /** The core that has it alone, plus one. */
  holder: u16 = 0;
  /** The CPU that it came to last. */
  presentTo: u16 = 0;
  /** Of its words, those that this CPU stored to while it was on its way, and finds in its store buffer. */
  buffered: u16 = 0;
  /** One of `line...`, and `lineIsRead`. */
  state: u8 = 0;
  /** Symbol of the last transfer. */
  symbol: u8 = 0;
}

/** No core has it. */
export const lineAbsent: u32 = 0;
/** `holder` may write it. */
export const lineExclusive: u32 = 1;
/** Several cores have it. */
export const lineShared: u32 = 2;
/** Set while the last transfer that was asked for is a reader's: other readers wait for that one. */
export const lineIsRead: u32 = 128;
