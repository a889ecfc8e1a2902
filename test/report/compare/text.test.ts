import { marked, type Token, type Tokens } from "marked";
import { describe, expect, test } from "vitest";
import type { Comparison } from "../../../src/compare/comparison.ts";
import { annotationsMax, renderGithubAnnotations } from "../../../src/report/compare/github-annotations.ts";
import { renderGithubSummary, summaryBytesMax, summaryRowsMax } from "../../../src/report/compare/github-summary.ts";
import { escapeMarkdown, renderCompareMarkdown } from "../../../src/report/compare/markdown.ts";
import { renderCompareTerminal } from "../../../src/report/compare/terminal.ts";
import { outcomeText } from "../../../src/report/compare/words.ts";
import * as samples from "./comparisons.ts";
import { comparison, exact, hostile, native, value } from "./comparisons.ts";

/** As many exact rows as wanted that fail. */
function many(count: number, text = ""): Comparison {
  const rows = Array.from({ length: count }, (_, index) =>
    exact({ metric: `metric-${index}${text}`, head: value(13 + index), change: "worse", fails: true }),
  );
  return comparison({ exact: { compared: count, rows }, native: null });
}

const hostileWarning = comparison({ warnings: [hostile], exact: null });

describe("on a terminal", () => {
  test("the outcome is the first line, and everything is below it", () => {
    const text = renderCompareTerminal(comparison());
    expect(text.split("\n")[0]).toBe(outcomeText(comparison()));
    for (const part of [
      "12,345 exact values compared: 1 worse, 1 gone, 1 changed, 1 within budget, 1 added, 1 better.",
      "6 rows timed: 2 regressed, 1 inconclusive, 1 improved, 2 equivalent; 1 row of the same code, not timed.",
      "steal: 1.20 %; load per core at the beginning: 0.200.",
      "- base: main, commit 1111111111111111111111111111111111111111, run 20261101T000000Z-111111",
      "these were taken on different ones (111111111111 and 0123456789ab)",
      "reclaim-bench compare --base main --problem 'a & b'",
    ]) {
      expect(text).toContain(part);
    }
    expect(text).toMatch(
      /\n +96\.4 ns\/object +106 ns\/object +1\.096 \[1\.091, 1\.103\] +0\.002 +0\.7 % +3 % +regressed; /,
    );
    expect(text).toMatch(/the same code twice +ratio .*\n.*0\.999 \[0\.995, 1\.003\] +3 % +silent/);
    expect(text).toMatch(/\n +sum 1,000, max 40 +sum 1,010, max 41 +\+2\.5 % +5 % +within budget\n/);
  });

  test("no line is wider than it", () => {
    const wide = Object.entries(samples.all).flatMap(([name, one]) =>
      renderCompareTerminal(one)
        .split("\n")
        // The first is for those who search for it.
        .slice(1)
        .filter((line) => [...line].length > 120)
        .map((line) => `${name}: ${line}`),
    );
    expect(wide).toEqual([]);
  });

  test("why it cannot be trusted comes before the numbers", () => {
    const text = renderCompareTerminal(samples.inconclusive);
    expect(text.indexOf("1.75 runnable tasks", 80)).toBeLessThan(text.indexOf("Exact values"));
    expect(text).toContain("sings: 7.8 % slower");
    expect(text).toContain("steal: unknown; load per core at the beginning: 1.75.");
    expect(text).toContain("Warnings\n\n- --min-effect 10 %: nothing below is found\n");
  });

  test("of many rows it says how many are not shown", () => {
    const text = renderCompareTerminal(many(250));
    expect(text.match(/metric-\d+ /g)?.length).toBeLessThan(250);
    const shown = new Set(text.slice(text.indexOf("\n")).match(/metric-\d+/g)).size;
    expect(text).toContain(`${250 - shown} more rows: see --format csv`);
  });

  test("without an interval there is none, and with nothing compared no table", () => {
    expect(renderCompareTerminal(samples.few)).toMatch(/ +1\.297 +1\.000 /);
    expect(renderCompareTerminal(samples.empty)).not.toMatch(/head\/base|canary|Exact/);
  });
});

/** Texts of a token's inside, as a reader sees them. */
function textOf(tokens: readonly Token[] | undefined): string {
  return (tokens ?? [])
    .map((token) => {
      const inside = token as Tokens.Generic;
      if (inside.tokens !== undefined) return textOf(inside.tokens);
      return String(inside.text ?? "")
        .replaceAll("&lt;", "<")
        .replaceAll("&gt;", ">")
        .replaceAll("&quot;", '"')
        .replaceAll("&#39;", "'")
        .replaceAll("&amp;", "&");
    })
    .join("");
}

