import { describe, expect, test } from "vitest";
import type { Latency } from "../../../src/report/latency.ts";
import { type Rate, rateOf } from "../../../src/report/net-time.ts";
import type { VariantAnswers, WorkloadAnswers } from "../../../src/report/shrinker/answers.ts";
import {
  chooseFor,
  constraints,
  contestsOf,
  jiffiesOf,
  unmeasuredConstraints,
  violationsOf,
  whyNothing,
} from "../../../src/report/shrinker/verdict.ts";
import { times } from "../rows.ts";

/** A variant of which nothing is known. */
function variant(id: string, some: Partial<VariantAnswers> = {}): VariantAnswers {
  const role = id === "reference" || id === "floor" ? id : "";
  return {
    id,
    role,
    isVoid: false,
    isPooled: false,
    firstVisits: null,
    hz: 1000,
    firstVisitNs: null,
    bogoOps: null,
    visits: null,
    givenUp: null,
    walked: null,
    visit: null,
    callbackNs: null,
    register: null,
    unregister: null,
    pass: null,
    profile: null,
    totals: new Map(),
    exact: new Map(),
    ...some,
  };
}

function workload(...variants: VariantAnswers[]): WorkloadAnswers {
  const on = { cpus: [2], isOversubscribed: false };
  return {
    name: "container-start",
    isIncomplete: false,
    isChunked: false,
    tasks: null,
    parameters: { timed: "", profiled: "", counted: "" },
    timedOn: on,
    profiledOn: on,
    countedOn: on,
    variants,
    harness: { visitNs: null, workPerOpNs: null },
  };
}

const referenceRate = 1000;

/** A rate in rounds, compared with the reference's. */
function rate(rounds: readonly number[]): Rate {
  const ofEqualLength = (rates: readonly number[]) => ({ rates: new Map(rates.entries()), times: new Map() });
  return rateOf(ofEqualLength(rounds), ofEqualLength(times(rounds.length, referenceRate)))!;
}

function ops(perSecond: number, rounds = 8): Pick<VariantAnswers, "bogoOps"> {
  return { bogoOps: rate(times(rounds, perSecond)) };
}

function waits(p50Ns: number): Latency {
  return { count: 9, p50Ns, p99Ns: 2 * p50Ns, p999Ns: 3 * p50Ns, maxNs: 4 * p50Ns };
}

function exact(values: Readonly<Record<string, number>>): Pick<VariantAnswers, "exact"> {
  return { exact: new Map(Object.entries(values)) };
}

function totals(values: Readonly<Record<string, number>>): Pick<VariantAnswers, "totals"> {
  return { totals: new Map(Object.entries(values)) };
}

function brokenBy(some: Partial<VariantAnswers>, ofReference: Partial<VariantAnswers> = {}): string[] {
  const one = workload(variant("reference", ofReference), variant("candidate", some));
  return violationsOf("candidate", [one]).map(({ constraint }) => constraint);
}

