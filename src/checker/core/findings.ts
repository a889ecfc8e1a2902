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

export let finding: u32 = findingNone;
export let findingCell: u32 = 0;
export let findingDetail: u32 = 0;

/** Whether it is about a cell, and happens where the code under test is. */
function hasPlace(kind: u32): bool {
  return (
    kind === findingUseAfterFree || kind === findingDoubleFree || kind === findingOutside || kind === findingInvariant
  );
}

/**
 * @param cell the cell in question, or 0
 * @param detail depends on the finding: a note's kind
 */
export function find(kind: u32, cell: usize, detail: u32): void {
  finding = kind;
  findingCell = cell as u32;
  findingDetail = detail;
  if (isTraced && hasPlace(kind)) trace(operationWrong, cell, 4, 0, 0, false);
  unreachable();
}

export function forgetFinding(): void {
  finding = findingNone;
}
