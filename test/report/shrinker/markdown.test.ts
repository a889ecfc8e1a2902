import { describe, expect, test } from "vitest";
import type { MeasuredRow } from "../../../src/records/record.ts";
import type { Run } from "../../../src/records/run-file.ts";
import { renderMarkdown } from "../../../src/report/markdown.ts";
import type { Part, Subject } from "../../../src/report/part.ts";
import { reportShrinker, sharedWritesText, unregisterText } from "../../../src/report/shrinker/markdown.ts";
import {
  latencyTable,
  lockTable,
  memoryTable,
  overviewTable,
  readSideTable,
  reclaimTable,
  symbolTable,
  throughputTable,
} from "../../../src/report/shrinker/tables.ts";
import type { Table } from "../../../src/report/tables.ts";
import { renderTerminal } from "../../../src/report/terminal.ts";
import { fixedRun } from "../quarantine/rows.ts";
import { collect, times } from "../rows.ts";
import { answer, answerOnly, fixedRows, floor, latencies, once, order, reference, rowsOf, subject } from "./rows.ts";

const run: Run = {
  ...fixedRun,
  command: "reclaim-bench run shrinker --quick",
  parameters: { scale: "quick" },
  modules: order.map((variant) => ({
    problem: "shrinker",
    variant,
    machine: "native",
    wasmSha256: "ab".repeat(32),
  })),
  cases: [],
  warnings: [],
};

async function part(rows: readonly MeasuredRow[], some: Partial<Subject> = {}): Promise<Part> {
  return await reportShrinker(collect(rows, reference), { ...subject, ...some });
}

async function markdown(rows: readonly MeasuredRow[], ofRun: Run = run): Promise<string> {
  return renderMarkdown(ofRun, [await part(rows)]);
}

/** The cell of a row in a column, by its head. */
function cell(table: Table | null, id: string, head: string): string | undefined {
  return table?.find((row) => row[0]!.startsWith(id))?.[table[0]!.indexOf(head)];
}

const timed = { stage: "timed" } as const;

describe("a fixed set of rows", () => {
  test("gives the Markdown in test/golden", async () => {
    await expect(await markdown(fixedRows())).toMatchFileSnapshot("../../golden/shrinker.md");
  });

  test("gives the terminal's text in test/golden", async () => {
    await expect(renderTerminal([await part(fixedRows())])).toMatchFileSnapshot("../../golden/shrinker.txt");
  });
});

describe("what is missing", () => {
  test.each(["timed", "profiled", "counted"])("of all stages but %s leaves that one as it is", async (stage) => {
    const text = await markdown(fixedRows().filter((row) => row.parameters.includes(`stage=${stage}`)));
    for (const wrong of ["NaN", "null", "undefined", "Infinity", "()", "(–)"]) expect(text).not.toContain(wrong);
    expect(text.includes("(native)")).toBe(stage === "timed");
    expect(text.includes("(sampled)")).toBe(stage === "profiled");
    expect(text.includes("(exact)")).toBe(stage === "counted");
  });

  test("is said of an incomplete run", async () => {
    const text = await markdown(rowsOf(reference, timed, { "bogo-ops-per-s": [100] }), {
      ...run,
      state: "incomplete",
      finishedAt: null,
    });
    expect(text).toContain("> **Incomplete.**");
    expect(text).toContain("nothing to choose");
    expect(text).toContain("| rwsem (reference) | 100 | 1× |");
  });

  test("is a dash in the row of a variant that was hardly measured, and in no row a 0", async () => {
    const workload = await answerOnly([
      ...fixedRows().filter((row) => row.workload === "cgroups-4000" && row.variant !== "srcu"),
      ...rowsOf("srcu", { stage: "timed", workload: "cgroups-4000" }, { "visits-per-s": [5] }),
    ]);
    for (const table of [
      reclaimTable(workload),
      readSideTable(workload),
      memoryTable(workload),
      lockTable(workload),
      latencyTable(workload, "pass"),
    ]) {
      expect(table!.find(([id]) => id === "srcu")!.slice(1)).toEqual(table![0]!.slice(1).map(() => "–"));
    }
  });

  test("leaves its table out where nobody has anything", async () => {
    const workload = await answerOnly(rowsOf(reference, timed, { "bogo-ops-per-s": [1] }));
    expect(latencyTable(workload, "unregister")).toBeNull();
    expect([lockTable(workload), symbolTable(workload), readSideTable(workload), memoryTable(workload)]).toEqual(
      times(4, 0).map(() => null),
    );
    expect(throughputTable(workload)[0]).toEqual(["variant", "bogo-ops/s", "ratio"]);
  });

  test("is everything, in a run without rows", async () => {
    const text = await markdown([]);
    expect(text).toContain("## Verdict");
    expect(text).toContain("Instrument: native, –;");
  });
});

