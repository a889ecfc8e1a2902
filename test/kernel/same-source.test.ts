// The native and the traced form of a variant make the same accesses, so that what is checked is what is timed.
//
// The native module is the optimised binary; it is instrumented afterwards (`recording-module.ts`). The traced module
// is the one with fibers, as simulator and checker run it. Two CPUs perform the same script of events in turn, and an
// interrupt is taken at once. Compared, access by access and in order: the CPU, the operation, its width, its address,
// and what is stored, exchanged or expected; barriers; then what the harness reports, and the memory.
//
// `add` is the one operation that differs: natively a plain load that guesses and a compare-exchange. The pair
// counts as one `add`; any other plain load is a `read`, which is a load in the traced form. Left out: what belongs
// to the machine itself (the CPUs' blocks but for the counters, deferred items) and to the harness (event stream,
// object table), and the modules' own constants, which lie at different addresses and may only be read. `pause` and
// the marks are no accesses. Left out as well: what happens under contention (spinning, failed compare-exchanges),
// for there is one thread; that is for the checker.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { compileModule, type ModuleSource } from "../../src/build/compile.ts";
import type { Constants } from "../../src/build/flags.ts";
import type { TracedMachine } from "../../src/fiber/fiber.ts";
import { noteEvicted, noteQuarantined, noteRemovalCompleted } from "../../src/kernel/notes.ts";
import { packageRoot } from "../../src/package-root.ts";
import { Random } from "../../src/workloads/random.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";
import { makeRig, perform, problemBytesMax, type Rig, type Step, writeEvent } from "./quarantine-rig.ts";
import { type RecordedAccess, recordAccesses } from "./recording-module.ts";

const seed = 1;
const cpus = 2;
/** 256 KiB of RAM: a global quarantine of 6 KiB beside two queues of 1 KiB. */
const ramPages = 64;
const cpuBlockBytes = 192;
const counterOffset = 136;
const counterBytes = 8;
const mailboxOffset = 64;
const deferredItemBytes = 24;

const smallSizes: Constants = { LAB_CPU_QUEUE_BYTES: 1024, LAB_BATCHES: 8 };

interface TestedVariant {
  readonly name: string;
  readonly variant: string;
  readonly constants: Constants;
}

const variants: readonly TestedVariant[] = [
  { name: "floor", variant: "floor", constants: smallSizes },
  { name: "single-list", variant: "single-list", constants: smallSizes },
  { name: "singly-linked-fifo", variant: "singly-linked-fifo", constants: smallSizes },
  { name: "hash-buckets", variant: "hash-buckets", constants: { ...smallSizes, LAB_BUCKETS: 4 } },
  { name: "doubly-linked", variant: "doubly-linked", constants: smallSizes },
  { name: "batched-async scan", variant: "batched-async", constants: { ...smallSizes, LAB_FORM: 1, LAB_GROUP: 3 } },
  { name: "batched-async deferred", variant: "batched-async", constants: { ...smallSizes, LAB_FORM: 2 } },
];

interface ScriptStep {
  readonly cpu: number;
  /** An event, or the work deferred on a CPU that is due. */
  readonly step: Step | { readonly kind: "deferred" };
}

/** Creations, allocations, frees, removals, CPU hotplug and deferred work, in a random order that is always the same. */
function makeScript(): ScriptStep[] {
  const random = new Random(seed);
  const script: ScriptStep[] = [];
  const live: { object: number; cache: number }[] = [];
  const spareObjects = Array.from({ length: 400 }, (_, index) => index);
  const caches: number[] = [];
  let nextCache = 0;
  let isOnline = true;
  const add = (step: ScriptStep["step"]): void => {
    script.push({ step, cpu: isOnline ? random.below(cpus) : 0 });
  };
  const free = (index: number): void => {
    const [entry] = live.splice(index, 1);
    if (entry === undefined) return;
    add({ kind: "free", ...entry });
    spareObjects.push(entry.object);
  };
  const create = (): void => {
    add({ kind: "create", cache: nextCache, objectSize: 64 + 8 * random.below(30), pages: 1 << random.below(3) });
    caches.push(nextCache++);
  };
  for (let count = 0; count < 4; count++) create();
  while (script.length < 2000) {
    const choice = random.below(1000);
    if (choice < 480) {
      const cache = caches[random.below(caches.length)] as number;
      const object = spareObjects.shift();
      if (object === undefined) continue;
      live.push({ object, cache });
      add({ kind: "allocate", object, cache });
    } else if (choice < 965) {
      if (live.length > 0) free(random.below(live.length));
    } else if (choice < 980 && nextCache < 60) {
      const [cache] = caches.splice(random.below(caches.length), 1);
      for (let index = live.length - 1; index >= 0; index--) if (live[index]?.cache === cache) free(index);
      if (cache !== undefined) add({ kind: "destroy", cache });
      create();
    } else if (choice < 990) {
      add({ kind: "deferred" });
    } else if (isOnline) {
      script.push({ cpu: 1, step: { kind: "offline", cpu: 1 } });
      isOnline = false;
    } else {
      script.push({ cpu: 1, step: { kind: "online", cpu: 1 } });
      isOnline = true;
    }
  }
  return script;
}

