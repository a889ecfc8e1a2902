// What a module and its host have to agree on: a module of another time that does not can be loaded, but not be believed.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { kernelFolder } from "./compile.ts";

/** Files of constants that both languages compile, of all problems and of each. */
const sharedFiles = ["cpu-block.ts", "events.ts", "notes.ts", "symbols.ts"];
const ownFiles = ["areas.ts", "counters.ts", "gauges.ts"];

/**
 * Hash of what a problem's harness shares with its host today, and of what a module imports and exports.
 *
 * @param wasm of the module
 */
export function interfaceOf(problem: string, wasm: Uint8Array<ArrayBuffer>): string {
  const hash = createHash("sha256");
  for (const file of [...sharedFiles, ...ownFiles.map((name) => path.join(problem, name))]) {
    const place = path.join(kernelFolder, file);
    if (!existsSync(place)) continue;
    // Comments may be reworded.
    const constants = readFileSync(place, "utf8").match(/^export const \w+ = \d+;/gm) ?? [];
    hash.update(`${path.basename(file)}\n${constants.join("\n")}\n`);
  }
  const module = new WebAssembly.Module(wasm);
  const imports = WebAssembly.Module.imports(module).map((one) => `import ${one.module}.${one.name} ${one.kind}`);
  const exports = WebAssembly.Module.exports(module).map((one) => `export ${one.name} ${one.kind}`);
  hash.update([...imports, ...exports].sort().join("\n"));
  return hash.digest("hex");
}
