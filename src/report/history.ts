// The history of headline numbers for people: what changed between which revisions, with a chart of each series that did.

import { type HistoryPoint, isWorse, ratiosMin, type Series, type SeriesChange } from "../compare/history.ts";
import { shortHash } from "./compare/names.ts";
import { exactTexts } from "./compare/words.ts";
import { formatCpus } from "./cpus.ts";
import { formatBytes, formatCount, formatNs, formatNumber } from "./format.ts";
import { renderTable } from "./markdown.ts";
import { xmlTag, xmlText } from "./xml.ts";

/** A change with its series. */
interface Changed {
  readonly series: Series;
  readonly change: SeriesChange;
}

/** Changes between the same two revisions. */
export interface ChangedRange {
  readonly good: string;
  readonly bad: string;
  readonly at: string;
  readonly changes: readonly Changed[];
}

/** What there is to tell of a history. */
export interface History {
  readonly series: readonly Series[];
  /** Number of commits of a range, by {@link rangeOf}; absent where the checkout does not know them. */
  readonly commits: ReadonlyMap<string, number>;
}

/** As git names a range. */
export function rangeOf({ good, bad }: Pick<SeriesChange, "good" | "bad">): string {
  return `${good}..${bad}`;
}

/** Ranges with what changed in them, the newest first. */
export function changedRanges(series: readonly Series[]): ChangedRange[] {
  const ranges = new Map<string, Changed[]>();
  for (const one of series) {
    for (const change of one.changes) {
      const key = rangeOf(change);
      ranges.set(key, [...(ranges.get(key) ?? []), { series: one, change }]);
    }
  }
  const all = [...ranges.values()].map((changes): ChangedRange => {
    const { good, bad, at } = changes[0]!.change;
    return { good, bad, at, changes: [...changes].sort((one, other) => sizeOf(other) - sizeOf(one)) };
  });
  return all.sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
}

/** By how many times a level changed, whatever the direction. */
function sizeOf({ change: { before, after } }: Changed): number {
  return before > 0 && after > 0 ? Math.abs(Math.log(after / before)) : Number.POSITIVE_INFINITY;
}

function short(commit: string): string {
  return commit.slice(0, 12);
}

function rangeText(range: Pick<SeriesChange, "good" | "bad">, { commits }: History): string {
  if (range.good === range.bad) return `${short(range.good)}, between runs of the same commit`;
  const count = commits.get(rangeOf(range));
  const counted = count === undefined ? "" : `, ${formatCount(count, "commits")}`;
  return `${short(range.good)}..${short(range.bad)}${counted}`;
}

function valueText(value: number, unit: string): string {
  if (unit === "ns") return formatNs(value);
  if (unit === "bytes") return formatBytes(value);
  return formatCount(value, unit);
}

/** The levels before and after a change, as plain numbers where the usual three digits would not show it. */
function levelTexts({
  series: { unit },
  change: { before, after, change },
}: Changed): readonly [before: string, after: string] {
  if (!(Math.abs(change) < 0.01)) return [valueText(before, unit), valueText(after, unit)];
  const [one, other] = exactTexts(before, after);
  return unit === "ratio" ? [`${one}×`, `${other}×`] : [`${one} ${unit}`.trimEnd(), `${other} ${unit}`.trimEnd()];
}

function changeText({ series, change }: Changed): string {
  const isWorseNow = isWorse(series, change);
  const word = isWorseNow === null ? [] : [isWorseNow ? "worse" : "better"];
  const percent = 100 * change.change;
  // As many as the first that is not 0 needs.
  const rounded = Number(Math.abs(percent).toPrecision(1));
  const digits = Math.min(20, Math.max(1, -Math.floor(Math.log10(rounded))));
  const share = Number.isFinite(percent) ? [`${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(digits)} %`] : [];
  return [...share, ...word].join(", ");
}

