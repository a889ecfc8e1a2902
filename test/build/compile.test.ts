// What a user who brings a variant of their own is told, and that it is compiled as if it were one of the project's.

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import binaryen from "binaryen";
import { afterAll, expect, test } from "vitest";
import { type CompiledModule, compileModule } from "../../src/build/compile.ts";
import type { Constants } from "../../src/build/flags.ts";
import { InputError } from "../../src/errors.ts";
import { packageRoot } from "../../src/package-root.ts";
import { makeRig, perform, problemBytesMax } from "../kernel/quarantine-rig.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "reclaim-bench-compile-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const builtIn = path.join(packageRoot, "src", "kernel", "quarantine");
const floor = readFileSync(path.join(builtIn, "floor.ts"), "utf8");
const timeout = 60_000;

let folders = 0;

/** Writes files into a folder of their own, which other tests' files cannot disturb, and returns it. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = path.join(scratch, `${folders++}`);
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return folder;
}

function compileFile(variantFile: string, constants: Constants = {}): Promise<CompiledModule> {
  const variant = path.basename(variantFile, ".ts");
  return compileModule({ problem: "quarantine", variant, variantFile, machine: "native", constants });
}

/** The message of the {@link InputError} that compiling `mine.ts` with this text ends in; the file's path is `FILE`. */
async function complaintAbout(text: string): Promise<string> {
  const file = path.join(folderWith({ "mine.ts": text }), "mine.ts");
  const error = await compileFile(file).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message.replaceAll(file, "FILE");
}

test("a missing export is reported by its name", { timeout }, async () => {
  const text = floor.replace("export function reduce(): void {}", "");
  expect(await complaintAbout(text)).toBe(
    "FILE: export 'reduce' is missing; the contract is in src/kernel/quarantine/contract.ts",
  );
});

test("an export of the wrong type is reported by its name", { timeout }, async () => {
  const text = floor.replace("put(_cache: usize, _object: usize)", "put(_cache: usize)");
  const message = await complaintAbout(text);
  expect(message).toMatch(
    /^FILE: export 'put' has the wrong type: .*; the contract is in src\/kernel\/quarantine\/contract.ts$/,
  );
});

test("a syntax error is reported with the real file, line and column", { timeout }, async () => {
  expect(await complaintAbout(`${floor}\nexport function broken(: void {}\n`)).toMatch(
    new RegExp(`^FILE:${floor.split("\n").length + 1}:23: `),
  );
});

test("an error inside a function is reported with the real file, line and column", { timeout }, async () => {
  const text = floor.replace("reduce(): void {}", "reduce(): void {\n  missing(1);\n}");
  const line = text.slice(0, text.indexOf("missing")).split("\n").length;
  expect(await complaintAbout(text)).toBe(`FILE:${line}:3: Cannot find name 'missing'.`);
});

test("a warning is an error", { timeout }, async () => {
  const text = floor.replace("reduce(): void {}", 'reduce(): void {\n  WARNING("look here");\n}');
  expect(await complaintAbout(text)).toMatch(/^FILE:\d+:3: warning, treated as an error: .*look here/);
});

test("a check of a layout at compile time is reported where it stands", { timeout }, async () => {
  const text = `${floor}\nif (true) ERROR("the line must be full");\n`;
  expect(await complaintAbout(text)).toMatch(/^FILE:\d+:\d+: .*the line must be full/);
});

test("a file that does not exist is reported", async () => {
  const file = path.join(scratch, "nowhere.ts");
  await expect(compileFile(file)).rejects.toThrow(new InputError(`${file}: no such file`));
});

test.each([
  ["LAB_GROUP", -1],
  ["LAB_GROUP", 1.5],
  ["LAB_GROUP", 2 ** 31],
  ["LAB_GROUP", Number.NaN],
  ["GROUP", 1],
  ["LAB_group", 1],
])("the constant %s=%s, which the compiler would misread, is refused", async (name, value) => {
  await expect(compileFile(path.join(builtIn, "floor.ts"), { [name]: value })).rejects.toThrow(`constant '${name}'`);
});

test("a constant that the variant itself refuses is reported in the variant's words", { timeout }, async () => {
  const source = { problem: "quarantine", variant: "hash-buckets", machine: "native" } as const;
  await expect(compileModule({ ...source, constants: { LAB_BUCKETS: 3 } })).rejects.toThrow(
    "LAB_BUCKETS must be a power of two from 2 to 128",
  );
});

