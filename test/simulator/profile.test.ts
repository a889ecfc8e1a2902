import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InputError } from "../../src/errors.ts";
import { packageRoot } from "../../src/package-root.ts";
import {
  type CacheShape,
  checkProfile,
  costNames,
  cpusOf,
  loadProfile,
  type MachineProfile,
  profileNames,
  type Sourced,
  scaleCost,
} from "../../src/simulator/profile.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "profile-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A packaged profile as plain JSON, for a test to spoil. */
// biome-ignore lint/suspicious/noExplicitAny: what a user's file holds
function anyProfile(): any {
  return JSON.parse(readFileSync(path.join(packageRoot, "bench/machines/xeon-24-1s.json"), "utf8"));
}

function load(content: unknown): MachineProfile {
  const file = path.join(folder, "mine.json");
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return loadProfile(file);
}

/** All numbers of a profile, with the place of each. */
function sourcedOf(profile: MachineProfile): [string, Sourced][] {
  const { sockets, clustersPerSocket, coresPerCluster, threadsPerCore, l1, l2, l3, costs } = profile;
  const caches = Object.entries({ l1, l2, l3 } as Record<string, CacheShape>).flatMap(([level, { bytes, ways }]) => [
    [`${level}.bytes`, bytes] as [string, Sourced],
    [`${level}.ways`, ways] as [string, Sourced],
  ]);
  return [
    ...Object.entries({ sockets, clustersPerSocket, coresPerCluster, threadsPerCore }),
    ...caches,
    ...Object.entries(costs),
  ];
}

describe("the packaged profiles", () => {
  test("are these, with so many CPUs", () => {
    expect(Object.fromEntries(profileNames.map((name) => [name, cpusOf(loadProfile(name))]))).toEqual({
      "epyc-7r13-2s": 192,
      "xeon-24-1s": 24,
      "xeon-6252-2s": 96,
      "xeon-8260-2s": 96,
    });
  });

  test.each(profileNames)("%s is called as its file", (name) => {
    expect(loadProfile(name).name).toBe(name);
  });

  test.each(profileNames)("%s says for each number where it comes from", (name) => {
    const numbers = sourcedOf(loadProfile(name));
    expect(numbers).toHaveLength(4 + 6 + costNames.length);
    for (const [place, { source }] of numbers) expect(source.trim().length, place).toBeGreaterThan(10);
  });

  test.each(profileNames)("%s has costs that grow with the distance", (name) => {
    const { costs } = loadProfile(name);
    const rising = (...names: (keyof typeof costs)[]): number[] => names.map((one) => costs[one].value);
    const loads = rising("l1", "l2", "l3", "memoryLocal", "memoryRemote");
    expect(loads).toEqual([...loads].sort((a, b) => a - b));
    expect(new Set(loads.slice(0, 4)).size).toBe(4);
    const transfers = rising("transferSameCluster", "transferSameSocket", "transferCrossSocket");
    expect(transfers).toEqual([...transfers].sort((a, b) => a - b));
    expect(costs.transferSameCluster.value).toBeGreaterThan(costs.l2.value);
    expect(costs.wakeIdle.value).toBeGreaterThan(costs.interrupt.value);
  });

  test.each(profileNames)("%s has caches that grow with the level", (name) => {
    const { l1, l2, l3 } = loadProfile(name);
    expect(l1.bytes.value).toBeLessThan(l2.bytes.value);
    expect(l2.bytes.value).toBeLessThan(l3.bytes.value);
  });

  test.each(profileNames)("%s has one time within a socket where a socket is one cluster", (name) => {
    const { clustersPerSocket, costs, l3 } = loadProfile(name);
    const isSame = costs.transferSameCluster.value === costs.transferSameSocket.value;
    expect(isSame).toBe(clustersPerSocket.value === 1);
    expect(l3.sharedBy).toBe(clustersPerSocket.value === 1 ? "socket" : "cluster");
  });
});