function tablesOf(markdown: string): string[][][] {
  const inside = markdown.replace(/<\/?details>|<summary>.*<\/summary>/g, "");
  return marked
    .lexer(inside)
    .filter((token): token is Tokens.Table => token.type === "table")
    .map(({ header, rows }) => [header, ...rows].map((row) => row.map((cell) => textOf(cell.tokens))));
}

describe("in Markdown", () => {
  const tables = tablesOf(renderCompareMarkdown(comparison()));

  test("the outcome comes first, and the tables hold what the terminal shows", () => {
    const tokens = marked.lexer(renderCompareMarkdown(comparison()));
    expect(textOf((tokens[0] as Tokens.Paragraph).tokens)).toBe(outcomeText(comparison()));
    expect(tables.map((table) => [table.length - 1, table[0]![0]])).toEqual([
      [6, "exact value"],
      [5, "row"],
      [1, "row"],
      [1, "the same code twice"],
    ]);
    expect(tables[0]![1]).toEqual([
      "quarantine / ring / put-accesses-mean (libvirt-teardown, 1 CPU)",
      "12",
      "13",
      "+8.3 %",
      "–",
      "worse, fails",
    ]);
    expect(tables[0]![2]![0]).toBe(
      "shrinker / rwsem / line-transfers[slab pages (nodes) 10] (stress-ng-ramfs, 64 CPUs)",
    );
    expect(tables[1]!.map((row) => [row[3], row[4], row[5], row[6]])[1]).toEqual([
      "1.096 [1.091, 1.103]",
      "0.002",
      "0.7 %",
      "3 %",
    ]);
    expect(tables[1]![1]!.at(-1)).toMatch(/^regressed; slower by more than 3 %; confirmed on 12 fresh processes/);
    expect(tables[2]![1]!.at(-1)).toMatch(/^regressed, not gated; /);
  });

  test("rows that are the same, and rows of the same code, are not in it", () => {
    const cells = tables.flat().map(([first]) => first);
    expect(cells).not.toContain("quarantine / doubly-linked / put-accesses-mean (libvirt-teardown, 1 CPU)");
    expect(cells.some((cell) => cell?.includes("fill=2"))).toBe(false);
  });

  test.each(["a|b", hostile.replaceAll("\n", " "), "x_y _z_ **b** `c` ~~d~~", "<details>", "&lt; \\| [a](b)"])(
    "a text such as %j is shown as it is, in a table and outside",
    (text) => {
      const rows = [native({ variant: text, reason: text })];
      const own = comparison({
        exact: null,
        native: { ...comparison().native!, rows, canaries: [] },
        warnings: [text],
      });
      const markdown = renderCompareMarkdown(own);
      const [table] = tablesOf(markdown);
      expect(table?.[1]?.[0]).toBe(`${text} / put-ns (libvirt-teardown, 1 CPU)`);
      const list = marked.lexer(markdown).find((token): token is Tokens.List => token.type === "list");
      expect(textOf(list?.items[0]?.tokens)).toBe(text);
    },
  );

  test("words with underscores within are left alone", () => {
    expect(escapeMarkdown("rcu_refcount (down_read)")).toBe("rcu_refcount (down_read)");
  });

  test("a command with backticks is one span of code", () => {
    const tokens = marked.lexer(renderCompareMarkdown(comparison({ command: "a `b` ``c``" })));
    const spans = JSON.stringify(tokens).match(/"type":"codespan","raw":"[^"]*","text":"[^"]*"/g);
    expect(spans?.[0]).toContain('"text":"a `b` ``c``"');
  });
});

