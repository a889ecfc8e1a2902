// Short tables: of several machines, and for the terminal.

import { formatNs, formatNumber, formatRatio, ratioOf } from "../format.ts";
import { type Table, variantCell, withoutEmptyColumns } from "../tables.ts";
import { leastWidth, terminalWidth } from "../terminal.ts";
import { type Curve, type Detail, isRanked, mainCurve, type SimulatedAnswers, type Values } from "./model.ts";
import { cpusText } from "./places.ts";
import { leadersOf } from "./series.ts";
import type { Measure } from "./view.ts";

const none = "–";

/** Ratios on each machine, on its largest count of CPUs. Null with one machine. */
export function machinesTable(machines: readonly SimulatedAnswers[]): Table | null {
  const known = machines.filter(({ measures }) => measures.length > 0);
  if (known.length < 2) return null;
  const ids = [...new Set(known.flatMap(({ variants }) => variants.filter(isRanked).map(({ id }) => id)))];
  return [
    ["machine", "CPUs", "by", ...ids],
    ...known.map(({ machine, main, measures }) => {
      const reference = main.variants.find(({ role }) => role === "reference");
      const values: Values<number> = new Map(
        main.variants.flatMap(({ id, values: [value = null] }) =>
          value === null ? [] : [[id, new Map([[0, value]])] as const],
        ),
      );
      const leaders = leadersOf(values, 0, main.variants, measures[0]!);
      return [
        machine,
        formatNumber(main.cpus),
        measures[0]!.name,
        ...ids.map((id) => {
          const text = formatRatio(ratioOf(values.get(id)?.get(0), reference?.values[0]));
          return leaders.includes(id) && text !== none ? `**${text}**` : text;
        }),
      ];
    }),
  ];
}

/** Counts of CPUs that are shown on the terminal at most. */
const countsShown = 6;

/** The short table of the terminal: the foremost measure by variant and count of CPUs. */
export function overviewTable(answers: SimulatedAnswers): Table | null {
  const { main, measures } = answers;
  const [measure] = measures;
  if (measure === undefined) return null;
  const curve = mainCurve(answers);
  if (curve === undefined) return shortTable(main.variants, measures);
  const { common } = curve;
  for (let shown = Math.min(countsShown, common.length); shown > 1; shown--) {
    const table = countsTable(curve, shown, answers, measure);
    if (leastWidth(table) <= terminalWidth) return table;
  }
  return countsTable(curve, 1, answers, measure);
}

/** So many of a curve's counts of CPUs, both ends among them; of one the last. */
function countsTable(
  { common, values: all }: Curve,
  shown: number,
  answers: SimulatedAnswers,
  measure: Measure,
): Table {
  const { variants } = answers;
  const last = common.length - 1;
  const counts = Array.from({ length: shown }, (_, place) =>
    shown === 1 ? common[last]! : common[Math.round((place * last) / (shown - 1))]!,
  );
  const most = counts.at(-1)!;
  const values = all[0]!;
  const base = values.get(variants.find(({ role }) => role === "reference")?.id ?? "")?.get(most);
  return [
    [measure.name, ...counts.map((count) => cpusText(count)), `ratio on ${most}`],
    ...variants
      .filter(({ id }) => (values.get(id)?.size ?? 0) > 0)
      .map((one) => [
        variantCell(one),
        ...counts.map((count) => measure.format(values.get(one.id)?.get(count))),
        formatRatio(ratioOf(values.get(one.id)?.get(most), base)),
      ]),
  ];
}

/** Of one count of CPUs. Columns that the terminal has no room for are left out, the last ones first. */
function shortTable(details: readonly Detail[], measures: readonly Measure[]): Table {
  const reference = details.find(({ role }) => role === "reference");
  const operations = [...new Set(details.flatMap(({ latencies }) => [...latencies.keys()]))];
  let table = withoutEmptyColumns([
    [
      "variant",
      ...measures.flatMap(({ name }) => [name, "ratio"]),
      "CPUs busy",
      ...operations.map((operation) => `${operation} p50`),
      "lock held, most",
    ],
    ...details.map((one) => [
      variantCell(one),
      ...measures.flatMap(({ format }, place) => [
        format(one.values[place]),
        formatRatio(ratioOf(one.values[place], reference?.values[place])),
      ]),
      one.utilisation === null ? none : one.utilisation.toFixed(1),
      ...operations.map((operation) => formatNs(one.latencies.get(operation)?.p50Ns)),
      one.longestHold === null || one.longestHold.ns === 0 ? none : formatNs(one.longestHold.ns),
    ]),
  ]);
  while (leastWidth(table) > terminalWidth && table[0]!.length > 3) table = table.map((row) => row.slice(0, -1));
  return table;
}
