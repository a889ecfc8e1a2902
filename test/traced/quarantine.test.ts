import { expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { countExactly } from "../../src/traced/measure.ts";
import { allocate, createCache, destroyCache, free, lines, scripted } from "../simulator/quarantine-rig.ts";

test.each([
  ["hash-buckets", 0],
  ["batched-async form=scan", 0],
  // Caches wait until their objects are old, and these never get old.
  ["batched-async form=deferred", 2],
])("%s leaves %d caches that were asked to go", async (name, unfinished) => {
  const { variant, constants } = lines[name]!;
  const compiled = await compileModule({ problem: "quarantine", variant, machine: "traced", constants });
  const counted = new Map<string, number>();
  const workload = scripted([
    {
      measured: true,
      events: [
        ...[createCache(0), createCache(1), createCache(2)],
        ...[...allocate(0, 0, 100), ...allocate(1, 100, 100), ...allocate(2, 200, 100)],
        ...[...free(0, 0, 100), ...free(1, 100, 100), ...free(2, 200, 100)],
        ...[destroyCache(0), destroyCache(2)],
      ],
    },
  ]);
  await countExactly(
    { id: name, isFloor: false },
    compiled,
    workload,
    { cpus: 1, quarantineBytes: 4096 * 1024, skipWhenEmpty: false },
    (metric, _round, value) => counted.set(metric, value),
    new AbortController().signal,
  );
  expect(counted.get("unfinished-caches")).toBe(unfinished);
});
