import { expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import type { MachineImports } from "../../src/build/instance.ts";
import { layOutMemory, type MemoryLayout } from "../../src/build/memory.ts";
import { startQuarantine } from "../../src/build/quarantine.ts";
import { CountingMachine } from "../../src/traced/counting-machine.ts";

const limits = {
  events: 0,
  caches: 2,
  objects: 4,
  cgroups: 0,
  superblocks: 0,
  tasks: 1,
  liveBytesMax: 0,
  slabBytesMax: 0,
};
const mebibyte = 1 << 20;

test("a limit makes the arena smaller and leaves everything before it where it was", () => {
  const needs = { cpus: 2, limits, problemBytes: 4096, heldBytesMax: mebibyte };
  const whole = layOutMemory(needs);
  const small = layOutMemory({ ...needs, arenaBytesMax: mebibyte });
  expect(small.arenaEnd - small.arenaBase).toBe(mebibyte);
  expect(small.pageTable).toBe(whole.pageTable);
  expect(small.trueSize).toBe(true);
  expect(layOutMemory({ ...needs, arenaBytesMax: 1024 * mebibyte })).toEqual(whole);
});

test("a machine of the case's own memory is made for that memory, and RAM can be given in pages", async () => {
  const compiled = await compileModule({
    problem: "quarantine",
    variant: "singly-linked-fifo",
    machine: "traced",
    constants: { LAB_CPU_QUEUE_BYTES: 128, LAB_BATCHES: 2 },
  });
  const ignore = (): void => {};
  const observer = {
    access: ignore,
    enter: ignore,
    leave: ignore,
    note: ignore,
    irqOff: ignore,
    irqOn: ignore,
    slept: ignore,
  };
  const machine = new CountingMachine(observer);
  const made: { readonly memory: WebAssembly.Memory; readonly layout: MemoryLayout }[] = [];
  const makeMachine = (memory: WebAssembly.Memory, layout: MemoryLayout): MachineImports => {
    made.push({ memory, layout });
    return machine.imports(0);
  };
  const sizes = { cpus: 1, quarantineBytes: 0, ramPages: 3, skipWhenEmpty: false, arenaBytesMax: mebibyte };
  const running = startQuarantine(compiled, limits, sizes, makeMachine, (started) => {
    machine.attach(started, [started.exports]);
  });
  expect(made.at(-1)?.memory).toBe(running.memory);
  expect(made.at(-1)?.layout).toBe(running.layout);
  expect(running.layout.arenaEnd - running.layout.arenaBase).toBe(mebibyte);
  // `Machine` of `src/kernel/quarantine/sizing.ts` begins with the bytes of RAM.
  expect(new Uint32Array(running.memory.buffer)[running.layout.problemBase / 4]).toBe(3 * 4096);
});
