// The reference count that is per CPU until it is killed: sequences of operations against a plain number, and random
// interleavings at every access under x86-TSO.

import path from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import type { MachineForm } from "../../src/build/flags.ts";
import { Random } from "../../src/workloads/random.ts";
import { interleave } from "./interleaving.ts";
import { base, type LockLoops, nativeCpus, plainCpus, type SyncMemory, syncMemory } from "./sync-rig.ts";

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), "assembly");
const rcu = base;
const shared = base + 4096;
const counters = base + 8192;
const objects = base + 16_384;
const objectBytes = 128;
const perTask = 6;
const releasedAt = 64;
const confirmedAt = 68;
const freeAt = 72;
const stride = 256;

async function compile(machine: MachineForm, fibers = false): Promise<WebAssembly.Module> {
  const name = "percpu-ref-loops";
  const variantFile = path.join(folder, `${name}.ts`);
  const source = { problem: "litmus", variant: name, variantFile, entry: name, machine, constants: {}, fibers };
  return new WebAssembly.Module((await compileModule(source)).wasm);
}

const modules: Record<string, WebAssembly.Module> = {};

beforeAll(async () => {
  modules.native = await compile("native");
  modules.traced = await compile("traced");
  modules.fibers = await compile("traced", true);
}, 60_000);

describe.each(["native", "traced"] as const)("%s", (form) => {
  const cpus = 3;

  function start(): SyncMemory & { readonly exports: readonly LockLoops[] } {
    const module = modules[form] as WebAssembly.Module;
    return form === "native" ? nativeCpus(module, cpus) : plainCpus(module, cpus);
  }

  test("a count is what was taken less what was given back, on whichever CPU, and its end comes once", () => {
    const rig = start();
    const call = (cpu: number, name: string, ...args: readonly number[]): number =>
      rig.exports[cpu]?.[name]?.(...args) ?? 0;
    const random = new Random(7);
    const word = (at: number): number => rig.words[(objects + at) / 4] as number;
    const pending = (): number => rig.exports.reduce((sum, one) => sum + (one.rcuPending?.(rcu) as number), 0);
    for (let life = 0; life < 60; life++) {
      call(random.below(cpus), "make", objects, counters, stride, rcu, shared);
      let count = 1;
      let isKilled = false;
      let isConfirmed = false;
      while (count > 0) {
        const cpu = random.below(cpus);
        const choice = random.below(100);
        if (choice < 20 && count < 40) {
          call(cpu, "percpuRefGet", objects);
          count++;
        } else if (choice < 30) {
          expect(call(cpu, "percpuRefTryGet", objects)).toBe(1);
          count++;
        } else if (choice < 40) {
          const isTaken = call(cpu, "percpuRefTryGetLive", objects);
          expect(isTaken).toBe(isKilled ? 0 : 1);
          count += isTaken;
        } else if (choice < 43 && !isKilled) {
          call(cpu, "kill", objects);
          isKilled = true;
          // The grace period has the reference that was the initial one.
        } else if (choice < 60) {
          for (let index = 0; index < cpus; index++) call(index, "rcuQuiescent", rcu);
          if (isKilled && !isConfirmed && word(confirmedAt) === 1) {
            isConfirmed = true;
            count--;
          }
        } else if (count > (isConfirmed ? 0 : 1)) {
          count--;
          expect(call(cpu, "percpuRefPut", objects)).toBe(count === 0 ? 1 : 0);
        }
        expect(call(cpu, "percpuRefIsDying", objects)).toBe(isKilled ? 1 : 0);
        expect(call(cpu, "percpuRefIsZero", objects)).toBe(count === 0 ? 1 : 0);
        expect([word(confirmedAt), word(releasedAt)]).toEqual([isConfirmed ? 1 : 0, count === 0 ? 1 : 0]);
      }
      expect(call(random.below(cpus), "percpuRefTryGet", objects)).toBe(0);
      for (let round = 0; pending() > 0; round++) {
        if (round === 20) throw new Error("a callback is never called");
        for (let index = 0; index < cpus; index++) call(index, "rcuQuiescent", rcu);
      }
      expect(word(freeAt)).toBe(1);
    }
    // Of callbacks.
    expect(rig.words[shared / 4]).toBe(0);
  });
});

test.each([
  { name: "two CPUs", cpus: [0, 1] },
  { name: "three CPUs", cpus: [0, 1, 2] },
  { name: "two tasks on each of two CPUs", cpus: [0, 0, 1, 1] },
])(
  "references are neither lost nor found: $name",
  ({ cpus }) => {
    const rig = syncMemory();
    const module = modules.fibers as WebAssembly.Module;
    let released = 0;
    for (let seed = 1; seed <= 60; seed++) {
      rig.words.fill(0, base / 4);
      const total = cpus.length * perTask;
      for (let index = 0; index < total; index++) rig.words[(objects + index * objectBytes + freeAt) / 4] = 1;
      const calls = cpus.map((cpu, task) => {
        const own = objects + task * perTask * objectBytes;
        const args = [rcu, shared, own, counters + task * perTask * 4, stride, 25, 4];
        return { cpu, name: "percpuRefStress", args };
      });
      const results = interleave(module, rig, calls, seed);
      expect(results, `seed ${seed}`).toEqual(cpus.map(() => 0));
      interleave(module, rig, [{ cpu: 0, name: "finish", args: [shared] }], seed);
      // Grace periods of the kills and then those of the releases.
      const different = [...new Set(cpus)];
      for (let round = 0; round < 40; round++) {
        const again = different.map((cpu) => ({ cpu, name: "rcuQuiescent", args: [rcu] }));
        interleave(module, rig, again, seed + round);
      }
      expect(rig.words[(shared + 128) / 4], `seed ${seed}`).toBe(0);
      for (let index = 0; index < total; index++) {
        const at = (objects + index * objectBytes) / 4;
        expect(rig.words[at + freeAt / 4], `seed ${seed}, object ${index}`).toBe(1);
        released += rig.words[at + releasedAt / 4] as number;
      }
    }
    expect(released).toBeGreaterThan(60);
  },
  60_000,
);
