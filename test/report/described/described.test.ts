import { describe, expect, test } from "vitest";
import { cil } from "../../../src/problems/cil.ts";
import { problems } from "../../../src/problems/index.ts";
import { memcgIterator } from "../../../src/problems/memcg-iterator.ts";
import type { MeasuredRow } from "../../../src/records/record.ts";
import { answerAll, type WorkloadAnswers } from "../../../src/report/described/answers.ts";
import { reporterOfDescribed } from "../../../src/report/described/markdown.ts";
import { metricOf } from "../../../src/report/described/names.ts";
import { paceOf } from "../../../src/report/described/over-time.ts";
import { toldSection } from "../../../src/report/described/plan.ts";
import { planOf } from "../../../src/report/described/plans.ts";
import {
  brokenBy,
  chooseFor,
  contestsOf,
  type Evidence,
  judgementOf,
  measureOf,
  unjudgedOf,
} from "../../../src/report/described/verdict.ts";
import type { Subject } from "../../../src/report/part.ts";
import { collect, rowsOfCase, times, type Values } from "../rows.ts";

const reference = "dead-count";
const floor = "floor";
const order = [reference, "weak-position", "pinned-position", floor];
const workload = "iterator-churn";
const plan = planOf("memcg-iterator");
const subject: Subject = {
  problem: "memcg-iterator",
  statement: "What the problem is.",
  reference,
  floor,
  order,
  questions: new Map([[workload, "Who comes to the end?"]]),
  voids: new Set(),
  incomplete: new Set(),
};

function timed(variant: string, metrics: Values): MeasuredRow[] {
  const parameters = "cgroups=10 purpose=answers";
  return rowsOfCase({ problem: "memcg-iterator", variant, workload, stage: "timed", cpus: 2, parameters }, metrics);
}

/** Numbers that break nothing. */
function sound(rate: number): Values {
  return {
    "bogo-ops-per-s": times(8, rate),
    "round-ns": times(8, 1e8),
    visits: [1000],
    "rounds-completed": [10],
    restarts: [3],
    "removal-restarts": [2],
    "innocent-restarts": [0],
    destroys: [100],
    "cursor-hits": [2],
    "visits-expected": [1000],
    "visited-again": [0],
    "never-visited": [0],
    "pinned-cgroups": [0],
    "dying-cgroups": [0, 1, 2, 3, 4, 5, 6, 7],
  };
}

const rows = [
  ...timed(reference, { ...sound(100), "removal-restarts": [95], "innocent-restarts": [90], "rounds-completed": [0] }),
  ...timed("weak-position", sound(200)),
  ...timed("pinned-position", { ...sound(300), "pinned-cgroups": [4] }),
  ...timed(floor, { "bogo-ops-per-s": times(8, 1000), "round-ns": times(8, 1e8) }),
];

function answers(some: Partial<Subject> = {}) {
  return answerAll(collect(rows, reference), memcgIterator, { ...subject, ...some });
}

/** What a run knows that was only measured. */
function known(workloads: readonly WorkloadAnswers[], more: Partial<Evidence> = {}): Evidence {
  return { workloads, simulated: [], defects: new Map(), ...more };
}

