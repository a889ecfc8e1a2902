// The native and the traced form of a shrinker variant make the same accesses, as `same-source.test.ts` shows for the
// quarantine: two CPUs perform the same script of events in turn, and every access is compared, in order, by CPU,
// operation, width, address and operands; then the memory.
//
// As there, `add` is natively a load that guesses and a compare-exchange, which count as one. Left out: what belongs to
// the machine itself (the CPUs' blocks) and to the harness (events), and the modules' own constants. The clock goes on
// between events only, and by so much that no grace period has to wait for it.

import { expect, test } from "vitest";
import { eventBufferBytes } from "../../src/build/memory.ts";
import type { TracedMachine } from "../../src/fiber/fiber.ts";
import { Random } from "../../src/workloads/random.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";
import { type RecordedAccess, recordAccesses } from "./recording-module.ts";
import {
  compileShrinker,
  makeShrinkerRig,
  perform,
  type ShrinkerRig,
  type ShrinkerStep,
  shrinkerVariants,
} from "./shrinker-rig.ts";
import { add, create, mount, offline, pass, root, unmount } from "./shrinker-scenarios.ts";

const seed = 1;
const cpus = 2;
const sizes = { cpus, cgroups: 6, superblocks: 80, nodes: 2, arenaPages: 512 };
const stepNs = 10_000_000;

/** Cgroups and superblocks come and go, lists fill, and passes walk, in a random order that is always the same. */
function makeScript(): ShrinkerStep[] {
  const random = new Random(seed);
  const script: ShrinkerStep[] = [root, create(1), create(2, 1)];
  const mounted: number[] = [];
  for (let superblock = 0; superblock < 62; superblock++) {
    script.push(mount(superblock));
    mounted.push(superblock);
  }
  let hasChild = false;
  while (script.length < 350) {
    const choice = random.below(10);
    if (choice < 4) {
      const objects = random.below(200);
      const superblock = mounted[random.below(mounted.length)]!;
      script.push(add(superblock, random.below(hasChild ? 4 : 3), objects, random.below(objects + 1)));
    } else if (choice < 7) {
      script.push({ kind: "pass", root: random.below(3), priority: random.below(13), node: random.below(2) });
    } else if (choice < 8) {
      const superblock = Array.from({ length: sizes.superblocks }, (_, index) => index).find(
        (one) => !mounted.includes(one),
      );
      if (superblock === undefined) continue;
      script.push(mount(superblock));
      mounted.push(superblock);
    } else if (choice < 9) {
      if (random.below(3) > 0) continue;
      const [superblock] = mounted.splice(random.below(mounted.length), 1);
      script.push(unmount(superblock!), pass(1));
    } else {
      script.push(hasChild ? offline(3) : create(3, 2));
      hasChild = !hasChild;
    }
  }
  return script;
}

const script = makeScript();

function line(cpu: number, operation: string, address: number, ...values: readonly (number | bigint)[]): string {
  return `${cpu} ${operation} ${(address >>> 0).toString(16)}${values.map((value) => ` ${value}`).join("")}`;
}

function joined(lower: number, upper: number): bigint {
  return (BigInt(upper >>> 0) << 32n) | BigInt(lower >>> 0);
}

/** Operations by how many operands follow the cell. */
const operandsOf = { load: 0, storeRelaxed: 1, store: 1, exchange: 1, compareExchange: 2, add: 1 } as const;

function recordingMachine(machine: TracedMachine, cpu: number, lines: string[]): WebAssembly.ModuleImports {
  const wrapped: Record<string, unknown> = {
    ...machine,
    barrier: () => {
      lines.push(line(cpu, "barrier", 0));
      return 0;
    },
  };
  for (const [name, operands] of Object.entries(operandsOf)) {
    const narrow = machine[`${name as keyof typeof operandsOf}32`];
    wrapped[`${name}32`] = (cell: number, a: number, b: number) => {
      lines.push(line(cpu, `${name}32`, cell, ...[a >>> 0, b >>> 0].slice(0, operands)));
      return narrow(cell, a, b, 0, 0);
    };
    const wide = machine[`${name as keyof typeof operandsOf}64Halves`];
    wrapped[`${name}64Halves`] = (cell: number, a: number, b: number, c: number, d: number) => {
      lines.push(line(cpu, `${name}64`, cell, ...[joined(a, b), joined(c, d)].slice(0, operands)));
      return wide(cell, a, b, c, d);
    };
  }
  return wrapped as WebAssembly.ModuleImports;
}

