// The checker finds every mutant of the quarantine, and a process of its own sees it again from the token.

import { describeMutants } from "./caught.ts";

describeMutants("quarantine", {
  shown: ["fifo-sum-unlocked", "slab-count-unlocked"],
  byCommand: ["fifo-reduces-unseen"],
  unreduced: ["fifo-reduces-unseen", "fifo-no-second-offline-check", "hash-splices-first"],
});
