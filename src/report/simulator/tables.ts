// The tables of what was simulated, as rows of text, for Markdown and for the terminal alike.

import type { PairCrossovers } from "../../statistics/crossover.ts";
import type { CostChange, PairSensitivity } from "../../statistics/sensitivity.ts";
import { formatNs, formatNumber, formatPercent, formatRatio, ratioOf } from "../format.ts";
import { type Table, variantCell, withoutEmptyColumns } from "../tables.ts";
import {
  type Cost,
  type Curve,
  commonOf,
  type Detail,
  isRanked,
  levelTolerance,
  mainCurve,
  type PlacedSensitivity,
  type SimulatedAnswers,
  type SimulatedVariant,
  type Sweep,
  type Values,
} from "./answers.ts";
import { type Axis, placeText } from "./points.ts";
import type { Measure } from "./view.ts";

const none = "–";

/** Whether two values are level: so close that nobody is ahead. */
function isLevel(one: number, other: number): boolean {
  return Math.abs(one - other) <= levelTolerance * Math.max(Math.abs(one), Math.abs(other));
}

/** Ids of those that nobody is ahead of; empty without values. */
export function leadersOf<X>(
  values: Values<X>,
  x: X,
  variants: readonly SimulatedVariant[],
  { better }: Pick<Measure, "better">,
): string[] {
  const known = variants.filter(isRanked).flatMap(({ id }) => {
    const value = values.get(id)?.get(x);
    return value === undefined ? [] : [{ id, value }];
  });
  if (known.length === 0) return [];
  const best = known.reduce((most, one) =>
    (better === "higher" ? one.value > most.value : one.value < most.value) ? one : most,
  );
  return known.filter(({ value }) => isLevel(value, best.value)).map(({ id }) => id);
}

/** Variants that a table has room for side by side. */
const columnsMax = 6;

/** A column per variant while there are few, and else a row. */
function readable(table: Table): Table {
  const [heads, ...rows] = table;
  if (heads === undefined || heads.length - 1 <= columnsMax) return table;
  return heads.map((head, column) => [column === 0 ? "variant" : head, ...rows.map((row) => row[column]!)]);
}

/** A row per x, a column per variant: values with their ratios to the reference, the best in bold. */
function sweepTable<X>(
  head: string,
  xs: readonly X[],
  nameOf: (x: X) => string,
  values: Values<X>,
  variants: readonly SimulatedVariant[],
  measure: Measure,
): Table {
  const reference = variants.find(({ role }) => role === "reference");
  const shown = variants.filter(({ id }) => (values.get(id)?.size ?? 0) > 0);
  const common = commonOf(values, xs, variants);
  return readable([
    [head, ...shown.map(variantCell)],
    ...xs.map((x) => {
      const leaders = leadersOf(values, x, variants, measure);
      const base = reference === undefined ? undefined : values.get(reference.id)?.get(x);
      const known = shown.filter((one) => isRanked(one) && values.get(one.id)?.has(x)).length;
      // Where all are level nobody stands out, nor where only some were simulated.
      const isMarked = leaders.length < known && common.includes(x);
      return [
        shown.length > columnsMax ? nameOf(x) : String(x),
        ...shown.map((one) => {
          const value = values.get(one.id)?.get(x);
          if (value === undefined) return none;
          const ratio = one === reference ? null : ratioOf(value, base);
          const text = `${measure.format(value)}${ratio === null ? "" : ` (${formatRatio(ratio)})`}`;
          return isMarked && leaders.includes(one.id) ? `**${text}**` : text;
        }),
      ];
    }),
  ]);
}

/** By count of CPUs. */
export function curveTable({ cpus, values }: Curve, answers: SimulatedAnswers, place: number): Table {
  return sweepTable("CPUs", cpus, cpusText, values[place]!, answers.variants, answers.measures[place]!);
}

/** By values of a swept parameter. */
export function parameterTable({ axis, values }: Sweep, answers: SimulatedAnswers): Table {
  const xs = axis.values.filter((x) => [...values.values()].some((series) => series.has(x)));
  return sweepTable(axis.key, xs, (x) => `${axis.key}=${x}`, values, answers.variants, answers.measures[0]!);
}

