// Sections of a Markdown report: a table with text around it.

import { renderTable } from "./markdown.ts";
import type { Table } from "./tables.ts";

/** Paragraphs, those without text left out. */
export function paragraphs(...texts: readonly string[]): string[] {
  return texts.filter((text) => text !== "").flatMap((text) => [text, ""]);
}

/** A section, or nothing when its table has no values. */
export function withTable(
  head: string,
  table: Table | null,
  before: readonly string[],
  after: readonly string[] = [],
): string[] {
  if (table === null || table[0]!.length === 1) return [];
  return [head, "", ...paragraphs(...before), renderTable(table), "", ...paragraphs(...after)];
}
