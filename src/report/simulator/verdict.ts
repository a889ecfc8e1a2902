// What was simulated, in a sentence per workload and machine.

import type { Crossover, PairCrossovers } from "../../statistics/crossover.ts";
import { formatNumber, formatRatio, ratioOf } from "../format.ts";
import { isRanked, levelTolerance, mainCurve, type PlacedSensitivity, type SimulatedAnswers } from "./answers.ts";
import { aboutText, changesText, cpusText, leadersOf, placeOf } from "./tables.ts";

/** What is known of variants that the simulator does not tell: constraints that each breaks, by id. */
export type Faults = ReadonlyMap<string, readonly string[]>;

function named(ids: readonly string[]): string {
  return ids.map((id) => `\`${id}\``).join(", ");
}

/** With what a reader has to know of them. */
function namedInFull(ids: readonly string[], { main }: SimulatedAnswers, faults: Faults): string {
  return ids
    .map((id) => {
      const broken = faults.get(id) ?? [];
      const remark = main.variants.find((one) => one.id === id)?.remark ?? null;
      const texts = [
        ...(broken.length === 0 ? [] : [`which breaks: ${broken.join(", ")}`]),
        ...(remark === null ? [] : [remark]),
      ];
      return texts.length === 0 ? `\`${id}\`` : `\`${id}\` (${texts.join("; ")})`;
    })
    .join(", ");
}

/** Best variants at the main point, by the foremost measure or another. */
export function leadersAtMain({ main, measures }: SimulatedAnswers, place = 0): string[] {
  const measure = measures[place];
  if (measure === undefined) return [];
  const values = main.variants.flatMap(({ id, values: all }) => {
    const value = all[place] ?? null;
    return value === null ? [] : [[id, new Map([[main.cpus, value]])] as const];
  });
  return leadersOf(new Map(values), main.cpus, main.variants, measure);
}

/** Who is best by the other measures, where that is none of the best by the foremost. */
function othersText(answers: SimulatedAnswers, leaders: readonly string[], faults: Faults): string[] {
  const { main, measures } = answers;
  const reference = main.variants.find(({ role }) => role === "reference");
  return measures.slice(1).flatMap(({ name }, index) => {
    const best = leadersAtMain(answers, index + 1);
    if (best.length === 0 || best.some((id) => leaders.includes(id))) return [];
    const value = main.variants.find(({ id }) => id === best[0])?.values[index + 1];
    const ratio = ratioOf(value, reference?.values[index + 1]);
    const times =
      ratio === null || best.includes(reference?.id ?? "") ? "" : ` (${formatRatio(ratio)} the reference's)`;
    return [`by ${name} it is ${namedInFull(best, answers, faults)}${times}`];
  });
}

/** Changes of places that a sentence names. */
const crossoversNamed = 3;

function crossoverText({ before, after, from, to, level }: Crossover, unit: string): string {
  const place =
    level.first === level.last ? `at about ${aboutText(level)} ${unit}` : `between ${from} and ${to} ${unit}`;
  return `\`${after}\` passes \`${before}\` ${place}`;
}

/** Who changes places with the best or with the reference; the others are in the tables. */
function crossoversText(
  pairs: readonly PairCrossovers[],
  { range, unit }: { readonly range: string; readonly unit: string },
  { variants }: SimulatedAnswers,
  leaders: readonly string[],
): string[] {
  if (!pairs.some(({ compared }) => compared.length > 1)) return [];
  const all = pairs.flatMap(({ crossovers }) => crossovers);
  if (all.length === 0) return [`no two variants change places ${range}`];
  const reference = variants.find(({ role }) => role === "reference")?.id;
  const isNamed = ({ before, after }: Crossover): boolean =>
    [before, after].some((id) => id === reference || leaders.includes(id));
  const foremost = all.filter(isNamed).sort((one, other) => one.level.first - other.level.first);
  if (foremost.length === 0) return [`neither the best nor the reference changes places with another ${range}`];
  const texts = foremost.slice(0, crossoversNamed).map((one) => crossoverText(one, unit));
  const others = foremost.length - texts.length;
  return [`${texts.join(", ")}${others > 0 ? `, and ${formatNumber(others)} more below` : ""}`];
}

/** Changes of places along CPUs, and along what else was swept. */
function changesOfPlaces(answers: SimulatedAnswers, leaders: readonly string[]): string[] {
  const curve = mainCurve(answers);
  const ofCpus =
    curve === undefined
      ? []
      : crossoversText(
          curve.pairs,
          { range: `from ${formatNumber(curve.cpus[0])} to ${cpusText(curve.cpus.at(-1)!)}`, unit: "CPUs" },
          answers,
          leaders,
        );
  const ofSweeps = answers.sweeps.flatMap(({ axis, pairs }) => {
    const range = `from ${axis.key}=${axis.values[0]} to ${axis.values.at(-1)}`;
    return pairs === null ? [] : crossoversText(pairs, { range, unit: axis.key }, answers, leaders);
  });
  return [...ofCpus, ...ofSweeps];
}

