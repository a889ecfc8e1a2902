// A run's report in Markdown: one part per problem in a frame that is the same for all. The verdict comes first, then
// the details, the environment, and the command that made it.

import { markdownTable } from "markdown-table";
import type { Run } from "../records/run-file.ts";
import type { CheckSummary } from "./checked.ts";
import { formatCpus, formatInstruments } from "./cpus.ts";
import { formatBytes, formatNumber, joinAnd } from "./format.ts";
import type { Choice, Part, SimulatedSummary } from "./part.ts";
import type { Table } from "./tables.ts";

/** A bar would begin another cell. */
function escapeCells(table: Table): string[][] {
  return table.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
}

/** A table of Markdown, its numbers to the right. */
export function renderTable(table: Table): string {
  return markdownTable(escapeCells(table), {
    align: table[0]!.map((_, column) => (column === 0 ? "l" : "r")),
    alignDelimiters: false,
  });
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

/** How far the variants can be trusted to be right. */
function correctnessText(parts: readonly Part[]): string {
  const unchecked = parts.filter(({ checked }) => !checked.isChecked).map(({ subject }) => subject.problem);
  if (unchecked.length === parts.length) {
    return "The variants' correctness is tested against a model; no interleavings were explored for this report.";
  }
  const but = unchecked.length === 0 ? "" : `, but none of ${unchecked.join(", ")}`;
  return `The variants' correctness is tested against a model, and interleavings of short scenarios were explored${but}; see _Checked_.`;
}

/** What a reader must know before anything else. */
function notices(run: Run, parts: readonly Part[]): string[] {
  const lines: string[] = [];
  if (run.state === "incomplete") {
    lines.push(
      "> **Incomplete.** The run was stopped; what is missing is shown as `–`. Resume it with `reclaim-bench run --resume`.",
      "",
    );
  }
  lines.push(`> ${correctnessText(parts)}`, "");
  const failed = run.cases.filter((one) => one.state === "failed");
  if (failed.length > 0) {
    lines.push("> **Failed cases:**", ...failed.map((one) => `> - ${one.id}: ${one.error}`), "");
  }
  if (run.warnings.length > 0) lines.push("> **Warnings:**", ...run.warnings.map((one) => `> - ${one}`), "");
  return lines;
}

/** What to choose, over all problems, and who is best where it was simulated. */
function shortAnswer(parts: readonly Part[]): string {
  const isSimulated = parts.some(({ simulated }) => simulated.length > 0);
  const rows = parts.flatMap(({ subject, checked, choices, simulated }) => {
    const workloads = [...new Set([...choices, ...simulated].map(({ workload }) => workload))];
    return workloads.map((workload) => {
      const choice = choices.find((one) => one.workload === workload);
      const machines = simulated.filter((one) => one.workload === workload && one.best.length > 0);
      return [
        subject.problem,
        workload,
        choice === undefined ? simulatedChoice(machines, checked) : choiceText(choice, checked),
        ...(isSimulated ? [machines.length === 0 ? "–" : machines.map(bestText).join("; ")] : []),
      ];
    });
  });
  const table = renderTable([
    ["problem", "workload", "choose", ...(isSimulated ? ["best where simulated"] : [])],
    ...rows,
  ]);
  const isHeld = parts.some(({ simulated }) => simulated.some(({ held }) => held.length > 0));
  return isHeld
    ? `${table}\n\n\\*: breaks a constraint somewhere in the run, or has a known defect, and is not chosen.`
    : table;
}

/** Which variant, and whether its interleavings were not all explored. */
function choiceText({ variant, isIncomplete }: Choice, checked: CheckSummary): string {
  if (isIncomplete) return "incomplete";
  return variant === null ? "nothing" : checkedText(variant, checked);
}

/** The same of what was only simulated, by machine where they differ. */
function simulatedChoice(machines: readonly SimulatedSummary[], checked: CheckSummary): string {
  if (machines.some(({ isIncomplete }) => isIncomplete)) return "incomplete";
  const choices = [...new Set(machines.map(({ choice }) => choice))];
  const [only] = choices;
  if (only === undefined) return "–";
  const textOf = (choice: string | null, mark: string): string =>
    choice === null ? `nothing (${mark})` : checkedText(choice, checked, mark);
  if (choices.length === 1) return textOf(only, "simulated");
  return machines.map(({ choice, machine }) => textOf(choice, `simulated on ${machine}`)).join("; ");
}

/** With marks behind it, that of its interleavings the last. */
function checkedText(variant: string, checked: CheckSummary, ...marks: readonly string[]): string {
  const standing = checked.standingOf(variant);
  const all = [
    ...marks,
    {
      exhausted: "",
      "stopped at a bound": "check stopped at a bound",
      "known defect": "known defect",
      violation: "void",
      unchecked: "unchecked",
    }[standing],
  ].filter((mark) => mark !== "");
  return `\`${variant}\`${all.length === 0 ? "" : ` (${all.join(", ")})`}`;
}

/** Of several that are level the number, when it is large. */
function bestText({ machine, cpus, best, held, isIncomplete }: SimulatedSummary): string {
  const ofThem = held.length === 0 ? "" : `, ${held.length} of them \\*`;
  const who =
    best.length > 3
      ? `${best.length} alike${ofThem}`
      : best.map((id) => `\`${id}\`${held.includes(id) ? "\\*" : ""}`).join(", ");
  return `${isIncomplete ? "so far " : ""}${who} (${formatCpus(cpus.slice(-1))} of ${machine})`;
}

/** One level further down. */
function lower(markdown: string): string {
  return markdown.replace(/^(#+) /gm, "#$1 ");
}

function instruments(parts: readonly Part[]): string {
  const texts = parts.map(({ native, counted, simulated }) => formatInstruments(native, counted, simulated));
  if (new Set(texts).size === 1) return texts[0]!;
  return parts.map(({ subject }, index) => `of ${subject.problem}: ${texts[index]}`).join("; ");
}

/** By form of the machine; those that got the same together. */
function flagsText(flags: Run["flags"]): string {
  // A run of before has the flags of its first reference.
  if (Array.isArray(flags)) return `Compiler flags of one of the modules: \`${flags.join(" ")}\`.`;
  const forms = new Map<string, string[]>();
  for (const [form, given] of Object.entries(flags)) {
    const text = given.join(" ");
    forms.set(text, [...(forms.get(text) ?? []), form]);
  }
  const texts = [...forms].map(([text, same]) => `${joinAnd(same)} modules \`${text}\``);
  return `Compiler flags, besides the constants of variants and suites: of ${texts.join("; of ")}.`;
}

/** The whole report. */
export function renderMarkdown(run: Run, parts: readonly Part[]): string {
  const names = parts.map(({ subject }) => subject.problem);
  const lines: string[] = [`# ${joinAnd(names)}: which variant to choose`, ""];
  if (parts.length === 1) {
    const { subject, markdown } = parts[0]!;
    lines.push(subject.statement, "", ...notices(run, parts), markdown);
  } else {
    lines.push(...notices(run, parts), shortAnswer(parts), "");
    for (const { subject, markdown } of parts) {
      lines.push(`## ${subject.problem}`, "", subject.statement, "", lower(markdown));
    }
  }

  lines.push("## How this was made", "", "```text", run.command, "```", "");
  lines.push(`Run \`${run.runId}\`, seed ${run.seed}, begun ${run.startedAt}. Instrument: ${instruments(parts)}.`, "");
  lines.push(environmentTable(run), "");
  lines.push(
    `${flagsText(run.flags)} ${formatNumber(run.modules.length)} modules; their hashes, the workloads' hashes and all parameters are in \`run.json\`, every sample in \`records.csv\`.`,
    "",
  );
  return lines.join("\n");
}