test("a variant may import a helper that lies next to it", { timeout }, async () => {
  const text = floor.replace("return true;", "return accept();");
  const folder = folderWith({
    "mine.ts": `import { accept } from "./my-helper";\n${text}`,
    "my-helper.ts": "export function accept(): bool { return true; }\n",
  });
  const { sha256 } = await compileFile(path.join(folder, "mine.ts"));
  const { sha256: floorHash } = await compileModule({
    problem: "quarantine",
    variant: "floor",
    machine: "native",
    constants: {},
  });
  expect(sha256).toBe(floorHash);
});

test("an error in a helper is reported in the helper", { timeout }, async () => {
  const folder = folderWith({
    "mine.ts": `import { accept } from "./my-helper";\n${floor.replace("return true;", "return accept();")}`,
    "my-helper.ts": "\nexport function accept(): bool { return nothing; }\n",
  });
  const helper = path.join(folder, "my-helper.ts");
  await expect(compileFile(path.join(folder, "mine.ts"))).rejects.toThrow(
    `${helper}:2:41: Cannot find name 'nothing'.`,
  );
});

test("a changed file is compiled again, not taken from the cache", { timeout }, async () => {
  const folder = folderWith({ "mine.ts": floor });
  const file = path.join(folder, "mine.ts");
  const before = await compileFile(file);
  writeFileSync(
    file,
    floor.replace("quarantinedBytes(): u64 {\n  return 0;", "quarantinedBytes(): u64 {\n  return 1;"),
  );
  expect((await compileFile(file)).sha256).not.toBe(before.sha256);
  writeFileSync(file, floor);
  expect((await compileFile(file)).sha256).toBe(before.sha256);
});

/** Frees and reallocates objects of one cache, removes it, and returns what the quarantine reports on the way. */
function reportsOf(compiled: CompiledModule): number[] {
  const rig = makeRig(compiled.wasm, 1, problemBytesMax, 64, () => ({ access: { clockNs: () => 0 } }));
  const cpu = rig.exports[0];
  if (cpu === undefined) throw new Error("the rig has no CPU");
  const reports: number[] = [];
  const report = (): void => {
    reports.push(
      cpu.quarantinedBytes(),
      cpu.batchesInUse(),
      cpu.freedCount(),
      cpu.usedObjectsOf(0),
      cpu.isCachePresent(0),
    );
  };
  perform(rig, 0, { kind: "create", cache: 0, objectSize: 200, pages: 1 });
  for (let object = 0; object < 100; object++) {
    perform(rig, 0, { kind: "allocate", object, cache: 0 });
    if (object >= 20) perform(rig, 0, { kind: "free", object: object - 20, cache: 0 });
    report();
  }
  for (let object = 80; object < 100; object++) perform(rig, 0, { kind: "free", object, cache: 0 });
  perform(rig, 0, { kind: "destroy", cache: 0 });
  report();
  return reports;
}

/** All instructions of a module that compute, call or touch memory, sorted. */
function instructionsOf({ wasm }: CompiledModule): string[] {
  const module = binaryen.readBinary(wasm);
  const instructions =
    module.emitText().match(/\((?:[if](?:32|64)|memory|call|loop|if|local|global|drop)[\w.]*/g) ?? [];
  module.dispose();
  return instructions.sort();
}

test.each(["singly-linked-fifo", "doubly-linked"])(
  "a copy of %s outside the project is the same program",
  { timeout },
  async (variant) => {
    const constants = { LAB_CPU_QUEUE_BYTES: 1024, LAB_BATCHES: 8 };
    const copy = path.join(folderWith({}), "copy.ts");
    copyFileSync(path.join(builtIn, `${variant}.ts`), copy);
    const original = await compileModule({ problem: "quarantine", variant, machine: "native", constants });
    const copied = await compileFile(copy, constants);
    const reports = reportsOf(original);
    expect(reportsOf(copied)).toEqual(reports);
    // Only the order of the functions may depend on the file's name.
    expect(instructionsOf(copied)).toEqual(instructionsOf(original));
    // The script is no empty one: objects were quarantined, aged, and went with their cache.
    expect(Math.max(...reports.slice(0, 500))).toBeGreaterThan(6000);
    expect(reports.slice(-5)).toEqual([0, 0, 100, 0, 0]);
  },
);
