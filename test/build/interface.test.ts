import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { compileModule, kernelFolder } from "../../src/build/compile.ts";
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

/** A module that imports `m.f` and exports `g`, which return a value of a type: 0x7f is i32, 0x7e is i64. */
function moduleOf(imported: number, exported: number): Uint8Array<ArrayBuffer> {
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  const section = (number: number, ...content: readonly number[]): number[] => [number, content.length, ...content];
  const wasm = new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 2, ...[0x60, 0, 1, imported], ...[0x60, 0, 1, exported]),
    ...section(2, 2, ...[...name("m"), ...name("memory"), 2, 3, 1, 0x80, 0x02], ...[...name("m"), ...name("f"), 0, 0]),
    ...section(3, 1, 1),
    ...section(7, 1, ...name("g"), 0, 1),
    ...section(10, 1, 4, 0, exported === 0x7f ? 0x41 : 0x42, 0, 0x0b),
  ]);
  expect(WebAssembly.validate(wasm)).toBe(true);
  return wasm;
}

test("a function of another type is another interface", () => {
  const modules = [moduleOf(0x7f, 0x7f), moduleOf(0x7f, 0x7e), moduleOf(0x7e, 0x7f), moduleOf(0x7e, 0x7e)];
  expect(new Set(modules.map((wasm) => interfaceOf("cil", wasm))).size).toBe(modules.length);
  expect(interfaceOf("cil", moduleOf(0x7f, 0x7f))).toBe(interfaceOf("cil", modules[0]!));
});

test.each([
  ["histogram.ts", "export const histogramBuckets: u32 = 1600;", "export const histogramBuckets: u32 = 1599;"],
  ["layout.ts", "export const lineSize: usize = 64;", "export const lineSize: usize = 128;"],
  ["statistics.ts", "const stepBytes: usize = 8;", "const stepBytes: usize = 16;"],
  ["cpu-block.ts", "export const positionAt = 148;", "export const positionAt = 156;"],
])("a number of %s is part of the interface, and a comment is not", (file, before, after) => {
  const kernel = mkdtempSync(path.join(tmpdir(), "kernel-"));
  cpSync(kernelFolder, kernel, { recursive: true });
  const wasm = moduleOf(0x7f, 0x7f);
  const own = interfaceOf("cil", wasm, kernel);
  const text = readFileSync(path.join(kernel, file), "utf8");
  expect(text).toContain(before);
  writeFileSync(path.join(kernel, file), `// Said in other words.\n${text}`);
  expect(interfaceOf("cil", wasm, kernel)).toBe(own);
  writeFileSync(path.join(kernel, file), text.replace(before, after));
  expect(interfaceOf("cil", wasm, kernel)).not.toBe(own);
  rmSync(kernel, { recursive: true });
});
