// A described problem's part of a report: the verdict first, then the details of each workload. It knows no problem by
// name: what is told follows from the description and the plan.

import type { Problem } from "../../problems/index.ts";
import type { Metric } from "../../problems/problem.ts";
import { reporterOf, headOf as workloadHead } from "../compose.ts";
import { formatCase, oversubscribedText, placeOf, turnsText } from "../cpus.ts";
import { capitalised, formatNs } from "../format.ts";
import { renderTable } from "../markdown.ts";
import { type Answered, faultsOf, type Reporter, type Subject, uniteCpuUses, voidsText } from "../part.ts";
import { symbolTable } from "../profile.ts";
import type { ProblemRows } from "../rows.ts";
import { paragraphs, withTable } from "../sections.ts";
import { describedView } from "../simulator/described.ts";
import { defectLines, type Held, uniteHeld } from "../simulator/held.ts";
import type { SimulatedAnswers } from "../simulator/model.ts";
import type { View } from "../simulator/view.ts";
import { renderFitting, wrapText } from "../terminal.ts";
import { answerAll, type WorkloadAnswers } from "./answers.ts";
import { headOf } from "./names.ts";
import { overTimeMarkdown, toldMarkdown } from "./over-time.ts";
import { type Plan, toldSection } from "./plan.ts";
import {
  constraintTable,
  contestTable,
  countsShown,
  countTable,
  latencyTable,
  operationTable,
  overviewTable,
  throughputTable,
} from "./tables.ts";
import {
  brokenBy,
  chooseFor,
  type Evidence,
  hangsText,
  judgesOf,
  measureOf,
  nativeOnly,
  sourceOf,
  unjudgedOf,
  whyNothing,
} from "./verdict.ts";

/**
 * What metrics mean, from the description: those of which a section before has not told it.
 *
 * @param told names of those that were told; grows
 */
function legend(metrics: readonly Metric[], told: Set<string>): string[] {
  const fresh = metrics.filter(({ metric }) => !told.has(metric));
  for (const { metric } of fresh) told.add(metric);
  return fresh.length === 0 ? [] : [...fresh.map(({ metric, meaning }) => `- _${headOf(metric)}_: ${meaning}.`), ""];
}

function timedSections(workload: WorkloadAnswers, problem: Problem, told: Set<string>): string[] {
  const { timedOn, parameters, workPerOpNs } = workload;
  const perOp =
    workPerOpNs === null
      ? ""
      : ` Of a bogo-op, ${formatNs(workPerOpNs)} is the workload's own computation, the same for all.`;
  const hangs = hangsText(workload);
  const counts = countTable(workload, problem);
  return [
    ...withTable("### Throughput (native)", throughputTable(workload, problem), [
      `What all CPUs together got done (${placeOf(timedOn, parameters.timed)}): the median of up to ten blocks of rounds, and its interval. A ratio is the median of the blocks' ratios to the reference. \`~\`: the rounds do not tell the ratio from 1; \`?\`: too few rounds to tell. The floor is the harness alone.${perOp}`,
      hangs === "" ? "" : `${hangs}.`,
      turnsText(workload.tasks, workload.timedOn),
    ]),
    ...problem.durations.flatMap(({ metric, meaning }) =>
      withTable(`### Time of ${headOf(metric)} (native)`, latencyTable(workload, metric), [`${capitalised(meaning)}.`]),
    ),
    ...withTable("### What happened (native)", counts, [
      `Totals and states of the timed run (${placeOf(timedOn, parameters.timed)}); ratios to the reference in brackets. In runs of fixed time a fast variant has more of everything. What is not explained below the table is below an earlier one.`,
    ]),
    ...(counts === null ? [] : legend(countsShown(workload, problem), told)),
  ];
}

function section(
  workload: WorkloadAnswers,
  problem: Problem,
  plan: Plan,
  evidence: Evidence,
  { subject, told }: { readonly subject: Subject; readonly told: Set<string> },
): string {
  const { profiledOn, countedOn, parameters } = workload;
  const choice = chooseFor(workload, problem, plan, evidence);
  const contests = contestTable(workload, problem);
  return [
    workloadHead(workload.name, subject),
    ...paragraphs(oversubscribedText(workload.timedOn)),
    ...(choice === null ? [] : [`**Choose \`${choice.id}\`**: ${choice.reason}.`, ""]),
    ...withTable("### Who wins on what", contests.length === 1 ? null : contests, [
      "Times, rates and sampled counts are of this machine and one run; those within a tenth of the best share the place. Constraints play no part. Ratios are to the reference. What grows with the time of the run is per bogo-op where that time is fixed.",
    ]),
    ...toldSection(
      "### What was seen (native)",
      workload.variants.map((one) => ({ id: one.id, numbers: sourceOf(one) })),
      plan,
    ),
    ...timedSections(workload, problem, told),
    ...withTable("### Where the time goes (sampled)", symbolTable(workload.variants), [
      `The first functions of each variant, as \`perf top\` would show them, in shares of the samples that found a CPU at work (${placeOf(profiledOn, parameters.profiled)}).`,
    ]),
    ...withTable("### What operations cost (exact)", operationTable(workload, problem), [
      `Counted on ${placeOf(countedOn, parameters.counted)}, means per call. Shared writes are stores and locked operations on lines that calls on other CPUs touch, too; _slept_ is virtual time.`,
    ]),
    ...(parameters.timed === "" ? [] : [`Parameters of the timed run: \`${parameters.timed}\`.`, ""]),
  ].join("\n");
}

