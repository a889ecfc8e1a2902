// The checker finds every mutant of cil, and a process of its own sees it again from the token.

import { describeMutants } from "./caught.ts";

describeMutants("cil", {
  shown: ["cil-publishes-late", "cil-frees-under-lock"],
  byCommand: ["cil-counts-twice"],
  unreduced: ["cil-frees-under-lock", "cil-counts-twice"],
});
