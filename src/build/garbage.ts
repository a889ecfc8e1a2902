// Wasm memories that nobody uses any more, given back.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Frees the Wasm memories of finished cases, which the collector does not see as large. */
export const collectGarbage: () => void = (() => {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
})();
