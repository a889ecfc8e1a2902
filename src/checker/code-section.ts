// Where in a module the code of each function begins.

const headerBytes = 8;
const codeSection = 10;

class Reader {
  readonly #bytes: Uint8Array;
  position = headerBytes;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.position >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.position++] ?? 0;
  }

  /** Seven bits a byte, the lowest first. */
  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }
}

/**
 * Finds where the functions of a module begin, as positions in its bytes, in ascending order.
 *
 * @param wasm a valid module
 */
export function functionStarts(wasm: Uint8Array): Int32Array {
  const reader = new Reader(wasm);
  while (!reader.isAtEnd) {
    const section = reader.byte();
    const bytes = reader.number();
    if (section !== codeSection) {
      reader.position += bytes;
      continue;
    }
    return Int32Array.from({ length: reader.number() }, () => {
      const size = reader.number();
      const start = reader.position;
      reader.position += size;
      return start;
    });
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
