// Programs for CPUs that run at the same time, and what must not be true after them.

import { Race } from "./shrinker-race.ts";
import { compileShrinker, perform, type ShrinkerSizes, type ShrinkerStep } from "./shrinker-rig.ts";

export const sizes: ShrinkerSizes = { cpus: 3, cgroups: 4, superblocks: 70, nodes: 1, arenaPages: 512 };
export const root: ShrinkerStep = { kind: "create", cgroup: 0, parent: 0 };
export const pass = (from: number, priority = 0): ShrinkerStep => ({ kind: "pass", root: from, priority, node: 0 });
export const mount = (superblock: number, sleepNs = 0): ShrinkerStep => ({ kind: "mount", superblock, sleepNs });
export const unmount = (superblock: number): ShrinkerStep => ({ kind: "unmount", superblock });
export const add = (superblock: number, cgroup: number, objects = 2, freeable = objects): ShrinkerStep => ({
  kind: "add",
  superblock,
  cgroup,
  objects,
  freeable,
});
export const create = (cgroup: number, parent = 0): ShrinkerStep => ({ kind: "create", cgroup, parent });
export const offline = (cgroup: number): ShrinkerStep => ({ kind: "offline", cgroup });
export const repeat = (count: number, steps: readonly ShrinkerStep[]): ShrinkerStep[] =>
  Array.from({ length: count }, () => steps).flat();

export async function makeRace(variant: string, variantFile?: string): Promise<Race> {
  const options = { fibers: true, ...(variantFile === undefined ? {} : { variantFile }) };
  return new Race((await compileShrinker(variant, "traced", options)).wasm, sizes);
}

/** Objects of cgroups other than the root whose bit is not set: nobody would ever find them. */
export function lostLists({ rig }: Race, superblocks: number): string[] {
  const lost: string[] = [];
  const [exports] = rig.exports;
  for (let superblock = 0; superblock < superblocks; superblock++) {
    for (let cgroup = 1; cgroup < sizes.cgroups; cgroup++) {
      if (exports!.lruObjects(superblock, cgroup, 0) === 0) continue;
      if (exports!.isBitSet(cgroup, 0, exports!.shrinkerId(superblock)) === 0) lost.push(`${superblock}/${cgroup}`);
    }
  }
  return lost;
}

/** Shrinkers register and unregister on one CPU while the two others walk, from the root and from a cgroup. */
export const comeAndGo = [
  repeat(4, [mount(1), add(1, 1), mount(2), add(2, 1), unmount(1), add(2, 2), unmount(2)]),
  repeat(6, [pass(1)]),
  repeat(3, [pass(0)]),
];

export function raceComeAndGo(race: Race, seed: number): void {
  race.reset();
  perform(race.rig, 0, root, create(1), create(2), mount(0, 200), add(0, 1, 400));
  race.run(seed, comeAndGo);
}

/** The maps outgrow 64 ids on one CPU while lists get their first objects on another and a third walks. */
export const grow = [
  [mount(64), mount(65)],
  [add(0, 1), add(1, 2), add(2, 1), add(3, 3), add(4, 2)],
  [pass(2), pass(1), pass(3)],
];

export function raceGrow(race: Race, seed: number): void {
  race.reset();
  const mounts = Array.from({ length: 64 }, (_, superblock) => mount(superblock));
  perform(race.rig, 0, root, create(1), create(2), create(3), ...mounts);
  race.run(seed, grow);
}

/** Lists that become empty and get objects again, over and over, while two walk. */
export const refill = [
  repeat(8, [add(0, 1, 1), add(1, 1, 1), add(0, 2, 1)]),
  repeat(10, [pass(1), pass(2)]),
  repeat(10, [pass(2), pass(1)]),
];

export function raceRefill(race: Race, seed: number): void {
  race.reset();
  perform(race.rig, 0, root, create(1), create(2), mount(0), mount(1));
  race.run(seed, refill);
}
