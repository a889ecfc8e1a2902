// All rows, in the order of the page.

import type { Row } from "../row.ts";
import { deadlock } from "./cil.ts";
import { brokenWalks, restarts } from "./iterator.ts";
import { unmounts, visits } from "./linux618.ts";
import { reductions, skippedRemovals } from "./quarantine.ts";
import { counts, reproduction, robot } from "./ramfs.ts";
import { dying, race } from "./slab.ts";
import { refcountWalk, rwsemWalk, srcuWalk } from "./walk.ts";

export const rows: readonly Row[] = [
  robot,
  reproduction,
  ...counts,
  rwsemWalk,
  srcuWalk,
  refcountWalk,
  reductions,
  skippedRemovals,
  restarts,
  brokenWalks,
  dying,
  race,
  deadlock,
  visits,
  unmounts,
];
