import { expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { interfaceOf } from "../../src/build/interface.ts";

const timeout = 60_000;

async function wasmOf(
  problem: string,
  variant: string,
  machine: "native" | "traced" = "native",
): Promise<Uint8Array<ArrayBuffer>> {
  return (await compileModule({ problem, variant, machine, constants: {} })).wasm;
}

test("all variants of a problem have its interface, and other problems have others", { timeout }, async () => {
  const own = interfaceOf("cil", await wasmOf("cil", "shadow-buffers"));
  expect(own).toMatch(/^[0-9a-f]{64}$/);
  expect(interfaceOf("cil", await wasmOf("cil", "floor"))).toBe(own);
  // The same module, if it were of a problem that shares other numbers.
  expect(interfaceOf("memcg-iterator", await wasmOf("cil", "floor"))).not.toBe(own);
  // The same numbers with other imports.
  expect(interfaceOf("cil", await wasmOf("cil", "floor", "traced"))).not.toBe(own);
});
