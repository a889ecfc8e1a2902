// Looks into binaries: every construct that the kernel code relies on is the instruction that it is meant to be.
// A new version of the compiler or of Binaryen has to pass here before it is used (`compilerVersion`).

import { readFileSync } from "node:fs";
import path from "node:path";
import asc from "assemblyscript/asc";
import binaryen from "binaryen";
import { beforeAll, describe, expect, test } from "vitest";
import { type CompiledModule, compileModule } from "../../src/build/compile.ts";
import { compilerVersion } from "../../src/build/flags.ts";
import { packageRoot } from "../../src/package-root.ts";
import { assemble } from "./assemble.ts";

const canary = `
import { compareExchange32, deliver, load32, read32, storeRelaxed32 } from "../machine/impl";
export {
  add32, add64, barrier, compareExchange32, compareExchange64, enter, exchange32, exchange64, irqOff, irqOn, leave,
  load32, load64, note, pause, preemptOff, preemptOn, read32, read64, store32, store64, storeRelaxed32,
  storeRelaxed64, wake,
} from "../machine/impl";

@unmanaged
class Layout {
  first: u32 = 0;
  second: u64 = 0;
  third: u32 = 0;
}

export function thirdOffset(): usize { return offsetof<Layout>("third"); }
export function loadThird(layout: usize): u32 { return load32(layout + offsetof<Layout>("third")); }
export function defined(): u32 { return 3 * (isDefined(LAB_CANARY) ? LAB_CANARY : 1); }
export function notDefined(): u32 { return isDefined(LAB_ABSENT) ? LAB_ABSENT : 8; }
export function loadThrice(cell: usize): u32 { const first = load32(cell); load32(cell); return first + load32(cell); }
export function spin(cell: usize): void { while (load32(cell) !== 0) {} }
export function storeTwice(cell: usize): void { storeRelaxed32(cell, 1); storeRelaxed32(cell, 2); }
export function storeSameTwice(cell: usize): void { storeRelaxed32(cell, 1); storeRelaxed32(cell, 1); }
export function storeThenLoad(a: usize, b: usize): u32 { storeRelaxed32(a, 1); return load32(b); }
export function loadThenStore(a: usize, b: usize): u32 { const seen = load32(b); storeRelaxed32(a, 1); return seen; }
export function readThrice(cell: usize): u32 { const first = read32(cell); read32(cell); return first + read32(cell); }
export function readOrdered(cell: usize, lock: usize): u32 {
  const first = read32(cell);
  compareExchange32(lock, 0, 1);
  return first + read32(cell);
}
export function readCalled(cell: usize): u32 { const first = read32(cell); deliver(); return first + read32(cell); }
export function readSpin(cell: usize, lock: usize): void { while (read32(cell) !== 0) compareExchange32(lock, 0, 1); }
export function storeThenRead(cell: usize): u32 { storeRelaxed32(cell, 5); return read32(cell); }
export function storeThenLoadOwn(cell: usize): u32 { storeRelaxed32(cell, 5); return load32(cell); }
`;

const p0 = "(local.get $0)";
const p1 = "(local.get $1)";
const p2 = "(local.get $2)";

const loadP0 = `(i32.atomic.load ${p0})`;
const readP0 = `(i32.load ${p0})`;
const exchange = `(i32.atomic.rmw.cmpxchg ${p1} (i32.const 0) (i32.const 1))`;

