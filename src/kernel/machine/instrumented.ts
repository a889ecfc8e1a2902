// The native accesses with marks that reach the host, which reads its clock at each of them.
//
// For lock hold times and shares of time only. Every mark costs a call out of Wasm and a clock reading, so what this
// build measures is labelled and never mixed with the timed one.

import { noteLockReleased } from "../notes";

export * from "./access";

export declare function preemptOff(): void;
export declare function preemptOn(): void;
export declare function irqOff(): void;
export declare function irqOn(): void;
declare function lockNote(kind: u32, lock: usize): void;

export function allocated(_address: usize, _bytes: usize): void {}
export function freed(_address: usize, _bytes: usize): void {}
export function enter(_symbol: u32): void {}
export function leave(): void {}

/** Only the notes of locks leave the module: kinds are constants, so the others vanish. */
export function note(kind: u32, value: usize): void {
  if (kind <= (noteLockReleased as u32)) lockNote(kind, value);
}