describe("a constraint", () => {
  test.each([
    [0.01, []],
    [0.011, ["reclaim goes on"]],
    [0, []],
    [null, []],
  ])("of reclaim: with %s of the visits given up, %j is broken", (givenUp, expected) => {
    expect(brokenBy({ givenUp })).toEqual(expected);
  });

  test.each([
    [1000, 499_999, []],
    [1000, 500_000, ["quick registration"]],
    [250, 1_999_999, []],
    [250, 2_000_000, ["quick registration"]],
    [null, 9_000_000, []],
  ])("of registration: at HZ=%s, %i ns at the median break %j", (hz, ns, expected) => {
    expect(brokenBy({ hz, unregister: waits(ns) })).toEqual(expected);
    expect(brokenBy({ hz, register: waits(ns) })).toEqual(expected);
    expect(brokenBy({ hz, ...exact({ "unregister-slept-ns-mean": ns }) })).toEqual(expected);
  });

  test.each([
    [0, []],
    [0.1, []],
    [0.11, ["read side scales"]],
    [3, ["read side scales"]],
  ])("of the read side: %f shared writes per visit break %j", (writes, expected) => {
    expect(brokenBy(exact({ "visit-shared-writes-mean": writes }))).toEqual(expected);
  });

  test("of the read side is not broken by writes to single shrinkers", () => {
    expect(brokenBy(exact({ "visit-shared-writes-mean": 0, "callback-shared-writes-mean": 2 }))).toEqual([]);
  });

  test.each([
    [4000, 1000, []],
    [4001, 1000, ["little memory"]],
    [4001, undefined, []],
  ])("of memory: %i bytes against the reference's %s break %j", (bytes, ofReference, expected) => {
    const base = ofReference === undefined ? {} : totals({ "info-bytes-max": ofReference });
    expect(brokenBy(totals({ "info-bytes-max": bytes }), base)).toEqual(expected);
  });

  test("of callbacks is broken by a single late one", () => {
    expect(brokenBy(totals({ "callbacks-after-free": 0 }))).toEqual([]);
    expect(brokenBy(totals({ "callbacks-after-free": 1 }))).toEqual(["no late callback"]);
  });

  test("may be broken together with others, each once, with a reason and where", () => {
    const candidate = variant("candidate", {
      givenUp: 0.3,
      unregister: waits(1_530_000),
      ...exact({ "visit-shared-writes-mean": 3 }),
    });
    const one = workload(variant("reference"), candidate);
    expect(violationsOf("candidate", [one, { ...one, name: "again" }])).toEqual([
      { constraint: "reclaim goes on", reason: "30.00 % of all visits given up (container-start)" },
      {
        constraint: "quick registration",
        reason: "unregistering takes 1.53 jiffies (1.53 ms) at the median (container-start)",
      },
      {
        constraint: "read side scales",
        reason: "a visit writes 3 times to shared lines of locks and globals (container-start)",
      },
    ]);
  });

  test("of reclaim is broken by who visits and calls no shrinker, where the reference calls some", () => {
    const counts = (visits: number, callbacks: number) => totals({ visits, callbacks });
    expect(brokenBy(counts(10, 0), counts(10, 5))).toEqual(["reclaim goes on"]);
    for (const [own, base] of [
      [counts(10, 1), counts(10, 5)],
      [counts(0, 0), counts(10, 5)],
      [counts(10, 0), counts(10, 0)],
      [totals({ visits: 10 }), counts(10, 5)],
      [counts(10, 0), {}],
    ] as const) {
      expect(brokenBy(own, base)).toEqual([]);
    }
    const one = workload(variant("reference", counts(10, 5)), variant("candidate", counts(10, 0)));
    expect(violationsOf("candidate", [one])[0]?.reason).toBe("calls no shrinker (container-start)");
  });

  test("of which nothing was measured is unmeasured, and not broken", () => {
    const one = workload(variant("reference"), variant("candidate"));
    expect(violationsOf("candidate", [one])).toEqual([]);
    expect(unmeasuredConstraints("candidate", [one])).toEqual([...constraints]);
  });

  test("of reclaim is unmeasured where nobody was registered meanwhile", () => {
    const passes = variant("candidate", { givenUp: 0, ...totals({ registered: 0, unregistered: 0 }) });
    expect(unmeasuredConstraints("candidate", [workload(passes)])).toContain("reclaim goes on");
    const stopped = variant("reference", { givenUp: 0.3 });
    expect(unmeasuredConstraints("candidate", [workload(stopped, passes)])).not.toContain("reclaim goes on");
    const mixed = variant("candidate", { givenUp: 0, ...totals({ registered: 1, unregistered: 0 }) });
    expect(unmeasuredConstraints("candidate", [workload(mixed)])).not.toContain("reclaim goes on");
  });
});

