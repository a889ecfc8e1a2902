// The shrinker's part of a report: the verdict first, then the details of each workload.

import { headOf, reporterOf } from "../compose.ts";
import { formatCase, oversubscribedText, placeOf, turnsText } from "../cpus.ts";
import { formatNs, formatNumber } from "../format.ts";
import { renderTable } from "../markdown.ts";
import { type Answered, faultsOf, type Subject, uniteCpuUses, voidsText } from "../part.ts";
import type { ProblemRows } from "../rows.ts";
import { paragraphs, withTable } from "../sections.ts";
import { renderFitting, wrapText } from "../terminal.ts";
import { answerAll, type VariantAnswers, type WorkloadAnswers } from "./answers.ts";
import { contentionCaveat, publishedFor } from "./published.ts";
import { shrinkerView } from "./simulated.ts";
import {
  constraintTable,
  contestTable,
  hasVisits,
  latencyTable,
  lockTable,
  memoryTable,
  overviewTable,
  readSideTable,
  reclaimTable,
  registrationTable,
  symbolTable,
  throughputTable,
} from "./tables.ts";
import { chooseFor, jiffiesOf, violationsOf, whyNothing } from "./verdict.ts";

function listed(variants: readonly VariantAnswers[], text?: (variant: VariantAnswers) => string): string {
  return variants.map((one) => `\`${one.id}\`${text === undefined ? "" : ` (${text(one)})`}`).join(", ");
}

/** Which variants' read side is free of shared writes; empty when nobody counted. */
export function sharedWritesText(workload: WorkloadAnswers): string {
  const perVisit = (one: VariantAnswers): number => one.exact.get("visit-shared-writes-mean")!;
  const perCallback = (one: VariantAnswers): number | undefined => one.exact.get("callback-shared-writes-mean");
  const counted = workload.variants.filter((one) => one.role !== "floor" && one.exact.has("visit-shared-writes-mean"));
  const free = counted.filter((one) => perVisit(one) === 0);
  const toShrinkers = free.filter((one) => (perCallback(one) ?? 0) !== 0);
  const others = free.filter((one) => !toShrinkers.includes(one));
  const writing = counted.filter((one) => perVisit(one) !== 0);
  const sentences: string[] = [];
  if (others.length > 0) {
    const names = others.map((one) =>
      listed([one], perCallback(one) === undefined ? () => "writes to shrinkers were not counted" : undefined),
    );
    sentences.push(`**Free of writes to shared locks and globals** is the read side of ${names.join(", ")}.`);
  }
  if (toShrinkers.length > 0) {
    const writes = (one: VariantAnswers): string => `${formatNumber(perCallback(one))} per callback`;
    sentences.push(
      `**Free of writes to shared locks and globals, but writing to the shrinkers that it calls on**, each on a line of its own: ${listed(toShrinkers, writes)}.`,
    );
  }
  if (writing.length > 0) {
    sentences.push(`**Not free** of them: ${listed(writing, (one) => `${formatNumber(perVisit(one))} per visit`)}.`);
  }
  return sentences.join(" ");
}

/** How long unregistering takes, in words: in jiffies where it takes so long. */
export function unregisterText(workload: WorkloadAnswers): string {
  const texts = workload.variants.flatMap(({ id, role, hz, unregister }) => {
    if (role === "floor" || unregister === null) return [];
    const jiffies = jiffiesOf(unregister.p50Ns, hz);
    const time = formatNs(unregister.p50Ns);
    return [`\`${id}\` ${jiffies !== null && jiffies >= 0.1 ? `${formatNumber(jiffies)} jiffies (${time})` : time}`];
  });
  return texts.length === 0 ? "" : `At the median, unregistering takes: ${texts.join(", ")}.`;
}

/** Variants that gave so many visits up that their times per visit flatter them. */
function flatteredText(workload: WorkloadAnswers): string {
  const flattered = workload.variants.filter((one) => (one.givenUp ?? 0) >= 0.01);
  if (flattered.length === 0) return "";
  return `Visits that were given up count as visits and took next to no time, which flatters the times per visit of ${listed(flattered)}; the rate without them is that of all, less their share${workload.isChunked ? " of all rounds" : ""}. Verdict and choice go by that rate.`;
}

/** What the first round of passes has to do with the numbers. */
function firstRoundText(workload: WorkloadAnswers): string {
  if (!workload.isChunked) return "";
  const text =
    "The rounds are chunks of the workload, and the first with passes is unlike the others: it comes after all mounts, and maps in one block have had every bit set by their expansions, which it clears. It stands in columns of its own; rates and times of visits, their ratios and intervals, and the choice are of the later rounds only.";
  const pooled = workload.variants.filter((one) => one.isPooled);
  if (pooled.length === 0) return text;
  return `${text} With fewer than 4 rounds they are of all, marked \`?\`: ${listed(pooled)}.`;
}

