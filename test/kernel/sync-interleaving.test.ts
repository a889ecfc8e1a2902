// The primitives of `src/kernel/sync` under random interleavings at every access, with x86's store buffers, and with
// two tasks on a CPU. Each case runs the loops that also run under real threads (`sync-stress.test.ts`).

import { beforeAll, describe, expect, test } from "vitest";
import { interleave, type TaskCall } from "./interleaving.ts";
import { base, compileLoops, type SyncMemory, syncMemory } from "./sync-rig.ts";

let module: WebAssembly.Module;
let rig: SyncMemory;
const lock = base;
const data = base + 4096;
/** Of each case. */
const seeds = 40;

beforeAll(async () => {
  module = await compileLoops("traced", {}, true);
  rig = syncMemory();
}, 60_000);

/** CPU of each task. */
const machines = [
  { name: "two CPUs", cpus: [0, 1] },
  { name: "three CPUs", cpus: [0, 1, 2] },
  { name: "two tasks on each of two CPUs", cpus: [0, 0, 1, 1] },
];

function runSeeds(prepare: () => TaskCall[], check: () => void = () => {}): void {
  for (let seed = 1; seed <= seeds; seed++) {
    rig.words.fill(0, base / 4);
    const calls = prepare();
    const results = interleave(module, rig, calls, seed);
    expect(results, `seed ${seed}`).toEqual(calls.map(() => 0));
    check();
  }
}

describe.each(machines)("$name", ({ cpus }) => {
  test.each([
    { name: "awake holders", napEvery: 1_000_000, writeEvery: 3 },
    { name: "holders that sleep", napEvery: 3, writeEvery: 3 },
    { name: "writers only", napEvery: 6, writeEvery: 1 },
  ])("rwsem, $name", ({ napEvery, writeEvery }) => {
    const rounds = 12;
    runSeeds(
      () => cpus.map((cpu) => ({ cpu, name: "rwsemStress", args: [lock, data, rounds, writeEvery, napEvery] })),
      () => {
        const writes = rig.words[(data + 128) / 4];
        expect([rig.words[data / 4], rig.words[(data + 64) / 4]]).toEqual([writes, writes]);
        expect(rig.words[lock / 4]).toBe(0);
        expect(Array.from(rig.words.subarray(lock / 4 + 2, lock / 4 + 5))).toEqual([0, 0, 0]);
      },
    );
  });

  test.each([
    { name: "awake holders", napEvery: 1_000_000 },
    { name: "holders that sleep", napEvery: 3 },
  ])("mutex, $name", ({ napEvery }) => {
    const rounds = 12;
    runSeeds(
      () => cpus.map((cpu) => ({ cpu, name: "mutexStress", args: [lock, data, rounds, napEvery] })),
      () => {
        expect(rig.words[data / 4]).toBe(cpus.length * rounds);
        expect(Array.from(rig.words.subarray(lock / 4, lock / 4 + 5))).toEqual([0, 0, 0, 0, 0]);
      },
    );
  });

  test("reference counts", () => {
    const rounds = 20;
    runSeeds(
      () => {
        for (let index = 0; index < rounds; index++) rig.words[(data + index * 64) / 4] = cpus.length;
        return cpus.map((cpu) => ({ cpu, name: "refcountStress", args: [data, rounds] }));
      },
      () => {
        for (let index = 0; index < rounds; index++) {
          const object = (data + index * 64) / 4;
          expect(Array.from(rig.words.subarray(object, object + 2))).toEqual([0, 1]);
        }
      },
    );
  });

  test("completions", () => {
    const rounds = 10;
    runSeeds(() =>
      cpus.slice(0, cpus.length - (cpus.length % 2)).map((cpu, index) => {
        const pair = base + Math.floor(index / 2) * 256;
        const [mine, other] = index % 2 === 0 ? [pair, pair + 64] : [pair + 64, pair];
        return { cpu, name: "completionStress", args: [mine, other, pair + 128, index % 2, rounds] };
      }),
    );
  });

  const publishedBytes = 64;
  const perCpu = 8;

  /** One object is published to begin with, and each task has its own besides. */
  function publishing(name: string, rounds: number, napEvery: number, hows: readonly number[]): TaskCall[] {
    const first = data + 64;
    rig.words[data / 4] = first;
    return cpus.map((cpu, task) => {
      const objects = first + publishedBytes * (1 + task * perCpu);
      for (let index = 0; index < perCpu; index++) rig.words[(objects + index * publishedBytes + 20) / 4] = 1;
      return { cpu, name, args: [lock, data, objects, rounds, 3, napEvery, hows[task % hows.length] as number] };
    });
  }

  test.each([
    { name: "callbacks", hows: [0] },
    { name: "normal", hows: [1] },
    { name: "expedited", hows: [2] },
    { name: "all kinds", hows: [0, 1, 2] },
  ])("SRCU, $name", ({ hows }) => {
    runSeeds(() => publishing("srcuStress", 12, 4, hows));
  });

  test.each([
    { name: "callbacks", hows: [0] },
    { name: "synchronised", hows: [1] },
    { name: "both", hows: [0, 1] },
  ])("RCU, $name", ({ hows }) => {
    runSeeds(() => publishing("rcuStress", 20, 6, hows));
  });
});
