import { describe, expect, test } from "vitest";
import {
  accessLoad,
  accessLocked,
  accessStore,
  CountingMachine,
  type MachineObserver,
} from "../../src/traced/counting-machine.ts";

type Call = readonly [what: string, ...arguments_: number[]];
type Operation = (...operands: number[]) => number;

const taskStacks = 4096;

/** A machine whose CPUs run host functions as work, by their index, and what its observer heard. */
function machineOf(cpus: number, work: readonly ((cpu: number, argument: number) => void)[] = []) {
  const heard: Call[] = [];
  const observer: MachineObserver = {
    access: (cpu, cell, bytes, how) => heard.push(["access", cpu, cell, bytes, how]),
    enter: (cpu, symbol) => heard.push(["enter", cpu, symbol]),
    leave: (cpu) => heard.push(["leave", cpu]),
    note: (cpu, kind, value) => heard.push(["note", cpu, kind, value]),
    irqOff: (cpu) => heard.push(["irqOff", cpu]),
    irqOn: (cpu) => heard.push(["irqOn", cpu]),
    slept: (cpu, ns) => heard.push(["slept", cpu, ns]),
  };
  const machine = new CountingMachine(observer);
  const memory = new WebAssembly.Memory({ initial: 1 });
  machine.attach(
    { memory, layout: { taskStacks } },
    Array.from({ length: cpus }, (_, cpu) => ({
      runWork: (index: number, argument: number) => work[index]?.(cpu, argument),
    })),
  );
  const operations = Array.from(
    { length: cpus },
    (_, cpu) => machine.imports(cpu).traced as unknown as Readonly<Record<string, Operation>>,
  );
  const perform = (cpu: number, name: string, ...operands: number[]): number =>
    operations[cpu]?.[name]?.(...operands) as number;
  return { machine, heard, perform, words: new Uint32Array(memory.buffer) };
}

describe("accesses", () => {
  test("change the memory and are heard with CPU, cell, bytes and kind", () => {
    const { heard, perform, words } = machineOf(2);
    words[16] = 5;
    expect(perform(1, "load32", 64)).toBe(5);
    perform(0, "storeRelaxed32", 64, 6);
    perform(0, "store32", 64, 7);
    expect(perform(1, "exchange32", 64, 8)).toBe(7);
    expect(perform(1, "compareExchange32", 64, 7, 9)).toBe(8);
    expect(words[16]).toBe(8);
    expect(perform(0, "compareExchange32", 64, 8, 9)).toBe(8);
    expect(perform(0, "add32", 64, 3)).toBe(9);
    expect(words[16]).toBe(12);
    expect(heard).toEqual([
      ["access", 1, 64, 4, accessLoad],
      ["access", 0, 64, 4, accessStore],
      ["access", 0, 64, 4, accessLocked],
      ["access", 1, 64, 4, accessLocked],
      ["access", 1, 64, 4, accessLocked],
      ["access", 0, 64, 4, accessLocked],
      ["access", 0, 64, 4, accessLocked],
    ]);
  });

  test("of 64 bits keep both halves and carry between them", () => {
    const { heard, perform, words } = machineOf(1);
    perform(0, "storeRelaxed64Halves", 128, 0xffff_ffff, 1);
    expect(perform(0, "add64Halves", 128, 2, 0)).toBe(0xffff_ffff);
    expect(perform(0, "upperHalf")).toBe(1);
    expect([words[32], words[33]]).toEqual([1, 2]);
    expect(perform(0, "compareExchange64Halves", 128, 1, 3, 0, 0)).toBe(1);
    expect([words[32], words[33]]).toEqual([1, 2]);
    perform(0, "compareExchange64Halves", 128, 1, 2, 7, 8);
    expect(perform(0, "exchange64Halves", 128, 4, 5)).toBe(7);
    expect(perform(0, "upperHalf")).toBe(8);
    perform(0, "store64Halves", 128, 6, 0);
    expect(perform(0, "load64Halves", 128)).toBe(6);
    expect(heard.map((call) => call.slice(3))).toEqual([
      [8, accessStore],
      [8, accessLocked],
      [8, accessLocked],
      [8, accessLocked],
      [8, accessLocked],
      [8, accessLocked],
      [8, accessLoad],
    ]);
  });

  test("above 2 GiB come with their unsigned address", () => {
    const { heard, perform } = machineOf(1);
    perform(0, "load32", 0x8000_0040 | 0);
    expect(heard).toEqual([["access", 0, 0x8000_0040, 4, accessLoad]]);
  });

  test("a barrier is a locked operation on the CPU's own stack", () => {
    const { heard, perform } = machineOf(2);
    perform(1, "barrier");
    expect(perform(1, "taskStack")).toBe(taskStacks + 4096);
    expect(heard).toEqual([["access", 1, taskStacks + 4096, 4, accessLocked]]);
  });
});