describe("constraints of a described problem", () => {
  test("are broken by who breaks them, with the numbers, and kept by who does not", () => {
    const broken = (id: string): string[] => brokenBy(id, plan, known(answers()));
    const judged = (name: string, id: string, workloads: readonly WorkloadAnswers[]) =>
      judgementOf(id, plan.constraints.find((one) => one.name === name)!, known(workloads));
    expect(broken(reference)).toEqual(["only the victim's walks restart", "rounds are completed"]);
    expect(broken("weak-position")).toEqual([]);
    // What walkers do to each other is a cost, unless somebody has no turn.
    const crowd = (numbers: Values) =>
      answerAll(collect(timed(reference, { ...sound(100), ...numbers }), reference), memcgIterator, subject);
    expect(brokenBy(reference, plan, known(crowd({ restarts: [500], "visited-again": [3000] })))).toEqual([]);
    expect(judged("everybody's turn", reference, crowd({ "never-visited": [11] }))).toEqual({
      is: "broken",
      reason: "rounds left out 1.10 % of the cgroups that were there (iterator-churn)",
    });
    expect(judged("dead cgroups go", "pinned-position", answers())).toEqual({
      is: "broken",
      reason: "4 removed cgroups are kept at the end (iterator-churn)",
    });
    expect(judged("dead cgroups go", "weak-position", answers())).toEqual({ is: "kept", by: "native" });
  });

  test("are kept only where there was occasion to break them", () => {
    const quiet = answerAll(
      collect(timed(reference, { ...sound(100), destroys: [0] }), reference),
      memcgIterator,
      subject,
    );
    expect(unjudgedOf(reference, plan, known(quiet))).toEqual(["only the victim's walks restart", "dead cgroups go"]);
  });

  test("are not judged where there is no number to tell by, and not kept", () => {
    const few = answerAll(collect(timed(reference, { visits: [5] }), reference), memcgIterator, subject);
    expect(unjudgedOf(reference, plan, known(few))).toEqual(plan.constraints.map(({ name }) => name));
    expect(brokenBy(reference, plan, known(few))).toEqual([]);
  });
});

describe("the choice", () => {
  test("is the best of those that break nothing, by the first measure that somebody has", () => {
    const all = answers();
    expect(measureOf(all[0]!, memcgIterator)).not.toBeNull();
    expect(chooseFor(all[0]!, memcgIterator, plan, known(all))).toMatchObject({ id: "weak-position" });
    expect(chooseFor(all[0]!, memcgIterator, plan, known(all))?.reason).toContain("2× the reference's bogo-ops/s");
  });

  test("goes by the next measure where the one before does not tell variants apart, and by time at last", () => {
    const ranked = { ...memcgIterator, ranking: ["restarts", "pinned-cgroups"] };
    const free = { constraints: [], overview: [] };
    const made = (variant: string, pinned: number, ns: number): MeasuredRow[] =>
      timed(variant, { restarts: [7], "pinned-cgroups": [pinned], "round-ns": [ns, ns] });
    const own = [...made(reference, 9, 1e6), ...made("weak-position", 2, 4e6), ...made("pinned-position", 2, 1e6)];
    const [one] = answerAll(collect(own, reference), ranked, subject);
    const choice = chooseFor(one!, ranked, free, known([one!]));
    expect(choice?.id).toBe("pinned-position");
    expect(choice?.reason).toContain("the least time");
    expect(choice?.reason).toContain("level with others by restarts");
  });

  test("is none where the reference is void or the run was stopped", () => {
    const void_ = answers({ voids: new Set([reference]) });
    expect(chooseFor(void_[0]!, memcgIterator, plan, known(void_))).toBeNull();
    const stopped = answers({ incomplete: new Set([workload]) });
    expect(chooseFor(stopped[0]!, memcgIterator, plan, known(stopped))).toBeNull();
  });

  test("is not what is void", () => {
    const all = answers({ voids: new Set(["weak-position"]) });
    expect(chooseFor(all[0]!, memcgIterator, plan, known(all))).toBeNull();
  });
});

test("contests leave the floor out, and what nobody has anything of", () => {
  const contests = contestsOf(answers()[0]!, memcgIterator);
  expect(contests.find(({ question }) => question === "bogo-ops/s")?.winners).toEqual(["pinned-position"]);
  expect(contests.find(({ question }) => question === "restarts")?.ranking.map(({ id }) => id)).not.toContain(floor);
  expect(contests.map(({ question }) => question)).not.toContain("never visited");
});

