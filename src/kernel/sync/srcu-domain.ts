// What an SRCU domain consists of (`srcu.ts`).

/** What readers read, and the grace period on a line of its own. */
@unmanaged
export class Domain {
  /** Rank that new readers use: 0 or 1. Written under `lock`. */
  rank: u32 = 0;
  pad0: u32 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
  pad6: u64 = 0;
  pad7: u64 = 0;
  /** 4 * grace periods that have ended + state of the present one. Written under `lock`. */
  sequence: u32 = 0;
  /** What `sequence` has to become before all requests are fulfilled. Only grows; anybody raises it. */
  needed: u32 = 0;
  /** The same for expedited requests. */
  neededExpedited: u32 = 0;
  /** Taken by who takes the grace period further, if it is free. Guards what follows. */
  lock: u32 = 0;
  /** Not before this is the grace period taken further, in ns; read by anybody. */
  due: u64 = 0;
  /** When the last grace period ended, in ns; read by anybody. */
  lastEnd: u64 = 0;
  /** Jiffy in which the grace period began. */
  beginning: u32 = 0;
  /** How often the present phase was looked at without a delay. */
  noDelays: u32 = 0;
  /** How often the grace period was put off without a delay in the jiffy `retryJiffy`. */
  retries: u32 = 0;
  retryJiffy: u32 = 0;
  /** When callbacks may run that wait for the last grace period of an even or odd number; 0 for at once. Read by anybody. */
  callbacksDue0: u64 = 0;
  callbacksDue1: u64 = 0;
}

/** One CPU's line. Only that CPU writes it; the list with interrupts off. */
@unmanaged
export class CpuPart {
  /** Readers that entered with rank 0. */
  entered0: u32 = 0;
  /** Readers that entered with rank 1. */
  entered1: u32 = 0;
  /** Readers of rank 0 that left. */
  left0: u32 = 0;
  /** Readers of rank 1 that left. */
  left1: u32 = 0;
  /** Callbacks, oldest first. */
  first: u32 = 0;
  last: u32 = 0;
  /** Callbacks that have not ended yet. */
  pending: u32 = 0;
  /** Tasks that wait for the end of a grace period. */
  waiting: u32 = 0;
  /** When the callbacks run whose grace period has ended, or 0. */
  timer: u64 = 0;
  pad0: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
}

/** What `callSrcu` needs in the object. */
@unmanaged
export class Head {
  next: u32 = 0;
  work: u32 = 0;
  argument: u32 = 0;
  /** What `sequence` has to become. */
  sequence: u32 = 0;
}

if (offsetof<Domain>() !== 128) ERROR("Domain must fill two 64-byte lines");
if (offsetof<Domain>("sequence") !== 64) ERROR("readers must not share a line with the grace period");
if (offsetof<CpuPart>() !== 64) ERROR("CpuPart must fill one 64-byte line");

/** Bytes of a callback's head. */
export const srcuHeadSize: usize = 16;
if (offsetof<Head>() !== 16) ERROR("Head must be 16 bytes");

/** Bytes of a domain on a machine of `cpuCount` CPUs. Zeroed memory is an idle domain. */
export function srcuSize(cpuCount: u32): usize {
  return offsetof<Domain>() + cpuCount * offsetof<CpuPart>();
}

export function partOf(domain: usize, index: u32): usize {
  return domain + offsetof<Domain>() + index * offsetof<CpuPart>();
}

export function enteredCell(domain: usize, index: u32, rank: u32): usize {
  return partOf(domain, index) + offsetof<CpuPart>("entered0") + rank * 4;
}

export function leftCell(domain: usize, index: u32, rank: u32): usize {
  return partOf(domain, index) + offsetof<CpuPart>("left0") + rank * 4;
}
