// The simulated part of a workload's section, the same for every problem.

import { formatCpus } from "../cpus.ts";
import { formatNs, formatNumber } from "../format.ts";
import { renderTable } from "../markdown.ts";
import type { Table } from "../tables.ts";
import { renderFitting, wrapText } from "../terminal.ts";
import { crossoverSentence, crossoversOf } from "./crossovers.ts";
import { lawCountsMin } from "./curves.ts";
import { type Held, heldMark } from "./held.ts";
import { isDescribed, lawTable, residualMax } from "./law-table.ts";
import {
  type Curve,
  isRanked,
  levelTolerance,
  mainCurve,
  type SimulatedAnswers,
  type SimulatedVariant,
  type Sweep,
} from "./model.ts";
import { machinesTable, overviewTable } from "./overview.ts";
import { cpusText, placeOf } from "./places.ts";
import { cpuTable, latencyTable, lineTable, machineTable, profileTable } from "./point-tables.ts";
import { placeText } from "./points.ts";
import { ordersTable, orderText, sensitivityTable, verdictText } from "./sensitivity-table.ts";
import {
  behindMark,
  costTable,
  curveTable,
  growthErrorMax,
  growthTable,
  mapTable,
  parameterTable,
} from "./sweep-tables.ts";
import { factorsText, mainSensitivity, upperFirst, verdictOf } from "./verdict.ts";
import type { Measure } from "./view.ts";

/** How to read everything that was simulated; to be said once. */
export const howToRead =
  "What is headed _simulated_ happened in virtual time, on a model of the machine that it names and not on this one. It is exact, so every host gives the same numbers, but a model has only what was put into it: hold these numbers against each other, and against native ones at most by their ratios. What the model does is in [docs/simulator.md](../docs/simulator.md), where the costs of each machine come from in [docs/machines.md](../docs/machines.md), and how close it comes to what others published in [docs/fidelity.md](../docs/fidelity.md). In tables by CPUs and by parameters, brackets hold the ratio to the reference, and bold is the best with what is level with it: within 1 %. What is chosen here goes by these rates and times; constraints are judged by what was measured and counted, some by what was simulated, too, and what breaks one in any workload of the run is not chosen here. \\*: something is held against it.";

const inPercent = `${100 * levelTolerance} %`;

/** A section, or nothing without a table. */
function withTable(head: string, before: string, table: Table | null, ...after: readonly string[]): string[] {
  if (table === null || table.length < 2 || table[0]!.length < 2) return [];
  return [
    head,
    "",
    ...(before === "" ? [] : [before, ""]),
    renderTable(table),
    "",
    ...after.flatMap((text) => (text === "" ? [] : [text, ""])),
  ];
}

/** Who changes places along a sweep. */
function crossoverLines(
  { pairs, twins, common }: Pick<Curve, "pairs" | "twins" | "common">,
  unit: string,
  { variants }: SimulatedAnswers,
): string[] {
  const reference = variants.find(({ role }) => role === "reference")?.id;
  const compared = pairs.filter(({ compared: places }) => places.length > 1);
  const level = compared.filter(({ leader }) => leader === null).map(({ variants: ids }) => listed(ids, " and "));
  const gaps = new Map<number, Set<string>>();
  for (const { missing } of pairs) {
    for (const { x, variants: ids } of missing)
      if (common.includes(x)) gaps.set(x, new Set([...(gaps.get(x) ?? []), ...ids]));
  }
  const missing = [...gaps].map(([x, ids]) => `${listed([...ids])} at ${formatNumber(x)} ${unit}`);
  const remarks = [
    twins.length === 0
      ? ""
      : `The same everywhere: ${twins.map(({ id, of }) => listed([of, id], " and ")).join(", ")}.`,
    level.length === 0 ? "" : `Level everywhere: ${level.join(", ")}.`,
    missing.length === 0 ? "" : `Without a value: ${missing.join("; ")}.`,
  ];
  if (compared.length === 0) {
    const none =
      twins.length > 0 ? "" : "Who changes places cannot be told: no two variants have values at two places.";
    return [sentences(none, ...remarks), ""];
  }
  if (!compared.some(({ crossovers }) => crossovers.length > 0)) {
    return [sentences(`Changes of places: none at the ${unit} simulated.`, ...remarks), ""];
  }
  return [
    sentences(...remarks, `These change places, and no others at the ${unit} simulated:`),
    "",
    ...crossoversOf(compared, reference).map((one) => `- ${crossoverSentence(one, unit)}`),
    "",
  ];
}

function listed(ids: readonly string[], between = ", "): string {
  return ids.map((id) => `\`${id}\``).join(between);
}

