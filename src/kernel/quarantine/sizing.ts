// How large the quarantine may grow, and how large a batch of it is.
//
// Follows the sizes computed by kasan_quarantine_reduce() of mm/kasan/quarantine.c (Linux since 4.10). RAM and CPUs
// are cells, because the kernel looks at them anew on every reduction (memory and CPU hotplug).

import { load32, load64 } from "../machine/impl";

/** Bytes after which a CPU's queue is moved to the global quarantine. 1 MiB in Linux; tests make it smaller. */
export const cpuQueueBytesMax: u64 = isDefined(LAB_CPU_QUEUE_BYTES) ? LAB_CPU_QUEUE_BYTES : 1 << 20;

/** Slots in the ring of batches: max(1024, 4 x CONFIG_NR_CPUS) in Linux. */
export const batchCount: u32 = isDefined(LAB_BATCHES) ? LAB_BATCHES : 1024;

/** The quarantine's share of RAM is one part in so many. */
const ramFraction: u64 = 32;

/** What the sizes follow from. Written by the harness when a case begins. */
@unmanaged
export class Machine {
  /** Bytes of RAM that the machine in question has. */
  ramBytes: u64 = 0;
  /** CPUs online. */
  onlineCount: u32 = 0;
  pad0: u32 = 0;
  pad1: u64 = 0;
  pad2: u64 = 0;
  pad3: u64 = 0;
  pad4: u64 = 0;
  pad5: u64 = 0;
  pad6: u64 = 0;
}

if (offsetof<Machine>() !== 64) ERROR("Machine must fill one 64-byte line");

/** Bytes of the quarantine that all CPUs' queues and batches together may hold. */
export function totalBytes(ramBytes: u64): u64 {
  return ramBytes / ramFraction;
}

/** Bytes that the global part may hold before objects are let go. */
export function maxBytes(ramBytes: u64, onlineCount: u32): u64 {
  const total = totalBytes(ramBytes);
  const queues = u64(onlineCount) * cpuQueueBytesMax;
  return total < queues ? 0 : total - queues;
}

/** Bytes at which a batch is full, so that about half of the ring's slots are used. */
export function batchBytes(ramBytes: u64): u64 {
  return max<u64>(cpuQueueBytesMax, (2 * totalBytes(ramBytes)) / batchCount);
}

/** `maxBytes` of the machine described at an address. */
export function maxBytesOf(machine: usize): u64 {
  return maxBytes(load64(machine + offsetof<Machine>("ramBytes")), load32(machine + offsetof<Machine>("onlineCount")));
}

/** `batchBytes` of the machine described at an address. */
export function batchBytesOf(machine: usize): u64 {
  return batchBytes(load64(machine + offsetof<Machine>("ramBytes")));
}
