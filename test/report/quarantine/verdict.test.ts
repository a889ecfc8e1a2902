import { describe, expect, test } from "vitest";
import type { VariantAnswers, WorkloadAnswers } from "../../../src/report/quarantine/answers.ts";
import { chooseFor, contestsOf, violationsOf, whyNothing } from "../../../src/report/quarantine/verdict.ts";

/** A variant that keeps every constraint and was not timed. */
function variant(id: string, some: Partial<VariantAnswers> = {}): VariantAnswers {
  const role = id === "reference" || id === "floor" ? id : "";
  return {
    id,
    role,
    isVoid: false,
    put: null,
    reduceNs: null,
    mixed: null,
    bogoOp: null,
    removals: null,
    teardownNs: null,
    teardownParts: new Map(),
    workerNs: null,
    lockHoldNsMax: null,
    irqOffNsMax: null,
    trueSize: null,
    exact: new Map(),
    crossChecked: null,
    ...some,
  };
}

/** A teardown of ten parts. */
function teardown(parts: readonly number[]): Pick<VariantAnswers, "teardownNs" | "teardownParts"> {
  return { teardownNs: parts.reduce((sum, part) => sum + part, 0), teardownParts: new Map(parts.entries()) };
}

function flat(partNs: number): Pick<VariantAnswers, "teardownNs" | "teardownParts"> {
  return teardown(new Array<number>(10).fill(partNs));
}

function exact(values: Readonly<Record<string, number>>): Pick<VariantAnswers, "exact"> {
  return { exact: new Map(Object.entries(values)) };
}

/** A put whose ratio to the reference lies between two values. */
function put(ratio: number, low: number | null, high: number | null): Pick<VariantAnswers, "put"> {
  return {
    put: {
      ns: 10 * ratio,
      low: null,
      high: null,
      ratio: { ratio, low, high, rounds: 60 },
      marginPercent: 1,
      rawP99Ns: 50,
    },
  };
}

function workload(...variants: VariantAnswers[]): WorkloadAnswers {
  return {
    name: "libvirt-teardown",
    isIncomplete: false,
    parameters: { timed: "", instrumented: "", counted: "" },
    timedOn: { cpus: [1], isOversubscribed: false },
    native: { cpus: [1], isOversubscribed: false },
    countedOn: { cpus: [1], isOversubscribed: false },
    variants,
    harness: { putNs: null, allocateNs: null, mixedNs: null, removeNs: null },
    growth: [],
  };
}

/** Evidence, from another workload, that a variant breaks no constraint. */
function judged({ id, put: own }: VariantAnswers): VariantAnswers {
  return variant(id, {
    ...(own === null ? put(1, 0.9, 1.1) : {}),
    ...exact({ "fifo-rank-error-max": 0, "object-extra-bytes": 0 }),
  });
}

function choose(...variants: VariantAnswers[]): ReturnType<typeof chooseFor> {
  const one = workload(...variants);
  return chooseFor(one, [one, { ...workload(...variants.map(judged)), name: "cgroups-4000" }]);
}

describe("a constraint", () => {
  const reference = variant("reference", exact({ "evicted-at-once-max": 500 }));
  const broken = (...ofCandidate: Partial<VariantAnswers>[]): string[] =>
    violationsOf("candidate", [workload(reference, variant("candidate", Object.assign({}, ...ofCandidate)))]).map(
      (one) => one.constraint,
    );

  test.each([
    [1000, []],
    [1001, ["global FIFO"]],
  ])(
    "of order: an object may stray by two of the reference's batches of 500; at %i it breaks %j",
    (stray, expected) => {
      expect(broken(exact({ "fifo-rank-error-max": stray }))).toEqual(expected);
    },
  );

  test.each([
    [1.4, 1.26, 1.6, ["cheap put"]],
    [1.4, 1.25, 1.6, []],
    [1.4, 1.1, 1.6, []],
    [0.5, 0.4, 0.6, []],
    [3, null, null, []],
  ])("of cost: a put of %f times the reference's, from %f to %f, breaks %j", (ratio, low, high, expected) => {
    expect(broken(put(ratio, low, high))).toEqual(expected);
  });

  test.each([
    [{ "object-extra-bytes": 0, "global-bytes": 4 * 2 ** 20 }, []],
    [{ "object-extra-bytes": 8 }, ["little memory"]],
    [{ "global-bytes": 4 * 2 ** 20 + 1 }, ["little memory"]],
    [{ "object-extra-bytes": 8, "global-bytes": 2 ** 30 }, ["little memory"]],
  ])("of memory: %j breaks %j", (values, expected) => {
    expect(broken(exact(values as unknown as Record<string, number>))).toEqual(expected);
  });

  test("that nothing was measured for is not broken", () => {
    expect(broken()).toEqual([]);
  });

  test("may be broken together with others, each once, with a reason", () => {
    const candidate = variant("candidate", {
      ...put(2, 1.9, 2.1),
      ...exact({ "fifo-rank-error-max": 5000, "object-extra-bytes": 8 }),
    });
    const one = workload(reference, candidate);
    expect(violationsOf("candidate", [one, { ...one, name: "again" }])).toEqual([
      { constraint: "global FIFO", reason: "an object left 5000 places out of order; 2 batches are 1000 objects" },
      { constraint: "cheap put", reason: "a put costs at least 1.90 times the reference's (libvirt-teardown)" },
      { constraint: "little memory", reason: "8 bytes more in every object" },
    ]);
  });

  test("broken under one workload is broken everywhere", () => {
    const kept = workload(variant("reference", flat(100)), variant("candidate", flat(1)));
    const elsewhere = workload(reference, variant("candidate", exact({ "object-extra-bytes": 8 })));
    expect(chooseFor(kept, [kept])?.id).toBe("candidate");
    expect(chooseFor(kept, [kept, elsewhere])).toBeNull();
  });
});

