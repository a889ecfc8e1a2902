// Names of the event kinds, for people.

import * as events from "../kernel/events.ts";

/** By kind: `superblock mount` for `kindSuperblockMount`. */
export const kindNames: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(events)
    .filter(([name]) => name.startsWith("kind") && name !== "kindCount")
    .map(([name, kind]) => [
      kind,
      name
        .slice("kind".length)
        .replaceAll(/([A-Z])/g, " $1")
        .trim()
        .toLowerCase(),
    ]),
);
