// Every built-in variant satisfies the contract that variants from outside are held to, and the contract is strict.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { cil } from "../../bench/cil.ts";
import { compileModule } from "../../src/build/compile.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-cil-contract-"));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(cil.variants.map(({ name }) => name))("%s exports what the contract says", async (variant) => {
  const source = { problem: "cil", variant, machine: "native", constants: {}, entry: "contract" } as const;
  expect(WebAssembly.validate((await compileModule(source)).wasm)).toBe(true);
});

test.each([
  ["misses an export", "", "'commit' is missing"],
  [
    "returns what nobody asked for",
    "export function commit(transaction: usize): u32 { return 0; }",
    "'commit' has the wrong type",
  ],
])("a variant that %s is refused by the export's name", async (_what, commit, message) => {
  const variantFile = path.join(folder, "broken.ts");
  writeFileSync(variantFile, `export { destroyItem, mayUseMemoryUnderLock, usesShadows } from "./floor";\n${commit}\n`);
  const source = { problem: "cil", variant: "broken", variantFile, machine: "native", constants: {} } as const;
  await expect(compileModule({ ...source, entry: "contract" })).rejects.toThrow(message);
});
