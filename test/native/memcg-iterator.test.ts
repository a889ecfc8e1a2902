// The memcg iterator on real threads: walkers that share cursors, are broken off, and cgroups that come and go as fast as
// they can. Nobody visits what was freed, and everything that was removed is freed.

import { expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { measureProblem } from "../../src/native/problem.ts";
import { memcgIterator } from "../../src/problems/memcg-iterator.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import { iteratorVariants } from "../kernel/memcg-iterator-rig.ts";

const rounds = 6;
const workload = createWorkload(
  "iterator-churn",
  {
    cgroups: 40,
    parents: 3,
    walkers: 2,
    churners: 2,
    "direct-reclaimers": 2,
    priorities: 3,
    "slow-cgroups": 2,
    "slow-ns": 20_000,
    "visit-ns": 100,
    "churn-ns": 1000,
    "break-percent": 5,
    rounds,
    "churn-ops": 100,
    passes: 150,
  },
  3,
);

test("no variant visits what was freed, or keeps what was removed", async () => {
  const samples = new Map<string, number[]>();
  const subjects = await Promise.all(
    iteratorVariants.map(async ({ id, variant, constants }) => ({
      id,
      compiled: await compileModule({ problem: "memcg-iterator", variant, machine: "native", constants }),
    })),
  );
  const failures = await measureProblem(memcgIterator, {
    subjects,
    workload,
    cpus: 3,
    fixedTime: null,
    isProfiled: false,
    onSample: (id, metric, _round, value) => {
      const key = `${id} ${metric}`;
      samples.set(key, [...(samples.get(key) ?? []), value]);
    },
    onDistribution: () => {},
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  expect([...failures].map(([id, error]) => `${id}: ${error.message}`)).toEqual([]);
  const sum = (id: string, metric: string): number =>
    (samples.get(`${id} ${metric}`) ?? []).reduce((total, value) => total + value, 0);
  for (const { id } of iteratorVariants) {
    expect(sum(id, "destroys"), id).toBe(rounds * 2 * 100);
    expect(sum(id, "passes"), id).toBe(rounds * 4 * 150);
    expect(sum(id, "freed-visits"), id).toBe(0);
    expect(sum(id, "visits"), id).toBeGreaterThan(rounds * 4 * 150);
    // Cursors of three priorities and four roots may keep one each.
    expect(sum(id, "pinned-cgroups"), id).toBeLessThanOrEqual(id === "pinned-position" ? 12 : 0);
  }
}, 120_000);
