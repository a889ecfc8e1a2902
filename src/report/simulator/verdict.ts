// What was simulated, in a sentence per workload and machine.

import type { Crossover, PairCrossovers } from "../../statistics/crossover.ts";
import { formatNs, formatNumber, formatRatio, formatTimes, ratioOf } from "../format.ts";
import { crossoverText } from "./crossovers.ts";
import { type Held, heldMark, isHeld } from "./held.ts";
import {
  type Detail,
  isRanked,
  levelTolerance,
  mainCurve,
  type PlacedSensitivity,
  type SimulatedAnswers,
} from "./model.ts";
import { cpusText, placeOf } from "./places.ts";
import { changesText } from "./sensitivity-table.ts";
import { leadersOf } from "./series.ts";
import type { Measure } from "./view.ts";

function named(ids: readonly string[]): string {
  return ids.map((id) => `\`${id}\``).join(", ");
}

/** Marked where something is held against them. What that is stands once, in a list. */
function marked(ids: readonly string[], held: Held): string {
  return ids.map((id) => `\`${id}\`${isHeld(id, held) ? heldMark : ""}`).join(", ");
}

/** Best variants at the main point, by the foremost measure or another. */
export function leadersAtMain(answers: SimulatedAnswers, place = 0): string[] {
  return bestOf(answers, answers.main.variants, place);
}

function bestOf(
  { main, measures }: SimulatedAnswers,
  among: readonly Detail[],
  place: number,
  tolerance: number = levelTolerance,
): string[] {
  const measure = measures[place];
  if (measure === undefined) return [];
  const values = among.flatMap(({ id, values: all }) => {
    const value = all[place] ?? null;
    return value === null ? [] : [[id, new Map([[main.cpus, value]])] as const];
  });
  return leadersOf(new Map(values), main.cpus, among, measure, tolerance);
}

/** Less than this a choice does not go by: a model is not that close to a machine. */
const choiceTolerance = 0.1;

/**
 * What to choose at the main point: the best by the foremost measure of those that nothing is held against. Of several
 * that are within a tenth of it the next measure decides, and where that does not either, the reference stays, or else
 * the best of them by the foremost; of those with the same value, the one whose callers wait least for the deciding
 * operation.
 */
export function choiceOf(answers: SimulatedAnswers, held: Held): string | null {
  const { main, measures } = answers;
  // One alone is the best of nothing.
  if (main.variants.filter((one) => isRanked(one) && one.values[0] != null).length < 2) return null;
  let among: readonly Detail[] = main.variants.filter(({ id }) => !isHeld(id, held));
  for (const place of measures.keys()) {
    const best = bestOf(answers, among, place, choiceTolerance);
    if (place === 0 && best.length === 0) return null;
    if (best.length > 0) among = among.filter(({ id }) => best.includes(id));
  }
  const reference = among.find(({ role }) => role === "reference");
  return (reference ?? [...among].sort((one, other) => compare(one, other, measures[0]!))[0])?.id ?? null;
}

/** The better first. */
function compare(one: Detail, other: Detail, { better }: Measure): number {
  const difference = (one.values[0] ?? 0) - (other.values[0] ?? 0);
  if (difference !== 0) return better === "higher" ? -difference : difference;
  const [wait, ofOther] = [one, other].map(({ decidingNs }) => decidingNs ?? Number.POSITIVE_INFINITY);
  return wait === ofOther ? 0 : wait! - ofOther!;
}

/** Variants that are held one by one against the best by another measure. */
const othersNamed = 3;

