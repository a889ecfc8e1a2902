import { parse } from "csv-parse/sync";
import { describe, expect, test } from "vitest";
import { checkColumns, renderCheckCsv } from "../../../src/report/check/csv.ts";
import { checkFormats } from "../../../src/report/check/formats.ts";
import { renderCheckJson } from "../../../src/report/check/json.ts";
import { renderCheckJunit } from "../../../src/report/check/junit.ts";
import { renderCheckMarkdown } from "../../../src/report/check/markdown.ts";
import { mainFrame, replayText, sourceFile } from "../../../src/report/check/report.ts";
import { renderCheckSarif } from "../../../src/report/check/sarif.ts";
import { largestExhausted, missText, totalText, variantTable } from "../../../src/report/check/tables.ts";
import { renderCheckTerminal } from "../../../src/report/check/terminal.ts";
import { clean, counterexample, declared, outcome, report, rung, violated } from "./outcomes.ts";

describe("the table of variants", () => {
  test("has a row for each variant and memory model, with the work of all its scenarios", () => {
    expect(variantTable(report.outcomes)).toEqual([
      ["variant", "model", "largest exhausted", "states", "executions", "time", "outcome"],
      ["single-list", "sc", "3 tasks x 1 to 2 operations", "2,000", "60", "3 s", "exhausted: 2 of 2"],
      ["single-list", "tso", "2 tasks x 2 operations", "2,345", "30", "1.50 s", "exhausted: 1 of 1"],
      ["hash-buckets buckets=16", "sc", "–", "17", "2", "1.50 s", "violation: use after free in put-against-remove"],
      ["srcu", "sc", "–", "5,000,000", "30", "30 s", "stopped at the time limit: unregister-walk"],
    ]);
  });

  test("says of a variant everything that happened to it, the worst first", () => {
    const [, row] = variantTable([
      outcome({ scenario: "a" }),
      outcome({ scenario: "b", outcome: "bound", bound: "20 states" }),
      outcome({ scenario: "c", outcome: "violation", counterexample }),
      outcome({ scenario: "d", outcome: "bound", bound: "20 states" }),
    ]);
    expect(row?.at(-1)).toBe("violation: use after free in c; stopped at 20 states: b, d; exhausted: 1 of 4");
  });

  test("has no number of states where the scheduler tells none apart", () => {
    const [, row] = variantTable([outcome({ scheduler: "random", rungs: [rung("10 executions", { states: 0 })] })]);
    expect(row?.[3]).toBe("–");
  });

  test.each([
    [["2 tasks x 2 operations", "3 tasks x 2 operations"], "3 tasks x 2 operations"],
    [["3 tasks x 2 operations", "3 tasks x 1 to 2 operations"], "3 tasks x 2 operations"],
    [["2 tasks x 10 operations", "3 tasks x 2 operations"], "2 tasks x 10 operations"],
  ])("of the exhausted sizes %j the largest is %s", (sizes, largest) => {
    expect(largestExhausted(sizes.map((size) => outcome({ size })))).toBe(largest);
  });
});

test("the total counts what was not reached, too", () => {
  expect(totalText(report)).toBe(
    "6 cases: 3 exhausted, 1 stopped at a bound, 1 violation, 1 not checked, as the check was stopped",
  );
  expect(totalText(clean)).toBe("1 case: 1 exhausted");
});

test("the probability of a missed state is that of all cases together, and nothing where there are no hashes", () => {
  expect(missText([outcome(), outcome()])).toContain("a probability below 2e-12.");
  expect(missText([outcome({ missProbability: 0 })])).toBe("");
  // A limit is rounded up.
  expect(missText([outcome({ missProbability: 5.1e-7 })])).toContain("below 6e-7.");
  expect(missText([outcome({ missProbability: 9.2e-7 })])).toContain("below 1e-6.");
});

