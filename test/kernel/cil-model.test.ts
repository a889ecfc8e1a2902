// Random programs of several CPUs, whose events take turns, against a model of each variant.

import { describe, expect, test } from "vitest";
import * as counters from "../../src/kernel/cil/counters.ts";
import * as gauges from "../../src/kernel/cil/gauges.ts";
import { kmallocBytes } from "../../src/problems/cil.ts";
import { Random } from "../../src/workloads/random.ts";
import { CilModel } from "./cil-model.ts";
import { type CilRig, cilRig, cilVariants, completeAll, perform, total } from "./cil-rig.ts";

const cpus = 3;
const items = 9;
const threshold = 9000;
const steps = 400;
const forbidden = [
  counters.counterChangedVectors,
  counters.counterOverruns,
  counters.counterSharedVectors,
  counters.counterWrongPins,
  counters.counterMiscounted,
  counters.counterDisordered,
  counters.counterForbiddenMemory,
  counters.counterDeadlocks,
];
const sizes = [0, 8, 120, 128, 136, 300, 512, 520, 1000, 4096, 20_000];

interface Joined {
  readonly index: number;
  readonly bytes: number;
  readonly isLast: boolean;
}

function sizeAt({ exports: [one] }: CilRig, index: number, part: number): number | null {
  const vector = one!.itemState(index, part);
  return vector === 0 ? null : one!.vectorState(vector, 3);
}

function compare(rig: CilRig, model: CilModel): void {
  const [one] = rig.exports as [(typeof rig.exports)[0]];
  expect([one.contextState(0), one.contextState(1), one.contextState(2)]).toEqual([
    model.sequence,
    model.space,
    model.iovecs,
  ]);
  for (const [index, item] of model.items.entries()) {
    const state = {
      active: sizeAt(rig, index, 0),
      shadow: sizeAt(rig, index, 1),
      pins: one.itemState(index, 2),
      version: one.itemState(index, 3),
      isListed: one.itemState(index, 4) === 1,
    };
    const { active, shadow, pins, version } = item;
    expect(state, `item ${index}`).toEqual({ active, shadow, pins, version, isListed: model.listed.has(index) });
  }
  const counted = [
    [counters.counterRelogged, model.relogged],
    [counters.counterSwitched, model.switched],
    [counters.counterAllocations, model.allocations],
    [counters.counterAllocationsUnderLock, model.allocationsUnderLock],
    [counters.counterItemsDestroyed, model.destroyed],
    [counters.counterPushes, model.pushes],
  ] as const;
  expect(counted.map(([index]) => total(rig, index))).toEqual(counted.map(([, count]) => count));
  const bytes = model.vectors().reduce((sum, size) => sum + kmallocBytes(size), 0);
  expect(one.gauge(gauges.gaugeFootprint)).toBe(bytes);
  for (const index of forbidden) expect(total(rig, index), `counter ${index}`).toBe(0);
}

async function runProgram(variant: string, seed: number): Promise<void> {
  const random = new Random(seed);
  const rig = await cilRig(variant, { cpus, items, pushThreshold: threshold, ioNs: 1000 });
  const model = new CilModel(variant, items, threshold);
  const open: Joined[][] = Array.from({ length: cpus }, () => []);
  for (let step = 0; step < steps; step++) {
    const cpu = random.below(cpus);
    const own = open[cpu]!;
    const choice = random.below(100);
    if (choice < 60) {
      const index = random.below(items);
      const isFree = open.every((joined) => joined.every((one) => one.index !== index));
      const bytes = sizes[random.below(sizes.length)]!;
      const isLast = random.below(10) === 0;
      if (!isFree) continue;
      own.push({ index, bytes, isLast });
      model.join(index);
      perform(rig, cpu, { kind: "item", item: index, bytes, isLast });
    } else if (choice < 88) {
      model.commit(own.splice(0));
      perform(rig, cpu, { kind: "commit" });
    } else if (choice < 94) {
      model.push();
      perform(rig, cpu, { kind: "push" });
    } else {
      // An item of an open transaction may lose its last pin, but is not destroyed below it.
      model.complete();
      rig.clock.nowNs += 1000;
      completeAll(rig);
    }
    compare(rig, model);
  }
}

describe.each(cilVariants)("%s", (variant) => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])("does what its model does in a random program (seed %i)", async (seed) => {
    await runProgram(variant, seed);
  });
});
