import { describe, expect, test } from "vitest";
import type { MeasuredRow } from "../../../src/records/record.ts";
import { quarantineView } from "../../../src/report/quarantine/simulated.ts";
import { mainCurve, type SimulatedAnswers } from "../../../src/report/simulator/model.ts";
import { defaultView } from "../../../src/report/simulator/view.ts";
import { uslThroughput } from "../../../src/statistics/usl.ts";
import { answer, answerAll, fixedRows, floor, labelled, latencies, rates, reference, rowsOf } from "./rows.ts";

const fixed = (workload: string): MeasuredRow[] => fixedRows().filter((row) => row.workload === workload);

function detail({ main }: SimulatedAnswers, id = reference) {
  return main.variants.find((one) => one.id === id)!;
}

describe("what variants are ranked by", () => {
  const names = (found: SimulatedAnswers): string[] => found.measures.map(({ name }) => name);

  test("is the workload's own rate, then reclaim's; without a rate the time of it all", () => {
    const ops = { "virtual-bogo-ops-per-s": 5 };
    const visits = { "virtual-visits-per-s": 7 };
    expect(names(answer(rowsOf(reference, {}, { ...ops, ...visits, "virtual-ns": 9 })))).toEqual([
      "bogo-ops/s",
      "visits/s",
    ]);
    expect(names(answer(rowsOf(reference, {}, { ...visits, "virtual-ns": 9 })))).toEqual(["visits/s"]);
    const timed = answer(rowsOf(reference, {}, { "virtual-ns": 9 }));
    expect(timed.measures).toMatchObject([{ name: "virtual time", better: "lower" }]);
    expect(detail(timed).values).toEqual([9]);
    expect(answer(rowsOf(reference, {}, { utilisation: 1 })).measures).toEqual([]);
  });

  test("is visits without those given up", () => {
    const found = answer(
      rowsOf(
        reference,
        {},
        { "virtual-visits-per-s": 1000, "virtual-visits": 40, "virtual-visits-given-up": 30, "virtual-visit-ns": 4 },
      ),
    );
    expect(names(found)).toEqual(["visits/s without those given up"]);
    expect(detail(found).values).toEqual([250]);
    expect(detail(found).own).toEqual([4, 0.75]);
  });

  test("is the whole teardown of a quarantine, what was put off included, and then what else it does", () => {
    const removing = {
      "virtual-remove-ns": 100,
      "virtual-worker-ns": 20,
      "virtual-left-work-ns": 3,
      "virtual-removals": 1,
      "virtual-puts-per-s": 9,
    };
    const found = answer(rowsOf(reference, {}, removing), {}, quarantineView);
    expect(found.measures.map(({ name, better }) => [name, better])).toEqual([
      ["teardown, workers included", "lower"],
      ["puts/s", "higher"],
    ]);
    expect(detail(found).values).toEqual([123, 9]);
    const none = { ...removing, "virtual-removals": 0, "virtual-bogo-ops-per-s": 4 };
    expect(names(answer(rowsOf(reference, {}, none), {}, quarantineView))).toEqual(["bogo-ops/s"]);
  });

  test("is bogo-ops for a problem that says nothing", () => {
    const rows = rowsOf(reference, {}, { "virtual-bogo-ops-per-s": 5, "virtual-visits-per-s": 7 });
    expect(names(answer(rows, {}, defaultView))).toEqual(["bogo-ops/s"]);
  });
});

