// Every built-in variant satisfies the contract that variants from outside are held to, and the contract is strict.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { quarantine } from "../../bench/quarantine.ts";
import { compileModule } from "../../src/build/compile.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-contract-"));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(quarantine.variants.map(({ name }) => name))("%s exports what the contract says", async (variant) => {
  const source = { problem: "quarantine", variant, machine: "native", constants: {}, entry: "contract" } as const;
  expect(WebAssembly.validate((await compileModule(source)).wasm)).toBe(true);
});

const others =
  "batchesInUse, cpuOffline, cpuOnline, extraCacheBytes, extraObjectBytes, globalBytes, initialise, put, quarantinedBytes, removeCache";

test.each([
  ["misses an export", "", "'reduce' is missing"],
  ["returns what nobody asked for", "export function reduce(): u32 { return 0; }", "'reduce' has the wrong type"],
])("a variant that %s is refused by the export's name", async (_what, reduce, message) => {
  const variantFile = path.join(folder, "broken.ts");
  writeFileSync(variantFile, `export { ${others} } from "./floor";\n${reduce}\n`);
  const source = { problem: "quarantine", variant: "broken", variantFile, machine: "native", constants: {} } as const;
  await expect(compileModule({ ...source, entry: "contract" })).rejects.toThrow(message);
});
