import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { compileModule, compileSimulatorCore } from "../../src/build/compile.ts";
import { StoppedError } from "../../src/errors.ts";
import { packageRoot } from "../../src/package-root.ts";
import { performJob, type SimulationJob } from "../../src/simulator/job.ts";
import { type PooledJob, SimulationPool } from "../../src/simulator/pool.ts";
import { loadProfile } from "../../src/simulator/profile.ts";

/** A case that takes a moment. */
let job: SimulationJob;

beforeAll(async () => {
  const variant = { id: "refcount-rcu", isFloor: false, skipWhenEmpty: false };
  job = {
    problem: "shrinker",
    variant,
    core: (await compileSimulatorCore()).wasm,
    compiled: await compileModule({
      problem: "shrinker",
      variant: variant.id,
      machine: "simulated",
      constants: { LAB_HZ: 1000 },
    }),
    workload: { name: "container-start", parameters: { cgroups: 10, mounters: 1, reclaimers: 1 }, seed: 1 },
    profile: loadProfile("xeon-24-1s"),
    cpus: 2,
    virtualMs: 1,
    isByCpu: false,
  };
});

const pools: SimulationPool[] = [];

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

function newPool(workers: number, bytesMax: number, signal = new AbortController().signal): SimulationPool {
  const pool = new SimulationPool({ workers, bytesMax, signal });
  pools.push(pool);
  return pool;
}

/** Jobs of some sizes, and the sizes of those that began, in the order in which they did. */
function sized(sizes: readonly number[]): { readonly jobs: readonly PooledJob[]; readonly began: readonly number[] } {
  const began: number[] = [];
  const jobs = sizes.map((bytes) => {
    const isWanted = (): boolean => {
      began.push(bytes);
      return true;
    };
    return { job, bytes, isWanted };
  });
  return { jobs, began };
}

describe("jobs of a pool begin", () => {
  test.each([
    ["as many as there are threads", 2, 100, [1, 2, 3], 2],
    ["as many as there are threads, be it one", 1, 100, [1, 2, 3], 1],
    ["as many as fit into memory together", 3, 10, [4, 5, 6, 1], 2],
    ["one by itself when it takes more than there is", 3, 10, [50, 1], 1],
    ["in their order: a small one waits behind a large one", 3, 10, [4, 8, 1], 1],
  ] as const)("%s", async (_, workers, bytesMax, sizes, atOnce) => {
    const pool = newPool(workers, bytesMax);
    const { jobs, began } = sized(sizes);
    const running = jobs.map((one) => pool.run(one));
    expect(began).toEqual(sizes.slice(0, atOnce));
    const outcomes = await Promise.all(running.map(({ outcome }) => outcome));
    expect(began).toEqual(sizes);
    expect(outcomes.map((outcome) => outcome?.kind)).toEqual(sizes.map(() => "done"));
    expect(running.map(({ share }) => share())).toEqual(sizes.map(() => 1));
  });
});

test("a job that nobody wants any more when its turn comes is left out", async () => {
  const pool = newPool(1, 100);
  let isWanted = true;
  const first = pool.run({ job, bytes: 1, isWanted: () => true });
  const second = pool.run({ job, bytes: 1, isWanted: () => isWanted });
  isWanted = false;
  expect([(await first.outcome)?.kind, await second.outcome]).toEqual(["done", null]);
});

test("bad input and failures of the harness end one job each, and the others go on", async () => {
  const pool = newPool(2, 100);
  const noCgroups = { name: "container-start", parameters: { cgroups: 0 }, seed: 1 };
  const { "quarantine-bytes": _, ...bare } = { "quarantine-bytes": 0, cgroups: 10 };
  const jobs: readonly SimulationJob[] = [
    { ...job, workload: noCgroups },
    { ...job, problem: "quarantine", workload: { name: "container-start", parameters: bare, seed: 1 } },
    { ...job, core: new Uint8Array([0, 1, 2, 3]) },
    job,
  ];
  const running = jobs.map((one) => pool.run({ job: one, bytes: 1, isWanted: () => true }).outcome);
  expect(await running[0]).toEqual({ kind: "bad input", message: "parameter 'cgroups': must be at least 1, got 0" });
  await expect(running[1]).rejects.toThrow("workload 'container-start' has no quarantine-bytes");
  await expect(running[2]).rejects.toThrow("variant 'refcount-rcu': on 2 CPUs of xeon-24-1s: ");
  expect((await running[3])?.kind).toBe("done");
});

