// The quarantine's part of a report: the verdict first, then the details of each workload.

import { headOf, reporterOf } from "../compose.ts";
import { formatCase, formatCpus, oversubscribedText } from "../cpus.ts";
import { formatNs } from "../format.ts";
import { renderTable as render } from "../markdown.ts";
import { type Answered, faultsOf, type Subject, uniteCpuUses, voidsText } from "../part.ts";
import type { ProblemRows } from "../rows.ts";
import { renderFitting, wrapText } from "../terminal.ts";
import { answerAll, crossCheckTolerance, type WorkloadAnswers } from "./answers.ts";
import { quarantineView } from "./simulated.ts";
import {
  constraintTable,
  contestTable,
  exactTable,
  growthTable,
  lawText,
  memoryTable,
  orderTable,
  overviewTable,
  removalTable,
  timesTable,
} from "./tables.ts";
import { chooseFor, violationsOf, whyNothing } from "./verdict.ts";

function crossCheckText(workload: WorkloadAnswers): string {
  const checked = workload.variants.filter((one) => one.crossChecked !== null);
  if (checked.length === 0)
    return "mitata was given no batches here: the workload has too few runs of frees of one length.";
  const apart = checked.filter((one) => Math.abs(one.crossChecked!.difference) > crossCheckTolerance);
  if (apart.length === 0) {
    return `mitata, which timed the same runs of frees around our clock, agrees within 10 % with our clock for all ${checked.length} variants that it was given.`;
  }
  const list = apart.map(({ id, crossChecked }) => {
    const { oursNs, mitataNs, difference } = crossChecked!;
    return `${id} (ours ${formatNs(oursNs)}, mitata ${formatNs(mitataNs)}, ${difference > 0 ? "+" : ""}${(100 * difference).toFixed(0)} %)`;
  });
  return `**mitata disagrees by more than 10 %** for ${apart.length} of ${checked.length} variants: ${list.join("; ")}. Treat the times of a put of those with that much doubt.`;
}

function section(workload: WorkloadAnswers, all: readonly WorkloadAnswers[], subject: Subject): string {
  const lines: string[] = [headOf(workload.name, subject)];
  if (workload.native.isOversubscribed) lines.push(oversubscribedText(workload.native), "");
  const choice = chooseFor(workload, all);
  if (choice !== null) lines.push(`**Choose \`${choice.id}\`**: ${choice.reason}.`, "");
  lines.push("### Who wins on what", "");
  lines.push(
    "Native times are of this machine and one run; those within a tenth of the best share the place. Ratios are to the reference.",
    "",
    render(contestTable(workload)),
    "",
  );

  const removals = removalTable(workload);
  if (removals !== null) {
    lines.push("### Removing a cache (native)", "");
    lines.push(
      "What the caller of one removal waits, and all removals together with the workers that finish deferred ones. Quantiles are of buckets 3 % wide; the maximum is exact. `unfinished`: caches that were asked to go and were still there when the workload ended.",
      "",
      render(removals),
      "",
    );
  }

  const { putNs, allocateNs, mixedNs, removeNs } = workload.harness;
  lines.push("### Put and reduce (native)", "");
  lines.push(
    `The harness alone, measured with the floor variant and subtracted round by round: ${formatNs(putNs)} per free, ${formatNs(allocateNs)} per allocation, ${formatNs(mixedNs)} per free in mixed batches; not subtracted from removals: ${formatNs(removeNs)}. \`~\`: the rounds do not tell the ratio from 1. Raw p99 and ± (relative margin of error) are tinybench's, of the batches with the harness.`,
    "",
    render(timesTable(workload)),
    "",
    crossCheckText(workload),
    "",
  );

  lines.push("### Order and uninterrupted sections", "");
  lines.push(
    `Rank error: distance between the order of eviction and the order of putting, in objects, exact. Sections in time are of the variant's own locks and of interrupts off, the lesser of two runs' longest, from the instrumented build${workload.parameters.instrumented === "" ? "" : ` (\`${workload.parameters.instrumented}\`)`}, whose clock readings they include; in accesses they are exact, at the counted size.`,
    "",
    render(orderTable(workload)),
    "",
  );

  lines.push("### Memory", "");
  lines.push(
    `Bytes beyond what Linux keeps in an object; global structures on ${formatCpus(workload.timedOn.cpus)}; slab pages pinned by caches that were asked to go, at the counted size.`,
    "",
    render(memoryTable(workload)),
    "",
  );

  lines.push("### Accesses and cache lines (exact)", "");
  lines.push(
    `Counted at \`${workload.parameters.counted}\`: accesses and distinct 64-byte lines per put, per object let go by a reduction (real free included), per removal's own call.`,
    "",
    render(exactTable(workload)),
    "",
  );

  const growth = growthTable(workload);
  if (growth !== null) {
    lines.push("### Law of growth of a removal", "");
    lines.push(
      "Mean cost of one removal, its worker's part included, against the size of the quarantine. Exponent: 1 means in proportion to the quarantine, 0 independent of it.",
      "",
      render(growth),
      "",
      "Fitted to every single counted removal: accesses over the foreign objects, own objects and batches that it looked at. Foreign objects are all others of the quarantine where a removal walks all of it, and with buckets those of caches with the same hash; either way they grow with the quarantine.",
      "",
      ...workload.growth.map((one) => `- \`${one.id}\`: ${lawText(one)}`),
      "",
    );
  }
  lines.push(`Parameters of the timed run: \`${workload.parameters.timed}\`.`, "");
  return lines.join("\n");
}

/** What follows the verdict's sentences. */
function remarks(workloads: readonly WorkloadAnswers[], subject: Subject): string {
  return [
    ...(subject.voids.size === 0 ? [] : [voidsText(subject), ""]),
    `The three constraints are those of the thread that reported the problem. Cost is relative to the reference, \`${subject.reference}\`: of the whole teardown, or where nothing is removed, of a free with its later eviction. Bold: chosen.`,
    "",
    render(constraintTable(workloads)),
    "",
  ].join("\n");
}

function renderTerminal(workload: WorkloadAnswers, all: readonly WorkloadAnswers[]): string {
  const choice = chooseFor(workload, all);
  const { timedOn, parameters } = workload;
  // One CPU goes without saying.
  const isPlain = timedOn.cpus.every((cpus) => cpus === 1) && !timedOn.isOversubscribed;
  return [
    wrapText(`${workload.name}  (${isPlain ? parameters.timed : formatCase(timedOn, parameters.timed)})`),
    renderFitting(overviewTable(workload, all)),
    wrapText(choice === null ? whyNothing(workload) : `choose ${choice.id}: ${choice.reason}`),
    "",
  ].join("\n");
}

async function answer(rows: ProblemRows, subject: Subject): Promise<Answered> {
  const workloads = await answerAll(rows, subject);
  return {
    workloads: workloads.map((one) => {
      const choice = chooseFor(one, workloads);
      return {
        workload: one.name,
        variant: choice?.id ?? null,
        isIncomplete: one.isIncomplete,
        verdict: choice === null ? whyNothing(one) : `choose \`${choice.id}\`: ${choice.reason}`,
        markdown: section(one, workloads, subject),
        terminal: renderTerminal(one, workloads),
      };
    }),
    remarks: remarks(workloads, subject),
    answers: workloads,
    faults: faultsOf(subject.order, (id) => violationsOf(id, workloads)),
    native: uniteCpuUses(workloads.map((one) => one.native)),
    counted: uniteCpuUses(workloads.map((one) => one.countedOn)),
  };
}

/** The quarantine's part of a report. */
export const reportQuarantine = reporterOf(answer, quarantineView);
