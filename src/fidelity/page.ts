// The page: every row with its figures beside ours. Nothing in it depends on the host or the time, but for the section of
// the host, which is carried over from page to page as it is.

import { formatNs, formatNumber } from "../report/format.ts";
import { renderTable } from "../report/markdown.ts";
import type { Table } from "../report/tables.ts";
import { type Found, type PublishedFigure, type Row, type Standing, standingOf, type Unit } from "./row.ts";
import { type SourceName, sources } from "./sources.ts";

/** A row and what its simulations came to. */
export interface RowResult {
  readonly row: Row;
  readonly found: Found<Row["figures"]>;
}

const none = "–";

/** A number with its sign, for differences. */
function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value < 0 ? "-" : "+"}${text}`;
}

/** A value in its unit. */
export function formatValue(value: number | null, unit: Unit): string {
  if (value === null) return none;
  switch (unit) {
    case "%":
      return `${value.toFixed(1)} %`;
    case "points":
      return `${signed(value, 1)} points`;
    case "ns":
      return formatNs(value);
    case "per s":
      return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
    case "CPUs":
      return value.toFixed(2);
    case "×":
      return `${value.toFixed(2)}×`;
    case "count":
      return formatNumber(value);
  }
}

/** How far ours lies from what was published: percentages in points, everything else in percent of it. */
export function formatDifference(published: number, ours: number | null, unit: Unit): string {
  if (ours === null) return none;
  if (unit === "%" || unit === "points") return `${signed(ours - published, 1)} points`;
  if (published === 0) return ours === 0 ? "0" : signed(ours, 2);
  return `${signed(100 * (ours / published - 1), 1)} %`;
}

function formatAccepted({ accepted, isRangeLate, unit }: PublishedFigure): string {
  if (accepted === "given") return none;
  return `${formatValue(accepted[0], unit)} to ${formatValue(accepted[1], unit)}${isRangeLate ? " \\*" : ""}`;
}

const standings: Readonly<Record<Standing, string>> = {
  given: "given",
  reproduced: "reproduced",
  "no effect": "no effect, as published",
  missed: "**missed**",
  "not modelled": "not modelled",
};

/** Numbers of the sources that some rows cite, in the order of the citations. */
class Citations {
  readonly #numbers = new Map<SourceName, number>();

  cite(source: SourceName): string {
    let number = this.#numbers.get(source);
    if (number === undefined) {
      number = this.#numbers.size + 1;
      this.#numbers.set(source, number);
    }
    return `[${number}]`;
  }

  list(): string[] {
    return [...this.#numbers].map(([name, number]) => {
      const { text, url } = sources[name];
      return `${number}. ${url === null ? text : `[${text}](${url})`}`;
    });
  }
}

function figureTable({ row, found }: RowResult, citations: Citations): Table {
  return [
    ["figure", "published", "ours", "difference", "counts as the same", ""],
    ...Object.entries(row.figures).map(([name, figure]) => {
      const ours = found.ours[name] ?? null;
      return [
        `${figure.quantity} ${citations.cite(figure.source)}`,
        formatValue(figure.value, figure.unit),
        formatValue(ours, figure.unit),
        formatDifference(figure.value, ours, figure.unit),
        formatAccepted(figure),
        standings[standingOf(figure, ours)],
      ];
    }),
  ];
}

/** Why figures are missing or beside the mark; those with the same reason together. */
function missList({ row, found }: RowResult): string[] {
  const byReason = new Map<string, string[]>();
  for (const [name, figure] of Object.entries(row.figures)) {
    const standing = standingOf(figure, found.ours[name] ?? null);
    if (standing !== "missed" && standing !== "not modelled") continue;
    const quantities = byReason.get(figure.miss) ?? [];
    quantities.push(figure.quantity);
    byReason.set(figure.miss, quantities);
  }
  return [...byReason].map(([reason, quantities]) => `- ${quantities.join("; ")}: ${reason}.`);
}

/** One row as a section. */
function renderSection(result: RowResult, citations: Citations): string[] {
  const { row, found } = result;
  const derivations = Object.values(row.figures).flatMap(({ quantity, derivation }) =>
    derivation === undefined ? [] : [`- ${quantity}: ${derivation}.`],
  );
  const misses = missList(result);
  return [
    `## ${row.id}: ${row.title}`,
    "",
    ...found.simulated.map((sentence) => `${sentence}\n`),
    renderTable(figureTable(result, citations)),
    "",
    ...(derivations.length === 0 ? [] : ["What is not written in the source so:", "", ...derivations, ""]),
    ...(misses.length === 0 ? [] : ["Why, as far as known:", "", ...misses, ""]),
    ...(found.tables ?? []).flatMap(({ title, table }) => [`${title}:`, "", renderTable(table), ""]),
    ...(found.notes ?? []).map((note) => `${note}\n`),
  ];
}