/** Export of the canary, and its whole body. */
const bodies: Readonly<Record<string, string>> = {
  load32: loadP0,
  load64: `(i64.atomic.load ${p0})`,
  storeRelaxed32: `(i32.store ${p0} ${p1})`,
  storeRelaxed64: `(i64.store ${p0} ${p1})`,
  store32: `(i32.atomic.store ${p0} ${p1})`,
  store64: `(i64.atomic.store ${p0} ${p1})`,
  exchange32: `(i32.atomic.rmw.xchg ${p0} ${p1})`,
  exchange64: `(i64.atomic.rmw.xchg ${p0} ${p1})`,
  compareExchange32: `(i32.atomic.rmw.cmpxchg ${p0} ${p1} ${p2})`,
  compareExchange64: `(i64.atomic.rmw.cmpxchg ${p0} ${p1} ${p2})`,
  wake: `(memory.atomic.notify ${p0} ${p1})`,
  thirdOffset: "(i32.const 16)",
  loadThird: `(i32.atomic.load offset=16 ${p0})`,
  defined: "(i32.const 21)",
  notDefined: "(i32.const 8)",
  loadThrice: `(i32.add ${loadP0} (block (result i32) (drop ${loadP0}) ${loadP0}))`,
  spin: `(loop $label (br_if $label ${loadP0}))`,
  storeTwice: `(block (i32.store ${p0} (i32.const 1)) (i32.store ${p0} (i32.const 2)))`,
  storeSameTwice: `(block (i32.store ${p0} (i32.const 1)) (i32.store ${p0} (i32.const 1)))`,
  storeThenLoad: `(block (result i32) (i32.store ${p0} (i32.const 1)) (i32.atomic.load ${p1}))`,
  loadThenStore: `(block (result i32) (local.set $2 (i32.atomic.load ${p1})) (i32.store ${p0} (i32.const 1)) ${p2})`,
  storeThenLoadOwn: `(block (result i32) (i32.store ${p0} (i32.const 5)) ${loadP0})`,
  read32: readP0,
  read64: `(i64.load ${p0})`,
  // What may happen to reads without anything between them, and must not happen across a locked instruction or a call.
  readThrice: `(i32.add (local.tee $0 ${readP0}) ${p0})`,
  readOrdered: `(i32.add ${readP0} (block (result i32) (drop ${exchange}) ${readP0}))`,
  readSpin: `(loop $label (if ${readP0} (then (drop ${exchange}) (br $label))))`,
  storeThenRead: `(block (result i32) (i32.store ${p0} (i32.const 5)) ${readP0})`,
  pause: "(block)",
  preemptOff: "(block)",
  preemptOn: "(block)",
  irqOff: "(block)",
  irqOn: "(block)",
  enter: "(block)",
  leave: "(block)",
  note: "(block)",
};

function oneLine(text: string): string {
  // The memory's name says nothing: there is one.
  return text.replaceAll("$mimport$0", "").replaceAll(/\s+/g, " ").replaceAll(" )", ")").trim();
}

/** Body of an exported function, as text on one line. */
function bodyOf(module: binaryen.Module, name: string): string {
  const { value } = binaryen.getExportInfo(module.getExport(name));
  return oneLine(binaryen.emitText(binaryen.getFunctionInfo(module.getFunction(value)).body));
}

interface GlobalCount {
  readonly mutable: number;
  readonly defined: number;
}

function countGlobals(module: binaryen.Module): GlobalCount {
  let mutable = 0;
  let defined = 0;
  for (let index = 0; index < module.getNumGlobals(); index++) {
    const info = binaryen.getGlobalInfo(module.getGlobalByIndex(index));
    if (info.mutable) mutable++;
    if (info.module === "") defined++;
  }
  return { mutable, defined };
}

