// What was found wrong. The step ends there and then: the host catches the trap, asks, and restores an earlier state.

import { findingNone } from "./protocol";

export let finding: u32 = findingNone;
export let findingCell: u32 = 0;
export let findingDetail: u32 = 0;

/**
 * @param cell the cell in question, or 0
 * @param detail depends on the finding: a note's kind
 */
export function find(kind: u32, cell: usize, detail: u32): void {
  finding = kind;
  findingCell = cell as u32;
  findingDetail = detail;
  unreachable();
}

export function forgetFinding(): void {
  finding = findingNone;
}
