// What the core tells its host, which `CoreHost` of `../core-module.ts` types. Only while somebody listens.

/** An operation was performed. */
export declare function performed(
  agent: u32,
  operation: u32,
  cell: u32,
  bytes: u32,
  beforeLow: u32,
  beforeHigh: u32,
  afterLow: u32,
  afterHigh: u32,
  isBuffered: u32,
): void;
export declare function entered(agent: u32, symbol: u32): void;
export declare function left(agent: u32): void;