describe("a run of one variant", () => {
  const rows = rowsOf(reference, timed, { "bogo-ops-per-s": times(6, 100) });

  test("has nothing to choose from, and nobody to compare with", async () => {
    const found = await part(rows);
    expect(found.choices).toEqual([{ workload: "stress-ng-ramfs", variant: null, isIncomplete: false }]);
    expect(found.terminal).toContain("nothing to choose");
    expect(cell(throughputTable(await answerOnly(rows)), reference, "ratio")).toBe("1×");
  });
});

describe("reclaim", () => {
  test("that did not take place is said not to have", async () => {
    const text = await markdown(fixedRows().filter((row) => row.workload === "stress-ng-ramfs"));
    expect(text).toContain("Nothing is reclaimed in this workload: no cgroup was visited.");
    expect(text).not.toContain("### Reclaim given up");
    expect(text).not.toContain("visits/s |");
  });

  test("given up is subtracted in a column of its own, which is there only if somebody gave up", async () => {
    const [, start, passes] = await answer(fixedRows());
    const all = "visits/s, those given up included";
    expect(cell(throughputTable(start!), reference, "without those given up")).toBe("350,000");
    expect(cell(throughputTable(start!), reference, all)).toBe("500,000");
    for (const head of ["without those given up", all]) expect(throughputTable(passes!)[0]).not.toContain(head);
    const [inStart, inPasses] = [overviewTable(start!, [start!]), overviewTable(passes!, [passes!])];
    expect(cell(inStart, reference, "visits/s not given up")).toBe("350,000");
    expect([inStart[0]!.includes("visits/s"), inPasses[0]!.includes("visits/s")]).toEqual([false, true]);
    expect(await markdown(fixedRows())).toContain("flatters the times per visit of `rwsem`");
  });
});

describe("CPUs", () => {
  test("that are more than cores are said to be, in the text and on the terminal", async () => {
    const oversubscribed = { ...timed, cpus: 9, parameters: "workers=9 oversubscribed=true" } as const;
    const rows = rowsOf(reference, oversubscribed, { "bogo-ops-per-s": [1] });
    const text = await markdown(rows);
    expect(text).toContain("> **Oversubscribed:** 9 CPUs, more than the machine has cores");
    expect(text).toContain("Instrument: native, 9 CPUs, **oversubscribed** (more CPUs than cores)");
    expect((await part(rows)).terminal).toMatch(/^stress-ng-ramfs {2}\(9 CPUs; oversubscribed\)/);
    expect(await markdown(fixedRows())).not.toContain("versubscribed");
  });

  test("that are few cannot show the published contention; many could", async () => {
    const on = (cpus: number) => rowsOf(reference, { ...timed, cpus }, { "bogo-ops-per-s": [1] });
    expect(await markdown(on(2))).toContain("Measured on 2 CPUs, which cannot show the contention that was published");
    expect(await markdown(on(32))).not.toContain("cannot show");
  });
});

