// What the core asks of its host, which `CoreHost` of `../core-module.ts` types.

/** What an operation comes to while nothing is timed. */
export declare function performUntimed(operation: u32, a: u32, b: u32, c: u32, span: f64): u32;
/** A watched symbol was left. */
export declare function symbolEnded(cpu: u32, symbol: u32, span: f64): void;
/** A note that somebody listens to. */
export declare function noted(cpu: u32, kind: u32, value: u32): void;
/** A lock was held for longer than any of the same before. */
export declare function lockHeld(lock: u32, span: f64): void;
