// The page about the native gate's statistics: what it does and why, and what a study has found of it on one machine.

import {
  alpha,
  confirmationAlpha,
  confirmationProcesses,
  falseDiscoveryMax,
  floorOneCpu,
  floorSeveralCpus,
} from "../compare/judge.ts";
import type { FamilyRates, Rate, Study } from "../compare/study.ts";
import { gateRounds, gateSliceMs, gateWarmupRounds } from "../plan/gate.ts";
import { formatBytes, formatNs, formatNumber, joinAnd } from "./format.ts";
import { renderTable } from "./markdown.ts";

/** With as many digits as a floor has, and no sign of a zero. */
function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`;
}

/** Hits, and the interval of the probability. */
function rateText({ hits, trials, low, high }: Rate): string {
  // Of many trials the interval is short.
  const digits = trials >= 1000 ? 2 : 1;
  return `${formatNumber(hits)} of ${formatNumber(trials)} (${(100 * low).toFixed(digits)}–${percent(high, digits)})`;
}

function foundCells({ suspected, confirmed }: FamilyRates): string[] {
  return [rateText(suspected), rateText(confirmed)];
}

function method(): string {
  return `\
\`reclaim-bench compare\` has two gates. Exact metrics (accesses, lines, virtual time, what the checker tells) are the same on every machine, so a difference is a change, and no statistics are needed. Native time is another matter: on a machine that others use too, stored times differ from new ones by tens of per cent where nothing has changed. This page is about the gate for native time.

## How a row is measured

- **Pairs.** The modules of both sides are loaded into one process and take turns, round by round. Blocks of AB and BA are balanced, and which comes first is drawn for each block; so are the order in which the modules are instantiated, for memory is handed out in it. A process is kept to as many CPUs as its case has, drawn anew for each, where the system has \`taskset\`: left alone, the scheduler gives threads of either side a CPU of their own. What the machine does, it does to both sides. Variants that are compared with each other, N at a time, take turns by a Latin square drawn anew for each block.
- **Rounds.** A process keeps ${gateRounds} rounds after ${gateWarmupRounds} that warm up. Where a workload can be repeated, a round is a slice of ${gateSliceMs} ms: shorter than what a scheduler lets a task run at a stretch, so that most rounds are left alone even where others want the CPUs. The process says one thing: the median over rounds of the logarithm of the sides' ratio.
- **Processes.** Rounds of one process share where its memory and its code happen to lie, so a hundred of them may be wrong in the same direction. The process is therefore the unit, and many short ones are the sample. All rows have one before any has its second, so that what drifts over minutes drifts for all.
- **How many.** The smallest two-sided p of P processes is 2 / 2^P. With m gated rows, Holm's procedure needs P ≥ log2(2 m / alpha) to find anything at all; one process is on top, so that one may disagree, and there are 12 at least.
- **The same code twice.** Each side gets a copy of its code of its own, also where both are the same to the byte: where code lies differs between builds, and what that does belongs to the noise.

## How it is judged

- **Estimate.** The Hodges-Lehmann estimate of the processes' log ratios, with the exact interval of the signed-rank test.
- **Test.** Wilcoxon's signed-rank test, exact and two-sided; the sign test where values are far from symmetric, or many of the same size.
- **Family.** Gated rows are judged together: Holm's p must be at most ${alpha}. Rows that are not gated are a list of what is worth a look, on which at most ${percent(falseDiscoveryMax, 0)} is expected to be false (Benjamini and Hochberg).
- **Floor.** A difference counts only from ${percent(floorOneCpu, 0)} on one CPU and ${percent(floorSeveralCpus, 0)} on several, or from what a row or the user declares, or from what the same code was off by in the 99th of 100 comparisons on this machine, whichever is most. Below are the layout of code and what happens between processes: real, but of nobody's making.
- **Confirmation.** A regression that is suspected is measured again with ${confirmationProcesses} fresh processes. These alone have to show it, with p below ${confirmationAlpha} and at least the floor; the first ones are not added to them, and there is no third time. To try again until the answer pleases would undo the error rate.
- **Canaries.** Two rows of each comparison, one with one CPU and one with several, are the base against itself. Where such a row differs by what would count, or others want the CPUs, or the hypervisor takes time, verdicts of this machine are not trusted: the comparison is inconclusive.
- **Verdicts.** _Regressed_: Holm's p passes, the 95 % interval leaves out no difference, the estimate is at least the floor, and fresh processes confirm it. _Improved_: the same in the other direction, without confirmation. _Equivalent_: the whole 90 % interval lies within the floor on both sides. _Inconclusive_: anything else; it fails nothing, and the smallest difference that would have been found with a probability of 90 % is printed beside it.`;
}

