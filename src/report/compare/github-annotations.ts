// A comparison as workflow commands of GitHub, which it shows at the files of the variants: what fails as errors, what is
// worth a look as warnings, the rest as notices. GitHub shows ten of each kind in a step, so the last one counts the others.
// Values that did not change are left out.

import type { Comparison } from "../../compare/comparison.ts";
import { RowNames, variantFile } from "./names.ts";
import { type Finding, findingsOf, outcomeText } from "./words.ts";

/** Of each kind in a step. */
export const annotationsMax = 10;

const commands: Readonly<Record<Finding["level"], string>> = { error: "error", warning: "warning", note: "notice" };

const outcomeLevels: Readonly<Record<Comparison["outcome"], Finding["level"]>> = {
  passed: "note",
  inconclusive: "warning",
  regressed: "error",
  violated: "error",
};

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

function command(level: Finding["level"], properties: Readonly<Record<string, string>>, text: string): string {
  const pairs = Object.entries(properties).map(([key, value]) => `${key}=${escapeProperty(value)}`);
  return `::${commands[level]} ${pairs.join(",")}::${escapeData(text)}`;
}

export function renderGithubAnnotations(comparison: Comparison): string {
  const names = new RowNames(comparison);
  const title = "reclaim-bench compare";
  const findings = findingsOf(comparison, names);
  const first = outcomeLevels[comparison.outcome];
  const lines = [command(first, { title }, outcomeText(comparison, names))];
  for (const level of ["error", "warning", "note"] as const) {
    const all = findings.filter((one) => one.level === level);
    const room = annotationsMax - (level === first ? 1 : 0);
    const shown = all.length <= room ? all : all.slice(0, room - 1);
    for (const { about, text } of shown) {
      // A variant has no line of its own at which it is slow.
      const place = about === null ? {} : { file: variantFile(about), line: "1" };
      lines.push(command(level, { ...place, title }, text));
    }
    const left = all.length - shown.length;
    if (left > 0) lines.push(command(level, { title }, `${left} more of this kind`));
  }
  return `${lines.join("\n")}\n`;
}