/** Who is best by the other measures, where that is not true of all that are best by the foremost. */
function othersText(answers: SimulatedAnswers, leaders: readonly string[], held: Held): string[] {
  const { main, measures } = answers;
  const reference = main.variants.find(({ role }) => role === "reference");
  return measures.slice(1).flatMap(({ name }, index) => {
    const best = leadersAtMain(answers, index + 1);
    if (best.length === 0 || leaders.every((id) => best.includes(id))) return [];
    const value = main.variants.find(({ id }) => id === best[0])?.values[index + 1];
    const ratio = ratioOf(value, reference?.values[index + 1]);
    const times =
      ratio === null || best.includes(reference?.id ?? "") ? "" : ` (${formatRatio(ratio)} the reference's)`;
    const others = leaders
      .filter((id) => !best.includes(id))
      .map((id) => {
        const own = main.variants.find((one) => one.id === id)?.values[index + 1];
        return `${marked([id], held)} has ${formatRatio(ratioOf(own, value))} of that`;
      });
    const behind = others.length > othersNamed ? [] : others;
    return [[`by ${name} it is ${marked(best, held)}${times}`, ...behind].join(", ")];
  });
}

/** Changes of places that a sentence names. */
const crossoversNamed = 3;

/** Who changes places with the best or with the reference; the others are in the tables. */
function crossoversText(
  pairs: readonly PairCrossovers[],
  { range, unit }: { readonly range: string; readonly unit: string },
  { variants }: SimulatedAnswers,
  leaders: readonly string[],
): string[] {
  if (!pairs.some(({ compared }) => compared.length > 1)) return [];
  const all = pairs.flatMap(({ crossovers }) => crossovers);
  if (all.length === 0) return [`none ${range} where simulated`];
  const reference = variants.find(({ role }) => role === "reference")?.id;
  const isNamed = ({ before, after }: Crossover): boolean =>
    [before, after].some((id) => id === reference || leaders.includes(id));
  const foremost = all.filter(isNamed).sort((one, other) => one.level.first - other.level.first);
  if (foremost.length === 0) return [`none of the best or the reference with another ${range}`];
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

/** Whether the one that is spoken of stays ahead whatever a cost of the machine is. */
function robustnessText(answers: SimulatedAnswers, subject: string, leaders: readonly string[]): string {
  const sensitivity = mainSensitivity(answers);
  if (sensitivity === undefined) return "no cost of the machine was changed to see what hangs on it";
  const { pairs, ranking } = sensitivity.found;
  const factors = factorsText(sensitivity.factors);
  if (ranking.verdict === "robust")
    return `the order of all is robust at this place: no cost of the machine, ${factors}, changes it`;
  const name = `\`${subject}\``;
  const own = pairs.filter(
    ({ variants }) => variants.some((id) => id === subject) && !variants.every((id) => leaders.includes(id)),
  );
  const flipped = own.filter(({ verdict }) => verdict === "flipped");
  if (flipped.length > 0) {
    const texts = flipped.map(({ variants, ahead, flippedBy }) => {
      const other = variants.find((id) => id !== subject)!;
      return `\`${other}\` ${ahead === subject ? "passes it" : "falls behind it"} with ${changesText(flippedBy)}`;
    });
    return `the rank of ${name} at this place is not robust: ${texts.slice(0, crossoversNamed).join("; ")}`;
  }
  if (own.some(({ verdict }) => verdict === "unknown"))
    return `whether the rank of ${name} at this place is robust is not known`;
  if (own.some(({ verdict }) => verdict === "not separated"))
    return `with some cost of the machine, ${factors}, another draws level with ${name} at this place, but none passes it`;
  return `the rank of ${name} at this place is robust: no cost of the machine, ${factors}, puts another ahead of it or level with it`;
}

/** Bogo-ops or visits that a rate should rest on: of fewer, one more or less is 3 %. */
const doneMin = 30;

/** What the numbers at the main point rest on. */
function restText(answers: SimulatedAnswers, choice: string | null, held: Held): string[] {
  const { main, work, measures } = answers;
  const ranked = main.variants.filter((one) => isRanked(one) && one.values[0] != null);
  const times = ranked.flatMap(({ virtualNs }) => (virtualNs === null ? [] : [virtualNs]));
  const time = times.length === 0 ? "" : ` of ${span(times, formatNs)} of virtual time`;
  const done = ranked.flatMap(({ done: one }) => (one === null ? [] : [one]));
  const amount = work === null || done.length === 0 ? "" : `, ${span(done, formatNumber)} ${work.name}s`;
  const few = ranked.filter(({ done: one }) => one !== null && one < doneMin).map(({ id }) => id);
  const isRate = measures[0]?.better === "higher";
  return [
    `It rests on one run of each variant${time}${amount}`,
    ...(choice === null ? [] : placesText(answers, choice, held)),
    ...(isRate && few.length > 0 ? [`too few for a rate of ${named(few)}: fewer than ${doneMin} ${work?.name}s`] : []),
  ];
}

/** At how many places a choice is the best, and what of that is to be taken with care. */
function placesText({ places, measures, variants }: SimulatedAnswers, choice: string, held: Held): string[] {
  const known = places.filter(({ best }) => best.length > 0);
  if (known.length < 2) return [];
  const best = known.filter((one) => one.best.includes(choice));
  const unheld = variants.filter(({ id }) => !isHeld(id, held));
  const bestOfUnheld = known.filter(({ values }) => {
    const atPlace = new Map([...values].map(([id, value]) => [id, new Map([[0, value]])] as const));
    return leadersOf(atPlace, 0, unheld, measures[0]!).includes(choice);
  });
  const [all, first, without] = [known, best, bestOfUnheld].map(({ length }) => formatNumber(length));
  const behind = measures.slice(1).flatMap(({ name }) => {
    const count = best.filter((one) => one.behind.get(choice)?.includes(name)).length;
    return count === 0 ? [] : [`at ${formatNumber(count)} of the ${first} it is far behind by ${name}`];
  });
  const orWithout = without === first ? "" : `, or at ${without} without those that something is held against`;
  return [`of ${all} places simulated \`${choice}\` is best at ${first}${orWithout}`, ...behind];
}

/** Constraints that nothing in the run could show a choice to keep or break. */
function unjudgedText(choice: string | null, { unjudged }: Held): string[] {
  const open = choice === null ? [] : (unjudged.get(choice) ?? []);
  if (open.length === 0) return [];
  const [verb, them] = open.length === 1 ? ["was", "it"] : ["were", "them"];
  return [`${open.join(" and ")} ${verb} not judged, because no case of the run shows ${them}`];
}

/** The least and the most. */
function span(values: readonly number[], format: (value: number) => string): string {
  const ends = [Math.min(...values), Math.max(...values)].map(format);
  return [...new Set(ends)].join(" to ");
}

/** `halved or doubled`. */
export function factorsText(factors: readonly number[]): string {
  if (factors.join() === "0.5,2") return "halved or doubled";
  return `times ${factors.map((factor) => formatNumber(factor)).join(" or ")}`;
}

/** What comes before a verdict on what is there of a stopped run. */
const incompleteText =
  "incomplete: the run was stopped before all of its cases were simulated, and what follows is of those that were";

/** Who did not run at its own speed. */
function hangsText({ main }: SimulatedAnswers): string[] {
  const hung = main.variants.filter((one) => isRanked(one) && one.hangs > 0);
  if (hung.length === 0) return [];
  const texts = hung.map(({ id, hangs }) => `\`${id}\` hangs ${formatTimes(hangs)}`);
  return [`${texts.join(", ")}: ${hung.length === 1 ? "its rate is" : "their rates are"} the watchdog's, and left out`];
}

/** A sentence or a few, the last without a full stop. */
export function verdictOf(answers: SimulatedAnswers, held: Held): string {
  const sentences = [...(answers.isIncomplete ? [incompleteText] : []), ...sentencesOf(answers, held)];
  return sentences.map((text, index) => (index === 0 ? text : upperFirst(text))).join(". ");
}

function sentencesOf(answers: SimulatedAnswers, held: Held): string[] {
  const { main, measures } = answers;
  const [measure] = measures;
  const place = `on ${placeOf(main)}`;
  const leaders = leadersAtMain(answers);
  const best = main.variants.find(({ id }) => id === leaders[0]);
  if (measure === undefined || best === undefined) return ["nothing came of it that could be ranked"];
  const ranked = main.variants.filter((one) => isRanked(one) && one.values[0] !== null);
  const reference = main.variants.find(({ role }) => role === "reference");
  const isRate = measure.better === "higher";
  if (ranked.length === 1)
    return [
      [
        `${place} only ${marked(leaders, held)} has a value: ${valueText(best.values[0], measure)}`,
        ...hangsText(answers),
      ].join("; "),
    ];
  const ratio = ratioOf(best.values[0], reference?.values[0]);
  const isCompared = best.role !== "reference" && ratio !== null;
  const most = isRate
    ? `most done, ${isCompared ? `${formatRatio(ratio)} the reference's` : "by"} ${measure.name}`
    : `the least ${measure.name}${isCompared ? `, ${formatRatio(ratio)} the reference's` : ""}`;
  const next = ranked
    .filter(({ id }) => !leaders.includes(id))
    .sort((one, other) => (measure.better === "higher" ? -1 : 1) * (one.values[0]! - other.values[0]!))[0];
  const choice = choiceOf(answers, held);
  // Without a reference to hold it against, the next one is what there is. Of a choice it has been said.
  const behind =
    (best.role === "reference" || ratio === null) && next !== undefined && next.id !== choice
      ? [`next is ${marked([next.id], held)} with ${formatRatio(ratioOf(next.values[0], best.values[0]))}`]
      : [];
  const who =
    leaders.length === ranked.length
      ? `all are level, within ${100 * levelTolerance} %, by ${measure.name}${leaders.some((id) => isHeld(id, held)) ? `: ${marked(leaders, held)}` : ""}`
      : leaders.length > 1
        ? `${marked(leaders, held)} are level, and ${isRate ? "get" : "have"} ${most}`
        : `${choice === leaders[0] ? "it" : marked(leaders, held)} ${isRate ? "gets" : "has"} ${most}`;
  const changes = changesOfPlaces(answers, leaders);
  return [
    [
      `${place} ${choiceText(choice, answers, leaders)}${who}`,
      ...behind,
      ...hangsText(answers),
      ...othersText(answers, leaders, held),
    ],
    ...(changes.length === 0 ? [] : [[`Changes of places: ${changes[0]}`, ...changes.slice(1)]]),
    [
      ...restText(answers, choice, held),
      ...unjudgedText(choice, held),
      robustnessText(answers, choice ?? best.id, leaders),
    ],
  ].map((parts) => parts.join("; "));
}

/** `choose X: `, and how it stands to the best where it is not one of them. */
function choiceText(choice: string | null, answers: SimulatedAnswers, leaders: readonly string[]): string {
  if (choice === null) return "nothing is chosen, because something is held against each: ";
  if (leaders.includes(choice)) return `choose \`${choice}\`: `;
  const { main, measures } = answers;
  const foremostOf = (id: string | undefined): number | null | undefined =>
    main.variants.find((one) => one.id === id)?.values[0];
  const times = `${formatRatio(ratioOf(foremostOf(choice), foremostOf(leaders[0])))} the best one's ${measures[0]!.name}`;
  const isNear = bestOf(answers, main.variants, 0, choiceTolerance).includes(choice);
  const why = isNear ? "within a tenth of the best" : "the best of those that nothing is held against";
  return `choose \`${choice}\`, ${why} (${times}): `;
}

/** With a capital. */
export function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function valueText(value: number | null | undefined, measure: SimulatedAnswers["measures"][number]): string {
  return measure.better === "higher" ? `${measure.format(value)} ${measure.name}` : measure.format(value);
}