/** What of a latency is not the variant's; empty without the floor's. */
function floorText(workload: WorkloadAnswers, key: "register" | "unregister" | "pass"): string {
  const ns = workload.variants.find((one) => one.role === "floor")?.[key]?.p50Ns;
  return ns === undefined
    ? ""
    : `Of each, about ${formatNs(ns)} are the clock and the harness, as the floor shows at its median.`;
}

/** Quantiles that are missing, and why. */
const quantilesText =
  "Quantiles are of buckets 3 % wide, and there is no 99 % of fewer than 100 durations and no 99.9 % of fewer than 1,000; the maximum is exact.";

/** Texts, one after the other. */
function sentences(...texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join(" ");
}

function jiffyText(workload: WorkloadAnswers): string {
  const lengths = new Set(workload.variants.flatMap(({ hz }) => (hz === null ? [] : [hz])));
  if (lengths.size === 0) return "";
  return `A jiffy is ${[...lengths].map((hz) => `${formatNs(1e9 / hz)} (HZ=${hz})`).join(" or ")}.`;
}

function timedSections(workload: WorkloadAnswers): string[] {
  const { timedOn, parameters, harness } = workload;
  const published = publishedFor(workload.name);
  const perOp =
    harness.workPerOpNs === null
      ? ""
      : ` Of a bogo-op, ${formatNs(harness.workPerOpNs)} is the workload's own computation, the same for all.`;
  const perVisit =
    harness.visitNs === null
      ? ""
      : ` The harness takes ${formatNs(harness.visitNs)} of CPU time per visit; it is subtracted round by round from the times.`;
  return [
    ...withTable(
      "### Throughput (native)",
      throughputTable(workload),
      [
        `What all CPUs together got done (${placeOf(timedOn, parameters.timed)}): the median of up to ten blocks of rounds, and its interval. A ratio is the median of the blocks' ratios to the reference, so it need not be the quotient of two rates. \`~\`: the rounds do not tell the ratio from 1; \`?\`: too few rounds to tell. The floor is the harness alone.${perVisit}${perOp}`,
        firstRoundText(workload),
      ],
      [turnsText(workload.tasks, workload.timedOn), flatteredText(workload), published.throughput],
    ),
    ...withTable(
      "### Unregistering a shrinker (native)",
      latencyTable(workload, "unregister"),
      [
        sentences(
          "What the caller of one unmount waits for.",
          floorText(workload, "unregister"),
          quantilesText,
          jiffyText(workload),
        ),
      ],
      [turnsText(workload.tasks, workload.timedOn), unregisterText(workload), published.latency],
    ),
    ...withTable(
      "### Registering a shrinker (native)",
      latencyTable(workload, "register"),
      [
        sentences(
          "What the caller of one mount waits for, expansions of the maps included.",
          floorText(workload, "register"),
        ),
      ],
      [turnsText(workload.tasks, workload.timedOn)],
    ),
    ...withTable(
      "### A reclaim pass (native)",
      latencyTable(workload, "pass"),
      [
        sentences(
          "One walk over a whole tree, callbacks and harness included. A pass whose visits are given up is short.",
          floorText(workload, "pass"),
        ),
      ],
      [turnsText(workload.tasks, workload.timedOn)],
    ),
    ...(hasVisits(workload)
      ? withTable("### Reclaim given up (native)", reclaimTable(workload), [
          "_Given up_: visits that returned at once because the trylock failed; _left early_: visits that ended before their last shrinker because somebody waited for the lock; _generation breaks_: times that a visit left its read section because a shrinker went, and went on. Totals of the timed run; in runs of fixed time a fast variant has more of everything.",
        ])
      : []),
  ];
}

function profileSections(workload: WorkloadAnswers, isSimulated: boolean): string[] {
  const { profiledOn, parameters } = workload;
  return [
    ...withTable(
      "### Time in lock operations (sampled)",
      lockTable(workload),
      [
        `Share of the samples that found a CPU at work (${placeOf(profiledOn, parameters.profiled)}) in operations of locks and of what stands in for them, marked in the next table. A CPU that sleeps is idle: what waits for a grace period costs no share here.`,
        oversubscribedText(profiledOn),
      ],
      [publishedFor(workload.name).locks, contentionCaveat(profiledOn.cpus, isSimulated)],
    ),
    ...withTable("### Where the time goes (sampled)", symbolTable(workload), [
      "The first functions of each variant, as `perf top` would show them, in shares of the samples that found a CPU at work; `–` with fewer than 200 of them. Bold: lock operations.",
    ]),
  ];
}

