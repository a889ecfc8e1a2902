// Shrinkers come and go, maps grow and objects arrive while others walk, in random orders of accesses with fixed seeds
// (`shrinker-race.ts`). That the races find what they are for is shown in `shrinker-mutants.test.ts`.

import { describe, expect, test } from "vitest";
import {
  counterBitsCleared,
  counterCallbacks,
  counterCallbacksAfterFree,
  counterContendedBreaks,
  counterGenerationBreaks,
  counterGetFailed,
  counterRegistered,
  counterTrylockFailed,
  counterUnregistered,
} from "../../src/kernel/shrinker/counters.ts";
import { perform, shrinkerVariants, total } from "./shrinker-rig.ts";
import {
  add,
  create,
  lostLists,
  makeRace,
  mount,
  offline,
  pass,
  raceComeAndGo,
  raceGrow,
  raceRefill,
  repeat,
  root,
  unmount,
} from "./shrinker-scenarios.ts";

describe.each(shrinkerVariants)("%s", (variant) => {
  test("no callback runs after unregister has returned, and every byte comes back", async () => {
    const race = await makeRace(variant);
    for (let seed = 1; seed <= 60; seed++) {
      raceComeAndGo(race, seed);
      const { rig } = race;
      expect(total(rig, counterCallbacksAfterFree), `seed ${seed}`).toBe(0);
      perform(rig, 0, unmount(0), offline(1), offline(2));
      for (const exports of rig.exports) exports.drain();
      const left = rig.exports[0]!.allocatedBytes();
      expect(left, `seed ${seed}`).toBe(rig.exports[0]!.infoBytes());
      expect(total(rig, counterUnregistered)).toBe(total(rig, counterRegistered));
    }
    // The walks have met what is special to the variant.
    const { rig } = race;
    const met = [counterTrylockFailed, counterContendedBreaks, counterGenerationBreaks, counterGetFailed];
    expect(met.some((counter) => total(rig, counter) > 0)).toBe(true);
    expect(total(rig, counterCallbacks)).toBeGreaterThan(0);
  });

  test("an expansion loses no bit that is set meanwhile (t6)", async () => {
    const race = await makeRace(variant);
    for (let seed = 1; seed <= 100; seed++) {
      raceGrow(race, seed);
      expect(race.rig.exports[0]!.capacity()).toBe(128);
      expect(lostLists(race, 66), `seed ${seed}`).toEqual([]);
    }
  });

  test("a bit that is cleared because there is nothing is set again if something came", async () => {
    const race = await makeRace(variant);
    for (let seed = 1; seed <= 100; seed++) {
      raceRefill(race, seed);
      expect(lostLists(race, 2), `seed ${seed}`).toEqual([]);
    }
    expect(total(race.rig, counterBitsCleared)).toBeGreaterThan(0);
  });

  test("cgroups go offline while others walk over them, and their objects go to the parent", async () => {
    const race = await makeRace(variant);
    for (let seed = 1; seed <= 60; seed++) {
      race.reset();
      perform(race.rig, 0, root, create(1), create(2, 1), create(3, 1), mount(0), add(0, 2, 300, 0), add(0, 3, 200, 0));
      race.run(seed, [
        [offline(2), create(2, 3), add(0, 2, 5, 0), offline(2), offline(3)],
        repeat(4, [pass(0, 3)]),
        repeat(4, [pass(1, 2)]),
      ]);
      const [exports] = race.rig.exports;
      expect(exports!.lruObjects(0, 1, 0), `seed ${seed}`).toBe(505);
      expect(exports!.isBitSet(1, 0, 0)).toBe(1);
      expect(total(race.rig, counterCallbacksAfterFree)).toBe(0);
    }
  });
});
