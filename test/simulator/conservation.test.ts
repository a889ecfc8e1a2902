// Nothing is lost and nothing comes from nowhere: time, accesses, transfers.

import { describe, expect, test } from "vitest";
import { otherSymbol } from "../../src/simulator/core/protocol.ts";
import { performJob } from "../../src/simulator/job.ts";
import { fetchSources, type MachineCounts } from "../../src/simulator/machine.ts";
import { Random } from "../../src/workloads/random.ts";
import {
  add,
  cellAt,
  compareExchange,
  exchange,
  load,
  plainCosts,
  Rig,
  type Shape,
  type Step,
  storeRelaxed,
  symbolTotals,
} from "./rig.ts";
import { jobOf, rowsOf, type SmallCase, smallCases } from "./small-jobs.ts";

describe("in a whole case", () => {
  const chosen: Readonly<Record<SmallCase["problem"], readonly string[]>> = {
    shrinker: ["rwsem", "srcu", "refcount-rcu"],
    quarantine: ["hash-buckets buckets=16", "batched-async form=scan", "floor"],
  };
  const cases = smallCases.flatMap((one) => chosen[one.problem].map((variant) => ({ ...one, variant })));

  test.each(cases)("$variant under $workload on $cpus CPUs", async ({ variant, ...one }) => {
    const rows = new Map(
      rowsOf(await performJob(await jobOf(one, variant), () => {})).map((row) => {
        const comma = row.lastIndexOf(",");
        return [row.slice(0, comma), Number(row.slice(comma + 1))];
      }),
    );
    /** Values by label. */
    const labelled = (metric: string): Map<string, number> =>
      new Map(
        [...rows].flatMap(([name, value]) =>
          name.startsWith(`${metric}[`) ? [[name.slice(metric.length + 1, -1), value] as const] : [],
        ),
      );
    const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
    const ns = rows.get("virtual-ns")!;
    expect(ns).toBeGreaterThan(0);

    // Every CPU's time is that of its symbols, idle among them, and each symbol's is that of the CPUs.
    const ofCpus = labelled("cpu-symbol-ns");
    const bySymbol = new Map<string, number>();
    const byCpu = new Array<number>(one.cpus).fill(0);
    for (const [label, value] of ofCpus) {
      const [cpu = "", symbol = ""] = label.split(" ");
      byCpu[Number(cpu)]! += value;
      bySymbol.set(symbol, (bySymbol.get(symbol) ?? 0) + value);
      expect(value, label).toBeGreaterThan(0);
    }
    for (const [cpu, value] of byCpu.entries()) expect(value, `CPU ${cpu}`).toBeCloseTo(ns, 3);
    const symbols = labelled("symbol-ns");
    expect([...symbols.keys()].sort()).toEqual([...bySymbol.keys()].sort());
    for (const [symbol, value] of symbols) expect(value, symbol).toBeCloseTo(bySymbol.get(symbol)!, 3);
    expect(rows.get("utilisation")! * ns + (symbols.get("idle") ?? 0)).toBeCloseTo(one.cpus * ns, 2);

    // An access fetches its line once or not at all.
    const fetched = labelled("fetched");
    expect([...fetched.keys()]).toEqual([...fetchSources]);
    expect(sum(fetched.values())).toBeLessThan(rows.get("virtual-accesses")!);
    const betweenCores = ["same-cluster", "same-socket", "other-socket"].map((source) => fetched.get(source)!);
    expect(sum(labelled("line-transfers").values())).toBeLessThanOrEqual(sum(betweenCores));
  });
});

const cells = Array.from({ length: 24 }, (_, index) => cellAt(index % 3, index));
const tiny: Shape = { l1: [256, 2], l2: [512, 2], l3: [1024, 2] };

/** The same programs for a seed: one for each CPU. */
function programs(seed: number, cpus: number, kinds: readonly ((cell: number) => Step)[]): Step[][] {
  const random = new Random(seed);
  return Array.from({ length: cpus }, () =>
    Array.from({ length: 80 }, () => kinds[random.below(kinds.length)]!(cells[random.below(cells.length)]!)),
  );
}

function fetchedInAll({ fetched }: MachineCounts): number {
  return fetchSources.reduce((sum, source) => sum + fetched[source], 0);
}

const shapes: readonly (readonly [name: string, cpus: number, shape: Shape])[] = [
  ["one socket", 4, {}],
  ["one socket with tiny caches", 4, tiny],
  ["two sockets", 8, { sockets: 2 }],
  ["two sockets of two clusters, with tiny caches", 16, { ...tiny, sockets: 2, clusters: 2, l3SharedBy: "cluster" }],
];

describe.each(shapes)("on %s", (_name, cpus, shape) => {
  const isEvicting = shape.l1 !== undefined;

  test("every access is counted once, however often it is suspended", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const steps = programs(seed, cpus, [
        load,
        (cell) => storeRelaxed(cell, 1),
        add,
        (cell) => exchange(cell, 2),
        (cell) => compareExchange(cell, 0, 3),
      ]);
      const rig = await Rig.make({ cpus, shape, pages: 16 });
      rig.round(steps.map((program, cpu) => ({ cpu, steps: program })));
      expect(rig.machine.counts().accesses, `seed ${seed}`).toBe(cpus * 80);
      expect(fetchedInAll(rig.machine.counts())).toBeLessThanOrEqual(cpus * 80);
    }
  });

  test("lines that were sent from core to core are as many as were fetched from other cores", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      // Additions, because a copy of a line that others only read is fetched without being taken from anybody.
      const rig = await Rig.make({ cpus, shape, pages: 16 });
      rig.round(programs(seed, cpus, [add]).map((steps, cpu) => ({ cpu, steps })));
      const { fetched } = rig.machine.counts();
      const transfers = rig.machine.hottestLines(1000).reduce((sum, line) => sum + line.transfers, 0);
      expect(transfers, `seed ${seed}`).toBe(
        fetched["same-cluster"] + fetched["same-socket"] + fetched["other-socket"],
      );
      expect(transfers).toBeGreaterThan(0);
    }
  });

  test("time in additions is what they cost, what their lines cost, and what they waited for others", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const rig = await Rig.make({ cpus, shape, pages: 16 });
      rig.round(programs(seed, cpus, [add]).map((steps, cpu) => ({ cpu, steps })));
      const counts = rig.machine.counts();
      const costOf = {
        l2: plainCosts.l2,
        l3: plainCosts.l3,
        "same-cluster": plainCosts.transferSameCluster,
        "same-socket": plainCosts.transferSameSocket,
        "other-socket": plainCosts.transferCrossSocket,
        "memory-local": plainCosts.memoryLocal,
        "memory-remote": plainCosts.memoryRemote,
      };
      const lines = fetchSources.reduce((sum, source) => sum + counts.fetched[source] * costOf[source], 0);
      const waited = rig.machine.hottestLines(1000).reduce((sum, { waitedNs }) => sum + waitedNs, 0);
      // A hit in the first level is in the cost of the locked operation.
      expect(counts.accesses - fetchedInAll(counts)).toBeGreaterThan(0);
      const expected = counts.accesses * plainCosts.locked + lines + waited;
      const spent = symbolTotals(counts).get(otherSymbol)!;
      // Who waits for a line that is still on its way out of a cache waits for nobody's transfer.
      if (isEvicting) expect(spent, `seed ${seed}`).toBeGreaterThanOrEqual(expected - 1e-6);
      else expect(spent, `seed ${seed}`).toBeCloseTo(expected, 6);
    }
  });
});
