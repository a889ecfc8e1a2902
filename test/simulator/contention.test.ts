// Several CPUs and one line: transfers queue, and every access takes effect at a moment between its beginning and its
// end, as on a real machine.

import { describe, expect, test } from "vitest";
import { Random } from "../../src/workloads/random.ts";
import {
  add,
  addMany,
  cellAt,
  compute,
  load,
  plainCosts,
  Rig,
  type Shape,
  type Step,
  spinUntil,
  storeRelaxed,
  type TaskOutcome,
  type TaskSteps,
  tick,
} from "./rig.ts";

const { contextSwitch, memoryLocal, locked, transferSameCluster: transfer, l1, l3, store, pause } = plainCosts;
const cell = cellAt(0);

describe("a queue for one line", () => {
  test.each([2, 3, 8, 24])("%i CPUs add to a counter: a transfer and a locked operation for each", async (cpus) => {
    const rig = await Rig.make({ cpus, shape: { cores: cpus } });
    const outcomes = rig.round(Array.from({ length: cpus }, (_, cpu) => ({ cpu, steps: [add(cell)] })));
    // The first takes it from memory; the others have sent for it at the same time and are served by their number.
    const first = contextSwitch + memoryLocal + locked;
    expect(outcomes.map(({ endNs }) => endNs)).toEqual(outcomes.map((_, cpu) => first + cpu * (transfer + locked)));
    expect(outcomes.map(({ results }) => results[0])).toEqual(outcomes.map((_, cpu) => cpu));
    const [line] = rig.machine.hottestLines(1);
    expect(line).toMatchObject({ address: cell, transfers: cpus - 1 });
    // Who is second would have had to wait for half a transfer less than it did, the third for a round more.
    const reached = contextSwitch + transfer / 2;
    const begins = outcomes.slice(1).map(({ endNs }) => endNs - locked - transfer / 2);
    expect(line!.waitedNs).toBe(begins.reduce((sum, ns) => sum + ns - reached, 0));
  });

  test("the next gets it from who sent for it before, not from where it was at first", async () => {
    const rig = await Rig.make({ cpus: 6, shape: { sockets: 2, cores: 3 } });
    rig.alone(0, add(cell));
    const begun = rig.machine.nowNs + contextSwitch;
    // CPUs are dealt to the sockets in turn: these are all on the other one.
    const outcomes = rig.round([1, 3, 5].map((cpu) => ({ cpu, steps: [add(cell)] })));
    const first = begun + plainCosts.transferCrossSocket + locked;
    expect(outcomes.map(({ endNs }) => endNs)).toEqual([0, 1, 2].map((place) => first + place * (transfer + locked)));
  });

  test("who reads while a copy is on its way copies it when it is there", async () => {
    const rig = await Rig.make({ cpus: 4, shape: { sockets: 2, cores: 2 } });
    rig.alone(0, add(cell));
    const begun = rig.machine.nowNs + contextSwitch;
    const cross = plainCosts.transferCrossSocket;
    const [sent, late] = rig.round([
      { cpu: 1, steps: [load(cell)] },
      { cpu: 3, steps: [compute(cross - 5), load(cell)] },
    ]);
    expect([sent!.endNs, late!.endNs]).toEqual([begun + cross, begun + cross + l3]);
  });

  test("a stored word is found at once, the rest of its line when it has come", async () => {
    const rig = await Rig.make({ cpus: 2 });
    rig.alone(1, add(cell));
    expect(rig.alone(0, storeRelaxed(cell, 7), load(cell), load(cell + 8), load(cell + 8))).toEqual([
      store,
      l1,
      transfer - store,
      l1,
    ]);
  });

  test("a store that waits for its line holds up those behind it, and the CPU when 56 wait", async () => {
    const rig = await Rig.make({ cpus: 2, shape: { costs: { transferSameCluster: 10_000 } } });
    const own = cellAt(2);
    rig.alone(1, add(cell));
    rig.alone(0, add(own));
    const took = rig.alone(0, storeRelaxed(cell, 1), ...Array.from({ length: 60 }, () => storeRelaxed(own, 1)));
    expect(took.slice(0, 56)).toEqual(took.slice(0, 56).map(() => store));
    expect(took[56]).toBe(10_000 - 56 * store);
    expect(took.slice(57)).toEqual(took.slice(57).map(() => store));
  });

  test("who asks first gets it first", async () => {
    const rig = await Rig.make({ cpus: 4 });
    const outcomes = rig.round([3, 9, 1, 6].map((delay, cpu) => ({ cpu, steps: [compute(100 * delay), add(cell)] })));
    expect(outcomes.map(({ results }) => results[1])).toEqual([1, 3, 0, 2]);
  });

  test("two CPUs that go on and on share it in turns, each of which holds it for a while", async () => {
    const rig = await Rig.make({ cpus: 2 });
    const outcomes = rig.round([0, 1].map((cpu) => ({ cpu, steps: Array.from({ length: 9 }, () => add(cell)) })));
    // A CPU adds when the line arrives, and sends it on half a transfer after that addition is done. Meanwhile it adds
    // three times more: the last one begins 14 ns after the first one's end.
    const turns = outcomes.map(({ results }) => results);
    expect(turns[0]).toEqual([0, 1, 2, 3, 8, 9, 10, 11, 16]);
    expect(turns[1]).toEqual([4, 5, 6, 7, 12, 13, 14, 15, 17]);
    // Its turns begin a transfer and a locked operation apart.
    const [first, second] = outcomes.map(({ doneNs }) => doneNs);
    expect(second![0]! - first![0]!).toBe(transfer + locked);
    expect(first![4]! - second![0]!).toBe(transfer + locked);
    expect(second![4]! - first![4]!).toBe(transfer + locked);
  });

  test("many that read it after a write wait for one transfer, not for one each", async () => {
    const cpus = 8;
    const rig = await Rig.make({ cpus, shape: { cores: cpus } });
    rig.alone(0, storeRelaxed(cell, 1));
    const begun = rig.machine.nowNs;
    const outcomes = rig.round(
      Array.from({ length: cpus - 1 }, (_, index) => ({ cpu: index + 1, steps: [load(cell)] })),
    );
    const first = begun + contextSwitch + transfer;
    expect(outcomes.map(({ endNs }) => endNs)).toEqual(outcomes.map((_, index) => (index === 0 ? first : first + l3)));
  });

  test("who spins on a line hits its own copy until somebody writes", async () => {
    const rig = await Rig.make({ cpus: 2 });
    rig.alone(1, load(cell));
    const begun = rig.machine.nowNs + contextSwitch;
    const [writer, spinner] = rig.round([
      { cpu: 0, steps: [compute(1000), storeRelaxed(cell, 7)] },
      { cpu: 1, steps: [spinUntil(cell, 7)] },
    ]);
    expect(writer!.endNs).toBe(begun + 1000 + store);
    // 32 looks of 31 ns until 992, one more at 1023: the line is on its way to the writer until 1040, who keeps it for
    // half a transfer; its way back ends at 1080.
    expect(l1 + pause).toBe(31);
    expect(spinner!.results).toEqual([34]);
    expect(spinner!.endNs).toBe(begun + 1080);
  });
});