function countedSections(workload: WorkloadAnswers): string[] {
  const { countedOn, parameters } = workload;
  return [
    ...withTable(
      "### Read side (exact)",
      readSideTable(workload),
      [
        `Counted on ${placeOf(countedOn, parameters.counted)}: one visit without the callbacks, which are the harness's. Shared writes are stores and locked operations on lines that visits on other CPUs touch, too; those to shrinkers, and those to the bitmaps and deferred counts of a cgroup, which every variant keeps, stand apart.`,
      ],
      [sharedWritesText(workload)],
    ),
    ...withTable("### Registering and unregistering (exact)", registrationTable(workload), [
      "One call each, counted likewise. _Slept_: virtual time that an unregistration slept, which is what it waits for a grace period when nobody else is there.",
    ]),
  ];
}

function section(
  workload: WorkloadAnswers,
  all: readonly WorkloadAnswers[],
  subject: Subject,
  isSimulated: boolean,
): string {
  const lines: string[] = [headOf(workload.name, subject), ...paragraphs(oversubscribedText(workload.timedOn))];
  const choice = chooseFor(workload, all);
  if (choice !== null) lines.push(`**Choose \`${choice.id}\`**: ${choice.reason}.`, "");
  if (hasVisits(workload) === false) lines.push("Nothing is reclaimed in this workload: no cgroup was visited.", "");
  lines.push("### Who wins on what", "");
  lines.push(
    "Times, rates and sampled bytes are of this machine and one run; those within a tenth of the best share the place. Constraints play no part. Ratios are to the reference; those of rates and of a visit are medians by rounds, as below.",
    "",
    renderTable(contestTable(workload)),
    "",
  );
  lines.push(...timedSections(workload), ...profileSections(workload, isSimulated), ...countedSections(workload));
  lines.push(
    ...withTable("### Memory", memoryTable(workload), [
      "The most that the bitmaps and deferred counts of all cgroups and nodes took, as requested and as allocated with headers, pointers and rounding; and one shrinker with what else it needs.",
    ]),
  );
  if (workload.parameters.timed !== "") {
    lines.push(`Parameters of the timed run: \`${workload.parameters.timed}\`.`, "");
  }
  return lines.join("\n");
}

/** What follows the verdict's sentences. */
function remarks(workloads: readonly WorkloadAnswers[], subject: Subject, isSimulated: boolean): string {
  return [
    ...paragraphs(
      voidsText(subject),
      contentionCaveat(uniteCpuUses(workloads.map((one) => one.timedOn)).cpus, isSimulated),
    ),
    "The constraints, as the threads about this lock set them, each broken where the run shows it:",
    "",
    "- _no late callback_: a callback must not run after its shrinker was unregistered. A variant that breaks this is void.",
    "- _reclaim goes on_: mounts and unmounts must not switch reclaim off: at most 1 % of the visits may be given up because the trylock failed, and who visits must call shrinkers.",
    "- _quick registration_: registering and unregistering must not wait for grace periods, nor for the walks of others: less than half a jiffy at the median.",
    "- _read side scales_: visits must not write to lines that all CPUs share, by exact counts: fewer than one write in ten visits. The lines of single shrinkers do not count.",
    "- _little memory_: maps and deferred counts take at most 4 times what those of the reference take.",
    "",
    `The last columns are what got done relative to the reference, \`${subject.reference}\`: bogo-ops/s, or visits/s without those given up where the workload has no bogo-ops. Bold: chosen. \`–\`: not measured.`,
    "",
    renderTable(constraintTable(workloads)),
    "",
  ].join("\n");
}

function renderTerminal(workload: WorkloadAnswers, all: readonly WorkloadAnswers[]): string {
  const choice = chooseFor(workload, all);
  return [
    wrapText(`${workload.name}  (${formatCase(workload.timedOn, workload.parameters.timed)})`),
    renderFitting(overviewTable(workload, all)),
    wrapText(choice === null ? whyNothing(workload) : `choose ${choice.id}: ${choice.reason.replaceAll("`", "")}`),
    "",
  ].join("\n");
}

async function answer(rows: ProblemRows, subject: Subject): Promise<Answered> {
  const workloads = answerAll(rows, subject);
  const isSimulated = (workload: WorkloadAnswers): boolean => rows.simulated.workloads.includes(workload.name);
  return {
    workloads: workloads.map((one) => {
      const choice = chooseFor(one, workloads);
      return {
        workload: one.name,
        variant: choice?.id ?? null,
        isIncomplete: one.isIncomplete,
        verdict: choice === null ? whyNothing(one) : `choose \`${choice.id}\`: ${choice.reason}`,
        markdown: section(one, workloads, subject, isSimulated(one)),
        terminal: renderTerminal(one, workloads),
      };
    }),
    remarks: remarks(workloads, subject, workloads.some(isSimulated)),
    answers: workloads,
    faults: faultsOf(subject.order, (id) => violationsOf(id, workloads)),
    native: uniteCpuUses(workloads.flatMap((one) => [one.timedOn, one.profiledOn])),
    counted: uniteCpuUses(workloads.map((one) => one.countedOn)),
  };
}

/** The shrinker's part of a report. */
export const reportShrinker = reporterOf(answer, shrinkerView);