/** A run of the script: its accesses, and what is left in the memory. */
interface Run {
  readonly rig: Rig;
  readonly accesses: readonly string[];
  readonly reports: readonly number[];
}

function runScript(
  rig: Rig,
  script: readonly ScriptStep[],
  isFloor: boolean,
  setClock: (ns: number) => void,
): number[] {
  const reports: number[] = [];
  script.forEach(({ cpu, step }, index) => {
    const nowNs = (index + 1) * 1_000_000;
    setClock(nowNs);
    if (step.kind === "deferred") {
      reports.push(rig.exports[cpu]?.runDeferred(nowNs) ?? -1);
      return;
    }
    perform(rig, cpu, step);
    if (isFloor && step.kind === "free") rig.exports[cpu]?.settle(0, 1);
  });
  for (const exports of rig.exports) {
    reports.push(exports.freedCount(), exports.quarantinedBytes(), exports.batchesInUse(), exports.touchedPageCount());
  }
  for (let cache = 0; cache < 60; cache++) reports.push(rig.exports[0]?.isCachePresent(cache) ?? -1);
  return reports;
}

function line(cpu: number, operation: string, address?: number, ...values: readonly (number | bigint)[]): string {
  const where = address === undefined ? "" : ` ${(address >>> 0).toString(16)}`;
  return `${cpu} ${operation}${where}${values.map((value) => ` ${value}`).join("")}`;
}

function joined(lower: number, upper: number): bigint {
  return (BigInt(upper >>> 0) << 32n) | BigInt(lower >>> 0);
}

/** The machine, and each of its accesses as a line. */
function recordingMachine(
  machine: TracedMachine,
  cpu: number,
  lines: string[],
  deferredItems: Set<number>,
  notes: Set<number>,
): TracedMachine {
  const narrow = (
    operation: "load32" | "storeRelaxed32" | "store32" | "exchange32" | "add32" | "compareExchange32",
  ) => {
    const operands = operation === "load32" ? 0 : operation === "compareExchange32" ? 2 : 1;
    return (cell: number, a: number, b: number): number => {
      lines.push(line(cpu, operation, cell, ...[a >>> 0, b >>> 0].slice(0, operands)));
      return machine[operation](cell, a, b, 0, 0);
    };
  };
  const wide = (operation: "load64" | "storeRelaxed64" | "store64" | "exchange64" | "add64" | "compareExchange64") => {
    const operands = operation === "load64" ? 0 : operation === "compareExchange64" ? 2 : 1;
    return (cell: number, a: number, b: number, c: number, d: number): number => {
      lines.push(line(cpu, operation, cell, ...[joined(a, b), joined(c, d)].slice(0, operands)));
      return machine[`${operation}Halves`](cell, a, b, c, d);
    };
  };
  return {
    ...machine,
    load32: narrow("load32"),
    storeRelaxed32: narrow("storeRelaxed32"),
    store32: narrow("store32"),
    exchange32: narrow("exchange32"),
    compareExchange32: narrow("compareExchange32"),
    add32: narrow("add32"),
    load64Halves: wide("load64"),
    storeRelaxed64Halves: wide("storeRelaxed64"),
    store64Halves: wide("store64"),
    exchange64Halves: wide("exchange64"),
    compareExchange64Halves: wide("compareExchange64"),
    add64Halves: wide("add64"),
    barrier(...args) {
      lines.push(line(cpu, "barrier"));
      return machine.barrier(...args);
    },
    note(kind) {
      notes.add(kind);
      return 0;
    },
    deferNs(item, ...args) {
      deferredItems.add(item >>> 0);
      return machine.deferNs(item, ...args);
    },
  };
}

