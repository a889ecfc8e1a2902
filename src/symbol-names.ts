// The names under which symbols are shown.

import * as symbols from "./kernel/symbols.ts";

/** By number: `down_read_trylock` for `downReadTrylock`. */
export const symbolNames: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(symbols).map(([name, symbol]) => [
    symbol,
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  ]),
);
