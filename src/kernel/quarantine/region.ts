// Where the parts of the problem's memory lie: first what the harness writes and every variant reads, then the
// variant's own structures.

import { problemBase } from "../layout";
import { Machine } from "./sizing";

/** Most CPUs that a case can have, so that what follows the table lies at a fixed place. */
const cpuCountMax: u32 = 256;

/** Bytes in front of the variant's structures. */
export const headerSize: usize = offsetof<Machine>() + cpuCountMax * 4;
if (headerSize % 64 !== 0) ERROR("the variant's structures must begin on a line of their own");

/** Address of what the sizes follow from (`sizing.ts`). */
export function machineCell(): usize {
  return problemBase;
}

/** Address of the table of CPUs that are online (`sync/every-cpu.ts`). */
export function onlineTable(): usize {
  return problemBase + offsetof<Machine>();
}

/** Address of the variant's own structures; a multiple of 64, zeroed. */
export function variantBase(): usize {
  return problemBase + headerSize;
}
