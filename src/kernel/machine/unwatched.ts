// What a machine is told that watches over memory and can go back in time. No other form has a use for it.

/** Stores to a cell that belongs to the harness, which reads it with a plain load. A machine that goes back in time has to know. */
export function keep32(cell: usize, value: u32): void {
  store<u32>(cell, value);
}

/** Between these two the allocator touches memory that is nobody's. Machines that watch over memory let it. */
export function checksOff(): void {}
export function checksOn(): void {}

/** A block's slots are free objects from now on. */
export function slabMade(_block: usize, _bytes: usize, _slotBytes: usize): void {}
/** A block is no slab any more; none of its objects is in use. */
export function slabGone(_block: usize, _bytes: usize): void {}
/** An object is its taker's. */
export function objectAllocated(_object: usize): void {}
/** An object is nobody's. */
export function objectFreed(_object: usize): void {}