function sameSection({ same, family, processes, families }: Study): string {
  const table = renderTable([
    ["row", "suspected", "confirmed", "improved", "median shift", "95 %", "99 %", "deviation of processes"],
    ...same.map(({ row, suspected, confirmed, improved, shift50, shift95, shift99, deviation }) => [
      `\`${row.name}\``,
      rateText(suspected),
      rateText(confirmed),
      rateText(improved),
      ...[shift50, shift95, shift99, deviation].map((share) => (share === null ? "–" : percent(share, 2))),
    ]),
  ]);
  return `\
### The same code on both sides

Measured. Each row's module is compared with itself; a comparison is ${processes} processes, judged as a family of one row, which is less strict than the gate, and what is suspected is measured again. _confirmed_ is a false alarm that would have failed the build. Shifts are of comparisons, in either direction: half, 95 % and 99 % of them are smaller; 99 % only where there are 100. In brackets is the exact interval at 95 % of the probability (Clopper and Pearson).

${table}

#### The whole suite

Resampled from these processes, not measured: families of ${family} rows, as the suite has them, in which nothing has changed. For each row of a family one of the rows above with as many CPUs is drawn, and for it ${processes} of its processes, with replacement; fresh ones are drawn for what is suspected. Canaries have no say.

${renderTable([
  ["families", "with a suspicion", "with a confirmed one"],
  [formatNumber(families.suspected.trials), ...foundCells(families)],
])}`;
}

function slowedSection({ slowed, notSlowed, multiplied, family }: Study): string {
  const lines = ["### Slow-downs", ""];
  if (slowed.length > 0) {
    lines.push(
      "Measured. Both sides are the variant with a loop in its gated path that computes and accesses nothing: of one step on the base's side, of many on the head's. A CPU hides short loops behind what it does out of order, so one call in so many computes for all of them, and how many steps are needed is found by the effect on the row's own metric, in processes that are not used again; _calibrated_ is what these showed, and was chosen for being near the aim, so the median of the estimates says better what the effect is. The row is judged as one of " +
        `${family}; the family's other rows are drawn from the processes with the same code.`,
      "",
      renderTable([
        ["row", "aim", "calibrated", "steps / calls", "suspected", "confirmed", "estimates: median", "least", "most"],
        ...slowed.map((one) => [
          `\`${one.row.name}\``,
          percent(one.effect),
          percent(one.calibrated),
          `${formatNumber(one.steps)} / ${formatNumber(one.every)}`,
          ...foundCells(one),
          ...[one.shift50, one.shiftLow, one.shiftHigh].map((share) => percent(share)),
        ]),
      ]),
      "",
    );
  }
  if (notSlowed.length > 0) lines.push("Not slowed:", "", ...notSlowed.map((one) => `- ${one}`), "");
  lines.push(
    "Resampled, not measured: the same, with processes of the same code whose head is multiplied by the effect.",
    "",
    renderTable([
      ["CPUs", "effect", "suspected", "confirmed"],
      ...multiplied.map((one) => [formatNumber(one.cpus), percent(one.effect), ...foundCells(one)]),
    ]),
  );
  return lines.join("\n");
}

