// A shrinker's variant on real threads, driven by hand: what each CPU does in a round is given step by step.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { readHistogram, startProblem } from "../../src/build/problem.ts";
import {
  eventSize,
  flagMeasured,
  kindBogoOp,
  kindCgroupCreate,
  kindCgroupOffline,
  kindCompute,
  kindLruAdd,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
} from "../../src/kernel/events.ts";
import {
  counterCallbacks,
  counterCallbacksAfterFree,
  counterRegistered,
  counterUnregistered,
  counterVisits,
} from "../../src/kernel/shrinker/counters.ts";
import { type CpuResult, Crew } from "../../src/native/crew.ts";
import { nativeMachine } from "../../src/native/session.ts";
import { packageRoot } from "../../src/package-root.ts";
import { shrinker } from "../../src/problems/shrinker.ts";
import { EventWriter } from "../../src/workloads/event-writer.ts";
import { compileShrinker, type ShrinkerStep, type ShrinkerTestExports } from "../kernel/shrinker-rig.ts";

/** What a CPU does. */
export type Step = ShrinkerStep | { readonly kind: "compute"; readonly ns: number };

export const compute = (ns: number): Step => ({ kind: "compute", ns });

export interface Sizes {
  readonly cpus: number;
  readonly cgroups: number;
  readonly superblocks: number;
  /** @default 1 */
  readonly nodes?: number;
}

export interface ThreadsOptions {
  /** A variant outside the project. */
  readonly variantFile?: string;
  readonly patienceMs?: number;
}

/** Rounds after which callbacks that have not run are taken for lost. */
const settlingRoundsMax = 200;

export class Threads {
  readonly sizes: Required<Sizes>;
  readonly crew: Crew<ShrinkerTestExports>;
  /** An instance per CPU in this thread, to read what the CPU counted. */
  readonly readers: readonly ShrinkerTestExports[];

  private constructor(crew: Crew<ShrinkerTestExports>, sizes: Required<Sizes>) {
    this.crew = crew;
    this.sizes = sizes;
    const { running } = crew;
    this.readers = Array.from({ length: crew.cpus }, (_, cpu) => {
      const imports = { ...running.importsOf(cpu), ...hostMachine } as WebAssembly.Imports;
      return new WebAssembly.Instance(running.module, imports).exports as unknown as ShrinkerTestExports;
    });
  }

  static async start(
    variant: string,
    given: Sizes,
    { variantFile, patienceMs }: ThreadsOptions = {},
  ): Promise<Threads> {
    const sizes = { nodes: 1, ...given };
    const compiled = await compileShrinker(variant, "native", variantFile === undefined ? {} : { variantFile });
    const limits = {
      events: 0,
      caches: 0,
      objects: 0,
      cgroups: sizes.cgroups,
      superblocks: sizes.superblocks,
      tasks: sizes.cpus,
      liveBytesMax: 0,
      slabBytesMax: 0,
    };
    const sized = { limits, parameters: { nodes: sizes.nodes } };
    const running = startProblem<ShrinkerTestExports>(shrinker, compiled, sized, { cpus: sizes.cpus }, hostMachine);
    const signal = new AbortController().signal;
    const options = { name: variant, signal, ...(patienceMs === undefined ? {} : { patienceMs }) };
    return new Threads(await Crew.start(running, options), sizes);
  }

  get exports(): ShrinkerTestExports {
    return this.crew.running.exports;
  }

  /**
   * Has every CPU perform its steps, as measured events; all begin together.
   *
   * @param segments by CPU, indices at which its steps are cut into parts that are timed apart
   * @param untilNs repeats the steps for so long; null: once
   */
  async round(
    parts: readonly (readonly Step[])[],
    segments: readonly (readonly number[])[] = [],
    untilNs: number | null = null,
  ): Promise<CpuResult[]> {
    const work = Array.from({ length: this.sizes.cpus }, (_, cpu) => {
      const steps = parts[cpu] ?? [];
      const cuts = [0, ...(segments[cpu] ?? []), steps.length];
      return { events: encode(steps), segments: cuts.slice(1).flatMap((end, index) => [cuts[index]!, end]) };
    });
    const results = await this.crew.round(work, { untilNs });
    expect(results.map(({ status }) => status)).toEqual(results.map(() => 0));
    return results;
  }

  /** Performs steps on one CPU while the others do nothing. */
  async alone(cpu: number, ...steps: readonly Step[]): Promise<void> {
    await this.round(Array.from({ length: cpu + 1 }, (_, index) => (index === cpu ? steps : [])));
  }

  counter(cpu: number, index: number): number {
    return this.readers[cpu]!.counter(index);
  }

  /** A counter of all CPUs. */
  total(index: number): number {
    return this.readers.reduce((sum, reader) => sum + reader.counter(index), 0);
  }

  /** The longest duration that a CPU recorded, in ns. */
  maximumOf(cpu: number, histogram: number): number {
    return readHistogram([this.readers[cpu]!], this.crew.running.memory, histogram).max ?? 0;
  }

  /** How much a counter of all CPUs grows meanwhile. */
  async growthOf(index: number, action: () => Promise<unknown>): Promise<number> {
    const before = this.total(index);
    await action();
    return this.total(index) - before;
  }

