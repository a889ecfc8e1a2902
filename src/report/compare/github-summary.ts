// A comparison as the summary of a job on GitHub: Markdown of at most 1 MiB, more than which GitHub refuses, and of so few
// rows that somebody reads it. What is left out is counted; the whole is in the other formats.

import type { Comparison } from "../../compare/comparison.ts";
import { markdownOf } from "./markdown.ts";

export const summaryBytesMax = 1024 * 1024;
export const summaryRowsMax = 200;

/** Tables of more rows are folded. */
const fold = 20;

/** No text of a comparison is longer. */
const textMax = 1000;

/** Cuts what a process or a user wrote, which may be of any length. */
function clipped(value: unknown): unknown {
  if (typeof value === "string") return value.length > textMax ? `${value.slice(0, textMax)}…` : value;
  if (Array.isArray(value)) return value.map(clipped);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, clipped(one)]));
}

export function renderGithubSummary(comparison: Comparison): string {
  const short = clipped(comparison) as Comparison;
  for (let rows = summaryRowsMax; ; rows = Math.floor(rows / 2)) {
    const text = markdownOf(short, rows, fold);
    if (rows === 0 || Buffer.byteLength(text) <= summaryBytesMax) return text;
  }
}
