// The machine that is timed: plain instructions, and marks that compile to nothing.
//
// Interrupts arrive only at event boundaries and in wait loops, so a section with preemption or interrupts off needs
// no instruction to be one.

export * from "./access";

export function preemptOff(): void {}
export function preemptOn(): void {}
export function irqOff(): void {}
export function irqOn(): void {}
export function allocated(_address: usize, _bytes: usize): void {}
export function freed(_address: usize, _bytes: usize): void {}
export function enter(_symbol: u32): void {}
export function leave(): void {}
export function note(_kind: u32, _value: usize): void {}
