// Where in a module the code of each function begins.

import { headerBytes, WasmReader } from "../build/wasm-reader.ts";

const codeSection = 10;

/**
 * Finds where the functions of a module begin, as positions in its bytes, in ascending order.
 *
 * @param wasm a valid module
 */
export function functionStarts(wasm: Uint8Array): Int32Array {
  const reader = new WasmReader(wasm, headerBytes);
  while (!reader.isAtEnd) {
    if (reader.byte() !== codeSection) {
      reader.bytes();
      continue;
    }
    // The section's own length.
    reader.number();
    return Int32Array.from(
      reader.list(() => {
        const code = reader.bytes();
        return reader.position - code.length;
      }),
    );
  }
  return new Int32Array();
}

/** The last of ascending numbers that is at most `value`, or 0. */
export function lastUpTo(ascending: Int32Array, value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return ascending[low - 1] ?? 0;
}
