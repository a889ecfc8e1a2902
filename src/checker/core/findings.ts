// What was found wrong. The step ends there and then: the host catches the trap, asks, and restores an earlier state.

import { isTraced, trace } from "./access";
import {
  findingDoubleFree,
  findingInvariant,
  findingNone,
  findingOutside,
  findingUseAfterFree,
  operationWrong,
} from "./protocol";

/** Of `../../kernel/notes.ts`. */
export const noteLockAcquired: u32 = 1;

export let finding: u32 = findingNone;
export let findingCell: u32 = 0;
export let findingDetail: u32 = 0;

/** Whether the code under test did it, and not the order in which it ran. */
function isOfCode(kind: u32): bool {
  return (
    kind === findingUseAfterFree || kind === findingDoubleFree || kind === findingOutside || kind === findingInvariant
  );
}

/** A note's value is a cell only where it is a lock. */
function isCell(kind: u32, detail: u32): bool {
  return kind !== findingInvariant || detail === noteLockAcquired;
}

/**
 * @param cell the cell in question, or 0
 * @param detail depends on the finding: a note's kind
 */
export function find(kind: u32, cell: usize, detail: u32): void {
  finding = kind;
  findingCell = cell as u32;
  findingDetail = detail;
  if (isTraced && isOfCode(kind)) trace(operationWrong, cell, isCell(kind, detail) ? 4 : 0, 0, 0, false);
  unreachable();
}

export function forgetFinding(): void {
  finding = findingNone;
}