describe("on the terminal", () => {
  const text = renderCheckTerminal(report);

  test("a violation has its case, what was found, where, its timeline and how to see it again", () => {
    expect(text).toContain(
      [
        "violation in quarantine: hash-buckets buckets=16, put-against-remove (2 tasks x 2 operations), sc",
        "",
        counterexample.timeline,
        "at kasan_quarantine_put, src/kernel/quarantine/single-list.ts:88:5",
        "",
        "reclaim-bench replay AbC-dEf_123",
      ].join("\n"),
    );
  });

  test("each problem has its table, and there is no table of rungs without a ladder", () => {
    expect(text.match(/^problem \w+$/gm)).toEqual(["problem quarantine", "problem shrinker"]);
    expect(text.match(/^variant/gm)).toHaveLength(2);
    expect(text).not.toContain("rung");
  });

  test("a ladder shows how far each rung went", () => {
    const ladder = outcome({
      scheduler: "bounded",
      outcome: "bound",
      bound: "1 preemption",
      rungs: [
        rung("no preemption", { states: 12 }),
        rung("at most 1 preemption", { outcome: "bound", bound: "99 states", states: 99 }),
      ],
    });
    const lines = renderCheckTerminal({ ...clean, outcomes: [ladder] }).split("\n");
    expect(lines.find((line) => line.endsWith("no preemption: exhausted"))).toMatch(
      /^single-list, put-against-remove, sc +12 +30 /,
    );
    expect(lines.find((line) => line.endsWith("at most 1 preemption: stopped at 99 states"))).toMatch(/^ +99 +30 /);
  });

  test("a rung that only its own number of preemptions has ended is all explored", () => {
    const rungs = ["0 preemptions", "1 preemption", "2 preemptions"].map((bound, index) =>
      rung(index === 0 ? "no preemption" : `at most ${bound}`, { outcome: "bound", bound }),
    );
    const text = renderCheckTerminal({ ...clean, outcomes: [outcome({ scheduler: "bounded", rungs })] });
    for (const { name } of rungs) expect(text).toContain(`  ${name}: all explored\n`);
  });

  test("what was found several times in a variant is drawn once, at its shortest", () => {
    const longer = { ...counterexample, timeline: `3 more\n${counterexample.timeline}`, token: "long" };
    const outcomes = [
      { ...violated, scenario: "long-one", counterexample: longer },
      violated,
      { ...violated, variant: "other" },
    ];
    const text = renderCheckTerminal({ ...clean, outcomes });
    expect(text.split(counterexample.timeline)).toHaveLength(3);
    expect(text).not.toContain("3 more");
    expect(text).toContain(
      "\nthe same in quarantine: hash-buckets buckets=16, long-one (2 tasks x 2 operations), sc\nreclaim-bench replay long\n",
    );
    const markdown = renderCheckMarkdown({ ...clean, outcomes });
    expect(markdown.match(/^### /gm)).toHaveLength(2);
    expect(markdown).toContain(
      "The same in quarantine: hash-buckets buckets=16, long-one (2 tasks x 2 operations), sc:",
    );
  });

  test("of a case that hung there is neither place, timeline nor token", () => {
    const hung = { ...counterexample, token: "", timeline: "", frames: [] };
    const own = renderCheckTerminal({ ...clean, outcomes: [outcome({ outcome: "violation", counterexample: hung })] });
    expect(own).toContain("use after free: task 1 loads a < b && c from object 3\n\n1 case:");
    expect(own).not.toContain("replay");
    const two = [violated, { ...violated, scenario: "other" }].map((one) => ({ ...one, counterexample: hung }));
    expect(renderCheckTerminal({ ...clean, outcomes: two })).toMatch(/\n\nthe same in .*\n\n2 cases: /);
    expect(renderCheckMarkdown({ ...clean, outcomes: two })).toMatch(/\nThe same in .*\.\n\n## How/);
  });
});

describe("in Markdown", () => {
  const text = renderCheckMarkdown(report);

  test("the verdict comes first, then tables, violations and how it was made", () => {
    expect(text.split("\n").filter((line) => line.startsWith("#"))).toEqual([
      "# Interleavings explored",
      "## quarantine",
      "## shrinker",
      "## Violations",
      "### quarantine: hash-buckets buckets=16, put-against-remove (2 tasks x 2 operations), sc",
      "## How this was made",
    ]);
    expect(text).toContain("| single-list | sc | 3 tasks x 1 to 2 operations | 2,000 |");
    expect(text).toContain(`\`\`\`text\n${counterexample.timeline}\n\`\`\``);
  });

  test("a fence is longer than any in what it holds", () => {
    const fenced = { ...counterexample, timeline: "a ```` b" };
    const own = renderCheckMarkdown({ ...clean, outcomes: [{ ...violated, counterexample: fenced }] });
    expect(own).toContain("`````text\na ```` b\n`````");
  });

  test("without a violation there is no such section", () => {
    expect(renderCheckMarkdown(clean)).not.toContain("Violations");
  });
});

test("JSON has everything that is known, and counts", () => {
  const { counts, ...rest } = JSON.parse(renderCheckJson(report));
  expect(counts).toEqual({ exhausted: 3, bound: 1, violation: 1, defect: 0, unfinished: 1 });
  expect(rest).toEqual({ schemaVersion: 1, ...JSON.parse(JSON.stringify(report)) });
});

describe("CSV", () => {
  const rows = parse(renderCheckCsv(report), { columns: true }) as Record<string, string>[];

  test("has a row for each rung and each case that was not reached, with all columns", () => {
    expect(rows).toHaveLength(6);
    for (const row of rows) expect(Object.keys(row)).toEqual([...checkColumns]);
    expect(rows.map((row) => row.outcome)).toEqual([
      "exhausted",
      "exhausted",
      "exhausted",
      "violation",
      "bound",
      "unfinished",
    ]);
  });

  test("has what was found and where; what is missing is empty", () => {
    expect(rows[3]).toMatchObject({
      finding: "use after free",
      message: "task 1 loads a < b && c from object 3",
      file: "src/kernel/quarantine/single-list.ts",
      line: "88",
      token: "AbC-dEf_123",
    });
    expect([rows[0]?.finding, rows[0]?.token, rows[5]?.states, rows[5]?.ms]).toEqual(["", "", "", ""]);
  });

  test("has what was found on the last rung only", () => {
    const rungs = [rung("no preemption"), rung("at most 1 preemption", { outcome: "violation" })];
    const own = parse(renderCheckCsv({ ...clean, outcomes: [{ ...violated, rungs }] }), { columns: true });
    expect((own as Record<string, string>[]).map((row) => row.token)).toEqual(["", "AbC-dEf_123"]);
  });

  test("has no text that a spreadsheet would run", () => {
    const finding = { ...counterexample.finding, message: "=1+1" };
    const own = renderCheckCsv({
      ...clean,
      outcomes: [{ ...violated, counterexample: { ...counterexample, finding } }],
    });
    expect(own).toContain(",'=1+1,");
  });
});

test.each([
  ["quarantine/ring.ts", "src/kernel/quarantine/ring.ts"],
  [`${process.cwd()}/mine/variant.ts`, "mine/variant.ts"],
  ["/elsewhere/variant.ts", "/elsewhere/variant.ts"],
])("the file of a frame, %s, is shown as %s", (file, shown) => {
  expect(sourceFile({ symbol: "", file, line: 1, column: 1 })).toBe(shown);
});

test("a replay of a user's own variant names its file, in quotes where a shell needs them", () => {
  expect(replayText(violated)).toBe("reclaim-bench replay AbC-dEf_123");
  expect(replayText({ ...violated, variantFile: `${process.cwd()}/mine/variant.ts` })).toBe(
    "reclaim-bench replay AbC-dEf_123 --variant-file mine/variant.ts",
  );
  expect(replayText({ ...violated, variantFile: "/my files/variant.ts" })).toBe(
    "reclaim-bench replay AbC-dEf_123 --variant-file '/my files/variant.ts'",
  );
});

test("a violation is shown in the user's own file where that takes part in it", () => {
  const own = { symbol: "", file: "/elsewhere/variant.ts", line: 3, column: 1 };
  expect(mainFrame({ frames: [...counterexample.frames, own] })).toBe(own);
});

test("every format ends with a newline, and its extension is its own", () => {
  const formats = Object.values(checkFormats);
  for (const { render } of formats) expect(render(report)).toMatch(/[^\n]\n$/);
  expect(new Set(formats.map(({ extension }) => extension)).size).toBe(formats.length);
});

describe("a known defect", () => {
  const own = { ...clean, outcomes: [outcome(), declared] };

  test("is told in a terminal in few lines, with its reason and its token, and is no violation", () => {
    const text = renderCheckTerminal(own);
    expect(text).toContain("2 cases: 1 exhausted, 1 known defect\n");
    expect(text).toMatch(/known defect: use after free in\s+put-against-remove/);
    expect(text).toContain("kept to show what Linux had\nreclaim-bench replay AbC-dEf_123");
    expect(text).not.toMatch(/violation|CPU 0 \|/);
  });

  test("has a section of its own in Markdown, with its drawing", () => {
    const text = renderCheckMarkdown(own);
    expect(text).not.toContain("## Violations");
    const [, section = ""] = text.split("## Known defects\n");
    expect(section).toContain("Known: kept to show what Linux had.");
    expect(section).toContain("CPU 0 | CPU 1");
  });

  test("passes in JUnit, and is a note in SARIF", () => {
    const xml = renderCheckJunit(own);
    expect(xml).toContain('failures="0"');
    expect(xml).toContain("<system-out>known defect: use after free: kept to show what Linux had");
    const [result] = JSON.parse(renderCheckSarif(own)).runs[0].results;
    expect(result.level).toBe("note");
    expect(result.message.text).toContain("Known: kept to show what Linux had.");
  });
});