describe("the sentence about shared writes", () => {
  const counted = (variant: string, visit: number, callback?: number) =>
    rowsOf(
      variant,
      { stage: "counted" },
      once({
        "visit-shared-writes-mean": visit,
        ...(callback === undefined ? {} : { "callback-shared-writes-mean": callback }),
      }),
    );

  test("tells who is free of them, who is but for shrinkers, and who is not", async () => {
    const rows = [...counted(reference, 3, 0), ...counted("srcu", 0, 0), ...counted("refcount-rcu", 0, 2)];
    expect(sharedWritesText(await answerOnly([...rows, ...counted(floor, 0, 0)]))).toBe(
      "**Free of writes to shared locks and globals** is the read side of `srcu`. **Free of writes to shared locks and globals, but writing to the shrinkers that it calls on**, each on a line of its own: `refcount-rcu` (2 per callback). **Not free** of them: `rwsem` (3 per visit).",
    );
  });

  test("does not take a little for nothing, nor the uncounted for free", async () => {
    const text = sharedWritesText(await answerOnly([...counted(reference, 0.001, 0), ...counted("srcu", 0)]));
    expect(text).toContain("**Not free** of them: `rwsem` (0.0010 per visit)");
    expect(text).toContain("read side of `srcu` (writes to shrinkers were not counted)");
    expect(sharedWritesText(await answerOnly(rowsOf(reference, timed, { visits: [1] })))).toBe("");
  });
});

test("the time of unregistering is told in jiffies where it is a matter of jiffies", async () => {
  const rows = [
    ...rowsOf("srcu", timed, latencies("unregister-latency-ns", 1_500_000)),
    ...rowsOf("refcount-rcu", timed, latencies("unregister-latency-ns", 2000)),
  ];
  expect(unregisterText(await answerOnly(rows))).toBe(
    "At the median, unregistering takes: `srcu` 1.50 jiffies (1.50 ms), `refcount-rcu` 2 µs.",
  );
  const unknown = rows.map((row) => ({ ...row, parameters: row.parameters.replace("hz=1000 ", "") }));
  expect(unregisterText(await answerOnly(unknown))).toContain("`srcu` 1.50 ms");
  expect(latencyTable(await answerOnly(unknown), "unregister")![0]).not.toContain("in jiffies");
});

test("a profile's table has the first functions of every variant, locks in bold", async () => {
  const [, , passes] = await answer(fixedRows());
  const table = symbolTable(passes!)!;
  expect(table[0]).toEqual(["function", "rwsem (reference)", "srcu", "refcount-rcu", "floor (floor)"]);
  expect(cell(table, "**down_read_trylock**", "rwsem (reference)")).toBe("20.00 %");
  expect(cell(table, "**down_read_trylock**", "srcu")).toBe("0.00 %");
  expect(table.map(([symbol]) => symbol)).not.toContain("idle");
});

test("the terminal names the constraints that a variant breaks", async () => {
  const workloads = await answer(fixedRows());
  const table = overviewTable(workloads[0]!, workloads);
  expect(cell(table, "rwsem", "breaks")).toBe("reclaim goes on, read side scales");
  expect(cell(table, "srcu", "breaks")).toBe("quick registration");
  expect(cell(table, "refcount-rcu", "breaks")).toBe("none");
  expect(cell(table, floor, "breaks")).toBe("");
});

test("the first round of chunks is told apart where there are any, and marked where it is not apart", async () => {
  const apart = "rates and times of visits, their ratios and intervals, and the choice are of the later rounds only";
  const passes = fixedRows().filter((row) => row.workload === "cgroups-4000");
  expect(await markdown(passes)).toContain(apart);
  expect(await markdown(fixedRows().filter((row) => row.workload !== "cgroups-4000"))).not.toContain(apart);
  const few = passes.filter((row) => row.round < 3);
  expect(await markdown(few)).toContain("With fewer than 4 rounds they are of all, marked `?`: `rwsem`");
  const table = throughputTable(await answerOnly(few));
  expect([cell(table, "srcu", "visits/s"), cell(table, "srcu", "one visit")]).toEqual(["?6,250,000", "?112 ns"]);
  expect(cell(table, "srcu", "ratio")).toMatch(/^\?/);
});

