// The primitives of `src/kernel/sync` under real threads: bounded in operations, and what they promise is checked.

import { beforeAll, describe, expect, test } from "vitest";
import { base, type Call, compileLoops, runThreads, type SyncMemory, syncMemory } from "./sync-rig.ts";

let module: WebAssembly.Module;
const lock = base;
const data = base + 4096;

beforeAll(async () => {
  module = await compileLoops("native");
}, 60_000);

function sameCalls(cpus: number, call: Call): Call[][] {
  return Array.from({ length: cpus }, () => [call]);
}

async function stress(cpus: number, call: Call): Promise<SyncMemory> {
  const rig = syncMemory();
  const results = await runThreads(module, rig, sameCalls(cpus, call));
  expect(results).toEqual(new Array(cpus).fill([0]));
  return rig;
}

describe.each([2, 4])("%i CPUs", (cpus) => {
  test.each([
    { name: "many readers", rounds: 200_000, writeEvery: 100, napEvery: 20_000 },
    { name: "many writers", rounds: 100_000, writeEvery: 2, napEvery: 20_000 },
    { name: "holders that sleep", rounds: 2000, writeEvery: 5, napEvery: 10 },
  ])("a rwsem keeps its writers' invariant: $name", async ({ rounds, writeEvery, napEvery }) => {
    const args = [lock, data, Math.floor((2 * rounds) / cpus), writeEvery, napEvery];
    const { words } = await stress(cpus, { name: "rwsemStress", args });
    const writes = words[(data + 128) / 4] as number;
    expect(writes).toBeGreaterThan(0);
    expect([words[data / 4], words[(data + 64) / 4]]).toEqual([writes, writes]);
    // Free, nobody on the wait list or in the queue of spinners.
    expect(words[lock / 4]).toBe(0);
    expect(Array.from(words.subarray(lock / 4 + 2, lock / 4 + 5))).toEqual([0, 0, 0]);
  });

  test.each([
    { name: "short", rounds: 200_000, napEvery: 1_000_000 },
    { name: "holders that sleep", rounds: 2000, napEvery: 10 },
  ])("a mutex lets nobody lose an increment: $name", async ({ rounds, napEvery }) => {
    const each = Math.floor((2 * rounds) / cpus);
    const { words } = await stress(cpus, { name: "mutexStress", args: [lock, data, each, napEvery] });
    expect(words[data / 4]).toBe(cpus * each);
    expect(Array.from(words.subarray(lock / 4, lock / 4 + 5))).toEqual([0, 0, 0, 0, 0]);
  });

  test("exactly one CPU gives back the last reference, and nobody gets one afterwards", async () => {
    const rounds = 50_000;
    const rig = syncMemory();
    for (let index = 0; index < rounds; index++) rig.words[(data + index * 64) / 4] = cpus;
    const results = await runThreads(module, rig, sameCalls(cpus, { name: "refcountStress", args: [data, rounds] }));
    expect(results).toEqual(new Array(cpus).fill([0]));
    for (let index = 0; index < rounds; index++) {
      const object = (data + index * 64) / 4;
      if (rig.words[object] !== 0 || rig.words[object + 1] !== 1) {
        expect([rig.words[object], rig.words[object + 1]]).toEqual([0, 1]);
      }
    }
  });

  test("pairs of CPUs pass the turn by completions", async () => {
    const rounds = 5000;
    const rig = syncMemory();
    const calls = Array.from({ length: cpus }, (_, cpu): Call[] => {
      const pair = base + Math.floor(cpu / 2) * 256;
      const [mine, other] = cpu % 2 === 0 ? [pair, pair + 64] : [pair + 64, pair];
      return [{ name: "completionStress", args: [mine, other, pair + 128, cpu % 2, rounds] }];
    });
    expect(await runThreads(module, rig, calls)).toEqual(new Array(cpus).fill([0]));
    for (let pair = 0; pair < cpus / 2; pair++) expect(rig.words[(base + pair * 256 + 128) / 4]).toBe(2 * rounds);
  });

  const perCpu = 8;
  const publishedBytes = 64;

  /** Every CPU has its objects, and one more is published to begin with. */
  async function publish(
    name: string,
    rounds: number,
    updateEvery: number,
    napEvery: number,
    hows: readonly number[],
  ): Promise<void> {
    const rig = syncMemory();
    const pointer = data;
    const first = data + 64;
    rig.words[pointer / 4] = first;
    const calls = Array.from({ length: cpus }, (_, cpu): Call[] => {
      const objects = first + publishedBytes * (1 + cpu * perCpu);
      const how = hows[cpu % hows.length] as number;
      return [
        { name: "preparePublished", args: [objects] },
        { name, args: [lock, pointer, objects, Math.floor((2 * rounds) / cpus), updateEvery, napEvery, how] },
      ];
    });
    const results = await runThreads(module, rig, calls);
    expect(results.map(([, broken]) => broken)).toEqual(new Array(cpus).fill(0));
    // All that was retired was given back: everything but the one object that is published is free.
    const published = rig.words[pointer / 4] as number;
    expect(published).not.toBe(first);
    const isFree = Array.from({ length: 1 + cpus * perCpu }, (_, index) => {
      const object = first + index * publishedBytes;
      return object === published || rig.words[(object + 20) / 4] === 1;
    });
    expect(isFree).not.toContain(false);
  }

  test.each([
    { name: "callbacks", rounds: 200_000, updateEvery: 50, hows: [0] },
    { name: "normal", rounds: 50_000, updateEvery: 500, hows: [1] },
    { name: "expedited", rounds: 100_000, updateEvery: 20, hows: [2] },
    { name: "all kinds", rounds: 50_000, updateEvery: 300, hows: [0, 2, 1] },
  ])("SRCU keeps an object until its readers are gone: $name", async ({ rounds, updateEvery, hows }) => {
    await publish("srcuStress", rounds, updateEvery, 5000, hows);
  });

  test.each([
    { name: "callbacks", rounds: 400_000, updateEvery: 50, hows: [0] },
    { name: "synchronised", rounds: 100_000, updateEvery: 1000, hows: [1] },
    { name: "both", rounds: 100_000, updateEvery: 500, hows: [0, 1] },
  ])("RCU keeps an object until its readers are gone: $name", async ({ rounds, updateEvery, hows }) => {
    await publish("rcuStress", rounds, updateEvery, 5000, hows);
  });
});

test("a thread that dies fails the run and stops the others", async () => {
  const rig = syncMemory();
  const dies: Call = { name: "mutexLock", args: [-4] };
  const waits: Call = { name: "waitForCompletion", args: [base] };
  await expect(runThreads(module, rig, [[dies], [waits]])).rejects.toThrow(/out of bounds/);
});