/** A cost by values of a swept parameter, with the exponent of its growth. */
export function costTable({ axis }: Sweep, cost: Cost, variants: readonly SimulatedVariant[]): Table {
  const xs = axis.values.filter((x) => [...cost.values.values()].some((series) => series.has(x)));
  return withoutEmptyColumns([
    ["variant", ...xs.map((x) => `${axis.key}=${x}`), "exponent"],
    ...variants
      .filter(({ id }) => (cost.values.get(id)?.size ?? 0) > 0)
      .map((one) => [
        variantCell(one),
        ...xs.map((x) => formatNs(cost.values.get(one.id)?.get(x))),
        cost.exponents.get(one.id)?.toFixed(2) ?? none,
      ]),
  ]);
}

/** Several costs at the ends of a sweep, with the exponents of their growth. */
export function growthTable({ others }: Sweep, variants: readonly SimulatedVariant[]): Table {
  return withoutEmptyColumns([
    ["variant", ...others.map(({ name }) => name)],
    ...variants.filter(isRanked).map((one) => [
      variantCell(one),
      ...others.map(({ values, exponents }) => {
        const series = [...(values.get(one.id) ?? [])];
        const [first, last] = [series[0], series.at(-1)];
        if (first === undefined || last === undefined) return none;
        if (first === last) return formatNs(first[1]);
        const exponent = exponents.get(one.id);
        return `${formatNs(first[1])} to ${formatNs(last[1])}${exponent == null ? "" : ` (${exponent.toFixed(2)})`}`;
      }),
    ]),
  ]);
}

/** `+12 %`. */
function formatError(error: number): string {
  if (Math.abs(error) < 0.0005) return "0.0 %";
  return `${error < 0 ? "-" : "+"}${(100 * Math.abs(error)).toFixed(Math.abs(error) < 0.1 ? 1 : 0)} %`;
}

/** Parameters of the law, fractions of 1 that may be very small. */
function formatShare(value: number): string {
  if (value === 0) return "0";
  return value < 0.0001 ? value.toExponential(1) : value.toPrecision(2);
}

/** The Universal Scalability Law of each variant that has enough counts of CPUs. */
export function lawTable({ laws, cpus }: Curve): Table {
  const most = cpus.at(-1)!;
  return [
    [
      "variant",
      "gamma, per CPU",
      "alpha",
      "beta",
      "peak by the law",
      "best simulated",
      "RMS residual",
      "worst residual",
    ],
    ...laws.map(({ id, law, best }) => {
      const simulatedBest = cpusText(best);
      if (!law.fitted) return [id, none, none, none, none, simulatedBest, none, none];
      const { gamma, alpha, beta, peakCpus, rmsError, worst } = law;
      const beyond = peakCpus !== null && peakCpus > most ? " (beyond what was simulated)" : "";
      return [
        id,
        formatNumber(gamma),
        formatShare(alpha),
        formatShare(beta),
        peakCpus === null
          ? "none"
          : peakCpus === 1
            ? cpusText(1)
            : `${peakCpus.toFixed(peakCpus < 10 ? 1 : 0)} CPUs${beyond}`,
        simulatedBest,
        `${(100 * rmsError).toFixed(1)} %`,
        `${formatError(worst.error)} at ${worst.cpus}`,
      ];
    }),
  ];
}

/** Who changes places with whom, and where: those with the reference first, then by place. */
export function crossoverTable(pairs: readonly PairCrossovers[], unit: string, reference: string | undefined): Table {
  const found = pairs.flatMap(({ crossovers, variants }) =>
    crossovers.map((one) => ({ ...one, isOfReference: variants.some((id) => id === reference) })),
  );
  found.sort((one, other) => {
    if (one.isOfReference !== other.isOfReference) return one.isOfReference ? -1 : 1;
    return one.level.first - other.level.first;
  });
  return [
    ["ahead before", "ahead after", "between", "by a straight line at"],
    ...found.map(({ before, after, from, to, level }) => [
      before,
      after,
      `${formatNumber(from)} and ${formatNumber(to)} ${unit}`,
      aboutText(level),
    ]),
  ];
}

/** Where two are level: one place, or a stretch. */
export function aboutText({ first, last }: { readonly first: number; readonly last: number }): string {
  const text = (place: number): string =>
    Number.isInteger(place) ? formatNumber(place) : formatNumber(Number(place.toPrecision(3)));
  return first === last ? text(first) : `level from ${text(first)} to ${text(last)}`;
}

