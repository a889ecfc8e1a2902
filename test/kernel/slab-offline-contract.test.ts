// Every variant of slab-offline satisfies the contract that variants from outside are held to, and the contract is strict.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { slabOffline } from "../../bench/slab-offline.ts";
import { compileModule } from "../../src/build/compile.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-contract-slab-"));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(slabOffline.variants.map(({ name }) => name))(
  "%s exports what the contract says",
  { timeout: 30_000 },
  async (variant) => {
    const source = { problem: "slab-offline", variant, machine: "native", constants: {}, entry: "contract" } as const;
    expect(WebAssembly.validate((await compileModule(source)).wasm)).toBe(true);
  },
);

const others =
  "allocate, background, createCache, createMemcg, destroyCache, finish, flushCpu, free, globalBytes, initialise";

test.each([
  ["misses an export", "", "'offlineCaches' is missing"],
  [
    "returns what nobody asked for",
    "export function offlineCaches(_memcg: usize): u32 { return 0; }",
    "'offlineCaches' has the wrong type",
  ],
])("a variant that %s is refused by the export's name", { timeout: 30_000 }, async (_what, offline, message) => {
  const variantFile = path.join(folder, "broken.ts");
  writeFileSync(variantFile, `export { ${others} } from "./floor";\n${offline}\n`);
  const source = { problem: "slab-offline", variant: "broken", variantFile, machine: "native", constants: {} } as const;
  await expect(compileModule({ ...source, entry: "contract" })).rejects.toThrow(message);
});
