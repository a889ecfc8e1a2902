// The kernel's tick. The machine's clock has no ticks, so whoever waits for one works out when it comes.

/** Ticks in a second (CONFIG_HZ). */
export const hz: u32 = isDefined(LAB_HZ) ? LAB_HZ : 1000;
/** Length of a tick, in ns. */
export const jiffyNs: u64 = 1_000_000_000 / u64(hz);

/** Ticks so far. */
export function jiffiesAt(ns: u64): u32 {
  return (ns / jiffyNs) as u32;
}

/** When the tick comes that ends the next `ticks` jiffies, the one that has begun included. */
export function tickAfter(ns: u64, ticks: u32): u64 {
  return (ns / jiffyNs + u64(ticks)) * jiffyNs;
}