interface Access {
  readonly from: number;
  readonly to: number;
  /** What the cell held. */
  readonly value: number;
  readonly isAdd: boolean;
  readonly what: string;
}

/**
 * Whether there is a moment for each access, between its beginning and its end, so that in the order of these moments
 * every access finds what the additions before it have made. All additions are of 1, so an addition that found n is
 * number n, and a load that found n comes between the additions n - 1 and n.
 *
 * @returns the first access for which there is none
 */
function findDisorder(accesses: readonly Access[]): string | undefined {
  const additions = accesses.filter(({ isAdd }) => isAdd).sort((a, b) => a.value - b.value);
  const loads = accesses.filter(({ isAdd }) => !isAdd).sort((a, b) => a.value - b.value);
  let at = 0;
  let next = 0;
  for (const [value, addition] of additions.entries()) {
    if (addition.value !== value) return `${addition.what} found ${addition.value}, not ${value}`;
    let latest = at;
    for (; loads[next]?.value === value; next++) {
      const one = loads[next]!;
      if (at > one.to) return `${one.what} found ${value}, which came after ${at}`;
      latest = Math.max(latest, one.from);
    }
    at = Math.max(latest, addition.from);
    if (at > addition.to) return `${addition.what} found ${value}, which was there after ${at} only`;
  }
  for (; next < loads.length; next++) if (at > loads[next]!.to) return `${loads[next]!.what} found the last value`;
  return undefined;
}

const tiny: Shape = { l1: [128, 1], l2: [128, 1], l3: [512, 2] };
const cells = [cellAt(0), cellAt(0, 1), cellAt(1)];

function randomSteps(random: Random, length: number): Step[] {
  return Array.from({ length }, () => {
    const one = cells[random.below(cells.length)]!;
    const choice = random.below(11);
    // Another word of the line: what it brings must not be seen before it is there.
    if (choice === 10) return storeRelaxed(one + 8, 1);
    if (choice < 4) return load(one);
    if (choice < 7) return add(one);
    if (choice < 8) return addMany(cellAt(3), 1 + random.below(3));
    return compute(random.below(choice < 9 ? 20 : 400));
  });
}

