// What a variant exports. Compiled on its own for every variant that comes from outside, so that a wrong type is reported by
// the name of the export.
//
// commit: commits the items of a transaction, at least one, whose locks the caller's task holds: formats each of them into a
//   vector of the current context, accounts them, puts them on the list, and unlocks them. May sleep, with IRQs on. Any
//   number of tasks at the same time, with different items.
// destroyItem: gives back what the variant keeps for an item that is not in any context. With a spin lock held, by a worker;
//   must not sleep.
// usesShadows: whether items keep vectors outside of contexts, so that it makes sense to look for some when memory is short.
// mayUseMemoryUnderLock: false: the variant never allocates or frees a vector while it holds the context lock. It is held to
//   that.

import { commit, destroyItem, mayUseMemoryUnderLock, usesShadows } from "./impl";

export const contractCommit: (transaction: usize) => void = commit;
export const contractDestroyItem: (item: usize) => void = destroyItem;
export const contractUsesShadows: () => bool = usesShadows;
export const contractMayUseMemoryUnderLock: () => bool = mayUseMemoryUnderLock;