function runTraced(wasm: Uint8Array<ArrayBuffer>, script: readonly ScriptStep[], isFloor: boolean) {
  const accesses: string[] = [];
  const deferredItems = new Set<number>();
  const notes = new Set<number>();
  let world: PlainWorld | undefined;
  const rig = makeRig(wasm, cpus, problemBytesMax, ramPages, ({ memory, layout, exports }, cpu) => {
    world ??= {
      memory,
      layout,
      nowNs: 0,
      runWork: (target, work, argument) => exports[target]?.runWork(work, argument),
    };
    return { traced: recordingMachine(plainMachine(world, cpu), cpu, accesses, deferredItems, notes) };
  });
  const reports = runScript(rig, script, isFloor, (ns) => {
    if (world !== undefined) world.nowNs = ns;
  });
  return { rig, accesses, reports, deferredItems, notes };
}

/** How the native instructions appear in the traced form. */
function operationOf(instruction: string, width: number): string {
  const bits = width * 8;
  if (instruction.includes("atomic.load")) return `load${bits}`;
  if (instruction.includes("atomic.store")) return `store${bits}`;
  if (instruction.includes(".store")) return `storeRelaxed${bits}`;
  if (instruction.includes("cmpxchg")) return `compareExchange${bits}`;
  if (instruction.includes("xchg")) return `exchange${bits}`;
  return instruction;
}

/** Turns the native accesses into the traced form's lines, one after the other. */
class NativeRecorder {
  readonly lines: string[] = [];
  readonly #rig: Rig;
  readonly #deferredItems: ReadonlySet<number>;
  /** A CPU that was interrupted and has not taken the interrupt yet. */
  #interrupted: number | undefined;
  /** A plain load: what an `add` guesses with, if its compare-exchange comes next. */
  #guess: { readonly cpu: number; readonly address: number; readonly width: number } | undefined;

  constructor(rig: Rig, deferredItems: ReadonlySet<number>) {
    this.#rig = rig;
    this.#deferredItems = deferredItems;
  }