test("the report has a verdict, the constraints with what breaks them, and every count that somebody has", async () => {
  const part = await reporterOfDescribed(memcgIterator, plan)(collect(rows, reference), subject);
  expect(part.choices).toEqual([{ workload, variant: "weak-position", isIncomplete: false }]);
  expect(part.markdown).toContain("- **iterator-churn**: choose `weak-position`");
  expect(part.markdown).toContain("**broken**: removals sent walks back 95 times, and no round was completed");
  expect(part.markdown).toMatch(/\| dying cgroups \| 7 \| 7/);
  expect(part.markdown).not.toMatch(/undefined|NaN|\[object/);
  expect(part.terminal).toContain("choose weak-position");
});

test("a count is explained once, below the first table that shows it", async () => {
  const more = rows.map((row) => ({ ...row, workload: "libvirt-teardown" }));
  const { markdown } = await reporterOfDescribed(memcgIterator, plan)(collect([...rows, ...more], reference), subject);
  expect(markdown.match(/^\| visits \|/gm)).toHaveLength(2);
  expect(markdown.match(/^- _visits_: Cgroups that passes were given to reclaim from\.$/gm)).toHaveLength(1);
  expect(markdown).not.toContain("_never visited_");
});

test("without constraints nobody is said to break none", async () => {
  const terminal = async (with_: typeof plan): Promise<string> =>
    (await reporterOfDescribed(memcgIterator, with_)(collect(rows, reference), subject)).terminal;
  expect(await terminal(plan)).toMatch(/\bbreaks\b/);
  expect(await terminal({ constraints: [], overview: [] })).not.toMatch(/\bbreaks\b|0 of 0/);
});

test("what is for sentences only is in no table", async () => {
  const [gauge] = cil.gauges.filter(({ isForSentences }) => isForSentences);
  const given = { "bogo-ops-per-s": times(8, 5), "round-ns": times(8, 1e8), pushes: [3], [gauge!.metric]: [4] };
  const at = { problem: "cil", workload: "metadata-commits", stage: "timed" as const, cpus: 2, parameters: "" };
  const own = [...rowsOfCase({ ...at, variant: reference }, given), ...rowsOfCase({ ...at, variant: "other" }, given)];
  const { markdown } = await reporterOfDescribed(cil, plan)(collect(own, reference), {
    ...subject,
    order: [reference, "other"],
  });
  expect(markdown).toContain("| pushes | 3 | 3 (1×) |");
  expect(markdown).not.toContain("deadlock waiter");
});

describe("a course over time", () => {
  const simulated = (variant: string, dying: number[], roundNs = 1e12): MeasuredRow[] =>
    rowsOfCase(
      {
        problem: "memcg-iterator",
        variant,
        workload,
        stage: "simulated",
        cpus: 4,
        parameters: "machine=xeon-24-1s virtual-ms=0",
      },
      {
        "virtual-round-end-ns": dying.map((_, round) => (round + 1) * roundNs),
        "virtual-dying-cgroups": dying,
        "virtual-ns": [5e12],
        "virtual-bogo-ops-per-s": [1],
      },
    );
  const tableOf = async (own: readonly MeasuredRow[]): Promise<string[] | null> => {
    const { markdown } = await reporterOfDescribed(memcgIterator, plan)(collect(own, reference), subject);
    const [, section] = markdown.split("### dying cgroups over time");
    return section === undefined ? null : section.split("\n").filter((line) => line.startsWith("|"));
  };

  test("is a table of rounds with the pace of its second half, and each variant's own time", async () => {
    const lines = await tableOf([
      ...simulated(reference, [1, 2, 3, 4, 5]),
      ...simulated("weak-position", [1, 4, 5, 5, 5], 3e12),
      ...simulated("pinned-position", [1, 2]),
    ]);
    expect(lines?.[0]).toBe(
      "| variant | round 1 | round 2 | round 3 | round 4 | round 5 | 2nd half / 1st | all rounds took |",
    );
    expect(lines?.slice(2)).toEqual([
      "| dead-count | 1 | 2 | 3 | 4 | 5 | 1 | 83.3 min |",
      "| weak-position | 1 | 4 | 5 | 5 | 5 | 0 | 4.17 h |",
      "| pinned-position | 1 | 2 | – | – | – | – | 33.3 min |",
    ]);
  });

  test("is left out where nothing ever happens", async () => {
    expect(await tableOf([...simulated(reference, [0, 0, 0]), ...simulated("weak-position", [0, 0, 0])])).toBeNull();
  });

  test.each([
    [[3, 3, 3, 3, 3, 3], null],
    [[], null],
    [[0, 10, 15, 20], null],
    [[0, 10, 20, 25, 30, 35], 0.5],
    [[0, 10, 20, 20, 20, 20], 0],
    [[0, 10, 20, 15, 10, 5], -0.5],
    [[5, 5, 5, 6, 7, 8], Number.POSITIVE_INFINITY],
    [[9, 8, 7, 6, 5, 4], null],
    // Up and down is no growth.
    [[0, 8, 8, 8, 8, 4, 4, 4, 4, 8, 4, 4, 4, 8], null],
  ])("%j has the pace %s", (values, pace) => {
    expect(paceOf(values)).toBe(pace);
  });
});

test("plans name metrics that their descriptions have", () => {
  for (const problem of problems) {
    for (const metric of planOf(problem.name).overview) {
      const known = metricOf(problem, metric) ?? problem.durations.find((one) => one.metric === metric);
      expect(known, `${problem.name} ${metric}`).toBeDefined();
    }
  }
});

test("what the numbers of a deadlock add up to says who waited for whom, and of the others nothing", () => {
  const numbersOf = (values: Readonly<Record<string, number>>) => ({
    value: (metric: string) => values[metric] ?? null,
    latency: () => null,
  });
  const hung = { deadlocks: 2, "deadlock-waiter": 4, "deadlock-waiter-holds-lock": 1, "deadlock-pusher": 3 };
  const variants = [
    { id: "hangs", numbers: numbersOf({ ...hung, "deadlock-bytes": 65536, "deadlock-at-ns": 120e9 }) },
    { id: "goes-on", numbers: numbersOf({ deadlocks: 0, "deadlock-waiter": 0 }) },
  ];
  const lines = toldSection("### Seen", variants, planOf("cil"));
  expect(lines).toHaveLength(4);
  expect(lines[2]).toMatch(
    /^- `hangs`: deadlocked 2 times\..* task 3 waits for 64 KiB of memory and holds the context lock/,
  );
  expect(lines[2]).toContain("task 2 waits for that lock for writing, in order to push");
  expect(toldSection("### Seen", variants, planOf("memcg-iterator"))).toEqual([]);
});

test("what cil's numbers rest on is said beside them: a parameter, and luck", () => {
  const told = (values: Readonly<Record<string, number>>): string | null =>
    planOf("cil").told!({ value: (metric) => values[metric] ?? null, latency: () => null });
  expect(told({ compactions: 3 })).toMatch(/^compacted memory 3 times .*`compaction-ns`, not measured/);
  expect(told({ "vector-vmallocs": 5, compactions: 0 })).toMatch(/^took 5 large vectors by vmalloc.*`compaction-ns`/);
  const lucky = told({ "allocations-under-lock": 17, deadlocks: 0, compactions: 1 });
  expect(lucky).toMatch(
    /^allocated 17 vectors under the context lock.*the checker finds the deadlock.*\. It compacted/,
  );
  expect(told({ "allocations-under-lock": 17, deadlocks: 1 })).toBeNull();
  for (const metric of ["compactions", "vector-vmallocs", "allocations-under-lock", "deadlocks"]) {
    expect(metricOf(problems.find(({ name }) => name === "cil")!, metric), metric).toBeDefined();
  }
});