describe("time", () => {
  test("passes by 1 ns per access of any CPU, and by what is slept, computed and paused", () => {
    const { heard, machine, perform } = machineOf(2);
    perform(0, "load32", 64);
    perform(1, "load32", 64);
    expect(machine.nowNs).toBe(2);
    perform(0, "sleepNs", 1000);
    perform(1, "computeNs", 500);
    perform(1, "pause");
    expect(perform(0, "clockNs")).toBe(1542);
    expect(heard.at(-1)).toEqual(["slept", 0, 1000]);
  });

  test("a spin loop that waits for time ends, one that waits for another CPU is an error", () => {
    const { perform } = machineOf(2);
    const begin = perform(0, "clockNs");
    while (perform(0, "clockNs") < begin + 100_000) perform(0, "pause");
    perform(0, "quiescent");
    expect(() => {
      while (perform(0, "load32", 64) === 0) perform(0, "pause");
    }).toThrow("CPU 0 spins for ever");
  });

  test("deferred work runs on its CPU, when it is due", () => {
    const ran: number[][] = [];
    const { perform } = machineOf(2, [(cpu, argument) => ran.push([cpu, argument])]);
    perform(1, "deferNs", 0, 0, 11, 0);
    perform(1, "deferNs", 0, 0, 12, 1000);
    expect(perform(0, "runDeferredUntil", 1e9)).toBe(0);
    expect(perform(1, "runDeferredUntil", 999)).toBe(1);
    expect(perform(1, "runDeferredUntil", 1000)).toBe(1);
    expect(ran).toEqual([
      [1, 11],
      [1, 12],
    ]);
  });
});

describe("other CPUs", () => {
  test("are idle, and only the asking task runs", () => {
    const { perform } = machineOf(3);
    expect([0, 1, 2].map((cpu) => perform(1, "isIdle", cpu))).toEqual([1, 0, 1]);
    expect([0, 1, 2].map((task) => perform(1, "isRunning", task))).toEqual([0, 1, 0]);
    expect(perform(2, "task")).toBe(2);
  });

  test("take an interrupt at once, while the sender is not idle", () => {
    const seen: number[][] = [];
    const rig = machineOf(3, [
      (cpu, argument) => {
        seen.push([cpu, argument, rig.perform(cpu, "isIdle", 0), rig.perform(cpu, "isIdle", 2)]);
        rig.perform(cpu, "store32", 64, 1);
      },
    ]);
    rig.perform(0, "interrupt", 1, 0, 77);
    expect(seen).toEqual([[1, 77, 0, 1]]);
    expect(rig.perform(0, "load32", 64)).toBe(1);
    expect(rig.perform(1, "isIdle", 0)).toBe(1);
    expect(rig.heard[0]).toEqual(["access", 1, 64, 4, accessLocked]);
  });

  test("cannot be interrupted with their interrupts off", () => {
    const rig = machineOf(2, [(cpu) => rig.perform(cpu, "interrupt", 0, 1, 0), () => {}]);
    rig.perform(0, "irqOff");
    expect(() => rig.perform(0, "interrupt", 1, 0, 0)).toThrow("which has its interrupts off");
    rig.perform(0, "irqOn");
    expect(() => rig.perform(0, "interrupt", 1, 0, 0)).not.toThrow();
  });

  test("wake nobody: a wait for a cell to change goes on at once or is an error", () => {
    const { perform, words } = machineOf(2);
    words[16] = 3;
    expect(perform(0, "wait", 64, 2)).toBe(1);
    expect(() => perform(0, "wait", 64, 3)).toThrow("CPU 0 waits for ever: the cell at 64 holds 3");
    expect(perform(0, "wake", 64, 1)).toBe(0);
  });
});