describe("a file", () => {
  test("of the same form is loaded", () => {
    const profile = anyProfile();
    profile.name = "mine";
    profile.costs.l1.value = 7.5;
    expect(load(profile)).toEqual(profile);
  });

  test.each<[string, (profile: ReturnType<typeof anyProfile>) => void, string]>([
    ["a missing cost", (profile) => delete profile.costs.pause, "field 'costs.pause': is missing"],
    ["a missing source", (profile) => delete profile.l1.ways.source, "field 'l1.ways.source': is missing"],
    ["an empty source", (profile) => (profile.costs.l3.source = " "), "field 'costs.l3.source': is empty"],
    ["an unknown cost", (profile) => (profile.costs.l4 = 1), "field 'costs': has the unknown field 'l4'"],
    ["an unknown field", (profile) => (profile.ghz = 3), "the whole file: has the unknown field 'ghz'"],
    ["a bare number", (profile) => (profile.costs.l1 = 4), "field 'costs.l1': must be of type object"],
    ["a text", (profile) => (profile.costs.l1.value = "4"), "field 'costs.l1.value': must be of type number"],
    ["no time", (profile) => (profile.costs.store.value = 0), "field 'costs.store.value': must be at least 0.1 ns"],
    ["an age", (profile) => (profile.costs.store.value = 2e9), "field 'costs.store.value': must be at most"],
    ["a half socket", (profile) => (profile.sockets.value = 1.5), "field 'sockets.value': must be"],
    ["no cores", (profile) => (profile.coresPerCluster.value = 0), "field 'coresPerCluster.value': must be 1 or more"],
    ["too many CPUs", (profile) => (profile.coresPerCluster.value = 200), "the machine has 400 CPUs; at most 256"],
    ["too many clusters", (profile) => (profile.clustersPerSocket.value = 33), "has 33 clusters; at most 32"],
    ["a strange mark", (profile) => (profile.l2.bytes.mark = "guessed"), "must be one of verified, measured,"],
    ["a broken cache", (profile) => (profile.l2.ways.value = 15), "field 'l2.bytes.value': must be a multiple of 64"],
    ["a strange sharer", (profile) => (profile.l3.sharedBy = "core"), "field 'l3.sharedBy': must be one of cluster, s"],
    ["a bad name", (profile) => (profile.name = "a b"), "field 'name': must be 1 to 64 letters"],
    ["no description", (profile) => (profile.description = ""), "field 'description': must be one line of text"],
  ])("with %s is refused by its name and the field's", (_what, spoil, message) => {
    const profile = anyProfile();
    spoil(profile);
    expect(() => load(profile)).toThrow(InputError);
    expect(() => load(profile)).toThrow(`${path.join(folder, "mine.json")}: `);
    expect(() => load(profile)).toThrow(message);
    expect(() => load(profile)).toThrow("docs/machines.md");
  });

  test("that is no JSON is refused", () => {
    expect(() => load("{")).toThrow(InputError);
    expect(() => load("{")).toThrow("mine.json: not JSON: ");
    expect(() => load("[]")).toThrow("mine.json: the whole file: must be of type object");
  });

  test("that does not exist is refused with the names that do", () => {
    expect(() => loadProfile("none")).toThrow(InputError);
    expect(() => loadProfile("none")).toThrow(`neither a file nor one of ${profileNames.join(", ")}`);
  });

  test("that is a folder is refused", () => {
    mkdirSync(path.join(folder, "sub"));
    expect(() => loadProfile(path.join(folder, "sub"))).toThrow(InputError);
    expect(() => loadProfile(path.join(folder, "sub"))).toThrow("cannot be read (EISDIR)");
  });
});

test("a value is checked as a file is", () => {
  expect(checkProfile(anyProfile(), "here").name).toBe("xeon-24-1s");
  expect(() => checkProfile(null, "here")).toThrow("here: the whole file: must be of type object");
});

describe("a scaled cost", () => {
  const profile = loadProfile("xeon-8260-2s");

  test.each([2, 0.5])("is %s times as high, and the only change", (factor) => {
    const scaled = scaleCost(profile, "l3", factor);
    expect(scaled.costs.l3).toEqual({
      value: 17 * factor,
      source: `${factor} times: ${profile.costs.l3.source}`,
      mark: "derived",
    });
    expect(scaled).toEqual({ ...profile, name: scaled.name, costs: { ...profile.costs, l3: scaled.costs.l3 } });
    expect(scaled.name).toBe(`xeon-8260-2s l3*${factor}`);
    expect(profile.costs.l3.value).toBe(17);
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("cannot be scaled by %s", (factor) => {
    expect(() => scaleCost(profile, "l3", factor)).toThrow(RangeError);
  });
});