describe("where caches are removed", () => {
  const reference = variant("reference", flat(1000));

  test("the least teardown is chosen", () => {
    expect(choose(reference, variant("fast", flat(10)), variant("slow", flat(500)))).toEqual({
      id: "fast",
      reason:
        "least teardown (0.010× the reference's) of the variants that break none of the three constraints and finish every removal",
    });
  });

  test("a variant that breaks a constraint is not, however fast it is", () => {
    const greedy = variant("greedy", { ...flat(1), ...exact({ "object-extra-bytes": 8 }) });
    expect(choose(reference, greedy, variant("modest", flat(100)))?.id).toBe("modest");
  });

  test("a variant that never finishes its removals is not chosen, however fast it is", () => {
    const deferred = variant("deferred", { ...flat(1), ...exact({ "unfinished-caches": 1 }) });
    expect(choose(reference, deferred, variant("modest", flat(100)))?.id).toBe("modest");
  });

  test("the floor is not chosen", () => {
    expect(choose(reference, variant("floor", flat(1)), variant("modest", flat(100)))?.id).toBe("modest");
  });

  test("those that the parts do not tell apart are named", () => {
    const parts = [8, 12, 8, 12, 8, 12, 8, 12, 8, 12];
    const choice = choose(reference, variant("one", teardown(parts)), variant("other", teardown([...parts].reverse())));
    expect(choice?.id).toBe("one");
    expect(choice?.reason).toMatch(/; not separated from it: `other`$/);
  });

  test("a difference below a tenth separates nothing, however steady it is", () => {
    const choice = choose(reference, variant("one", flat(100)), variant("other", flat(109)));
    expect(choice?.reason).toMatch(/; not separated from it: `other`$/);
    const apart = choose(reference, variant("one", flat(100)), variant("other", flat(112)));
    expect(apart?.reason).not.toContain("not separated");
  });

  test("a large total that comes from a single part separates nothing", () => {
    const outlier = variant("outlier", teardown([100, 100, 100, 100, 100, 100, 100, 100, 100, 10_000]));
    expect(choose(reference, variant("one", flat(100)), outlier)?.reason).toMatch(/not separated from it: `outlier`$/);
  });

  test("with too few parts the totals decide", () => {
    const choice = choose(
      variant("reference", teardown([1000])),
      variant("one", teardown([100])),
      variant("near", teardown([105])),
      variant("far", teardown([200])),
    );
    expect(choice?.id).toBe("one");
    expect(choice?.reason).toMatch(/; not separated from it: `near`$/);
  });

  test("the reference stays where nothing separates it from the best", () => {
    expect(choose(reference, variant("one", flat(950)), variant("slow", flat(5000)))).toEqual({
      id: "reference",
      reason: "no variant that breaks no constraint is shown to have a shorter teardown",
    });
  });

  test("the reference stays where it is the best itself", () => {
    expect(choose(reference, variant("slow", flat(5000)))).toEqual({
      id: "reference",
      reason: "no variant that breaks no constraint is shown to have a shorter teardown",
    });
  });

  test("a variant whose teardown was not measured is left out", () => {
    expect(choose(reference, variant("untimed"), variant("fast", flat(10)))?.id).toBe("fast");
  });
});

test("a choice says which constraints nobody could judge", () => {
  const fast = variant("fast", { ...flat(10), ...exact({ "object-extra-bytes": 0 }) });
  const one = workload(variant("reference", flat(1000)), fast, variant("floor"));
  expect(chooseFor(one, [one])?.reason).toMatch(/; too few samples to judge: global FIFO, cheap put$/);
});