/** Variants that the law does not describe, and those that it cannot be fitted to. */
function lawNotes({ laws }: Curve): string {
  const bad = laws.flatMap(({ id, law }) => (law.fitted && !isDescribed(law) ? [`\`${id}\``] : []));
  const refused = laws.flatMap(({ id, law }) => (law.fitted ? [] : [`\`${id}\` (${law.reason})`]));
  const texts: string[] = [];
  if (bad.length > 0) {
    texts.push(
      `**The law does not describe ${bad.join(", ")}:** a residual is above ${100 * residualMax} %. Go by the rates above; alpha, beta and a peak would mean nothing.`,
    );
  }
  if (refused.length > 0) texts.push(`No fit: ${refused.join(", ")}.`);
  return texts.join(" ");
}

function curveLines(curve: Curve, answers: SimulatedAnswers): string[] {
  const { measures, boundToCpus } = answers;
  const at = curve.at.size === 0 ? "" : `, ${placeText(curve.at)}`;
  const bound = sentences(
    boundToCpus.length === 0 ? "" : `With the CPUs changed ${listed(boundToCpus)}.`,
    fewTasksText(curve),
  );
  const lines: string[] = [];
  for (const [place, { name }] of measures.entries()) {
    lines.push(...withTable(`#### By CPUs: ${name}${at}`, place === 0 ? bound : "", curveTable(curve, answers, place)));
    if (place === 0) lines.push(...crossoverLines(curve, "CPUs", answers));
  }
  return [...lines, ...lawLines(curve, measures, at)];
}

/** Counts of CPUs that the workload has not a task for each of. */
function withFewTasks({ cpus, fitted }: Curve): number[] {
  return cpus.filter((count) => !fitted.includes(count));
}

function fewTasksText(curve: Curve): string {
  const left = withFewTasks(curve);
  if (left.length === 0) return "";
  return `The workload has fewer tasks than ${formatCpus(left)}: there some CPUs have nothing to do, and what differs is where the tasks run, not how many do.`;
}

function lawLines(curve: Curve, measures: readonly Measure[], at: string): string[] {
  const rate = measures.find(({ better }) => better === "higher");
  if (rate === undefined) return [];
  const left = withFewTasks(curve);
  const tasks = left.length === 0 ? "" : `Left out, because the workload has fewer tasks: ${formatCpus(left)}.`;
  if (curve.laws.length === 0) {
    return [sentences(`No law of scalability is fitted: that takes ${lawCountsMin} counts of CPUs.`, tasks), ""];
  }
  return withTable(
    `#### Law of scalability${at}`,
    sentences(
      `The Universal Scalability Law, X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)), fitted to ${rate.name}.`,
      tasks,
    ),
    lawTable(curve),
    lawNotes(curve),
  );
}

/** Texts, one after the other. */
function sentences(...texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join(" ");
}

/** Who is best where both CPUs and a parameter were swept. */
function mapLines(answers: SimulatedAnswers, held: Held): string[] {
  const { axes, curves, measures } = answers;
  if (curves.length < 2) return [];
  return axes.flatMap((axis) => {
    const table = mapTable(axis, answers, held);
    const has = (mark: string): boolean => table.some((row) => row.some((cell) => cell.includes(mark)));
    const others = measures.slice(1).map(({ name, better }) => {
      return better === "higher" ? `less than half of the most ${name}` : `more than twice the least ${name}`;
    });
    return withTable(
      `#### Best by CPUs and ${axis.key}`,
      sentences(
        `By ${measures[0]!.name}; in brackets: ratio to the reference. What is within ${inPercent} of the best is alike.`,
        has(heldMark) ? `${heldMark}: something is held against it; behind it the best without.` : "",
        has(behindMark) ? `${behindMark}: far behind by another measure: ${others.join(" or ")}.` : "",
      ),
      table,
    );
  });
}