describe("a sweep over CPUs", () => {
  const found = answer(fixed("cgroups-4000"));
  const curve = mainCurve(found)!;

  test("gives back the law that rates were made by, for all but the floor", () => {
    expect(curve.laws.map(({ id }) => id)).toEqual([reference, "srcu", "refcount-rcu"]);
    const [{ law, best }] = curve.laws as [SimulatedAnswers["curves"][number]["laws"][number]];
    if (!law.fitted) throw new Error(law.reason);
    expect(law.gamma).toBeCloseTo(5e6, -3);
    expect(law.alpha).toBeCloseTo(0.9, 6);
    expect(law.beta).toBeCloseTo(0.02, 6);
    expect(best).toBe(2);
  });

  test("finds who changes places, the floor apart", () => {
    const pairs = curve.pairs.filter(({ crossovers }) => crossovers.length > 0);
    expect(pairs.map(({ variants }) => variants)).toEqual([
      [reference, "srcu"],
      [reference, "refcount-rcu"],
    ]);
    expect(pairs[0]!.crossovers).toMatchObject([{ before: reference, after: "srcu", from: 1, to: 2 }]);
    expect(curve.pairs.flatMap(({ variants }) => variants)).not.toContain(floor);
  });

  test("leaves a void variant out of rankings and laws, and keeps its numbers", () => {
    const voided = answer(fixed("cgroups-4000"), { voids: new Set(["refcount-rcu"]) });
    const own = mainCurve(voided)!;
    expect(own.laws.map(({ id }) => id)).toEqual([reference, "srcu"]);
    expect(own.pairs.map(({ variants }) => variants)).toEqual([[reference, "srcu"]]);
    expect(own.values[0]!.get("refcount-rcu")!.get(16)).toBeCloseTo(
      uslThroughput({ gamma: 4.5e6, alpha: 0.02, beta: 1e-4 }, 16),
      -1,
    );
    expect(voided.sensitivities[0]!.found.ranking.order).not.toContain("refcount-rcu");
  });

  test("has no law with fewer than four counts, of which those beyond the tasks are none", () => {
    const law = (counts: readonly number[], tasks: number) => {
      const rows = counts.flatMap((cpus) => rates({ cpus, tasks }, { [reference]: cpus * 100 }));
      return mainCurve(answer(rows))!;
    };
    expect(law([1, 2, 4], 64).laws).toEqual([]);
    expect(law([1, 2, 4, 8], 64).laws).toHaveLength(1);
    const short = law([1, 2, 4, 8], 4);
    expect([short.laws, short.fitted, short.cpus]).toEqual([[], [1, 2, 4], [1, 2, 4, 8]]);
    const enough = law([1, 2, 3, 4, 8], 4);
    expect(enough.laws[0]).toMatchObject({ best: 8, law: { points: 4 } });
  });

  test("has no law where nothing is done, and says why", () => {
    const rows = [1, 2, 4, 8].flatMap((cpus) => rates({ cpus }, { [reference]: 5, srcu: cpus === 4 ? 0 : 5 }));
    const [, law] = mainCurve(answer(rows))!.laws;
    expect(law).toMatchObject({ id: "srcu", law: { fitted: false, reason: "throughput is 0 at 4 CPUs" } });
  });

  test("names what lacks a value instead of guessing", () => {
    const rows = [
      ...rates({ cpus: 1 }, { [reference]: 5, srcu: 4 }),
      ...rates({ cpus: 2 }, { [reference]: 5 }),
      ...rates({ cpus: 4 }, { [reference]: 5, srcu: 6 }),
    ];
    expect(mainCurve(answer(rows))!.pairs[0]).toMatchObject({
      crossovers: [{ from: 1, to: 4 }],
      missing: [{ x: 2, variants: ["srcu"] }],
    });
  });

  test("compares of variants that are the same everywhere the first only", () => {
    const rows = [1, 2].flatMap((cpus) => rates({ cpus }, { [reference]: cpus, srcu: 5, "refcount-rcu": 5 }));
    const own = mainCurve(answer(rows))!;
    expect(own.pairs.map(({ variants }) => variants)).toEqual([[reference, "srcu"]]);
    expect(own.twins).toEqual([{ id: "refcount-rcu", of: "srcu" }]);
  });

  test("is none with one count of CPUs", () => {
    expect(answer(rates({}, { [reference]: 5 })).curves).toEqual([]);
  });

  test("is one for each value of what else was swept; the main point has the most CPUs and the last value", () => {
    const rows = [1, 8].flatMap((cpus) =>
      [10, 100].flatMap((cgroups) =>
        rates({ cpus, parameters: `cgroups=${cgroups}` }, { [reference]: cpus * cgroups }),
      ),
    );
    const both = answer(rows);
    expect(both.curves.map(({ at }) => at.get("cgroups"))).toEqual(["10", "100"]);
    expect([both.main.cpus, both.main.at.get("cgroups")]).toEqual([8, "100"]);
    expect(mainCurve(both)).toBe(both.curves[1]);
  });
});

