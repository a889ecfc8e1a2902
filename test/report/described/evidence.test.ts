// What a verdict goes by: what was measured, what was simulated, and what is known to be wrong with a variant.

import { describe, expect, test } from "vitest";
import { defectsOf } from "../../../src/cli/report.ts";
import { problemOf } from "../../../src/problems/index.ts";
import { Histogram } from "../../../src/records/histogram.ts";
import type { MeasuredRow } from "../../../src/records/record.ts";
import { answerAll } from "../../../src/report/described/answers.ts";
import { contestsOf } from "../../../src/report/described/verdict.ts";
import { renderMarkdown } from "../../../src/report/markdown.ts";
import type { Part, Subject } from "../../../src/report/part.ts";
import { reporterOfProblem } from "../../../src/report/problems.ts";
import { fixedRun } from "../quarantine/rows.ts";
import { collect, rowsOfCase, times, type Values } from "../rows.ts";

function subjectOf(problem: string, order: readonly string[], more: Partial<Subject> = {}): Subject {
  return {
    problem,
    statement: "What the problem is.",
    reference: order[0]!,
    floor: "floor",
    order,
    questions: new Map(),
    voids: new Set(),
    incomplete: new Set(),
    ...more,
  };
}

/** Makes rows of a problem's cases. */
function rowsFor(problem: string, workload: string) {
  const of = (stage: string, parameters: string) => (variant: string, metrics: Values) =>
    rowsOfCase({ problem, variant, workload, stage, cpus: 2, parameters }, metrics);
  return {
    timed: of("timed", "purpose=answers"),
    sliced: of("timed", "purpose=answers slice-ms=10"),
    counted: of("counted", "purpose=answers"),
    simulated: of("simulated", "machine=box purpose=answers tasks=2 virtual-ms=0"),
  };
}

/** Rows of a latency, all of whose durations are the same. */
function latency(metric: string, ns: number): Values {
  const histogram = new Histogram();
  histogram.record(ns);
  return Object.fromEntries(histogram.rows(metric).map(({ metric: name, value }) => [name, [value]]));
}

async function report(problem: string, rows: readonly MeasuredRow[], subject: Subject): Promise<Part> {
  return reporterOfProblem(problem)!(collect(rows, subject.reference), subject);
}

/** A variant's row in the table of constraints, without its name. */
function cellsOf({ markdown }: Part, variant: string): string[] {
  const [, table = ""] = markdown.split("The last columns are ");
  const row = table.split("\n").find((line) => line.startsWith(`| ${variant} `)) ?? "";
  return row
    .split(" | ")
    .slice(1)
    .map((cell) => cell.replace(/ \|$/, ""));
}

describe("what was simulated", () => {
  const order = ["dead-count", "weak-position", "pinned-position"];
  const { timed, simulated } = rowsFor("memcg-iterator", "iterator-churn");
  const sound = (rate: number): Values => ({
    "bogo-ops-per-s": times(8, rate),
    "round-ns": times(8, 1e8),
    "pinned-cgroups": [0],
    destroys: [100],
  });
  const native = [
    ...timed("dead-count", sound(100)),
    ...timed("weak-position", sound(200)),
    ...timed("pinned-position", sound(300)),
  ];
  const pinning = (variant: string, pinned: number) =>
    simulated(variant, { "virtual-pinned-cgroups": [pinned], "virtual-destroys": [9], "virtual-bogo-ops-per-s": [5] });

  test("keeps a variant from being chosen natively, too, and stands in the table", async () => {
    const alone = await report("memcg-iterator", native, subjectOf("memcg-iterator", order));
    expect(alone.choices[0]?.variant).toBe("pinned-position");
    const rows = [
      ...native,
      ...pinning("dead-count", 0),
      ...pinning("weak-position", 0),
      ...pinning("pinned-position", 3),
    ];
    const part = await report("memcg-iterator", rows, subjectOf("memcg-iterator", order));
    expect(part.choices[0]?.variant).toBe("weak-position");
    expect(cellsOf(part, "pinned-position")[3]).toBe(
      "**broken**: 3 removed cgroups are kept at the end (iterator-churn, simulated on box)",
    );
    expect(cellsOf(part, "weak-position")[3]).toBe("kept");
    expect(part.terminal).toContain("- pinned-position breaks dead cgroups go: 3 removed cgroups are kept");
  });

  test("is no reason to keep a constraint where nothing was removed", async () => {
    const idle = simulated("weak-position", {
      "virtual-pinned-cgroups": [0],
      "virtual-destroys": [0],
      "virtual-ns": [5],
    });
    const part = await report("memcg-iterator", idle, subjectOf("memcg-iterator", order));
    expect(cellsOf(part, "weak-position")[3]).toBe("–");
  });
});