/** Drops columns in which nobody has anything but 0. */
function withoutZeroColumns(table: Table): Table {
  const isNothing = (cell: string | undefined): boolean => cell === none || /^0( [^ ,]+)?$/.test(cell ?? "");
  const kept = table[0]!.map((_, column) => column === 0 || !table.slice(1).every((row) => isNothing(row[column])));
  return table.map((row) => row.filter((_, column) => kept[column]));
}

function perOp(total: number | null, { done }: Detail): number | null {
  if (total === null) return null;
  return done === null || done === 0 ? null : total / done;
}

/** The floor has no lock, and does next to nothing. */
function withoutFloor(variants: readonly Detail[]): readonly Detail[] {
  return variants.filter(({ role }) => role !== "floor");
}

/** What the machine did at one point. */
export function machineTable({ main, measures, columns, work }: SimulatedAnswers): Table {
  const reference = main.variants.find(({ role }) => role === "reference");
  const flavours = [...new Set(main.variants.flatMap(({ gracePeriods }) => [...gracePeriods.keys()]))];
  const per = work === null ? "" : `/${work.name}`;
  const amount = (total: number | null, one: Detail): string => formatNumber(work === null ? total : perOp(total, one));
  return withoutZeroColumns(
    withoutEmptyColumns([
      [
        "variant",
        ...measures.flatMap(({ name }) => [name, "ratio"]),
        ...columns.map(({ name }) => name),
        "CPUs busy",
        "least, median, most busy CPU",
        `lines from other cores${per}`,
        "of them across sockets",
        `context switches${per}`,
        `interrupts${per}`,
        ...flavours.map((flavour) => `grace periods (${flavour.toUpperCase()})`),
        "interrupts off, most",
        "lock held, most",
      ],
      ...withoutFloor(main.variants).map((one) => [
        variantCell(one),
        ...measures.flatMap(({ format }, place) => [
          format(one.values[place]),
          formatRatio(ratioOf(one.values[place], reference?.values[place])),
        ]),
        ...columns.map(({ format }, place) => format(one.own[place])),
        one.utilisation === null ? none : one.utilisation.toFixed(1),
        one.busy === null
          ? none
          : [one.busy.least, one.busy.median, one.busy.most].map((share) => `${(100 * share).toFixed(0)} %`).join(", "),
        amount(one.transfers, one),
        one.transfers === null || one.transfers === 0
          ? none
          : `${((100 * (one.transfersAcross ?? 0)) / one.transfers).toFixed(0)} %`,
        amount(one.contextSwitches, one),
        amount(one.interrupts, one),
        ...flavours.map((flavour) => formatNumber(one.gracePeriods.get(flavour))),
        formatNs(one.irqOffNsMax),
        one.longestHold === null || one.longestHold.ns === 0
          ? none
          : `${formatNs(one.longestHold.ns)} (${one.longestHold.lock})`,
      ]),
    ]),
  );
}

/** What callers of each operation waited. Null when nobody recorded any. */
export function latencyTable({ main }: SimulatedAnswers): Table | null {
  const shown = withoutFloor(main.variants);
  const operations = [...new Set(shown.flatMap(({ latencies }) => [...latencies.keys()]))];
  if (operations.length === 0) return null;
  return withoutEmptyColumns([
    ["variant", ...operations.flatMap((operation) => [`${operation}: p50`, "p99", "max"])],
    ...shown.map((one) => [
      variantCell(one),
      ...operations.flatMap((operation) => {
        const latency = one.latencies.get(operation);
        return [formatNs(latency?.p50Ns), formatNs(latency?.p99Ns), formatNs(latency?.maxNs)];
      }),
    ]),
  ]);
}

/** Functions that are shown, those that some variant spends most in. */
const symbolsShown = 12;

/** Less than this in every variant is part of the rest. */
const shareMin = 0.0005;

