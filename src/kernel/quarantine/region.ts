// Where the parts of the problem's memory lie: first what the harness writes and every variant reads, then the
// variant's own structures.

import { cpuCount, lineSize, problemBase } from "../layout";
import { onlineTableSize } from "../sync/every-cpu";
import { Machine } from "./sizing";

function lines(bytes: usize): usize {
  return (bytes + lineSize - 1) & ~(lineSize - 1);
}

/** Address of what the sizes follow from (`sizing.ts`). */
export function machineCell(): usize {
  return problemBase;
}

/** Address of the table of CPUs that are online (`sync/every-cpu.ts`). */
export function onlineTable(): usize {
  return problemBase + offsetof<Machine>();
}

/** Bytes in front of the variant's structures. */
export function headerSize(): usize {
  return offsetof<Machine>() + lines(onlineTableSize(cpuCount));
}

/** Address of the variant's own structures; a multiple of 64, zeroed. */
export function variantBase(): usize {
  return problemBase + headerSize();
}