describe("the native accesses", () => {
  let module: binaryen.Module;

  beforeAll(async () => {
    module = binaryen.readBinary(
      await assemble({ entry: "canary/canary.ts", text: canary, constants: { LAB_CANARY: 7 } }),
    );
  }, 60_000);

  test.each(Object.keys(bodies))("%s is exactly its instructions", (name) => {
    expect(bodyOf(module, name)).toBe(bodies[name]);
  });

  test("barrier is an exchange on this CPU's own block", () => {
    expect(bodyOf(module, "barrier")).toMatch(/^\(drop \(i32\.atomic\.rmw\.xchg .* \(i32\.const 0\)\)\)$/);
  });

  test.each(["i32", "i64"])("add of %s is a guess and compare-exchanges, and no atomic add", (type) => {
    const text = bodyOf(module, type === "i32" ? "add32" : "add64");
    const instructions = [...text.matchAll(/\(([if]\d\d\.(?:atomic|load|store)[\w.]*)/g)].map((match) => match[1]);
    const exchange = `${type}.atomic.rmw.cmpxchg`;
    expect(instructions).toEqual([exchange, `${type}.load`, exchange]);
  });

  test("a read is not merged with one before a call", () => {
    expect(bodyOf(module, "readCalled")).toMatch(
      /^\(i32\.add \(i32\.load .*\(block \(result i32\) \(call \$\d+\) \(i32\.load .*\)\)\)$/,
    );
  });

  test("the memory is imported, shared, and limited as the flags say", () => {
    expect(module.getMemoryInfo()).toMatchObject({
      module: "env",
      base: "memory",
      initial: 1,
      max: 65_536,
      shared: true,
    });
  });
});

const variants = ["single-list", "singly-linked-fifo", "hash-buckets", "doubly-linked", "batched-async", "floor"];

function compileVariant(variant: string): Promise<CompiledModule> {
  return compileModule({ problem: "quarantine", variant, machine: "native", constants: {} });
}

describe("the native quarantine", () => {
  test.each(variants)(
    "%s imports its memory, its globals and at most the clock",
    { timeout: 60_000 },
    async (variant) => {
      const { wasm } = await compileVariant(variant);
      const imports = WebAssembly.Module.imports(new WebAssembly.Module(wasm));
      const functions = imports
        .filter(({ kind }) => kind === "function")
        .map(({ module, name }) => `${module}.${name}`);
      // Grace periods go by the clock, also where they are expedited.
      expect(functions).toEqual(variant === "floor" ? [] : ["access.clockNs"]);
      const others = imports.filter(({ kind }) => kind !== "function");
      for (const { kind, module, name } of others) {
        expect(`${kind} ${module}.${name}`).toMatch(/^memory env\.memory$|^global (?:layout|harness)\.\w+$/);
      }
    },
  );

  test.each(variants)(
    "%s has no global of its own, so no state outside the memory",
    { timeout: 60_000 },
    async (variant) => {
      const { wasm } = await compileVariant(variant);
      expect(countGlobals(binaryen.readBinary(wasm))).toEqual({ mutable: 0, defined: 0 });
    },
  );

  test.each(["singly-linked-fifo", "batched-async"])(
    "%s calls no one-instruction function of the machine",
    async (variant) => {
      const module = binaryen.readBinary(await assemble({ entry: "quarantine/harness.ts", variant, names: true }));
      const names: string[] = [];
      for (let index = 0; index < module.getNumFunctions(); index++) {
        names.push(binaryen.getFunctionInfo(module.getFunctionByIndex(index)).name);
      }
      expect(names).toContain("slab/cache/freeObject");
      // These are more than an instruction and may stay functions.
      const large = /^machine\/access\/(?:interrupt|deliver|defer|runDeferred|nap|sleep|compute)$/;
      expect(names.filter((name) => name.startsWith("machine/") && !large.test(name))).toEqual([]);
    },
    60_000,
  );
});

test.each([
  ["quarantine", "floor"],
  ["quarantine", "singly-linked-fifo"],
  ["shrinker", "rwsem"],
  ["shrinker", "srcu-expedited"],
])("%s %s waits in a function that keeps nothing alive meanwhile", { timeout: 60_000 }, async (problem, variant) => {
  const { wasm } = await compileModule({ problem, variant, machine: "native", constants: {} });
  const module = binaryen.readBinary(wasm);
  const waiting: string[] = [];
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const text = oneLine(binaryen.emitText(binaryen.getFunctionInfo(module.getFunctionByIndex(index)).body));
    if (text.includes("memory.atomic.wait32")) waiting.push(text);
  }
  // V8's baseline compiler may lose a local there (`neverInlined` in src/build/flags.ts).
  expect(waiting).toHaveLength(1);
  const [, after = ""] = waiting[0]!.split("memory.atomic.wait32");
  expect(waiting[0]).not.toContain("(loop ");
  const used = [...after.matchAll(/\(local\.get \$(\d+)\)/g)].map(([, local]) => Number(local));
  // Its own operands, and what it set to the block's address and to the status.
  expect(new Set(used).size).toBeLessThanOrEqual(4);
});

test("of the globals of a module with fibers, those two of asyncify are mutable and no other", {
  timeout: 60_000,
}, async () => {
  const { wasm } = await compileModule({
    problem: "litmus",
    entry: "store-buffering",
    variant: "",
    machine: "traced",
    fibers: true,
    constants: {},
  });
  // Constants are globals there, for nothing is optimised where the host performs every operation.
  expect(countGlobals(binaryen.readBinary(wasm)).mutable).toBe(2);
});

describe("the compiler", () => {
  interface Manifest {
    readonly dependencies: Readonly<Record<string, string>>;
  }
  const manifest = (folder: string): Manifest =>
    JSON.parse(readFileSync(path.join(packageRoot, folder, "package.json"), "utf8"));

  test("has the version that was looked into, and package.json pins it", () => {
    expect(asc.version).toBe(compilerVersion);
    expect(manifest(".").dependencies.assemblyscript).toBe(compilerVersion);
  });

  test("stands on the Binaryen that package.json pins", () => {
    const pinned = manifest(".").dependencies.binaryen;
    expect(manifest("node_modules/assemblyscript").dependencies.binaryen).toBe(pinned);
  });

  test("makes the same bytes of the same input, and the cache gives them back", { timeout: 60_000 }, async () => {
    const source = { entry: "quarantine/harness.ts", variant: "singly-linked-fifo" };
    const [first, second] = await Promise.all([assemble(source), assemble(source)]);
    const maybeFresh = await compileVariant("singly-linked-fifo");
    const fromCache = await compileVariant("singly-linked-fifo");
    for (const bytes of [second, maybeFresh.wasm, fromCache.wasm]) expect(Buffer.compare(bytes, first)).toBe(0);
    expect(fromCache.sha256).toBe(maybeFresh.sha256);
  });
});