function pointLines(answers: SimulatedAnswers): string[] {
  const { main, work, machine } = answers;
  const ofCpus = cpuTable(answers);
  const where = placeOf(main);
  const per = work === null ? "in all" : `per ${work.name}`;
  return [
    ...withTable(
      `#### On ${where}`,
      "_Lines from other cores_ came out of another core's cache. _Most_: the longest single time.",
      machineTable(answers),
      overrunText(answers),
    ),
    ...withTable(
      `#### What callers wait for on ${where}`,
      "Virtual time of one call. Quantiles are of buckets 3 % wide; there is no 99 % of fewer than 100 calls; the maximum is exact.",
      latencyTable(answers),
    ),
    ...withTable(
      `#### Where the time goes on ${where}`,
      `As \`perf top\` would show it: share of the time of all CPUs of ${machine}, idle included, by innermost function; in brackets, where CPUs were idle, of the time that they were busy; that alone where they were idle for more than 99.9 %.`,
      profileTable(answers),
    ),
    ...withTable(
      `#### CPU by CPU on ${where}`,
      "Share of its time that each was busy, and the function that took most of it, as a share of all its time; in brackets and alone, as a share of the time that it was busy, where it was idle for more than 99.9 %.",
      ofCpus?.table ?? null,
      ofCpus === null || ofCpus.left === 0 ? "" : `And ${cpusText(ofCpus.left)} more, in \`answers.json\`.`,
    ),
    ...withTable(
      `#### Hottest lines on ${where}`,
      `The ten cache lines of each variant that cores took from each other most, by what they hold: transfers, and how long these waited behind others of the same line; both ${per}.`,
      lineTable(answers),
    ),
  ];
}

/** Some ran on for so much longer than they were to that what is counted over all of it is of another time. */
const overrunMin = 1.2;

function overrunText({ main, virtualMs }: SimulatedAnswers): string {
  if (virtualMs === null) return "";
  const late = main.variants.filter(
    (one) => isShown(one) && one.virtualNs !== null && one.virtualNs > overrunMin * virtualMs * 1e6,
  );
  if (late.length === 0) return "";
  const texts = late.map(({ id, virtualNs }) => `\`${id}\` for ${formatNs(virtualNs)}`);
  return `No task began anything after ${formatNs(virtualMs * 1e6)}, but what was begun went on: ${texts.join(", ")}. Rates are of each task's own time; CPUs busy, shares of time and grace periods are of all of it.`;
}

function isShown({ role }: SimulatedVariant): boolean {
  return role !== "floor";
}

function sensitivityLines(answers: SimulatedAnswers): string[] {
  const { sensitivities, variants } = answers;
  const main = mainSensitivity(answers) ?? sensitivities.at(-1);
  if (main === undefined) return [];
  const { found, costs, factors } = main;
  const reference = variants.find(({ role }) => role === "reference")?.id;
  const others = found.pairs.filter(
    ({ variants: ids, verdict }) => verdict !== "robust" && !ids.some((id) => id === reference),
  );
  const elsewhere = sensitivities.filter((one) => one !== main);
  const ofReference = sensitivityTable(main, variants);
  return [
    "#### If the machine's costs were others",
    "",
    `${costs.length === 1 ? "One cost" : `Each of ${costs.length} costs`} of the machine ${factorsText(factors)}, one at a time, on ${placeOf(main)}. _robust_: no change alters who is ahead; _level_: within ${inPercent}. Elasticity: by how many per cent the ratio grows when the cost grows by one; a ranking that hangs on a cost is as good as that cost is known.`,
    "",
    // Who has no value is compared with nobody, and where that is the reference nothing is in the table.
    ...(ofReference.length === 1 ? [] : [renderTable(ofReference), ""]),
    `The order of all, best first: ${listed(found.ranking.order)}; ${orderText(main)}.`,
    "",
    ...(others.length === 0
      ? []
      : [
          "Other pairs that are not robust:",
          "",
          ...others.map((pair) => {
            const [one, other] = pair.variants;
            return `- \`${one}\` and \`${other}\`: ${verdictText(pair)}`;
          }),
          "",
        ]),
    ...(elsewhere.length === 0 ? [] : ["Elsewhere:", "", renderTable(ordersTable(elsewhere)), ""]),
  ];
}

function sweepLines(sweep: Sweep, answers: SimulatedAnswers): string[] {
  const { axis, cpus, at, pairs, twins, costs, constants } = sweep;
  const others = axis.with.length === 0 ? "" : ` With it changed ${listed(axis.with)}.`;
  const where = placeOf({ cpus, at });
  const lines = withTable(
    `#### By ${axis.key}: ${answers.measures[0]?.name ?? "virtual time"}`,
    `On ${where}.${others}`,
    parameterTable(sweep, answers),
  );
  if (pairs !== null) {
    const all = axis.values.map(Number);
    lines.push(...crossoverLines({ pairs, twins, common: all }, axis.key, answers));
  }
  const exponent = axis.isNumeric
    ? `Exponent: slope of a line through the logarithms, with three values or more; 1 is in proportion to \`${axis.key}\`, 0 independent of it. _No power_: some value is more than ${growthErrorMax} times off that line.`
    : "";
  for (const cost of costs) {
    lines.push(...withTable(`#### By ${axis.key}: ${cost.name}`, exponent, costTable(sweep, cost, answers.variants)));
  }
  const ends = [axis.values[0], axis.values.at(-1)].map((value) => `${axis.key}=${value}`).join(" to ");
  lines.push(
    ...withTable(
      `#### By ${axis.key}: other costs`,
      `From ${ends}${axis.isNumeric ? ", in brackets the exponent" : ""}.`,
      growthTable(sweep, answers.variants),
    ),
  );
  if (constants.length > 0) {
    lines.push(
      `Alike at all values of \`${axis.key}\`, the most not half above the least: ${constants.join("; ")}.`,
      "",
    );
  }
  return lines;
}