describe("a sweep over a parameter", () => {
  const found = answer(fixed("container-start"));
  const sweep = found.sweeps[0]!;

  test("finds who changes places, and how costs grow", () => {
    expect(found.sweeps).toHaveLength(1);
    expect(sweep.axis).toMatchObject({ key: "cgroups", values: ["100", "200", "400"] });
    const crossed = sweep.pairs!.flatMap(({ crossovers }) => crossovers);
    expect(crossed.map(({ before, after, from, to }) => [before, after, from, to])).toEqual([
      ["refcount-rcu", reference, 100, 200],
      ["refcount-rcu", "srcu", 200, 400],
    ]);
    expect(sweep.costs.map(({ name }) => name)).toEqual(["CPU time of a visit"]);
    const [cost] = sweep.costs;
    expect(cost!.growth.get(reference)!.exponent).toBeCloseTo(0, 9);
    expect(cost!.growth.get("srcu")!.exponent).toBeCloseTo(1, 9);
    expect(cost!.values.has(floor)).toBe(false);
  });

  test("tells costs that grow with it from those that do not", () => {
    expect(sweep.others.map(({ name }) => name)).toEqual(["unregister, median"]);
    expect(sweep.others[0]!.growth.get(reference)!.exponent).toBeCloseTo(1, 1);
    expect(sweep.constants).toEqual(["register, median"]);
  });

  test("has no exponent and no crossover along values that are no numbers", () => {
    const rows = ["slow", "fast"].flatMap((mode) =>
      rowsOf(reference, { parameters: `mode=${mode}` }, { "virtual-visits-per-s": 5, "virtual-visit-ns": 9 }),
    );
    const [only] = answer(rows).sweeps;
    expect(only!.pairs).toBeNull();
    expect(only!.costs[0]!.growth.get(reference)).toBeNull();
  });

  test("of another purpose is a sweep by itself, and no part of the answers", () => {
    const growth = [2, 4, 8].flatMap((size) =>
      rowsOf(
        reference,
        { purpose: "growth", parameters: `size=${size} less=1` },
        { "virtual-visit-ns": size ** 2, "virtual-ns": 3 },
      ),
    );
    const both = answer([...rates({ parameters: "size=8 less=0" }, { [reference]: 5 }), ...growth]);
    expect([both.axes, both.main.at.size]).toEqual([[], 0]);
    expect(both.sweeps.map(({ axis }) => axis.key)).toEqual(["size"]);
    expect(both.sweeps[0]!.costs.at(-1)!.growth.get(reference)!.exponent).toBeCloseTo(2, 9);
  });

  test("stands at the most CPUs, where most of its values are", () => {
    const rows = [
      ...["a=1 b=5", "a=2 b=5", "a=3 b=5", "a=3 b=6"].flatMap((parameters) =>
        rates({ parameters }, { [reference]: 1 }),
      ),
      ...rates({ cpus: 1, parameters: "a=1 b=5" }, { [reference]: 1 }),
    ];
    const sweeps = answer(rows).sweeps.map(({ axis, cpus, at, values }) => [
      axis.key,
      cpus,
      [...at],
      [...values.get(reference)!.keys()],
    ]);
    expect(sweeps).toEqual([
      ["a", 8, [["b", "5"]], ["1", "2", "3"]],
      ["b", 8, [["a", "3"]], ["5", "6"]],
    ]);
  });
});

describe("changed costs", () => {
  const { sensitivities } = answer(fixed("cgroups-4000"));

  test("are compared with the point that they were changed at", () => {
    expect(sensitivities).toHaveLength(1);
    const [{ cpus, costs, factors, found }] = sensitivities as [(typeof sensitivities)[number]];
    expect([cpus, factors]).toEqual([16, [0.5, 2]]);
    expect(costs).toEqual(["transferSameSocket", "l3", "locked", "contextSwitch"]);
    expect(found.ranking).toMatchObject({ verdict: "robust", order: ["refcount-rcu", "srcu", reference] });
    const ofCost = found.elasticities.find((one) => one.variant === "srcu" && one.cost === "transferSameSocket");
    expect(ofCost!.elasticity).toBeGreaterThan(0.5);
  });

  test("flip a ranking that hangs on one", () => {
    const [flipped] = answer([
      ...rates({}, { [reference]: 100, srcu: 110 }),
      ...rates({ scaled: "l3*2" }, { [reference]: 100, srcu: 90 }),
    ]).sensitivities;
    expect(flipped!.found.ranking).toMatchObject({ verdict: "flipped", flippedBy: [{ cost: "l3", factor: 2 }] });
  });

  test("tell nothing without the reference, or without the point itself", () => {
    expect(answer([...rates({}, { srcu: 1 }), ...rates({ scaled: "l3*2" }, { srcu: 1 })]).sensitivities).toEqual([]);
    const alone = answer(rates({ scaled: "l3*2" }, { [reference]: 1, srcu: 2 }));
    expect([alone.sensitivities, alone.main.variants, alone.measures]).toEqual([[], [], []]);
  });
});