test("a stop ends the jobs that run and those that wait, and none begins afterwards", async () => {
  const controller = new AbortController();
  const pool = newPool(1, 100, controller.signal);
  const { jobs, began } = sized([1, 2, 3]);
  const running = jobs.slice(0, 2).map((one) => pool.run(one).outcome);
  controller.abort();
  const late = pool.run(jobs[2]!).outcome;
  for (const outcome of [...running, late]) await expect(outcome).rejects.toThrow(StoppedError);
  expect(began).toEqual([1]);
});

describe("a variant that hangs without virtual time passing for anybody else", { timeout: 120_000 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "reclaim-bench-hung-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The job with a loop at the head of `unregister`. */
  async function hanging(name: string, loop: string): Promise<SimulationJob> {
    const text = readFileSync(path.join(packageRoot, "src", "kernel", "shrinker", "refcount-rcu.ts"), "utf8");
    const head = "export function unregister(shrinker: usize): void {\n";
    expect(text).toContain(head);
    const variantFile = path.join(folder, `${name}.ts`);
    const imports = 'import { load32 as look, taskStack as own } from "../machine/impl";\n';
    writeFileSync(variantFile, `${imports}${text.replace(head, `${head}${loop}\n`)}`);
    const source = { problem: "shrinker", variant: name, variantFile, machine: "simulated", entry: "harness" } as const;
    return {
      ...job,
      variant: { ...job.variant, id: name },
      compiled: await compileModule({ ...source, constants: { LAB_HZ: 1000 } }),
    };
  }

  test.each([
    ["in a loop without any access", "no-access", "  while (true) {}", 2],
    ["in a loop that touches its own lines only", "own-lines", "  while (look(own()) + 1 !== 0) {}", 1],
  ])("%s is void, and the others go on", async (_, name, loop, cpus) => {
    const pool = new SimulationPool({
      workers: 1,
      bytesMax: 100,
      signal: new AbortController().signal,
      patienceMs: 4000,
    });
    pools.push(pool);
    const jobs = [{ ...(await hanging(name, loop)), cpus }, job];
    const [first, second] = jobs.map((one) => pool.run({ job: one, bytes: 1, isWanted: () => true }).outcome);
    expect(await first).toEqual({
      kind: "violation",
      message: `variant '${name}': on ${cpus} ${cpus === 1 ? "CPU" : "CPUs"} of xeon-24-1s: hung: nobody got on for 4 s of the host's time`,
    });
    expect((await second)?.kind).toBe("done");
  });
});

test.each([1, 2])("on %i virtual CPUs a case is heard of at every event and every cgroup of a walk", async (cpus) => {
  let heard = 0;
  const outcome = await performJob(
    { ...job, cpus, virtualMs: 20 },
    () => {},
    () => {
      heard++;
    },
  );
  if (outcome.kind !== "done") throw new Error(outcome.message);
  const visits = outcome.samples.find(({ metric }) => metric === "virtual-visits")!.value;
  expect(visits).toBeGreaterThan(100);
  expect(heard).toBeGreaterThan(visits);
});

test("who waits for a job of a pool that is closed hears of it", async () => {
  const pool = newPool(1, 100);
  const { jobs } = sized([1, 2]);
  const running = jobs.map((one) => pool.run(one).outcome);
  const heard = Promise.allSettled(running);
  await pool.close();
  expect((await heard).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