  /** Has the CPUs go through event boundaries until all deferred frees are done, as the allocator's bytes show. */
  async settle(bytes: number): Promise<number> {
    const idleSteps = Array.from({ length: 8 }, () => compute(100_000));
    for (let round = 0; round < settlingRoundsMax && this.exports.allocatedBytes() !== bytes; round++) {
      await this.round(Array.from({ length: this.sizes.cpus }, () => idleSteps));
    }
    return this.exports.allocatedBytes();
  }

  /** Has the CPUs go through so many event boundaries that what is deferred is most likely done. */
  async settleSome(): Promise<void> {
    const idleSteps = Array.from({ length: 40 }, () => compute(100_000));
    await this.round(Array.from({ length: this.sizes.cpus }, () => idleSteps));
  }

  /** What holds after anything at all, when `mounted` superblocks are. Exact, because everybody is idle. */
  expectConsistent(mounted: readonly number[]): void {
    const { exports, sizes } = this;
    for (let cpu = 0; cpu < sizes.cpus; cpu++) {
      expect(this.counter(cpu, counterCallbacksAfterFree), `callbacks after free on CPU ${cpu}`).toBe(0);
    }
    expect(this.total(counterRegistered) - this.total(counterUnregistered)).toBe(mounted.length);
    const ids = mounted.map((superblock) => exports.shrinkerId(superblock));
    expect(new Set(ids).size).toBe(mounted.length);
    expect(Math.max(-1, ...ids)).toBeLessThan(exports.capacity());
    expect(exports.capacity() % 64).toBe(0);
  }

  /** Lists of cgroups other than the root that hold objects. */
  filledLists(mounted: readonly number[]): { superblock: number; cgroup: number; node: number }[] {
    const found: { superblock: number; cgroup: number; node: number }[] = [];
    for (const superblock of mounted) {
      const node = superblock % this.sizes.nodes;
      for (let cgroup = 1; cgroup < this.sizes.cgroups; cgroup++) {
        if (this.exports.lruObjects(superblock, cgroup, node) > 0) found.push({ superblock, cgroup, node });
      }
    }
    return found;
  }

  /** Lists that hold objects and whose bit is not set, so that no walk would find them. As texts. */
  lostLists(mounted: readonly number[]): string[] {
    const { exports } = this;
    return this.filledLists(mounted)
      .filter(({ superblock, cgroup, node }) => exports.isBitSet(cgroup, node, exports.shrinkerId(superblock)) === 0)
      .map(({ superblock, cgroup }) => `superblock ${superblock}, cgroup ${cgroup}`);
  }

  /**
   * Walks over everything twice, with nobody else about and at a priority that frees nothing: first what is stale is
   * cleared, then every list with objects must be visited once per walk, and every shrinker once for the root.
   *
   * @param lost lists that no walk finds
   */
  async expectAllVisited(mounted: readonly number[], lost = 0): Promise<void> {
    const { nodes } = this.sizes;
    const walk: Step[] = Array.from({ length: nodes }, (_, node) => ({ kind: "pass", root: 0, priority: 12, node }));
    await this.alone(0, ...walk);
    const expected = this.filledLists(mounted).length - lost + mounted.length * nodes;
    const callbacks = await this.growthOf(counterCallbacks, () => this.alone(0, ...walk));
    expect(callbacks).toBe(expected);
    const visits = await this.growthOf(counterVisits, () => this.alone(0, ...walk));
    expect(visits).toBeGreaterThan(0);
  }

  async close(): Promise<void> {
    await this.crew.close();
  }
}

const hostMachine = nativeMachine(() => Number(process.hrtime.bigint()));

function encode(steps: readonly Step[]): Uint8Array {
  const writer = new EventWriter();
  writer.flags = flagMeasured;
  expect(steps.length).toBeLessThanOrEqual(writer.room);
  for (const step of steps) {
    if (step.kind === "create") writer.add(kindCgroupCreate, 0, step.cgroup, step.parent, 0);
    else if (step.kind === "offline") writer.add(kindCgroupOffline, 0, step.cgroup, 0, 0);
    else if (step.kind === "mount") writer.add(kindSuperblockMount, step.superblock, 0, 0, step.sleepNs ?? 0);
    else if (step.kind === "unmount") writer.add(kindSuperblockUnmount, step.superblock, 0, 0, 0);
    else if (step.kind === "add") writer.add(kindLruAdd, step.superblock, step.cgroup, step.objects, step.freeable);
    else if (step.kind === "pass") writer.add(kindReclaimPass, 0, step.root, step.priority, step.node);
    else if (step.kind === "compute") writer.add(kindCompute, 0, 0, step.ns, 0);
    else writer.add(kindBogoOp, 0, 0, 0, 0);
  }
  const [bytes] = [...writer.flush()];
  expect((bytes?.byteLength ?? 0) / eventSize).toBe(steps.length);
  return bytes ?? new Uint8Array(0);
}

/** A variant's file with texts replaced, in a folder. Returns the new file's path. */
export function mutant(
  folder: string,
  name: string,
  variant: string,
  replacements: readonly (readonly [string, string])[],
): string {
  let text = readFileSync(path.join(packageRoot, "src", "kernel", "shrinker", `${variant}.ts`), "utf8");
  for (const [from, to] of replacements) {
    expect(text, `${variant}.ts has '${from}'`).toContain(from);
    text = text.replace(from, to);
  }
  const file = path.join(folder, `${name}.ts`);
  writeFileSync(file, text);
  return file;
}