/** Counts of CPUs that are listed one by one. */
const countsListed = 8;

function countsText(cpus: readonly number[]): string {
  if (cpus.length <= countsListed) return formatCpus(cpus);
  return `${formatNumber(cpus.length)} counts from ${formatNumber(cpus[0])} to ${cpusText(cpus.at(-1)!)}`;
}

/** Where the cases ran, in words. */
function casesText({ machine, cpus, parameters }: SimulatedAnswers): string {
  return `Virtual time, exact, on a model of \`${machine}\`: ${countsText(cpus)}${parameters === "" ? "" : `, \`${parameters}\``}.`;
}

function machineLines(answers: SimulatedAnswers, held: Held): string[] {
  const head = [`### Simulated on ${answers.machine}`, "", casesText(answers), ""];
  const hasValue = answers.main.variants.some((one) => isRanked(one) && one.values[0] != null);
  if (!hasValue)
    return [...head, "No variant that takes part in a ranking has a value here; see the failed cases.", ""];
  const curve = mainCurve(answers);
  return [
    ...head,
    `${upperFirst(verdictOf(answers, held))}.`,
    "",
    ...voidLines(answers),
    ...missingLines(answers),
    ...answers.caveats.flatMap((text) => [`${text}.`, ""]),
    ...mapLines(answers, held),
    // Curves of other values of what was swept would say the same again; the map has who is best there.
    ...(curve === undefined ? [] : curveLines(curve, answers)),
    ...answers.sweeps.flatMap((sweep) => sweepLines(sweep, answers)),
    ...pointLines(answers),
    ...sensitivityLines(answers),
  ];
}

/** That some numbers are worth nothing, and where the reason stands. */
function voidLines({ variants }: SimulatedAnswers): string[] {
  const voids = variants.filter(({ isVoid }) => isVoid).map(({ id }) => id);
  if (voids.length === 0) return [];
  return [
    `**Void:** ${listed(voids)}, by what no variant may do; the failed cases say what. Its numbers stand in the tables, and take no part in rankings.`,
    "",
  ];
}

/** Variants that the tables of the main point are silent about. */
function missingLines({ main, variants }: SimulatedAnswers): string[] {
  const missing = variants
    .filter(isRanked)
    .filter(({ id }) => main.variants.find((one) => one.id === id)?.values[0] == null)
    .map(({ id }) => id);
  if (missing.length === 0) return [];
  return [`Without a value on ${placeOf(main)}: ${listed(missing)}; the failed cases say why, where one failed.`, ""];
}

/** Markdown of what was simulated of a workload, its headings below those of the workload; empty without any. */
export function simulatedMarkdown(machines: readonly SimulatedAnswers[], held: Held): string {
  const lines = machines.flatMap((answers) => machineLines(answers, held));
  lines.push(
    ...withTable(
      "### Simulated machines side by side",
      "Ratios to the reference on the most CPUs that each was given. Bold: the best.",
      machinesTable(machines),
    ),
  );
  return lines.join("\n");
}

/** Sentences of the verdict on a workload, one for each machine. */
export function simulatedVerdicts(workload: string, machines: readonly SimulatedAnswers[], held: Held): string[] {
  return machines.map((answers) => `- **${workload}**, simulated on ${answers.machine}: ${verdictOf(answers, held)}.`);
}

/** Without the marks of Markdown. */
function plainText(text: string): string {
  return text.replaceAll("`", "").replaceAll(heldMark, "*");
}

/** The short answer for a terminal; empty without any. */
export function simulatedTerminal(workload: string, machines: readonly SimulatedAnswers[], held: Held): string {
  const parts = machines.flatMap((answers) => {
    const { machine, cpus, parameters } = answers;
    const table = overviewTable(answers);
    const use = `${countsText(cpus)}${parameters === "" ? "" : `; ${parameters}`}`;
    return [
      wrapText(`${workload}, simulated on ${machine}  (virtual time; ${use})`),
      ...(table === null ? [] : [renderFitting(table)]),
      wrapText(plainText(verdictOf(answers, held))),
      "",
    ];
  });
  return parts.join("\n");
}