function operationOf(instruction: string, width: number): string {
  const bits = width * 8;
  if (instruction.includes("atomic.load")) return `load${bits}`;
  if (instruction.includes("atomic.store")) return `store${bits}`;
  if (instruction.includes(".store")) return `storeRelaxed${bits}`;
  if (instruction.includes("cmpxchg")) return `compareExchange${bits}`;
  if (instruction.includes("xchg")) return `exchange${bits}`;
  return instruction;
}

/** Turns native accesses into the lines of the traced form. */
function makeNativeRecorder(layout: ShrinkerRig["layout"], lines: string[]) {
  let guess: { readonly cpu: number; readonly address: number } | undefined;
  const eventsEnd = layout.eventBuffer + cpus * eventBufferBytes;
  return (cpu: number, { instruction, width, address, operands }: RecordedAccess): void => {
    if (address < layout.cpuBlocks) {
      expect(instruction, "the module's constants are only read").toMatch(/^i(32|64)\.load/);
      return;
    }
    if (address >= layout.eventBuffer && address < eventsEnd) {
      expect(instruction, "events are not shared").not.toContain("atomic");
      return;
    }
    if (address < layout.taskStacks) {
      const block = (address - layout.cpuBlocks) % 192;
      if (block === 0 && instruction.includes("xchg")) lines.push(line(cpu, "barrier", 0));
      if (block === 136 || block === 140) lines.push(line(cpu, operationOf(instruction, width), address, ...operands));
      return;
    }
    if (/^i(?:32|64)\.load/.test(instruction)) {
      expect(guess, "a plain load that is not the guess of an add").toBeUndefined();
      guess = { cpu, address };
    } else if (guess !== undefined) {
      expect(instruction).toContain("cmpxchg");
      expect([cpu, address]).toEqual([guess.cpu, guess.address]);
      guess = undefined;
      const [expected = 0n, value = 0n] = operands;
      lines.push(line(cpu, `add${width * 8}`, address, BigInt.asUintN(width * 8, value - expected)));
    } else lines.push(line(cpu, operationOf(instruction, width), address, ...operands));
  };
}

function runScript(rig: ShrinkerRig, clock: { nowNs: number }): void {
  const random = new Random(seed + 1);
  for (const step of script) {
    clock.nowNs += stepNs;
    perform(rig, random.below(cpus), step);
  }
}

test.each([...shrinkerVariants, "floor"])("%s makes the same accesses natively as traced", async (variant) => {
  const traced: string[] = [];
  const tracedClock = { nowNs: 0 };
  const { wasm } = await compileShrinker(variant, "traced", { fibers: true });
  const expected = makeShrinkerRig(wasm, sizes, (rig, cpu) => {
    const world: PlainWorld = Object.assign(tracedClock, { memory: rig.memory, layout: rig.layout, runWork: () => {} });
    return { traced: recordingMachine(plainMachine(world, cpu), cpu, traced) };
  });
  runScript(expected, tracedClock);

  const native: string[] = [];
  const nativeClock = { nowNs: 0 };
  const recording = recordAccesses((await compileShrinker(variant, "native")).wasm);
  const actual = makeShrinkerRig(recording.wasm, sizes, (rig, cpu) => {
    const hear = makeNativeRecorder(rig.layout, native);
    return {
      access: { clockNs: () => nativeClock.nowNs },
      recording: recording.imports((access) => hear(cpu, access)),
    };
  });
  runScript(actual, nativeClock);

  expect(traced.length).toBeGreaterThan(variant === "floor" ? 5000 : 50_000);
  const differing = native.findIndex((access, index) => access !== traced[index]);
  if (differing !== -1) {
    const around = [Math.max(0, differing - 5), differing + 5] as const;
    expect(native.slice(...around), `access ${differing}`).toEqual(traced.slice(...around));
  }
  expect(native.length).toBe(traced.length);
  const shared = ({ memory, layout }: ShrinkerRig): Buffer => Buffer.from(memory.buffer, layout.problemBase);
  expect(shared(actual).equals(shared(expected))).toBe(true);
});
