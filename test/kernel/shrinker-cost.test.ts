// What the read side of each variant writes to lines that other CPUs use, counted exactly: the locked operations and
// stores of a walk, by where they go. Two CPUs walk the same cgroups one after the other.

import { expect, test } from "vitest";
import type { TracedMachine } from "../../src/fiber/fiber.ts";
import { type PlainWorld, plainMachine } from "./plain-machine.ts";
import { compileShrinker, makeShrinkerRig, perform, type ShrinkerRig, shrinkerVariants } from "./shrinker-rig.ts";
import { add, create, mount, pass, root } from "./shrinker-scenarios.ts";

const cgroups = 20;
const sizes = { cpus: 2, cgroups: cgroups + 1, superblocks: 4, nodes: 1 };

interface Writes {
  /** Locked operations by line. */
  readonly locked: Map<number, number>;
  /** Lines that plain stores went to. */
  readonly stored: Set<number>;
}

/** A rig whose writes are noted in `writes` while it is there. */
async function noteWrites(variant: string): Promise<{ rig: ShrinkerRig; writes: Writes[] }> {
  const { wasm } = await compileShrinker(variant, "traced");
  const writes: Writes[] = [];
  const rig = makeShrinkerRig(wasm, sizes, (made, cpu) => {
    const world: PlainWorld = { memory: made.memory, layout: made.layout, nowNs: 0, runWork: () => {} };
    const machine = plainMachine(world, cpu);
    const locked = (operation: keyof TracedMachine) => (cell: number, a: number, b: number, c: number, d: number) => {
      const line = Math.floor((cell >>> 0) / 64);
      const counts = writes[cpu]?.locked;
      counts?.set(line, (counts.get(line) ?? 0) + 1);
      return machine[operation](cell, a, b, c, d);
    };
    const stored = (operation: keyof TracedMachine) => (cell: number, a: number, b: number, c: number, d: number) => {
      writes[cpu]?.stored.add(Math.floor((cell >>> 0) / 64));
      return machine[operation](cell, a, b, c, d);
    };
    const wrapped: Partial<Record<keyof TracedMachine, unknown>> = {};
    for (const name of [
      "exchange32",
      "compareExchange32",
      "add32",
      "exchange64Halves",
      "compareExchange64Halves",
      "add64Halves",
    ] as const) {
      wrapped[name] = locked(name);
    }
    for (const name of ["storeRelaxed32", "store32", "storeRelaxed64Halves", "store64Halves"] as const) {
      wrapped[name] = stored(name);
    }
    return { traced: { ...machine, ...wrapped } as WebAssembly.ModuleImports };
  });
  return { rig, writes };
}

/** Walks `test` (cgroup 1) and its children on both CPUs, and says what was written to lines that both wrote to. */
async function sharedWrites(variant: string, bits: number) {
  const { rig, writes } = await noteWrites(variant);
  const children = Array.from({ length: cgroups - 1 }, (_, index) => create(index + 2, 1));
  perform(rig, 0, root, create(1), ...children, mount(0), mount(1));
  for (let cgroup = 2; cgroup < 2 + bits; cgroup++) perform(rig, 0, add(1, cgroup, 10, 0));
  const [one, other] = [0, 1].map((cpu) => {
    writes[cpu] = { locked: new Map(), stored: new Set() };
    // A priority at which nothing is scanned.
    perform(rig, cpu, pass(1, 12));
    return writes[cpu];
  }) as [Writes, Writes];
  const isShared = (line: number): boolean =>
    (one.locked.has(line) || one.stored.has(line)) && (other.locked.has(line) || other.stored.has(line));
  const locked = [...one.locked].filter(([line]) => isShared(line)).map(([, count]) => count);
  const stored = [...one.stored].filter((line) => isShared(line) && !one.locked.has(line));
  return { locked, stored };
}

test.each(shrinkerVariants)("%s writes to shared lines what Linux writes, and nothing else", async (variant) => {
  // No bit set: only what entering and leaving a cgroup costs.
  const idle = await sharedWrites(variant, 0);
  expect(idle.stored).toEqual([]);
  // One line for all: two locked operations per cgroup.
  expect(idle.locked).toEqual(variant === "rwsem" ? [2 * cgroups] : []);

  const busy = await sharedWrites(variant, 5);
  expect(busy.stored).toEqual([]);
  // Each call takes and gives back what is deferred, on the cgroup's own line.
  const deferred = [2, 2, 2, 2, 2];
  const others = variant === "rwsem" ? [2 * cgroups] : usesShrinkerLine(variant) ? [2 * 5] : [];
  expect([...busy.locked].sort((a, b) => a - b)).toEqual([...deferred, ...others]);
});

function usesShrinkerLine(variant: string): boolean {
  return variant === "refcount-rcu" || variant === "srcu-split";
}
