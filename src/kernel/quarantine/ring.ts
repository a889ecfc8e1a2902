// The layout of a ring of batches under one lock, and of what a removal hands to the interrupts that it sends. Variants
// share them; what they do with them is theirs.

/** The global quarantine's state. */
@unmanaged
export class Ring {
  /** Guards this line and all batches. Taken with interrupts off. */
  lock: u32 = 0;
  /** Index of the oldest batch. */
  head: u32 = 0;
  /** Index of the batch that is being filled. It never runs into `head` from behind. */
  tail: u32 = 0;
  pad0: u32 = 0;
  /** Sum of all batches' bytes at every release of the lock. Also read without the lock. */
  bytes: u64 = 0;
  /** Bytes above which the oldest batch is let go. Also read without the lock. */
  bytesMax: u64 = 0;
  /** Bytes at which a batch is full. */
  batchBytes: u64 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
}

if (offsetof<Ring>() !== 64) ERROR("Ring must fill one 64-byte line");

/** What a removal hands to the interrupts that it sends, on its stack. */
@unmanaged
export class Request {
  /** CPUs that have not done their part. */
  pending: u32 = 0;
  /** The cache that goes; 0, or unused, where that is not what the interrupts look for. */
  cache: u32 = 0;
}