function timeSection({ times, processes }: Study): string {
  const seconds = times.reduce((sum, one) => sum + one.seconds, 0);
  const cases = times.reduce((sum, one) => sum + one.variants, 0);
  const text = (value: number): string => formatNs(value * 1e9);
  return `\
### What it takes

One process of each row's first variant was timed, with its start; the rest is multiplied. Canaries add two rows, and what is suspected ${confirmationProcesses} processes.

${renderTable([
  ["row", "CPUs", "variants", "a process", `${processes} processes of a variant`, "of all variants"],
  ...times.map((one) => [
    `${one.problem}, ${one.workload}: ${joinAnd(one.metrics)}`,
    ...[one.cpus, one.variants].map((value) => formatNumber(value)),
    ...[one.seconds / one.variants, (one.seconds / one.variants) * processes, one.seconds * processes].map(text),
  ]),
  [
    "all",
    "",
    formatNumber(cases),
    text(seconds / cases),
    text((seconds / cases) * processes),
    text(seconds * processes),
  ],
])}`;
}

function floorSection({ floors }: Study): string {
  const text =
    floors.length === 0
      ? "Not told: it takes 100 comparisons of the same code with so many CPUs."
      : renderTable([
          ["CPUs", "99th percentile of the shift", "comparisons"],
          ...floors.map(({ cpus, shift, comparisons }) => [
            formatNumber(cpus),
            percent(shift, 2),
            formatNumber(comparisons),
          ]),
        ]);
  return `\
### This machine's floor

What the same code differed from itself by in the 99th of 100 comparisons, all rows above together. \`compare\` takes it from the study's folder on this machine, and counts nothing smaller.

${text}`;
}

function machineSection(study: Study): string {
  const { environment, startedAt, finishedAt, command, loadPerCore, stealShare, processes, rounds, seed } = study;
  const { cpuModel, coreCount, memoryBytes, virtualised, os, kernel, arch, node, v8, commit, id } = environment;
  const known = (value: string | null): string => (value === null || value === "" ? "–" : value);
  return `\
The figures below are of one machine, found by:

\`\`\`text
${command}
\`\`\`

${renderTable([
  ["", ""],
  ["date", `${startedAt.slice(0, 10)} to ${finishedAt.slice(0, 10)}`],
  ["commit", known(commit)],
  ["environment", id],
  ["CPU", known(cpuModel)],
  ["cores", coreCount === null ? "–" : formatNumber(coreCount)],
  ["memory", formatBytes(memoryBytes)],
  ["virtual machine", virtualised === null ? "–" : virtualised ? "yes" : "no"],
  ["system", `${os} ${kernel} ${arch}`],
  ["Node.js", `${node} (V8 ${v8})`],
  ["other runnable tasks per core when it began", loadPerCore === null ? "–" : loadPerCore.toFixed(1)],
  ["CPU time that the hypervisor took", stealShare === null ? "–" : percent(stealShare)],
  ["processes of a comparison, rounds of each, seed", `${processes}, ${rounds}, ${seed}`],
])}`;
}

/** The page. */
export function renderStudy(study: Study): string {
  const sections = [
    "# Statistics of the native gate",
    method(),
    "## A study of it",
    machineSection(study),
    sameSection(study),
    slowedSection(study),
    timeSection(study),
    floorSection(study),
    `\
### What this does not tell

It is one machine at one time; \`reclaim-bench doctor --study\` makes the same page of another one. Processes that are resampled are independent, while neighbours on a machine come and stay, and two metrics of one process go together. Both sides are the same code, but for a number where it was slowed, so what a change does to the layout of code is not in it: a change that computes no more can make a variant slower or faster by that, and a floor of some per cent is there for it, too.`,
  ];
  return `${sections.join("\n\n")}\n`;
}