/** Of the place that a verdict speaks of; undefined where no costs were changed there. */
export function mainSensitivity({ sensitivities, main }: SimulatedAnswers): PlacedSensitivity | undefined {
  return sensitivities.find(
    ({ cpus, at }) => cpus === main.cpus && [...at].every(([key, value]) => main.at.get(key) === value),
  );
}

/** Whether the best stays the best whatever a cost of the machine is. */
function robustnessText(answers: SimulatedAnswers, leaders: readonly string[]): string[] {
  const sensitivity = mainSensitivity(answers);
  if (sensitivity === undefined) return [];
  const { pairs, ranking } = sensitivity.found;
  const [best] = leaders;
  const factors = factorsText(sensitivity.factors);
  if (ranking.verdict === "robust")
    return [`the order of all is robust: no cost of the machine, ${factors}, changes it`];
  const ofBest = pairs.filter(
    ({ variants }) => variants.some((id) => id === best) && !variants.every((id) => leaders.includes(id)),
  );
  const flipped = ofBest.filter(({ verdict }) => verdict === "flipped");
  if (flipped.length > 0) {
    const texts = flipped.map(({ variants, flippedBy }) => {
      const other = variants.find((id) => id !== best)!;
      return `\`${other}\` passes it with ${changesText(flippedBy)}`;
    });
    return [`that is not robust: ${texts.slice(0, crossoversNamed).join("; ")}`];
  }
  if (ofBest.some(({ verdict }) => verdict === "unknown")) return ["whether that is robust is not known"];
  if (ofBest.some(({ verdict }) => verdict === "not separated"))
    return [`with some cost of the machine, ${factors}, another draws level, but none gets ahead`];
  return [`that is robust: a cost of the machine, ${factors}, changes the order of others only`];
}

/** `halved or doubled`. */
export function factorsText(factors: readonly number[]): string {
  if (factors.join() === "0.5,2") return "halved or doubled";
  return `times ${factors.map((factor) => formatNumber(factor)).join(" or ")}`;
}

/** One sentence, without a full stop. */
export function verdictOf(answers: SimulatedAnswers, faults: Faults): string {
  const { main, measures } = answers;
  const [measure] = measures;
  const place = `on ${placeOf(main)}`;
  const leaders = leadersAtMain(answers);
  const best = main.variants.find(({ id }) => id === leaders[0]);
  if (measure === undefined || best === undefined) return "nothing came of it that could be ranked";
  const ranked = main.variants.filter((one) => isRanked(one) && one.values[0] !== null);
  const reference = main.variants.find(({ role }) => role === "reference");
  const isRate = measure.better === "higher";
  if (ranked.length === 1)
    return `${place} only ${named(leaders)} was simulated: ${valueText(best.values[0], measure)}`;
  const ratio = ratioOf(best.values[0], reference?.values[0]);
  const isCompared = best.role !== "reference" && ratio !== null;
  const most = isRate
    ? `most done, ${isCompared ? `${formatRatio(ratio)} the reference's` : "by"} ${measure.name}`
    : `the least ${measure.name}${isCompared ? `, ${formatRatio(ratio)} the reference's` : ""}`;
  const next = ranked
    .filter(({ id }) => !leaders.includes(id))
    .sort((one, other) => (measure.better === "higher" ? -1 : 1) * (one.values[0]! - other.values[0]!))[0];
  const behind =
    best.role === "reference" && next !== undefined
      ? [`next is ${named([next.id])} with ${formatRatio(ratioOf(next.values[0], best.values[0]))}`]
      : [];
  const who =
    leaders.length === ranked.length
      ? `all are level, within ${100 * levelTolerance} %, by ${measure.name}`
      : leaders.length > 1
        ? `${namedInFull(leaders, answers, faults)} are level, and ${isRate ? "get" : "have"} ${most}`
        : `${namedInFull(leaders, answers, faults)} ${isRate ? "gets" : "has"} ${most}`;
  return [
    `${place} ${who}`,
    ...behind,
    ...othersText(answers, leaders, faults),
    ...changesOfPlaces(answers, leaders),
    ...robustnessText(answers, leaders),
  ].join("; ");
}

function valueText(value: number | null | undefined, measure: SimulatedAnswers["measures"][number]): string {
  return measure.better === "higher" ? `${measure.format(value)} ${measure.name}` : measure.format(value);
}