describe("tasks that take turns", () => {
  const turns = "share 2 CPUs and take turns: a task that sleeps holds up the others of its CPU";
  const rows = (tasks: string) =>
    rowsOf(
      reference,
      { ...timed, parameters: `workers=2${tasks}` },
      { "bogo-ops-per-s": [1], ...latencies("register-latency-ns", 5), ...latencies("unregister-latency-ns", 5) },
    );

  test("are told of under rates and latencies where there are more than CPUs", async () => {
    const text = await markdown(rows(" tasks=9"));
    expect(text.split(`9 tasks ${turns}`)).toHaveLength(4);
    for (const few of ["", " tasks=2"]) expect(await markdown(rows(few))).not.toContain("take turns");
  });

  test("are not those of the published figures, which says so", async () => {
    expect((await markdown(rows(""))).match(/tasks that do not hold each other up/g)).toHaveLength(2);
  });
});

test("latencies say what of them is the harness's, by the floor's median", async () => {
  const text = await markdown(fixedRows());
  expect(text).toContain("Of each, about 71 ns are the clock and the harness, as the floor shows");
  const withoutFloor = fixedRows().filter((row) => row.variant !== floor);
  expect(await markdown(withoutFloor)).not.toContain("as the floor shows");
});

test("shares of lock operations are ranked only where the reference has enough samples in them", async () => {
  const share = (samples: number) => [
    ...rowsOf(
      reference,
      { stage: "profiled" },
      { "profile-samples[up_read]": [samples], "profile-samples[other]": [2000] },
    ),
    ...rowsOf(
      "srcu",
      { stage: "profiled" },
      { "profile-samples[srcu_read_lock]": [90], "profile-samples[other]": [2000] },
    ),
  ];
  const question = "| Time in lock operations |";
  expect(await markdown(share(50))).toContain(question);
  expect(await markdown(share(49))).not.toContain(question);
  expect(await markdown(share(0))).not.toContain(question);
});

test("reclaim of one CPU leaves shared writes out, and unjudged", async () => {
  const rows = fixedRows().filter((row) => row.metric !== "visit-shared-writes-mean");
  const found = await part(rows);
  expect(found.terminal).not.toContain("shared writes");
  expect(found.markdown).not.toContain("Writes to shared locks and globals per visit");
  expect(found.terminal).toMatch(/^refcount-rcu .* none of 4 judged$/m);
  expect(found.markdown).toMatch(/^\| refcount-rcu \| kept \| kept \| kept \| – \| kept \|/m);
});

describe("a variant that did what none may do", () => {
  test("is marked, judged by nothing, and not chosen", async () => {
    const found = await part(fixedRows(), { voids: new Set(["refcount-rcu"]) });
    expect(found.terminal).toMatch(/^refcount-rcu \(void\) .* void$/m);
    expect(found.choices.map(({ variant }) => variant)).toEqual([null, null, null]);
    expect(found.terminal).toContain("nothing to choose: each variant that was measured breaks a constraint");
    expect(found.markdown).toContain("**Void:** `refcount-rcu`");
    expect(found.markdown).toMatch(/^\| refcount-rcu \|( \*\*void\*\* \|){5}( – \|){3}$/m);
    expect(found.markdown).not.toMatch(/^\| (Visits|Bogo|One visit)[^|]*\| refcount-rcu/m);
  });
});

test("a workload with timed cases to come is incomplete, and others are not", async () => {
  const found = await part(fixedRows(), { incomplete: new Set(["cgroups-4000"]) });
  expect(found.choices).toEqual([
    { workload: "stress-ng-ramfs", variant: "refcount-rcu", isIncomplete: false },
    { workload: "container-start", variant: "refcount-rcu", isIncomplete: false },
    { workload: "cgroups-4000", variant: null, isIncomplete: true },
  ]);
  expect(found.terminal).toMatch(/^incomplete: not all of its timed cases were tried/m);
  expect(found.markdown).toContain("- **cgroups-4000**: incomplete: ");
});