function countStandings({ row, found }: RowResult): Map<Standing, number> {
  const counts = new Map<Standing, number>();
  for (const [name, figure] of Object.entries(row.figures)) {
    const standing = standingOf(figure, found.ours[name] ?? null);
    counts.set(standing, (counts.get(standing) ?? 0) + 1);
  }
  return counts;
}

function overview(results: readonly RowResult[]): Table {
  const kinds = ["reproduced", "no effect", "missed", "not modelled", "given"] as const;
  const counted = results.map((result) => ({ row: result.row, counts: countStandings(result) }));
  const total = kinds.map((kind) => counted.reduce((sum, { counts }) => sum + (counts.get(kind) ?? 0), 0));
  return [
    ["row", ...kinds.map((kind) => (kind === "no effect" ? standings[kind] : kind)), "takes"],
    ...counted.map(({ row, counts }) => [
      `${row.id}: ${row.title}`,
      ...kinds.map((kind) => `${counts.get(kind) ?? 0}`),
      `${row.seconds} s`,
    ]),
    ["all", ...total.map(String), `${results.reduce((sum, { row }) => sum + row.seconds, 0)} s`],
  ];
}

const hostBegin = "<!-- host: begin -->";
const hostEnd = "<!-- host: end -->";
const noHost =
  "No host has been measured for this page yet: `reclaim-bench calibrate --out my-host.json`, then `reclaim-bench fidelity --host my-host.json`.";

/** The section of the host that a page has, without its marks; null when there is none. */
export function hostSectionOf(page: string): string | null {
  const begin = page.indexOf(hostBegin);
  const end = page.indexOf(hostEnd);
  return begin < 0 || end < begin ? null : page.slice(begin + hostBegin.length, end).trim();
}

/** A page with another section of the host. */
export function withHostSection(page: string, section: string): string {
  const begin = page.indexOf(hostBegin);
  const end = page.indexOf(hostEnd);
  if (begin < 0 || end < begin) throw new Error("the page has no place for the host's section");
  return `${page.slice(0, begin + hostBegin.length)}\n\n${section.trim()}\n\n${page.slice(end)}`;
}

/** Some rows as Markdown, with their sources. */
export function renderRows(results: readonly RowResult[]): string {
  const citations = new Citations();
  const sections = results.flatMap((result) => renderSection(result, citations));
  return `${[...sections, "## Sources", "", ...citations.list()].join("\n")}\n`;
}

/**
 * The whole page.
 *
 * @param host the host's section, as {@link hostSectionOf} gives it
 */
export function renderPage(results: readonly RowResult[], host: string | null): string {
  const head = [
    "# Fidelity",
    "",
    "What kernel developers published about these locks and queues, and what the simulator makes of it. `reclaim-bench fidelity` simulates all of it and writes this page; but for the last section, every host writes the same bytes.",
    "",
    "Nothing was fitted to a figure that is compared. The costs of a machine come from its profile in `bench/machines`. What no profile can know, the work of a workload beside the structures under test, is set once per machine, from the baseline's figure alone, or measured elsewhere; such figures stand as _given_. What counts as reproduced is mostly a factor of two for shares, and 20 % for what was measured on one kernel. It was decided before a row was first run, except where it is marked \\*: there, results of such runs had been seen. No range has been changed since. A figure that is missed stays, with the reason as far as it is known.",
    "",
    renderTable(overview(results)),
    "",
    "_no effect, as published_: the publication reports no more than a few per cent either way, and ours is within the range, too. Such a figure is not counted as reproduced: every variant that costs next to nothing passes it, so it tells only that no cost was made up here, and neither the sign nor the size of the published difference is ours.",
    "",
    "_takes_: roughly, on one core of a common server; cores share the work.",
    "",
  ];
  const tail = ["## This host: native against simulated", "", hostBegin, "", host ?? noHost, "", hostEnd];
  return `${head.join("\n")}\n${renderRows(results)}\n${tail.join("\n")}\n`;
}
