// A run's report in Markdown: the verdict first, then the details, the environment, and the command that made it.

import { markdownTable } from "markdown-table";
import type { Run } from "../records/run-file.ts";
import { crossCheckTolerance, type WorkloadAnswers } from "./answers.ts";
import { formatBytes, formatNs, formatNumber } from "./format.ts";
import {
  constraintTable,
  contestTable,
  exactTable,
  growthTable,
  lawText,
  memoryTable,
  orderTable,
  removalTable,
  type Table,
  timesTable,
} from "./tables.ts";
import { chooseFor } from "./verdict.ts";

/** A bar would begin another cell. */
function escapeCells(table: Table): string[][] {
  return table.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
}

function render(table: Table): string {
  return markdownTable(escapeCells(table), {
    align: table[0]!.map((_, column) => (column === 0 ? "l" : "r")),
    alignDelimiters: false,
  });
}

/** What the report of a problem needs besides the numbers. */
export interface Subject {
  readonly problem: string;
  readonly statement: string;
  readonly reference: string;
  /** Question of each workload, by name. */
  readonly questions: ReadonlyMap<string, string>;
}

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
  const lines: string[] = [
    `## ${workload.name}`,
    "",
    `_${subject.questions.get(workload.name) ?? "A workload from a file."}_`,
    "",
  ];
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
    "Bytes beyond what Linux keeps in an object; global structures on 1 CPU; slab pages pinned by caches that were asked to go, at the counted size.",
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

function environmentTable(run: Run): string {
  const { environment } = run;
  const rows: string[][] = [["", ""]];
  const add = (key: string, value: string | number | boolean | null): void => {
    rows.push([key, value === null || value === "" ? "–" : String(value)]);
  };
  add("CPU", environment.cpuModel);
  add("cores", environment.coreCount);
  add("memory", formatBytes(environment.memoryBytes));
  add("virtual machine", environment.virtualised);
  add("frequency governor", environment.governor);
  add("system", `${environment.os} ${environment.kernel} ${environment.arch}`);
  add("Node.js", `${environment.node} (V8 ${environment.v8})`);
  add("load when the run began", environment.loadAverage?.map((load) => load.toFixed(2)).join(", ") ?? null);
  add(
    "clock",
    `${environment.clockCostNs.toFixed(0)} ns per reading, resolution ${environment.clockResolutionNs.toFixed(0)} ns`,
  );
  add("commit", environment.commit);
  add("most resident memory", formatBytes(run.rssBytesMax));
  return markdownTable(escapeCells(rows), { align: ["l", "l"] });
}

/** The whole report. */
export function renderMarkdown(run: Run, workloads: readonly WorkloadAnswers[], subject: Subject): string {
  const lines: string[] = [`# ${subject.problem}: which variant to choose`, "", subject.statement, ""];
  if (run.state === "incomplete") {
    lines.push(
      "> **Incomplete.** The run was stopped; what is missing is shown as `–`. Resume it with `reclaim-bench run --resume`.",
      "",
    );
  }
  lines.push(
    "> The variants' correctness is tested against a model; no interleavings were explored for this report.",
    "",
  );
  const failed = run.cases.filter((one) => one.state === "failed");
  if (failed.length > 0) {
    lines.push("> **Failed cases:**", ...failed.map((one) => `> - ${one.id}: ${one.error}`), "");
  }
  if (run.warnings.length > 0) lines.push("> **Warnings:**", ...run.warnings.map((one) => `> - ${one}`), "");

  lines.push("## Verdict", "");
  for (const workload of workloads) {
    const choice = chooseFor(workload, workloads);
    lines.push(
      choice === null
        ? `- **${workload.name}**: nothing to choose: fewer than two variants break no constraint and finish every removal.`
        : `- **${workload.name}**: choose \`${choice.id}\`: ${choice.reason}.`,
    );
  }
  lines.push(
    "",
    `The three constraints are those of the thread that reported the problem. Cost is relative to the reference, \`${subject.reference}\`: of the whole teardown, or where nothing is removed, of a free with its later eviction. Bold: chosen.`,
    "",
    render(constraintTable(workloads)),
    "",
  );
  for (const workload of workloads) lines.push(section(workload, workloads, subject));

  lines.push("## How this was made", "", "```text", run.command, "```", "");
  lines.push(
    `Run \`${run.runId}\`, seed ${run.seed}, begun ${run.startedAt}. Instrument: native, 1 CPU; exact numbers: counted.`,
    "",
  );
  lines.push(environmentTable(run), "");
  lines.push(
    `Compiler flags: \`${run.flags.join(" ")}\`. ${formatNumber(run.modules.length)} modules; their hashes, the workloads' hashes and all parameters are in \`run.json\`, every sample in \`records.csv\`.`,
    "",
  );
  return lines.join("\n");
}
