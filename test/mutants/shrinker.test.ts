// The checker finds every mutant of the shrinker, and a process of its own sees it again from the token.

import { describeMutants } from "./caught.ts";

describeMutants("shrinker", {
  byCommand: ["refcount-put-before-rcu"],
  unreduced: ["refcount-one-look", "refcount-bit-tested", "rwsem-unregisters-unlocked", "srcu-does-not-wait"],
});
