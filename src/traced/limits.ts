// How large a case may be to be counted.

/** Largest Wasm memory that the counting machine takes; what observers keep of each line comes on top. */
export const memoryBytesMax = 1024 * 1024 * 1024;