/** Shares of all CPUs' time: a row per function, a column per variant. Null when nobody recorded any. */
export function profileTable({ main }: SimulatedAnswers): Table | null {
  const profiled = withoutFloor(main.variants).filter(({ profile }) => profile.size > 0);
  if (profiled.length === 0) return null;
  const largest = (symbol: string): number => Math.max(...profiled.map(({ profile }) => profile.get(symbol) ?? 0));
  const symbols = [...new Set(profiled.flatMap(({ profile }) => [...profile.keys()]))]
    .map((symbol) => ({ symbol, share: largest(symbol) }))
    .filter(({ share }) => share >= shareMin)
    .sort((one, other) => other.share - one.share)
    .slice(0, symbolsShown)
    .map(({ symbol }) => symbol);
  const rest = profiled.map(({ profile }) => 1 - symbols.reduce((sum, symbol) => sum + (profile.get(symbol) ?? 0), 0));
  return readable([
    ["function", ...profiled.map(variantCell)],
    ...symbols.map((symbol) => [
      symbol,
      ...profiled.map(({ profile }) => (profile.has(symbol) ? formatPercent(profile.get(symbol)) : none)),
    ]),
    ...(rest.some((share) => share >= shareMin)
      ? [["_everything else_", ...rest.map((share) => formatPercent(Math.max(0, share)))]]
      : []),
  ]);
}

/** Names that are shown of each variant. */
const linesShown = 5;

/** Waits shorter than this on average are none, in ns. */
const waitedMin = 0.1;

/** The lines that CPUs took from each other most: a row per name, a column per variant. Null when there are none. */
export function lineTable({ main, work }: SimulatedAnswers): Table | null {
  const moving = withoutFloor(main.variants).filter(({ lines }) => lines.length > 0);
  if (moving.length === 0) return null;
  const amountOf = (one: Detail, total: number | null): number | null => (work === null ? total : perOp(total, one));
  const largest = (name: string): number =>
    Math.max(
      ...moving.map((one) => amountOf(one, one.lines.find((line) => line.name === name)?.transfers ?? null) ?? 0),
    );
  const names = [...new Set(moving.flatMap(({ lines }) => lines.slice(0, linesShown).map(({ name }) => name)))].sort(
    (one, other) => largest(other) - largest(one),
  );
  return readable([
    ["lines of", ...moving.map(variantCell)],
    ...names.map((name) => [
      name,
      ...moving.map((one) => {
        const line = one.lines.find((other) => other.name === name);
        if (line === undefined) return none;
        const waited = amountOf(one, line.waitedNs) ?? 0;
        const lines = line.lines === 1 ? "" : ` (${line.lines} lines)`;
        return `${formatNumber(amountOf(one, line.transfers))}, ${formatNs(waited < waitedMin ? 0 : waited)}${lines}`;
      }),
    ]),
  ]);
}

/** `half l3`. */
export function changeText({ cost, factor }: CostChange): string {
  const times = factor === 0.5 ? "half" : factor === 2 ? "twice" : `${formatNumber(factor)} times`;
  return `${times} \`${cost}\``;
}

/** Changes that are named; of more, the number. */
const changesNamed = 4;

export function changesText(changes: readonly CostChange[]): string {
  const named = changes.slice(0, changesNamed).map(changeText).join(", ");
  return changes.length <= changesNamed ? named : `${named} and ${changes.length - changesNamed} more`;
}

/** Whether the order of two variants holds, and what would end it. */
export function verdictText({
  verdict,
  ahead,
  flippedBy,
  levelledBy,
  separatedBy,
  unknownBy,
}: PairSensitivity): string {
  switch (verdict) {
    case "robust":
      return "robust";
    case "flipped":
      return `flipped by ${changesText(flippedBy)}`;
    case "unknown":
      return `not known: no value with ${changesText(unknownBy)}`;
    case "not separated":
      if (ahead !== null) return `level with ${changesText(levelledBy)}`;
      return separatedBy.length === 0
        ? "level with all costs"
        : `level as it is; \`${separatedBy[0]!.ahead}\` ahead with ${changesText(separatedBy)}`;
  }
}

/** Costs that are named of each variant. */
const costsNamed = 3;

/** Elasticities nearer to 0 than this are not worth a name. */
const elasticityMin = 0.01;