describe("in the summary of a job", () => {
  test("small comparisons are whole", () => {
    const text = renderGithubSummary(comparison());
    expect(text).toBe(renderCompareMarkdown(comparison()));
  });

  test("there are at most 200 rows, long tables are folded, and what was left out is counted", () => {
    const text = renderGithubSummary(many(5000));
    const [table] = tablesOf(text);
    expect(table?.length).toBe(summaryRowsMax + 1);
    expect(text).toMatch(/<details>\n<summary>200 rows<\/summary>\n\n\| exact value/);
    expect(text).toContain("4,800 rows were left out here.");
  });

  test("tables that share the room are counted together", () => {
    const rows = Array.from({ length: 150 }, (_, index) => native({ metric: `m-${index}` }));
    const { exact: counted } = many(150);
    const text = renderGithubSummary(comparison({ exact: counted, native: { ...comparison().native!, rows } }));
    const sizes = tablesOf(text).map((table) => table.length - 1);
    expect(sizes).toEqual([150, 50]);
    expect(text).toContain("100 rows were left out here.");
    expect(text).toContain("1 row was left out here.");
  });

  test("it is never longer than GitHub takes, whatever the texts", () => {
    const long = "| <b> & 🐛 ".repeat(200);
    const rows = Array.from({ length: 300 }, (_, index) =>
      native({ variant: long, workload: long, metric: `${index} ${long}`, reason: long }),
    );
    const warnings = [long];
    const own = comparison({ exact: null, native: { ...comparison().native!, rows }, warnings, command: long });
    expect(
      Buffer.byteLength(renderCompareMarkdown({ ...own, native: { ...own.native!, rows: rows.slice(0, 100) } })),
    ).toBeGreaterThan(summaryBytesMax);
    const text = renderGithubSummary(own);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(summaryBytesMax);
    expect(text).toMatch(/\d rows were left out here\./);
  });
});

/** Reads workflow commands as GitHub's runner does. */
function commandsOf(text: string): { command: string; properties: Record<string, string>; message: string }[] {
  const data = (escaped: string): string =>
    escaped.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
  const property = (escaped: string): string => data(escaped.replaceAll("%3A", ":").replaceAll("%2C", ","));
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, command = "", properties = "", message = ""] = /^::(\w+)(?: ([^:]*))?::(.*)$/.exec(line) ?? [];
      expect(["error", "warning", "notice"]).toContain(command);
      const pairs = properties.split(",").map((pair) => {
        const [key = "", ...rest] = pair.split("=");
        return [key, property(rest.join("="))];
      });
      return { command, properties: Object.fromEntries(pairs), message: data(message) };
    });
}

describe("as annotations of GitHub", () => {
  const commands = commandsOf(renderGithubAnnotations(comparison()));

  test("the outcome comes first, what fails is an error at the file of its variant", () => {
    expect(commands[0]).toEqual({
      command: "error",
      properties: { title: "reclaim-bench compare" },
      message: outcomeText(comparison()),
    });
    expect(commands.map(({ command, properties }) => `${command} ${properties.file ?? ""}`)).toEqual([
      "error ",
      "error src/kernel/quarantine/ring.ts",
      "error src/kernel/shrinker/rwsem.ts",
      "error src/kernel/quarantine/ring.ts",
      "error src/kernel/quarantine/doubly-linked.ts",
      "warning src/kernel/shrinker/srcu.ts",
      "notice src/kernel/quarantine/ring.ts",
      "notice src/kernel/shrinker/srcu.ts",
      "notice src/kernel/quarantine/hash-buckets.ts",
      "notice src/kernel/quarantine/hash-buckets.ts",
    ]);
  });

  test.each([
    ["passed", "notice"],
    ["inconclusive", "warning"],
    ["violated", "error"],
  ])("the outcome of %s is of kind %s", (name, command) => {
    const [first] = commandsOf(renderGithubAnnotations(samples.all[name]!));
    expect([first?.command, first?.message]).toEqual([command, outcomeText(samples.all[name]!)]);
  });

  test("a violation is at the file of its variant", () => {
    const own = commandsOf(renderGithubAnnotations(samples.violated));
    expect(own.slice(1, 3).map(({ command, properties }) => [command, properties.file])).toEqual([
      ["error", "src/kernel/quarantine/ring.ts"],
      ["error", undefined],
    ]);
  });

  test("no text breaks out of its command", () => {
    const own = commandsOf(renderGithubAnnotations(hostileWarning));
    expect(own.map(({ message }) => message)).toContain(hostile);
    const rows = [native({ ...samples.regressed, variant: "a,b:c%d\n::error::e" })];
    const [, command] = commandsOf(
      renderGithubAnnotations(comparison({ exact: null, native: { ...comparison().native!, rows } })),
    );
    expect(command?.properties.file).toBe("src/kernel/quarantine/a,b:c%d\n::error::e.ts");
  });

  test("there are no more of a kind than GitHub shows, and the last one counts the others", () => {
    for (const count of [annotationsMax - 1, annotationsMax, 50]) {
      const own = commandsOf(renderGithubAnnotations(many(count)));
      expect(own.length).toBe(Math.min(count + 1, annotationsMax));
      const left = own.at(-1)!.message;
      if (count === annotationsMax - 1) expect(left).toContain("metric-0 ");
      else expect(left).toBe(`${count - (annotationsMax - 2)} more of this kind`);
    }
  });
});