describe("where no cache is removed", () => {
  const mixed = (ratio: number, low: number | null, high: number | null): Partial<VariantAnswers> => ({
    mixed: {
      ns: 100 * ratio,
      low: null,
      high: null,
      ratio: { ratio, low, high, rounds: 10 },
      marginPercent: 1,
      rawP99Ns: 500,
    },
  });
  const reference = variant("reference", mixed(1, 1, 1));

  test("the cheapest free is chosen among those shown to be a tenth cheaper", () => {
    expect(choose(reference, variant("one", mixed(0.6, 0.5, 0.7)), variant("other", mixed(0.8, 0.7, 0.85)))).toEqual({
      id: "one",
      reason:
        "a free with its eviction costs 0.60× the reference's (95 % interval to 0.70×), the least of the variants that break none of the three constraints",
    });
  });

  test.each([
    ["whose interval reaches up to the reference", 0.6, 0.3, 1.2],
    ["that is cheaper by less than a tenth", 0.95, 0.94, 0.96],
    ["without an interval", 0.5, null, null],
  ])("the reference stays against a variant %s", (_, ratio, low, high) => {
    expect(choose(reference, variant("one", mixed(ratio, low, high)))).toEqual({
      id: "reference",
      reason: "no variant that breaks no constraint is shown to free a tenth cheaper, evictions included",
    });
  });

  test("a put stands in where no batches are mixed", () => {
    expect(choose(variant("reference", put(1, 1, 1)), variant("one", put(0.5, 0.45, 0.55)))?.id).toBe("one");
  });
});

test("nothing is chosen without the reference, or from one variant", () => {
  expect(choose(variant("one", flat(1)), variant("other", flat(2)))).toBeNull();
  expect(choose(variant("reference", flat(1)))).toBeNull();
  expect(choose(variant("reference", flat(1)), variant("floor", flat(1)))).toBeNull();
  expect(choose()).toBeNull();
});

describe("a contest", () => {
  const contest = (question: string, ...variants: VariantAnswers[]) =>
    contestsOf(workload(...variants)).find((one) => one.question === question);
  const question = "Whole teardown, workers included";

  test("ranks by value, and times within a tenth share the place", () => {
    const found = contest(question, variant("a", flat(200)), variant("b", flat(109)), variant("c", flat(100)));
    expect(found?.ranking.map((one) => [one.id, one.value])).toEqual([
      ["c", 1000],
      ["b", 1090],
      ["a", 2000],
    ]);
    expect(found?.winners).toEqual(["c", "b"]);
  });

  test("of exact values is shared by equals only", () => {
    const of = (value: number) => exact({ "global-bytes": value });
    const found = contest("Global memory", variant("a", of(100)), variant("b", of(101)), variant("c", of(100)));
    expect(found?.winners).toEqual(["a", "c"]);
  });

  test("may be won by exactly nothing", () => {
    const of = (value: number) => exact({ "object-extra-bytes": value });
    expect(contest("Memory per object", variant("a", of(0)), variant("b", of(8)))?.winners).toEqual(["a"]);
  });

  test("leaves out the floor and those without a value, and needs two", () => {
    expect(contest(question, variant("floor", flat(1)), variant("a", flat(2)), variant("b"))).toBeUndefined();
    const found = contest(
      question,
      variant("floor", flat(1)),
      variant("a", flat(2)),
      variant("b"),
      variant("c", flat(9)),
    );
    expect(found?.ranking.map((one) => one.id)).toEqual(["a", "c"]);
  });
});

describe("a variant that did what none may do", () => {
  const reference = variant("reference", flat(1000));
  const good = variant("good", flat(500));
  const bad = variant("bad", { ...flat(10), isVoid: true });

  test("is neither chosen nor wins a contest", () => {
    expect(choose(reference, good, { ...bad, isVoid: false })?.id).toBe("bad");
    expect(choose(reference, good, bad)?.id).toBe("good");
    const [teardowns] = contestsOf(workload(reference, good, bad));
    expect(teardowns?.ranking.map(({ id }) => id)).toEqual(["good", "reference"]);
  });

  test("as the reference leaves nothing to choose", () => {
    const voided = { ...reference, isVoid: true };
    expect(choose(voided, good)).toBeNull();
    expect(whyNothing(workload(voided, good))).toBe("nothing to choose: the reference is void");
  });
});

test("nothing is chosen where timed cases are to come", () => {
  const one = { ...workload(variant("reference", flat(1000)), variant("good", flat(500))), isIncomplete: true };
  expect(chooseFor(one, [one])).toBeNull();
  expect(whyNothing(one)).toMatch(/^incomplete: /);
});