function accessesOf(one: number, tasks: readonly TaskSteps[], outcomes: readonly TaskOutcome[]): Access[] {
  return tasks.flatMap(({ cpu, steps }, task) =>
    steps.flatMap((step, index): Access[] => {
      if (step.a !== one || (step.operation !== load(0).operation && step.operation !== add(0).operation)) return [];
      const { doneNs, tookNs, results } = outcomes[task]!;
      const isAdd = step.operation === add(0).operation;
      const to = doneNs[index]!;
      const from = to - tookNs[index]!;
      const what = `${isAdd ? "an addition" : "a load"} on CPU ${cpu} from ${from} to ${to}`;
      return [{ from, to, value: results[index]!, isAdd, what }];
    }),
  );
}

describe("every access takes effect between its beginning and its end", () => {
  const shapes: readonly (readonly [name: string, cpus: number, shape: Shape])[] = [
    ["on one socket", 4, {}],
    ["where a core keeps a line for a short time", 4, { costs: { lineHold: 8 } }],
    ["where a core keeps a line for long", 4, { costs: { lineHold: 36 } }],
    ["where a core keeps a line for as long as it can", 4, { costs: { lineHold: 1_000_000 } }],
    ["where a core hardly keeps a line", 4, { costs: { lineHold: 0.1 } }],
    [
      "where the other socket is nearer than the next core",
      6,
      { sockets: 2, cores: 3, costs: { transferCrossSocket: 9 } },
    ],
    ["where all but a transfer is quick", 8, { cores: 8, costs: { l1: 0.1, l3: 0.1, locked: 0.1, lineHold: 0.1 } }],
    ["with siblings", 4, { cores: 2, threads: 2 }],
    ["with siblings of cores that keep a line for a short time", 4, { cores: 2, threads: 2, costs: { lineHold: 8 } }],
    ["with siblings of cores that keep a line for long", 6, { cores: 2, threads: 3, costs: { lineHold: 36 } }],
    ["on two sockets", 6, { sockets: 2, cores: 3 }],
    ["on two sockets with siblings", 8, { sockets: 2, cores: 2, threads: 2 }],
    [
      "on two sockets with clusters and siblings, where all but a transfer is quick",
      16,
      {
        sockets: 2,
        clusters: 2,
        cores: 2,
        threads: 2,
        l3SharedBy: "cluster",
        costs: { l1: 0.1, l3: 0.1, locked: 0.1 },
      },
    ],
    ["with clusters", 16, { sockets: 2, clusters: 2, l3SharedBy: "cluster" }],
    ["with tiny caches", 4, tiny],
    ["with tiny caches below which all is quick", 4, { ...tiny, costs: { l3: 2, memoryLocal: 3 } }],
    ["with tiny caches of siblings", 8, { ...tiny, sockets: 2, cores: 2, threads: 2, costs: { lineHold: 8 } }],
    ["on 64 CPUs", 64, { sockets: 2, cores: 32 }],
  ];

  test.each(shapes)("%s", async (_name, cpus, shape) => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = new Random(seed);
      const rig = await Rig.make({ cpus, shape, tasks: cpus, pages: 16 });
      const tasks = Array.from({ length: cpus }, (_, cpu) => ({ cpu, steps: [tick, ...randomSteps(random, 60)] }));
      const outcomes = rig.round(tasks);
      for (const one of cells) {
        const accesses = accessesOf(one, tasks, outcomes);
        expect(rig.words[one >>> 2]).toBe(accesses.filter(({ isAdd }) => isAdd).length);
        expect(findDisorder(accesses), `seed ${seed}`).toBeUndefined();
      }
      const { cpus: ofCpus } = rig.machine.counts();
      for (const { symbolNs } of ofCpus) {
        expect([...symbolNs.values()].reduce((sum, ns) => sum + ns, 0)).toBeCloseTo(rig.machine.nowNs, 6);
        expect(Math.min(...symbolNs.values())).toBeGreaterThan(0);
      }
    }
  });

  test("and the look for such moments finds out when there is none", () => {
    const access = (from: number, to: number, value: number, isAdd = true): Access => ({
      from,
      to,
      value,
      isAdd,
      what: `${from}`,
    });
    expect(findDisorder([access(0, 10, 0), access(5, 20, 1), access(8, 30, 2, false)])).toBeUndefined();
    expect(findDisorder([access(10, 20, 0), access(0, 9, 1)])).toMatch(/^0 found 1/);
    expect(findDisorder([access(0, 9, 0), access(10, 20, 1), access(21, 30, 1, false)])).toMatch(/^10 found 1/);
    expect(findDisorder([access(10, 20, 0), access(0, 9, 1, false)])).toMatch(/^0 found the last value/);
    expect(findDisorder([access(0, 5, 0), access(0, 5, 0)])).toMatch(/not 1/);
  });
});