  hear(cpu: number, access: RecordedAccess): void {
    const isAdd = access.instruction.includes("cmpxchg") && this.#guess?.address === access.address;
    if (!isAdd) this.finish();
    const target = this.#interrupted;
    if (target !== undefined) {
      this.#interrupted = undefined;
      // The event boundary at which the other CPU takes the interrupt.
      this.#rig.exports[target]?.run(1, 2);
    }
    const { instruction, width, address, operands } = access;
    const { layout } = this.#rig;
    if (address >= layout.eventBuffer && address < layout.cacheTable) {
      expect(instruction, "the harness's own memory is not shared").not.toContain("atomic");
      return;
    }
    for (const item of this.#deferredItems) if (address >= item && address < item + deferredItemBytes) return;
    if (address < layout.cpuBlocks) {
      expect(instruction, "the module's constants are only read").toBe("i32.load");
      return;
    }
    const inBlocks = address - layout.cpuBlocks;
    if (inBlocks >= 0 && inBlocks < cpus * cpuBlockBytes) {
      const offset = inBlocks % cpuBlockBytes;
      if (offset < counterOffset || offset >= counterOffset + counterBytes) {
        this.#hearBlock(cpu, Math.floor(inBlocks / cpuBlockBytes), offset, instruction);
        return;
      }
    }
    if (/^i(?:32|64)\.load/.test(instruction)) {
      this.#guess = { cpu, address, width };
      return;
    }
    if (isAdd) {
      expect([cpu, width]).toEqual([this.#guess?.cpu, this.#guess?.width]);
      this.#guess = undefined;
      const [expected = 0n, value = 0n] = operands;
      this.lines.push(line(cpu, `add${width * 8}`, address, BigInt.asUintN(width * 8, value - expected)));
      return;
    }
    this.lines.push(line(cpu, operationOf(instruction, width), address, ...operands));
  }

  /** Nothing follows that would make the last plain load part of an `add`. */
  finish(): void {
    const guess = this.#guess;
    this.#guess = undefined;
    if (guess !== undefined) this.lines.push(line(guess.cpu, `load${guess.width * 8}`, guess.address));
  }

  #hearBlock(cpu: number, owner: number, offset: number, instruction: string): void {
    if (offset === 0 && instruction.includes("xchg")) this.lines.push(line(cpu, "barrier"));
    if (offset === mailboxOffset && instruction.includes("cmpxchg")) this.#interrupted = owner;
  }
}

function runNative(
  wasm: Uint8Array<ArrayBuffer>,
  script: readonly ScriptStep[],
  isFloor: boolean,
  deferredItems: ReadonlySet<number>,
): Run {
  const recording = recordAccesses(wasm);
  let recorder: NativeRecorder | undefined;
  let nowNs = 0;
  const rig = makeRig(recording.wasm, cpus, problemBytesMax, ramPages, (made, cpu) => {
    recorder ??= new NativeRecorder(made, deferredItems);
    if (cpu === 0) writeEvent(made, 1, { kind: "boundary" });
    return {
      access: { clockNs: () => nowNs },
      recording: recording.imports((access) => recorder?.hear(cpu, access)),
    };
  });
  const reports = runScript(rig, script, isFloor, (ns) => {
    nowNs = ns;
  });
  recorder?.finish();
  return { rig, accesses: recorder?.lines ?? [], reports };
}

/** A copy of everything above the modules' own constants, without what belongs to the machine and the harness. */
function sharedBytes(rig: Rig, deferredItems: ReadonlySet<number>): Buffer {
  const { layout } = rig;
  const copy = Buffer.from(rig.bytes);
  copy.fill(0, 0, layout.cpuBlocks);
  for (let cpu = 0; cpu < cpus; cpu++) {
    const block = layout.cpuBlocks + cpu * cpuBlockBytes;
    copy.fill(0, block, block + counterOffset);
    copy.fill(0, block + counterOffset + counterBytes, block + cpuBlockBytes);
  }
  for (const item of deferredItems) copy.fill(0, item, item + deferredItemBytes);
  copy.fill(0, layout.eventBuffer, layout.objectTable);
  return copy;
}

async function runBoth(source: Pick<ModuleSource, "variant" | "variantFile" | "constants">, isFloor: boolean) {
  const common = { problem: "quarantine", ...source };
  const native = await compileModule({ ...common, machine: "native" });
  const traced = await compileModule({ ...common, machine: "traced", fibers: true });
  const expected = runTraced(traced.wasm, script, isFloor);
  const actual = runNative(native.wasm, script, isFloor, expected.deferredItems);
  /** Index of the first access that differs, or -1. */
  const differing = actual.accesses.findIndex((access, index) => access !== expected.accesses[index]);
  return { expected, actual, differing };
}

const script = makeScript();

for (const { name, variant, constants } of variants) {
  test(`${name} makes the same accesses natively as traced`, { timeout: 60_000 }, async () => {
    const isFloor = variant === "floor";
    const { expected, actual, differing } = await runBoth({ variant, constants }, isFloor);

    // The script reaches the paths that matter: objects age and caches go.
    const notes = isFloor ? [noteQuarantined] : [noteQuarantined, noteEvicted, noteRemovalCompleted];
    expect([...expected.notes]).toEqual(expect.arrayContaining(notes));
    expect(expected.accesses.length).toBeGreaterThan(20_000);
    if (differing !== -1) {
      const around = [Math.max(0, differing - 5), differing + 5] as const;
      expect(actual.accesses.slice(...around), `access ${differing}, seed ${seed}`).toEqual(
        expected.accesses.slice(...around),
      );
    }
    expect(actual.accesses.length).toBe(expected.accesses.length);
    expect(actual.reports).toEqual(expected.reports);
    const { deferredItems } = expected;
    expect(sharedBytes(actual.rig, deferredItems).equals(sharedBytes(expected.rig, deferredItems))).toBe(true);
  });
}

test("a store that goes past the machine is found out", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-same-source-"));
  try {
    const variantFile = path.join(folder, "past-the-machine.ts");
    const floor = readFileSync(path.join(packageRoot, "src", "kernel", "quarantine", "floor.ts"), "utf8");
    const changed = floor.replace("  return true;", "  store<u32>(object, 1);\n  return true;");
    writeFileSync(variantFile, changed.replace("_object: usize", "object: usize"));
    const source = { variant: "past-the-machine", variantFile, constants: smallSizes };
    const { expected, actual, differing } = await runBoth(source, true);
    expect(actual.accesses[differing]).toMatch(/^[01] storeRelaxed32 [0-9a-f]+ 1$/);
    expect(actual.accesses.length).toBeGreaterThan(expected.accesses.length);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