describe("one point in detail", () => {
  test("has shares of time, transfers, and what lay in the hottest lines", () => {
    const one = detail(answer(fixed("cgroups-4000")));
    expect([...one.profile.keys()].slice(0, 2)).toEqual(["down_read_trylock", "idle"]);
    expect([...one.profile.values()].reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    expect([one.done, one.transfers, one.transfersAcross]).toEqual([16_000, 64_000, 16_000]);
    expect(one.lines).toEqual([
      { name: "locks of shrinkers", lines: 1, transfers: 48_000, waitedNs: 14_400_000 },
      { name: "slab pages", lines: 2, transfers: 16_010, waitedNs: 0 },
    ]);
    expect(one.longestHold).toEqual({ lock: "locks of shrinkers", ns: 12_000 });
    expect(one.latencies.get("unregister")).toMatchObject({ count: 201, maxNs: 2_000_000 });
    expect(one.latencies.get("pass")!.p99Ns).toBeNull();
  });

  test("says how busy single CPUs were, where rows tell", () => {
    const [box] = answerAll(fixed("stress-ng-ramfs"));
    expect(detail(box!).busy).toEqual({ least: 0, median: 0.375, most: 0.75 });
    expect(detail(answer(fixed("cgroups-4000"))).busy).toBeNull();
  });

  test("knows nothing of what was not recorded", () => {
    expect(detail(answer(rates({}, { [reference]: 5 })))).toMatchObject({
      done: null,
      own: [null, null],
      utilisation: null,
      busy: null,
      transfers: null,
      contextSwitches: null,
      irqOffNsMax: null,
      longestHold: null,
      lines: [],
    });
  });

  test("has what is held against the variant, as its problem says", () => {
    const texts = (...given: Parameters<typeof answer>) => answer(...given).objections.map(({ text }) => text);
    const visits = (givenUp: number) =>
      texts(rowsOf(reference, {}, { "virtual-visits": 1000, "virtual-visits-given-up": givenUp }));
    expect([visits(9), visits(10)]).toEqual([[], ["gives 1.00 % of its visits up"]]);
    const waits = (ns: number, tasks = 8) =>
      texts(rowsOf(reference, { tasks }, { "virtual-visits": 1000, ...latencies("unregister", ns) }));
    expect(waits(400_000)).toEqual([]);
    // Where tasks share CPUs, who waits for one also waits for its turn.
    expect(waits(2_000_000, 9)).toEqual([]);
    expect(waits(2_000_000)).toEqual([
      expect.stringMatching(/^takes \S+ jiffies \(\S+ ms\) for unregistering at the median$/),
    ]);
    const removals = (ended: number) =>
      texts(rowsOf(reference, {}, { "virtual-removals": 24, "virtual-removals-completed": ended }), {}, quarantineView);
    expect([removals(24), removals(25), removals(12)]).toEqual([
      [],
      [],
      ["12 of its 24 removals had not ended when the workload had"],
    ]);
  });

  test("shows the operations that a problem names, in its order", () => {
    const rows = rowsOf(reference, {}, { ...latencies("gone", 1), ...latencies("worker", 2), ...latencies("put", 3) });
    expect([...detail(answer(rows, {}, quarantineView)).latencies.keys()]).toEqual(["put", "gone"]);
    expect([...detail(answer(rows)).latencies.keys()]).toEqual(["gone", "worker", "put"]);
  });

  test("takes a number behind a name for the number of a line, and a lock's name for its own", () => {
    const rows = rowsOf(reference, {}, labelled("virtual-lock-hold-ns-max", { "kmem_cache (lock)": 5 }));
    expect(detail(answer(rows)).longestHold!.lock).toBe("kmem_cache (lock)");
  });
});

test("machines are answered apart", () => {
  expect(answerAll(fixed("stress-ng-ramfs")).map(({ machine, cpus }) => [machine, cpus])).toEqual([
    ["box", [8]],
    ["bigger-box", [16]],
  ]);
});
