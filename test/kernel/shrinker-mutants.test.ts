// Variants with one ingredient left out are found out by the races of `shrinker-race.test.ts`: each of what Linux does in
// these places is needed, and the races would see it if it were missing.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { counterCallbacksAfterFree } from "../../src/kernel/shrinker/counters.ts";
import { packageRoot } from "../../src/package-root.ts";
import type { Race } from "./shrinker-race.ts";
import { perform, total } from "./shrinker-rig.ts";
import {
  add,
  create,
  lostLists,
  makeRace,
  mount,
  pass,
  raceGrow,
  raceRefill,
  root,
  unmount,
} from "./shrinker-scenarios.ts";

const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-shrinker-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A variant's file with one text replaced, and files that it imports likewise. Returns the variant's path. */
function mutant(name: string, files: Readonly<Record<string, readonly (readonly [string, string])[]>>): string {
  const names = Object.keys(files);
  for (const [index, file] of names.entries()) {
    let text = readFileSync(path.join(packageRoot, "src", "kernel", "shrinker", `${file}.ts`), "utf8");
    for (const [from, to] of files[file]!) {
      expect(text, `${file}.ts has '${from}'`).toContain(from);
      text = text.replace(from, to);
    }
    for (const other of names.slice(1)) text = text.replaceAll(`"./${other}"`, `"./${name}-${other}"`);
    writeFileSync(path.join(folder, index === 0 ? `${name}.ts` : `${name}-${file}.ts`), text);
  }
  return path.join(folder, `${name}.ts`);
}

/** The first seed for which a race comes out wrong, or ends in a trap or with everybody waiting. */
async function findSeed(
  file: string,
  seeds: number,
  isWrong: (race: Race, seed: number) => boolean,
): Promise<number | undefined> {
  const race = await makeRace(path.basename(file, ".ts"), file);
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      if (isWrong(race, seed)) return seed;
    } catch {
      return seed;
    }
  }
  return undefined;
}

describe("the races find", () => {
  test("a map that is copied without setting all bits", async () => {
    const file = mutant("copied-map", {
      rwsem: [],
      "info-block": [
        ["storeRelaxed64(map + offset, u64.MAX_VALUE)", "storeRelaxed64(map + offset, load64(mapOf(old) + offset))"],
      ],
    });
    const found = await findSeed(file, 120, (race, seed) => {
      raceGrow(race, seed);
      return lostLists(race, 66).length > 0;
    });
    expect(found).toBeDefined();
  });

  test("a bit that is cleared without a second look", async () => {
    const file = mutant("one-look", {
      rwsem: [
        [
          "freed += shrinkMarked(shrinker, memcg, node, priority, map, id, deferredInBlock);",
          `const result = doShrinkSlab(shrinker, memcg, node, priority, deferredInBlock);
    if (result === shrinkEmpty) clearStale(map, id);
    else freed += result;`,
        ],
        ["  shrinkMarked,\n", ""],
      ],
    });
    const found = await findSeed(file, 120, (race, seed) => {
      raceRefill(race, seed);
      return lostLists(race, 2).length > 0;
    });
    expect(found).toBeDefined();
  });

  test.each([
    ["an SRCU unregistration without its grace period", "srcu", "  synchronizeSrcu(shrinkerSrcu());\n", ""],
    ["a reference that nobody waits for", "refcount-rcu", "  waitForCompletion(doneOf(shrinker));\n", ""],
    [
      "an unregistration that does not take the lock",
      "rwsem",
      "export function unregister(shrinker: usize): void {\n  writeLock(sem());",
      "export function unregister(shrinker: usize): void {",
    ],
  ])("%s", async (what, variant, from, to) => {
    const replaced: [string, string][] = [[from, to]];
    if (variant === "rwsem")
      replaced.push(["  giveId(idOf(shrinker));\n  writeUnlock(sem());", "  giveId(idOf(shrinker));"]);
    if (variant === "srcu") replaced.push(["  synchronizeSrcu,\n", ""]);
    if (variant === "refcount-rcu") replaced.push([", waitForCompletion }", " }"]);
    const file = mutant(what.replaceAll(" ", "-").toLowerCase(), { [variant]: replaced });
    const isWrong = (race: Race, seed: number): boolean => {
      race.reset();
      perform(race.rig, 0, root, create(1), mount(0, 50_000), add(0, 1, 400));
      race.run(seed, [[unmount(0), mount(1), mount(2)], [pass(1), pass(1)], [pass(0)]]);
      return total(race.rig, counterCallbacksAfterFree) > 0;
    };
    expect(await findSeed(file, 25, isWrong)).toBeDefined();
    expect(await findSeed(mutant(`unchanged-${variant}`, { [variant]: [] }), 25, isWrong)).toBeUndefined();
  });
});
