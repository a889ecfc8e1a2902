// The checker finds every mutant of the shrinker, and a process of its own sees it again from the token.

import { describeMutants } from "./caught.ts";

describeMutants("shrinker", {
  shown: ["rwsem-map-copied", "completion-counts-unlocked"],
  byCommand: ["rwsem-unregisters-unlocked"],
  unreduced: ["refcount-one-look", "refcount-bit-tested", "rwsem-unregisters-unlocked", "srcu-does-not-wait"],
});
