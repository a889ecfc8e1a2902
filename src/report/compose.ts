// Puts a problem's part of a report together: its own answers, and those of the simulator, which are alike for all.

import { CheckSummary } from "./checked.ts";
import { renderTable } from "./markdown.ts";
import { type Answered, type AnsweredWorkload, type Part, type Reporter, type Subject, voidsText } from "./part.ts";
import type { ProblemRows } from "./rows.ts";
import { answerSimulated } from "./simulator/answers.ts";
import { type Held, heldLines, heldTexts, isHeld, uniteHeld } from "./simulator/held.ts";
import { howToRead, simulatedMarkdown, simulatedTerminal, simulatedVerdicts } from "./simulator/markdown.ts";
import type { SimulatedAnswers } from "./simulator/model.ts";
import { choiceOf, leadersAtMain } from "./simulator/verdict.ts";
import { defaultView, type View } from "./simulator/view.ts";
import { wrapText } from "./terminal.ts";

/** A workload with all that is known of it. */
interface Composed {
  readonly name: string;
  /** Null where it was only simulated. */
  readonly own: AnsweredWorkload | null;
  readonly simulated: readonly SimulatedAnswers[];
  /** What the problem tells of the simulated part besides. */
  readonly details: string;
}

/**
 * A problem's reporter.
 *
 * @param answer what it makes of its measured and counted rows, and for its choices of what was simulated
 * @param view what it goes by where it was simulated
 */
export function reporterOf(
  answer: (rows: ProblemRows, subject: Subject, simulated: readonly SimulatedAnswers[]) => Promise<Answered>,
  view: View = defaultView,
): Reporter {
  return async (rows, subject) => {
    const simulated = rows.simulated.workloads.flatMap((name) => answerSimulated(name, rows.simulated, subject, view));
    return compose(await answer(rows, subject, simulated), simulated, rows, subject, view);
  };
}

function compose(
  answered: Answered,
  simulatedAnswers: readonly SimulatedAnswers[],
  rows: ProblemRows,
  subject: Subject,
  view: View,
): Part {
  const own = answered.workloads.map(({ workload }) => workload);
  const names = [...own, ...rows.simulated.workloads.filter((name) => !own.includes(name))];
  const workloads = names.map((name, index) => ({
    name,
    own: answered.workloads[index] ?? null,
    simulated: simulatedAnswers.filter(({ workload }) => workload === name),
    details: view.details?.(rows.simulated, name) ?? "",
  }));
  const { native, counted, isUnited = false } = answered;
  const checked = new CheckSummary(rows.checked, subject.violations ?? [], subject.order);
  const { faults, judged } = answered;
  const { defects = new Map() } = subject;
  const held = uniteHeld(simulatedAnswers, {
    ...(own.length === 0 ? { faults: null } : { faults, ...(judged === undefined ? {} : { judged }) }),
    defects,
  });
  return {
    subject,
    checked,
    // Where the simulated verdict says all that there is, it says what to choose, too.
    choices: answered.workloads
      .filter(({ verdict }) => verdict !== null)
      .map(({ workload, variant, isIncomplete }) => ({ workload, variant, isIncomplete })),
    simulated: workloads.flatMap(({ name, simulated }) =>
      simulated.map((one) => {
        const best = leadersAtMain(one);
        return {
          workload: name,
          machine: one.machine,
          cpus: one.cpus,
          best,
          held: best.filter((id) => isHeld(id, held)),
          choice: choiceOf(one, held),
          isIncomplete: one.isIncomplete,
        };
      }),
    ),
    markdown: [markdownOf(workloads, { ...answered, isUnited }, held, subject), ...checkedMarkdown(checked)].join("\n"),
    terminal: `${terminalOf(workloads, held)}\n${wrapText(checked.line)}\n`,
    answers: workloads.map(({ name, simulated }, index) => {
      const one = answered.answers[index] ?? { name };
      return simulated.length === 0 ? one : { ...one, simulated };
    }),
    native,
    counted,
  };
}

function markdownOf(
  workloads: readonly Composed[],
  { remarks, isUnited }: Pick<Answered, "remarks"> & { readonly isUnited: boolean },
  held: Held,
  subject: Subject,
): string {
  const isSimulated = workloads.some(({ simulated }) => simulated.length > 0);
  const hasOwn = workloads.some(({ own }) => own !== null);
  const lines = ["## Verdict", ""];
  for (const { name, own, simulated } of workloads) {
    if (own !== null && own.verdict !== null) lines.push(`- **${name}**: ${own.verdict}.`);
    lines.push(...simulatedVerdicts(name, simulated, held));
  }
  lines.push("");
  if (isSimulated) lines.push(howToRead, "", ...(isUnited ? [] : heldLines(held)));
  // Without rows there is nothing to be said of, but that there is nothing.
  if (hasOwn || !isSimulated || isUnited) lines.push(remarks);
  // Those of a problem that was measured, too, are among its remarks.
  else if (subject.voids.size > 0) lines.push(voidsText(subject), "");
  for (const { name, own, simulated, details } of workloads) {
    lines.push(own?.markdown ?? headOf(name, subject));
    if (simulated.length > 0) lines.push(simulatedMarkdown(simulated, held));
    if (details !== "") lines.push(details);
  }
  return lines.join("\n");
}

/** Which interleavings were explored. Where none were, the report's head says so. */
function checkedMarkdown(checked: CheckSummary): string[] {
  if (!checked.isChecked) return [];
  return [
    "## Checked",
    "",
    "Before anything was measured, the interleavings of each variant were explored in the short scenarios of the problem, under sequential consistency. _exhausted_: all of them; a bound: up to there nothing was wrong. `reclaim-bench check` has more scenarios, and x86-TSO.",
    "",
    renderTable(checked.table),
    "",
  ];
}

/** Name of a workload and what it asks. */
export function headOf(name: string, { questions }: Subject): string {
  return [`## ${name}`, "", `_${questions.get(name) ?? "A workload from a file."}_`, ""].join("\n");
}

function terminalOf(workloads: readonly Composed[], held: Held): string {
  const parts = workloads.flatMap(({ name, own, simulated }) => [
    ...(own === null || own.terminal === "" ? [] : [own.terminal]),
    ...(simulated.length === 0 ? [] : [simulatedTerminal(name, simulated, held)]),
  ]);
  const isSimulated = workloads.some(({ simulated }) => simulated.length > 0);
  // Of what was only measured the tables say who breaks what.
  const texts = heldTexts(isSimulated ? held : { ...held, faults: new Map() });
  if (texts.length === 0) return parts.join("\n");
  return [...parts, ["held against variants (*):", ...texts.map((text) => wrapText(`- ${text}`)), ""].join("\n")].join(
    "\n",
  );
}