/** What tells series apart that have the same name. */
export class SeriesLabels {
  readonly #differing = new Map<string, ReadonlySet<string>>();

  constructor(series: readonly Series[]) {
    const groups = new Map<string, Series[]>();
    for (const one of series) groups.set(this.#keyOf(one), [...(groups.get(this.#keyOf(one)) ?? []), one]);
    for (const [key, group] of groups) {
      const counts = new Map<string, number>();
      for (const pair of group.flatMap((one) => this.#pairsOf(one))) counts.set(pair, (counts.get(pair) ?? 0) + 1);
      this.#differing.set(key, new Set([...counts].flatMap(([pair, count]) => (count < group.length ? pair : []))));
    }
  }

  #keyOf({ name, cpus }: Series): string {
    return `${name} ${cpus}`;
  }

  #pairsOf({ parameters, machine }: Series): string[] {
    const pairs = parameters.split(" ").filter((pair) => pair !== "");
    return machine === null ? pairs : [...pairs, machine];
  }

  /** `metadata-commits, simulator, 16 CPUs, items=12`. */
  whereOf(series: Series): string {
    const own = this.#pairsOf(series).filter((pair) => this.#differing.get(this.#keyOf(series))?.has(pair));
    return [series.workload, series.instrument, formatCpus([series.cpus]), ...own].join(", ");
  }
}

function titleOf({ problem, variant, metric }: Series): string {
  return `${problem} / ${variant} / ${metric}`;
}

const blocks = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
const sparklineMax = 24;

/** Values as blocks, the lowest of them one eighth high: those around an index, where not all can be shown. */
export function sparkline(values: readonly number[], index: number): string {
  const first = Math.max(0, Math.min(index - sparklineMax / 2, values.length - sparklineMax));
  const shown = values.slice(first, first + sparklineMax);
  const [least, most] = [Math.min(...shown), Math.max(...shown)];
  const height = (value: number): number => (most === least ? 3 : Math.round((7 * (value - least)) / (most - least)));
  return shown.map((value) => blocks[height(value)]).join("");
}

function sparklineOf({ series, change }: Changed): string {
  return sparkline(
    series.points.map(({ value }) => value),
    change.index,
  );
}

function spanText(series: readonly Series[]): string {
  const points = series.flatMap((one) => one.points);
  const runs = new Set(points.map(({ runId }) => runId)).size;
  const commits = new Set(points.map(({ commit }) => commit)).size;
  const days = points.map(({ committedAt }) => committedAt.slice(0, 10)).sort();
  const changed = series.filter(({ changes }) => changes.length > 0).length;
  return `${formatCount(runs, "runs")} of ${formatCount(commits, "commits")}, ${days[0]} to ${days.at(-1)}; ${formatNumber(series.length)} series, ${formatNumber(changed)} of them changed`;
}

/** What there is to know of series of ratios before anybody takes their silence for news; null where there are none. */
function ratiosText(series: readonly Series[]): string | null {
  const ratios = series.filter(({ machine }) => machine !== null);
  if (ratios.length === 0) return null;
  const machines = [...new Set(ratios.map(({ machine }) => machine))];
  const short = ratios.filter(({ points }) => points.length < ratiosMin).length;
  const few = `${formatNumber(short)} of ${formatNumber(ratios.length)} series of ratios ${short === 1 ? "has" : "have"} fewer than ${ratiosMin} runs, too few to show a change`;
  return `${formatCount(machines.length, "machines")} (${machines.join("; ")}): ${few}`;
}

/** Ranges that a terminal shows, and changes of each: a history grows, what one reads of it does not. */
const rangesMax = 10;
const shownMax = 20;

export function renderHistoryTerminal(history: History): string {
  const { series } = history;
  const labels = new SeriesLabels(series);
  const lines = [`history: ${spanText(series)}`];
  const ratios = ratiosText(series);
  if (ratios !== null) lines.push(`ratios: ${ratios}`);
  const ranges = changedRanges(series);
  for (const range of ranges.slice(0, rangesMax)) {
    lines.push("", `${range.at.slice(0, 10)}  ${rangeText(range, history)}`);
    for (const changed of range.changes.slice(0, shownMax)) {
      const values = levelTexts(changed).join(" to ");
      lines.push(
        `  ${titleOf(changed.series)} (${labels.whereOf(changed.series)}): ${values} (${changeText(changed)})  ${sparklineOf(changed)}`,
      );
    }
    const more = range.changes.length - shownMax;
    if (more > 0) lines.push(`  and ${more} more; all are in the report`);
  }
  const older = ranges.length - rangesMax;
  if (older > 0) lines.push("", `and ${formatCount(older, "ranges")} before; all are in the report`);
  return `${lines.join("\n")}\n`;
}

/** Name of the file of a series' chart. */
export function chartFile(series: Series): string {
  const { name, cpus, parameters, machine } = series;
  const word = name.replace(/[^A-Za-z0-9]+/g, "-").slice(0, 100);
  return `${word}-${shortHash([name, cpus, parameters, machine ?? ""].join("\0"))}.svg`;
}

/** @param charts folder of the charts, as a link from the report */
export function renderHistoryMarkdown(history: History, charts: string): string {
  const { series } = history;
  const labels = new SeriesLabels(series);
  const ratios = ratiosText(series);
  const lines = [
    "# History",
    "",
    `${spanText(series)}.`,
    "",
    ...(ratios === null ? [] : [`Ratios: ${ratios}.`, ""]),
    "Exact numbers are the same on every machine: any difference is a change. Ratios are to the problem's reference variant in the same run, a series for each machine, which is a model of CPU, its number of cores and a major version of Node.js; a change of theirs is told by the energy distance of the values before and after it, with p < 0.001 by Welch's t-test and a magnitude of at least 5 %. Noise may move it by a run or two, and as the best of all splits is tested, pure noise passes for a change now and then: look at the chart. Runs are ordered by the time of their commit. A range is named as git does: the change came after the first commit, and with the second at the latest.",
    "",
  ];
  const ranges = changedRanges(series);
  if (ranges.length === 0) lines.push("Nothing has changed.", "");
  for (const range of ranges) {
    lines.push(`## ${range.at.slice(0, 10)}: ${rangeText(range, history)}`, "");
    lines.push(
      renderTable([
        ["series", "where", "before", "after", "change", "values around it"],
        ...range.changes.map((changed) => [
          `[${titleOf(changed.series)}](${charts}/${chartFile(changed.series)})`,
          labels.whereOf(changed.series),
          ...levelTexts(changed),
          changeText(changed),
          sparklineOf(changed),
        ]),
      ]),
      "",
    );
  }
  const changed = series.filter(({ changes }) => changes.length > 0);
  if (changed.length > 0) lines.push("## Charts", "");
  for (const one of changed) {
    lines.push(`![${titleOf(one)} (${labels.whereOf(one)})](${charts}/${chartFile(one)})`, "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

const width = 760;
const height = 260;
const plot = { right: 20, top: 48, bottom: 48 } as const;

/** Round values that cover a range, about four of them. */
export function ticksOf(least: number, most: number): number[] {
  const span = most - least || Math.abs(most) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= span / 4) ?? 10) * power;
  const first = Math.floor(least / step);
  const last = Math.max(Math.ceil(most / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** A way to write values near ticks by which no two ticks look the same. */
function tickTexts(ticks: readonly number[], unit: string): (value: number) => string {
  const short = (value: number): string => valueText(value, unit);
  if (new Set(ticks.map(short)).size === ticks.length) return short;
  // Plain numbers of the unit that is named above the chart, a digit finer than the steps.
  const fine = Math.max(0, 1 - Math.floor(Math.log10(ticks[1]! - ticks[0]!)));
  return (value) => value.toLocaleString("en-US", { maximumFractionDigits: Math.min(20, fine) });
}

/** A position to a tenth of a pixel. */
function at(position: number): number {
  return Math.round(position * 10) / 10;
}

const style = `
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.grid { stroke: #d0d7de; }
.line { fill: none; stroke: #0969da; stroke-width: 1.5; }
.dot { fill: #0969da; }
.change { stroke: #bc4c00; stroke-dasharray: 4 3; }
.changed { fill: #bc4c00; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .grid { stroke: #3d444d; }
  .line { stroke: #58a6ff; }
  .dot { fill: #58a6ff; }
  .change { stroke: #f0883e; }
  .changed { fill: #f0883e; }
}
`;

function textAt(x: number, y: number, text: string, attributes: Readonly<Record<string, string>> = {}): string {
  return `${xmlTag("text", { x: at(x), y: at(y), ...attributes })}>${xmlText(text)}</text>`;
}

function dayText({ committedAt, commit }: HistoryPoint): string {
  return `${committedAt.slice(0, 10)} ${commit.slice(0, 7)}`;
}

/**
 * A series as SVG: its values run by run, and where its level changed.
 *
 * @param where as {@link SeriesLabels} says it
 */
export function renderChart(series: Series, where: string): string {
  const { points, changes, unit } = series;
  const values = points.map(({ value }) => value);
  const ticks = ticksOf(Math.min(...values), Math.max(...values));
  const [low, high] = [ticks[0]!, ticks.at(-1)!];
  const textOf = tickTexts(ticks, unit);
  const tickLabels = ticks.map((tick) => textOf(tick).replace(/ \S+\/\S+$/, ""));
  const left = Math.max(90, 16 + 7 * Math.max(...tickLabels.map((text) => text.length)));
  const inner = { width: width - left - plot.right, height: height - plot.top - plot.bottom };
  const x = (index: number): number => left + (inner.width * (index + 0.5)) / points.length;
  const y = (value: number): number => plot.top + inner.height * (1 - (value - low) / (high - low));
  const end = plot.top + inner.height;
  const changed = new Set(changes.map(({ index }) => index));
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `${xmlTag("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height, role: "img" })}>`,
    `<title>${xmlText(`${titleOf(series)} (${where})`)}</title>`,
    `<style>${style}</style>`,
    textAt(left, 18, titleOf(series), { class: "title" }),
    textAt(left, 36, `${unit === "ratio" ? "ratio" : unit || "value"}; ${where}`),
    ...ticks.flatMap((tick, index) => [
      `${xmlTag("line", { class: "grid", x1: left, x2: width - plot.right, y1: at(y(tick)), y2: at(y(tick)) })}/>`,
      textAt(left - 8, y(tick) + 4, tickLabels[index]!, { "text-anchor": "end" }),
    ]),
    ...changes.map(({ index }) => {
      const middle = at((x(index - 1) + x(index)) / 2);
      return `${xmlTag("line", { class: "change", x1: middle, x2: middle, y1: plot.top, y2: end })}/>`;
    }),
    `${xmlTag("polyline", { class: "line", points: values.map((value, index) => `${at(x(index))},${at(y(value))}`).join(" ") })}/>`,
    ...points.map((point, index) => {
      const isChanged = changed.has(index);
      const tag = xmlTag("circle", {
        class: isChanged ? "changed" : "dot",
        ...{ cx: at(x(index)), cy: at(y(point.value)), r: isChanged ? 4 : 2.5 },
      });
      return `${tag}><title>${xmlText(`${dayText(point)}: ${textOf(point.value)}`)}</title></circle>`;
    }),
    textAt(left, end + 20, dayText(points[0]!)),
    textAt(width - plot.right, end + 20, dayText(points.at(-1)!), { "text-anchor": "end" }),
    textAt(left + inner.width / 2, end + 38, "runs, by the time of their commit", { "text-anchor": "middle" }),
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}
