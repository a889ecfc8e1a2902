// The machine on which programs of mutants run: one task, operation by operation. Modules of the traced form compile in a tenth
// of the time of the native one's; and operations are bounded, because some mutants never come to an end where their variants do.

import type { HarnessExports, MakeMachine } from "../../src/build/instance.ts";
import type { TracedMachine } from "../../src/fiber/fiber.ts";
import { type PlainWorld, plainMachine } from "../kernel/plain-machine.ts";

/** The variants need some thousand. */
const operationsMax = 1_000_000;

class NoEnd extends Error {}

/** The machine, until the operations are used up. */
function bounded(machine: TracedMachine): TracedMachine {
  let left = operationsMax;
  const entries = Object.entries(machine) as [string, (...values: number[]) => number][];
  const limited = entries.map(([name, operation]) => [
    name,
    (...values: number[]): number => {
      if (left-- === 0) throw new NoEnd(`${operationsMax} operations and no end`);
      return operation(...values);
    },
  ]);
  return Object.fromEntries(limited) as TracedMachine;
}

/** What starting a module needs to run it in one task; of one module only. */
export interface OneTask {
  readonly machine: MakeMachine;
  readonly attach: (running: { readonly exports: HarnessExports }) => void;
}

export function oneTask(): OneTask {
  let runWork: PlainWorld["runWork"] = () => {
    throw new Error("work before the module runs");
  };
  return {
    machine: (memory, layout) => {
      const world: PlainWorld = { memory, layout, nowNs: 1_000_000, runWork: (...work) => runWork(...work) };
      return { traced: bounded(plainMachine(world, 0)) };
    },
    attach: ({ exports }) => {
      runWork = (_cpu, work, argument) => exports.runWork(work, argument);
    },
  };
}

/**
 * Performs a program that may go wrong: memory that was freed and is used all the same, or that two own, may lead anywhere.
 *
 * @returns what became of it
 */
export function endOf(perform: () => void): "end" | "no end" | "trap" {
  try {
    perform();
    return "end";
  } catch (error) {
    if (error instanceof NoEnd) return "no end";
    if (error instanceof WebAssembly.RuntimeError) return "trap";
    throw error;
  }
}
