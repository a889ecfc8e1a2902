// Marks and symbols cost nothing where time is measured: the native module of a variant is the same, byte by byte, when
// they are taken out of all its sources. `canary.test.ts` looks at each of them by itself.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import asc from "assemblyscript/asc";
import { expect, test } from "vitest";
import { compileModule, compilerTransforms, kernelFolder } from "../../src/build/compile.ts";
import { compilerFlags } from "../../src/build/flags.ts";

const mark = /^[ ]*(enter|leave|note|preemptOff|preemptOn|irqOff|irqOn|allocated|freed)\([^\n{}]*\);$/gm;

/** Compiles a shrinker's variant for the native form without marks; returns how many there were, too. */
async function compileWithoutMarks(variant: string) {
  let wasm: Uint8Array | undefined;
  let messages = "";
  let removed = 0;
  const write = (text: string): void => {
    messages += text;
  };
  const entry = "shrinker/harness.ts";
  const { error } = await asc.main([entry, "--outFile", "module.wasm", ...compilerFlags({})], {
    readFile(name) {
      const normal = path.posix.normalize(name);
      if (normal === "machine/impl.ts") return 'export * from "./native";\n';
      if (normal === "shrinker/impl.ts") return `export * from "./${variant}";\n`;
      const file = path.join(kernelFolder, normal);
      if (!existsSync(file)) return null;
      const text = readFileSync(file, "utf8");
      if (normal.startsWith("machine/")) return text;
      removed += text.match(mark)?.length ?? 0;
      return text.replaceAll(mark, "");
    },
    writeFile(name, contents) {
      if (name === "module.wasm" && typeof contents !== "string") wasm = new Uint8Array(contents);
    },
    listFiles: () => [],
    transforms: compilerTransforms("none"),
    stdout: { write: () => {} },
    stderr: { write },
  });
  if (error !== null || wasm === undefined) throw new Error(messages);
  return { wasm, removed };
}

test("a native module is the same without its marks", { timeout: 120_000 }, async () => {
  const { wasm, removed } = await compileWithoutMarks("rwsem");
  expect(removed).toBeGreaterThan(80);
  const { wasm: marked } = await compileModule({
    problem: "shrinker",
    variant: "rwsem",
    machine: "native",
    constants: {},
  });
  expect(Buffer.compare(marked, wasm)).toBe(0);
});