/** Each variant against the reference: whether the order holds, and which costs the ratio depends on most. */
export function sensitivityTable(
  { found: { pairs, elasticities } }: PlacedSensitivity,
  variants: readonly SimulatedVariant[],
): Table {
  const reference = variants.find(({ role }) => role === "reference")?.id;
  const rows = variants.filter(isRanked).flatMap(({ id, role }) => {
    const pair = pairs.find((one) => one.variants.includes(id) && one.variants.some((other) => other === reference));
    if (role === "reference" || pair === undefined) return [];
    const own = elasticities.filter((one) => one.variant === id);
    const largest = own
      .flatMap(({ cost, elasticity }) => (elasticity === null ? [] : [{ cost, elasticity }]))
      .filter(({ elasticity }) => Math.abs(elasticity) >= elasticityMin)
      .sort((one, other) => Math.abs(other.elasticity) - Math.abs(one.elasticity))
      .slice(0, costsNamed)
      .map(({ cost, elasticity }) => `\`${cost}\` ${elasticity < 0 ? "-" : "+"}${Math.abs(elasticity).toFixed(2)}`);
    return [[id, formatRatio(own[0]?.ratio), verdictText(pair), largest.length === 0 ? "on none" : largest.join(", ")]];
  });
  return [["variant", "ratio", "its order with the reference", "the ratio depends most on (elasticity)"], ...rows];
}

/** In words what becomes of an order of all. */
export function orderText({ found: { ranking } }: PlacedSensitivity): string {
  switch (ranking.verdict) {
    case "robust":
      return "robust";
    case "flipped":
      return `changes with ${changesText(ranking.flippedBy)}`;
    case "not separated":
      return "nobody passes another, but some are level";
    case "unknown":
      return "not known, for want of values";
  }
}

/** The order of all at several places, and whether it is robust. */
export function ordersTable(places: readonly PlacedSensitivity[]): Table {
  return [
    ["place", "order, best first", "when a cost changes"],
    ...places.map((one) => [placeOf(one), one.found.ranking.order.join(", "), orderText(one)]),
  ];
}

/** `24 CPUs, cgroups=500`. */
export function placeOf({ cpus, at }: { readonly cpus: number; readonly at: ReadonlyMap<string, string> }): string {
  return [cpusText(cpus), ...(at.size === 0 ? [] : [placeText(at)])].join(", ");
}

/** `1 CPU`, `24 CPUs`. */
export function cpusText(cpus: number): string {
  return `${formatNumber(cpus)} CPU${cpus === 1 ? "" : "s"}`;
}

/** Who is best by count of CPUs and value of an axis, the other axes as they are at the main point. */
export function mapTable(axis: Axis, { curves, cpus, main, variants, measures }: SimulatedAnswers): Table {
  const alike = curves.filter(({ at }) =>
    [...at].every(([key, value]) => key === axis.key || main.at.get(key) === value),
  );
  const reference = variants.find(({ role }) => role === "reference")?.id ?? "";
  return [
    ["CPUs", ...alike.map(({ at }) => `${axis.key}=${at.get(axis.key)}`)],
    ...cpus
      .filter((count) => alike.some(({ common }) => common.includes(count)))
      .map((count) => [
        formatNumber(count),
        ...alike.map(({ values: [foremost = new Map() as Values<number>] }) => {
          const leaders = leadersOf(foremost, count, variants, measures[0]!);
          const [best] = leaders;
          if (best === undefined) return none;
          const others = leaders.length === 1 ? "" : ` and ${leaders.length - 1} alike`;
          const ratio = ratioOf(foremost.get(best)?.get(count), foremost.get(reference)?.get(count));
          return `${best}${others} (${formatRatio(ratio)})`;
        }),
      ]),
  ];
}

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

/** Counts of CPUs that the terminal has room for. */
const countsShown = 6;

/** The short table of the terminal: the foremost measure by variant and count of CPUs. */
export function overviewTable(answers: SimulatedAnswers): Table | null {
  const { main, measures, variants } = answers;
  const [measure] = measures;
  if (measure === undefined) return null;
  const curve = mainCurve(answers);
  if (curve === undefined) return shortTable(main.variants, measures);
  const { common } = curve;
  const last = common.length - 1;
  const shown = Math.min(countsShown, common.length);
  const counts = Array.from({ length: shown }, (_, place) =>
    shown === 1 ? common[0]! : common[Math.round((place * last) / (shown - 1))]!,
  );
  const most = counts.at(-1)!;
  const values = curve.values[0]!;
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

/** Of one count of CPUs. */
function shortTable(details: readonly Detail[], measures: readonly Measure[]): Table {
  const reference = details.find(({ role }) => role === "reference");
  const operations = [...new Set(details.flatMap(({ latencies }) => [...latencies.keys()]))];
  return withoutEmptyColumns([
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
}