describe("a problem that was counted and simulated only", () => {
  const order = ["keep-dead", "reparent-slabs", "object-cgroups"];
  const { counted, simulated } = rowsFor("slab-offline", "offline-churn");
  const subject = subjectOf("slab-offline", order);
  const state = (leaked: number, freeNs: number, liveNs = 60): Values => ({
    "virtual-leaked-caches": [leaked],
    "virtual-dying-cgroups-left": [leaked],
    "virtual-dead-caches-left": [leaked],
    "virtual-offlines": [10],
    "virtual-ns": [1000],
    ...latency("virtual-free-dead-latency-ns", freeNs),
    ...latency("virtual-free-live-latency-ns", liveNs),
  });
  const calls = order.flatMap((id) => counted(id, { "accesses-mean[kmem_cache_free]": [9] }));
  const rows = [
    ...calls,
    ...simulated("keep-dead", state(48, 200)),
    ...simulated("reparent-slabs", state(0, 300)),
    ...simulated("object-cgroups", state(0, 900)),
  ];

  test("has the simulated choice in the table of all, and no sentence of what was not measured", async () => {
    const part = await report("slab-offline", rows, subject);
    expect(part.choices).toEqual([]);
    expect(part.markdown).not.toContain("nothing to choose");
    expect(part.terminal).not.toContain("nothing to choose");
    const other = await report("slab-offline", rows, { ...subject, problem: "other" });
    expect(renderMarkdown({ ...fixedRun, cases: [] }, [part, other])).toMatch(
      /\| slab-offline \| offline-churn \| `reparent-slabs` \(simulated, unchecked\) \|/,
    );
  });

  test("has its constraints judged, frees by the reference's of the same place", async () => {
    const part = await report("slab-offline", rows, subject);
    expect(cellsOf(part, "reparent-slabs")).toEqual([
      "kept (simulated)",
      "kept (simulated)",
      "–",
      "kept (simulated)",
      "kept (simulated)",
      "**0×**",
    ]);
    const slower = [
      ...calls,
      ...simulated("keep-dead", state(48, 200)),
      ...simulated("reparent-slabs", state(0, 300, 80)),
    ];
    const regular = cellsOf(await report("slab-offline", slower, subject), "reparent-slabs")[4];
    expect(regular).toMatch(/^\*\*broken\*\*: a free on a live cache takes .* 1\.3\d*× the reference's/);
    expect(cellsOf(part, "object-cgroups")[3]).toMatch(
      /^\*\*broken\*\*: a free on a dead cache takes .* 4\.\d+× the reference's/,
    );
    expect(cellsOf(part, "keep-dead")[0]).toMatch(
      /^\*\*broken\*\*: 48 empty caches stay for ever \(offline-churn, simulated on box\)/,
    );
    expect(part.markdown).toContain("quick offline was not judged, because no case of the run shows it");
    expect(part.markdown.match(/48 empty caches/g)).toHaveLength(1);
  });

  test("frees nothing that could be judged without a reference", async () => {
    const without = rows.filter(({ variant }) => variant !== "keep-dead");
    expect(cellsOf(await report("slab-offline", without, subject), "object-cgroups")[3]).toBe("–");
  });
});

describe("a variant that hangs", () => {
  const order = ["allocate-under-lock", "shadow-buffers", "fail-fast-allocation", "floor"];
  const subject = subjectOf("cil", order);
  const { timed, simulated } = rowsFor("cil", "commits-short-of-memory");
  const rate = (perSecond: number, deadlocks = 0): Values => ({
    "bogo-ops-per-s": times(8, perSecond),
    "round-ns": times(8, 1e7),
    deadlocks: [deadlocks],
    "memory-waits": [5],
    "vector-allocations": [5],
    "allocations-under-lock": [0],
  });
  const virtual = (perSecond: number, deadlocks = 0): Values => ({
    "virtual-bogo-ops-per-s": [perSecond],
    "virtual-deadlocks": [deadlocks],
    "virtual-ns": [1e9],
  });

  test("has no rate, natively and simulated; ratios are those of the others", async () => {
    const part = await report(
      "cil",
      [
        ...timed("allocate-under-lock", rate(1, 7)),
        ...timed("shadow-buffers", rate(1000)),
        ...timed("fail-fast-allocation", rate(2000)),
        ...simulated("allocate-under-lock", virtual(0.001, 2)),
        ...simulated("shadow-buffers", virtual(1000)),
        ...simulated("fail-fast-allocation", virtual(4000)),
      ],
      subject,
    );
    expect(part.choices[0]?.variant).toBe("fail-fast-allocation");
    expect(part.markdown).toMatch(
      /choose `fail-fast-allocation`: 2× `shadow-buffers`'s bogo-ops\/s .*; `allocate-under-lock` hangs 7 times: its rate is the watchdog's, and left out; ratios of rates are to `shadow-buffers`/,
    );
    expect(part.markdown).toMatch(/next is `shadow-buffers` with 0\.250×; `allocate-under-lock` hangs 2 times/);
    expect(part.markdown).not.toMatch(/\d,\d{3}×/);
    expect(order.slice(0, 3).map((id) => cellsOf(part, id).at(-1))).toEqual(["hangs", "1×", "**2×**"]);
    expect(part.terminal).toMatch(/^allocate-under-lock \(reference\) +hangs +hangs /m);
  });

  test("is the base of ratios where it does not hang, and nobody wins by a single round of the watchdog's", () => {
    const one = { ...rate(1, 7), "bogo-ops-per-s": [1], "round-ns": [1e7] };
    const bases = [rate(500), one].map((reference) => {
      const rows = [...timed("allocate-under-lock", reference), ...timed("shadow-buffers", rate(1000))];
      const [workload] = answerAll(collect(rows, subject.reference), problemOf("cil")!, subject);
      const contest = contestsOf(workload!, problemOf("cil")!).find(({ question }) => question === "bogo-ops/s");
      return [workload!.base, workload!.variants[0]!.totals.has("time-ns"), contest?.winners];
    });
    expect(bases).toEqual([
      ["allocate-under-lock", true, ["shadow-buffers"]],
      ["shadow-buffers", false, undefined],
    ]);
  });
});

describe("a known defect", () => {
  const order = ["allocate-under-lock", "check-then-allocate", "shadow-buffers"];
  const { timed, simulated } = rowsFor("cil", "metadata-commits");
  const counts = (perSecond: number): Values => ({
    "bogo-ops-per-s": times(8, perSecond),
    "round-ns": times(8, 1e7),
    deadlocks: [0],
    "memory-waits": [5],
    "vector-allocations": [5],
    "allocations-under-lock": [0],
  });
  const rows = order.flatMap((id, place) => [
    ...timed(id, counts(1000 * (3 - place))),
    ...simulated(id, { "virtual-bogo-ops-per-s": [1000 * (3 - place)] }),
  ]);

  test("is never chosen, marked where the variant stands, in the cell of what it breaks, and told once", async () => {
    const defects = new Map([
      ["allocate-under-lock", [{ kind: "use after free", why: "frees too early" }]],
      [
        "check-then-allocate",
        [
          { kind: "deadlock", why: "a push takes what it found" },
          { kind: "deadlock", why: "a push takes what it found" },
        ],
      ],
    ]);
    const without = await report("cil", rows, subjectOf("cil", order));
    expect(without.choices[0]?.variant).toBe("allocate-under-lock");
    const part = await report("cil", rows, subjectOf("cil", order, { defects }));
    expect(part.choices[0]?.variant).toBe("shadow-buffers");
    expect(part.simulated[0]).toMatchObject({ choice: "shadow-buffers", held: ["allocate-under-lock"] });
    expect(cellsOf(part, "check-then-allocate")[0]).toBe("**known defect**");
    expect(cellsOf(part, "allocate-under-lock")[0]).toBe("kept");
    expect(part.markdown.match(/a push takes what it found/g)).toHaveLength(1);
    expect(part.terminal.match(/known defect of check-then-allocate: a push takes/g)).toHaveLength(1);
    expect(part.markdown).toContain("| bogo-ops/s | allocate-under-lock (known defect) |");
    expect(part.terminal).toContain("allocate-under-lock (reference, known defect)");
  });

  test("is what the checker declares of the variant, whatever its parameters", () => {
    const defects = defectsOf("slab-offline", [
      "keep-dead",
      "keep-dead x=1",
      "self-drain",
      "mark-and-wait form=poison",
    ]);
    expect([...defects.keys()]).toEqual(["keep-dead", "keep-dead x=1"]);
    expect(defects.get("keep-dead")?.[0]).toMatchObject({ kind: "leak" });
  });
});

describe("totals in contests", () => {
  const { sliced, timed } = rowsFor("cil", "metadata-commits");
  const problem = problemOf("cil")!;
  const subject = subjectOf("cil", ["allocate-under-lock", "shadow-buffers"]);
  const work = (perSecond: number, bytes: number): Values => ({
    "bogo-ops-per-s": times(4, perSecond),
    "round-ns": times(4, 1e9),
    "vector-header-bytes": [bytes],
    "vector-footprint-bytes": [bytes],
  });
  const contests = (rows: readonly MeasuredRow[]) =>
    contestsOf(answerAll(collect(rows, subject.reference), problem, subject)[0]!, problem);

  test("of fixed time are per bogo-op, so that nobody wins by doing less", () => {
    const found = contests([
      ...sliced("allocate-under-lock", work(10, 400)),
      ...sliced("shadow-buffers", work(100, 2000)),
    ]);
    const header = found.find(({ question }) => question.startsWith("vector header bytes"));
    expect(header?.question).toBe("vector header bytes per bogo-op");
    expect(header?.ranking).toEqual([
      { id: "shadow-buffers", value: 5 },
      { id: "allocate-under-lock", value: 10 },
    ]);
    // A state at the end does not grow with what got done.
    expect(found.find(({ question }) => question === "vector footprint bytes")?.winners).toEqual([
      "allocate-under-lock",
    ]);
  });

  test("of fixed time are left out where nobody does bogo-ops, and of equal work are as they are", () => {
    const { "bogo-ops-per-s": _, ...idle } = work(10, 400);
    const questions = contests([...sliced("allocate-under-lock", idle), ...sliced("shadow-buffers", idle)]).map(
      ({ question }) => question,
    );
    expect(questions.filter((one) => one.startsWith("vector header"))).toEqual([]);
    const rows = [...timed("allocate-under-lock", work(10, 400)), ...timed("shadow-buffers", work(100, 2000))];
    const header = contests(rows).find(({ question }) => question === "vector header bytes");
    expect(header?.winners).toEqual(["allocate-under-lock"]);
  });
});
