// The native accesses with marks that keep the running symbol in memory, where the host samples it like `perf top`.
//
// For shares of time only: a mark costs a load and a store on the CPU's own line, so that what this build measures is
// labelled and never mixed with the timed one. Time in a symbol counts for the innermost one that is marked.

import { cpuBlockSize, cpuBlocks, symbolsOffset, thisCpu } from "../layout";

export * from "./access";

export function preemptOff(): void {}
export function preemptOn(): void {}
export function irqOff(): void {}
export function irqOn(): void {}
export function allocated(_address: usize, _bytes: usize): void {}
export function freed(_address: usize, _bytes: usize): void {}
export function note(_kind: u32, _value: usize): void {}

function symbols(): usize {
  return cpuBlocks + usize(thisCpu) * cpuBlockSize + symbolsOffset;
}

/** The symbols that are entered, 8 bits each, the innermost one lowest. Deeper than eight, the outermost are forgotten. */
export function enter(symbol: u32): void {
  store<u64>(symbols(), (load<u64>(symbols()) << 8) | u64(symbol));
}

export function leave(): void {
  store<u64>(symbols(), load<u64>(symbols()) >> 8);
}