describe("a choice", () => {
  const judged = {
    givenUp: 0,
    unregister: waits(1000),
    exact: new Map([["visit-shared-writes-mean", 0]]),
    totals: new Map([
      ["callbacks-after-free", 0],
      ["registered", 1],
      ["info-bytes-max", 100],
    ]),
  } as const;
  const sharing = { ...judged, exact: new Map([["visit-shared-writes-mean", 3]]) };
  const choose = (...variants: VariantAnswers[]): ReturnType<typeof chooseFor> => {
    const one = workload(...variants);
    return chooseFor(one, [one]);
  };
  const reference = variant("reference", { ...judged, ...ops(referenceRate) });

  test("is the variant with most bogo-ops of those that break no constraint", () => {
    const fast = variant("fast", { ...judged, ...ops(2000) });
    const greedy = variant("greedy", { ...sharing, ...ops(9000) });
    expect(choose(reference, fast, greedy, variant("floor", ops(10_000)))).toEqual({
      id: "fast",
      reason:
        "2× the reference's bogo-ops/s (95 % interval 2× to 2×), the most of the variants that break no constraint",
    });
  });

  test("is the reference where nothing is shown to do more, and less than a tenth is not", () => {
    const expected = {
      id: "reference",
      reason: "no variant that breaks no constraint is shown to do more bogo-ops/s",
    };
    expect(choose(reference, variant("alike", { ...judged, ...ops(1090) }))).toEqual(expected);
    expect(choose(reference, variant("slow", { ...judged, ...ops(500) }))).toEqual(expected);
  });

  test("is another where the reference breaks a constraint, even one that does less", () => {
    const choice = choose(
      variant("reference", { ...sharing, ...ops(referenceRate) }),
      variant("other", { ...judged, ...ops(900) }),
    );
    expect(choice?.id).toBe("other");
    expect(choice?.reason).toContain(
      "0.900× the reference's bogo-ops/s (95 % interval 0.900× to 0.900×), which is less",
    );
    expect(choice?.reason).toContain("; the reference breaks: read side scales");
  });

  test("is not said to have won where it is not told from a reference that breaks a constraint", () => {
    const reason = (...rounds: readonly number[]) =>
      choose(
        variant("reference", { ...sharing, ...ops(referenceRate) }),
        variant("other", { ...judged, bogoOps: rate(rounds) }),
      )?.reason;
    expect(reason(900, 1100, 950, 1500, 1050, 1200, 800, 1300)).toMatch(
      /^not told from the reference by bogo-ops\/s \(1\.08×, 95 % interval 0\.800× to 1\.50×\); the most of the variants that break no constraint; the reference breaks: read side scales$/,
    );
    expect(reason(...times(8, 1050))).toMatch(
      /^within a tenth of the reference's bogo-ops\/s \(1\.05×, 95 % interval /,
    );
    expect(reason(1200, 1300)).toMatch(/^not told from the reference by bogo-ops\/s \(1\.25×\); /);
    expect(reason(...times(8, 1200))).toMatch(/^1\.20× the reference's bogo-ops\/s \(.*\), the most of /);
  });

  test("goes by one statistic: a mean that a single round pulls up decides nothing", () => {
    const spiked = variant("spiked", { ...judged, bogoOps: rate([...times(7, 1050), 90_000]) });
    expect(choose(reference, spiked)?.id).toBe("reference");
    const steady = variant("steady", { ...judged, ...ops(1300) });
    expect(choose(reference, spiked, steady)).toMatchObject({ id: "steady", reason: expect.stringMatching(/^1\.30×/) });
  });

  test("is never of what is void, nor by a void reference", () => {
    const fast = variant("fast", { ...judged, ...ops(2000), isVoid: true });
    expect(choose(reference, fast, variant("alike", { ...judged, ...ops(1000) }))?.id).toBe("reference");
    expect(choose({ ...reference, isVoid: true }, variant("good", { ...judged, ...ops(2000) }))).toBeNull();
  });

  test("is, of those that the rounds do not tell apart, the one that unregisters quickest", () => {
    const choice = choose(
      reference,
      variant("one", { ...judged, ...ops(2000), unregister: waits(40_000) }),
      variant("other", { ...judged, ...ops(1950), unregister: waits(500) }),
      variant("slow", { ...judged, ...ops(1500), unregister: waits(100) }),
    );
    expect(choice?.id).toBe("other");
    expect(choice?.reason).toMatch(/; not separated from it: `one`, of which it unregisters quickest \(500 ns\)$/);
  });

  test("tells rates of too few rounds apart only when they are far apart", () => {
    const one = variant("one", { ...judged, ...ops(3000, 2) });
    const near = variant("near", { ...judged, ...ops(2100, 2) });
    const far = variant("far", { ...judged, ...ops(1900, 2) });
    expect(choose(reference, one, near, far)?.reason).toContain("not separated from it: `near`");
  });

  test("goes by visits without those given up where there are no bogo-ops", () => {
    const walking = (perSecond: number) => ({ ...judged, walked: rate(times(8, perSecond)) });
    const choice = choose(
      variant("reference", walking(referenceRate)),
      variant("fast", { ...walking(1500), visits: rate(times(8, 1)) }),
    );
    expect(choice).toMatchObject({ id: "fast", reason: expect.stringContaining("1.50× the reference's visits/s") });
  });

  test("says which constraints nobody measured", () => {
    const choice = choose(variant("reference", ops(referenceRate)), variant("fast", ops(2000)));
    expect(choice?.reason).toMatch(/; not measured: no late callback, reclaim goes on, quick registration, /);
    const kept = choose(variant("reference", ops(referenceRate)), variant("slow", ops(500)));
    expect(kept).toEqual({
      id: "reference",
      reason: `no variant that breaks no constraint is shown to do more bogo-ops/s; not measured: ${constraints.join(", ")}`,
    });
  });

  test("says of what the reference breaks when nobody judged the chosen variant by it, and says it once", () => {
    const { exact: _, ...unjudged } = judged;
    const choice = choose(
      variant("reference", { ...sharing, ...ops(referenceRate) }),
      variant("other", { ...unjudged, ...ops(2000) }),
    );
    expect(choice?.reason).toMatch(/; the reference breaks: read side scales \(of `other` not measured\)$/);
  });

  test("is not made from one variant, without the reference, or where each breaks a constraint", () => {
    expect(choose()).toBeNull();
    expect(choose(reference)).toBeNull();
    expect(choose(reference, variant("floor", ops(9)))).toBeNull();
    expect(choose(variant("one", { ...judged, ...ops(1) }), variant("two", { ...judged, ...ops(2) }))).toBeNull();
    const bad = { ...sharing, ...ops(1) };
    expect(choose(variant("reference", bad), variant("other", bad))).toBeNull();
  });

  test("is not made where nothing got done", () => {
    const idle = { ...judged, ...ops(0) };
    expect(choose(variant("reference", idle), variant("other", idle))).toBeNull();
  });
});

describe("what is said where nothing is chosen", () => {
  const [one, two] = [variant("reference", ops(1)), variant("other", ops(2))];
  const bad = exact({ "visit-shared-writes-mean": 3 });

  test.each([
    [
      "no rate was measured: nobody did a bogo-op or a visit in the measured part",
      [variant("reference"), two].map((of) => ({ ...of, bogoOps: null })),
    ],
    ["fewer than two variants were measured", [one, variant("other")]],
    ["the reference was not measured", [two, variant("third", ops(3))]],
    ["the reference is void", [{ ...one, isVoid: true }, two]],
    ["each variant that was measured breaks a constraint", [one, two].map((of) => ({ ...of, ...bad }))],
  ])("%s", (because, variants) => {
    const found = workload(...variants);
    expect(chooseFor(found, [found])).toBeNull();
    expect(whyNothing(found)).toBe(`nothing to choose: ${because}`);
  });

  test("is that cases are to come, where some are", () => {
    const found = { ...workload(one, two), isIncomplete: true };
    expect(chooseFor(found, [found])).toBeNull();
    expect(whyNothing(found)).toMatch(/^incomplete: /);
  });
});

describe("a contest", () => {
  test("of what was sampled ties within a tenth, memory of maps included, and is not won by what is void", () => {
    const bytes = (size: number) => totals({ "info-bytes-max": size, "shrinker-bytes": size });
    const contests = contestsOf(
      workload(
        variant("reference", bytes(100)),
        variant("more", bytes(109)),
        variant("void", { ...bytes(1), isVoid: true }),
      ),
    );
    expect(contests.map(({ winners }) => winners)).toEqual([["reference", "more"], ["reference"]]);
  });

  test("of rates is won by the highest and those within a tenth of it, one of times by the lowest", () => {
    const contests = contestsOf(
      workload(
        variant("reference", { ...ops(1000), unregister: waits(100) }),
        variant("other", { ...ops(950), unregister: waits(120) }),
        variant("slow", { ...ops(900), unregister: waits(90) }),
        variant("floor", { ...ops(5000), unregister: waits(1) }),
      ),
    );
    const winners = (question: string) => contests.find((one) => one.question === question)?.winners;
    expect(winners("Bogo-ops")).toEqual(["reference", "other"]);
    expect(winners("Unregistering, median")).toEqual(["slow"]);
    expect(winners("A reclaim pass, 99 %")).toBeUndefined();
  });
});

test.each([
  [1_000_000, 1000, 1],
  [10_000_000, 250, 2.5],
  [null, 1000, null],
  [1, null, null],
])("%s ns are, at HZ=%s, %s jiffies", (ns, hz, jiffies) => {
  expect(jiffiesOf(ns, hz)).toBe(jiffies);
});
