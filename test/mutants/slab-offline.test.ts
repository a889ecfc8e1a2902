// The checker finds every mutant of slab-offline, and a process of its own sees it again from the token.

import { describeMutants } from "./caught.ts";

describeMutants("slab-offline", {
  shown: ["offline-waits-before-the-mark", "statistics-after-the-free"],
  byCommand: ["no-drain"],
  unreduced: ["offline-does-not-wait", "no-drain", "list-not-spliced"],
});
