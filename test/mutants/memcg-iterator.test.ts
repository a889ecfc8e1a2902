// The checker finds every mutant of the memcg iterator, and a process of its own sees it again from the token.

import { describeMutants } from "./caught.ts";

describeMutants("memcg-iterator", {
  shown: ["dead-count-fresh-sequence"],
  byCommand: ["wipe-nothing"],
  unreduced: ["wipe-without-ancestors", "dead-count-stored-first"],
});
