// A comparison as JSON: all of it, as `comparison.json` has it.

import type { Comparison } from "../../compare/comparison.ts";

export function renderCompareJson(comparison: Comparison): string {
  return `${JSON.stringify(comparison, null, 2)}\n`;
}
