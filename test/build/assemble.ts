// Compiles AssemblyScript with the project's own flags and without the cache, for tests that look into the binary.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import asc from "assemblyscript/asc";
import { compilerTransforms } from "../../src/build/compile.ts";
import { type Constants, compilerFlags } from "../../src/build/flags.ts";
import { packageRoot } from "../../src/package-root.ts";

/** A source text that lies in a folder of `src/kernel`, or an existing file there. */
export interface AssemblySource {
  /** Such as `canary/canary.ts`. */
  readonly entry: string;
  /** Of the entry. @default the file's */
  readonly text?: string;
  /** What `impl.ts` of the entry's folder stands for. @default the one that is there */
  readonly variant?: string;
  readonly constants?: Constants;
  /** Keeps the functions' names. @default false */
  readonly names?: boolean;
}

/** @throws {Error} with the compiler's messages */
export async function assemble(source: AssemblySource): Promise<Uint8Array<ArrayBuffer>> {
  const { entry, text, variant, constants = {}, names = false } = source;
  const implementation = `${path.posix.dirname(entry)}/impl.ts`;
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  let messages = "";
  const flags = compilerFlags(constants, "native");
  const { error } = await asc.main([entry, "--outFile", "module.wasm", ...flags, ...(names ? ["--debug"] : [])], {
    readFile(name) {
      const normal = path.posix.normalize(name);
      if (normal === entry && text !== undefined) return text;
      if (normal === "machine/impl.ts") return 'export * from "./native";\n';
      if (normal === implementation && variant !== undefined) return `export * from "./${variant}";\n`;
      const file = path.join(packageRoot, "src", "kernel", normal);
      return existsSync(file) ? readFileSync(file, "utf8") : null;
    },
    writeFile(name, contents) {
      if (name === "module.wasm" && typeof contents !== "string") wasm = new Uint8Array(contents);
    },
    listFiles: () => [],
    transforms: compilerTransforms("none"),
    stdout: { write: () => {} },
    stderr: {
      write: (text) => {
        messages += text;
      },
    },
  });
  if (error !== null || wasm === undefined) throw new Error(messages === "" ? "no module was written" : messages);
  return wasm;
}