/** What follows the verdict's sentences. */
function remarks(problem: Problem, plan: Plan, evidence: Evidence, held: Held, subject: Subject): string {
  const { workloads, simulated, defects } = evidence;
  const measures = new Set([
    ...workloads.flatMap((one) => measureOf(one, problem)?.name ?? []),
    ...simulated
      .filter(({ workload }) => isOnlySimulated(workload, problem, evidence))
      .flatMap(({ measures: [one] }) => one?.name ?? []),
  ]);
  const hangs = workloads.flatMap((one) => {
    const text = hangsText(one);
    return text === "" ? [] : [`In ${one.name} ${text}.`];
  });
  const known = defectLines(defects);
  return [
    ...paragraphs(voidsText(subject)),
    ...(plan.constraints.length === 0
      ? []
      : [
          "The constraints, each broken where the run shows it, natively or simulated; a variant that breaks one is not chosen for any workload:",
          "",
          ...plan.constraints.map(({ name, text }) => `- _${name}_: ${text}.`),
          "",
        ]),
    ...(known.length === 0
      ? []
      : [
          "Known defects, for which variants are kept; `reclaim-bench check` finds them, and none of these is chosen:",
          "",
          ...known,
          "",
        ]),
    [
      `The last columns are ${[...measures].join(" or ") || "what workloads are judged by"}, relative to the reference, \`${subject.reference}\`. Bold: chosen. \`–\`: not measured, or not judged: nothing happened in the run that could break it.`,
      ...hangs,
    ].join(" "),
    "",
    renderTable(constraintTable(problem, plan, evidence, held)),
    "",
  ].join("\n");
}

/** Whether nothing was measured natively that variants of a workload are ranked by, while there is something simulated. */
function isOnlySimulated(name: string, problem: Problem, { workloads, simulated }: Evidence): boolean {
  const own = workloads.find((one) => one.name === name);
  return (
    (own === undefined || (measureOf(own, problem) === null && !own.isIncomplete)) &&
    simulated.some(({ workload, measures }) => workload === name && measures.length > 0)
  );
}

function renderTerminal(workload: WorkloadAnswers, problem: Problem, plan: Plan, evidence: Evidence): string {
  const choice = chooseFor(workload, problem, plan, evidence);
  const text =
    choice === null ? whyNothing(workload, problem) : `choose ${choice.id}: ${choice.reason.replaceAll("`", "")}`;
  return [
    wrapText(`${workload.name}  (${formatCase(workload.timedOn, workload.parameters.timed)})`),
    renderFitting(overviewTable(workload, problem, plan, evidence)),
    wrapText(text),
    "",
  ].join("\n");
}

function answer(
  rows: ProblemRows,
  subject: Subject,
  simulated: readonly SimulatedAnswers[],
  { problem, plan }: { readonly problem: Problem; readonly plan: Plan },
): Answered {
  const { defects = new Map() } = subject;
  const workloads = answerAll(rows, problem, subject);
  const evidence: Evidence = { workloads, simulated, defects };
  const native = nativeOnly(evidence);
  const faults = faultsOf(subject.order, (id) => brokenBy(id, plan, native).map((constraint) => ({ constraint })));
  const judged = new Map(
    subject.order.map((id) => {
      const open = unjudgedOf(id, plan, native);
      return [id, plan.constraints.map(({ name }) => name).filter((name) => !open.includes(name))] as const;
    }),
  );
  const held = uniteHeld(simulated, { faults, judged, defects });
  /** Metrics of which a section has told what they mean. */
  const told = new Set<string>();
  return {
    workloads: workloads.map((one) => {
      const choice = chooseFor(one, problem, plan, evidence);
      const isSilent = isOnlySimulated(one.name, problem, evidence);
      const verdict = choice === null ? whyNothing(one, problem) : `choose \`${choice.id}\`: ${choice.reason}`;
      return {
        workload: one.name,
        variant: choice?.id ?? null,
        isIncomplete: one.isIncomplete,
        verdict: isSilent ? null : verdict,
        markdown: section(one, problem, plan, evidence, { subject, told }),
        terminal: isSilent ? "" : renderTerminal(one, problem, plan, evidence),
      };
    }),
    remarks: remarks(problem, plan, evidence, held, subject),
    answers: workloads,
    faults,
    judged,
    isUnited: true,
    native: uniteCpuUses(workloads.flatMap((one) => [one.timedOn, one.profiledOn])),
    counted: uniteCpuUses(workloads.map((one) => one.countedOn)),
  };
}

/** What a described problem goes by where it is simulated. */
export function viewOf(problem: Problem, plan: Plan): View {
  return {
    ...describedView(problem),
    judges: judgesOf(plan),
    details: (rows, workload) => `${toldMarkdown(rows, workload, plan)}${overTimeMarkdown(rows, workload, problem)}`,
  };
}

/** The part of a described problem in a report. */
export function reporterOfDescribed(problem: Problem, plan: Plan): Reporter {
  return reporterOf(
    async (rows, subject, simulated) => answer(rows, subject, simulated, { problem, plan }),
    viewOf(problem, plan),
  );
}
