// Which problem is reported how. A new problem is one folder and one line here.

import type { Reporter } from "./part.ts";
import { reportQuarantine } from "./quarantine/markdown.ts";
import { reportShrinker } from "./shrinker/markdown.ts";

/** By problem. */
export const reporters: Readonly<Record<string, Reporter>> = {
  quarantine: reportQuarantine,
  shrinker: reportShrinker,
};
