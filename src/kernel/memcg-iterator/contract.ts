// What a variant exports. Compiled on its own for every variant that comes from outside, so that a wrong type is reported
// by the name of the export. Cgroups are addresses (`tree.ts`).
//
// iterate: as mem_cgroup_iter(). The next cgroup in a walk over `root` and all below it, or 0 at its end. Walkers of the
//   same root, node and priority share a cursor, so that together they come to each cgroup once in a round. `previous` is
//   what the walker was given last, or 0 at its beginning; the cookie (`cursor.ts`) is the walker's own. The caller has a
//   reference to the root, and gets one to what is returned unless that is the root; that of `previous` is given back.
//   Does not sleep. Outside of RCU sections, with preemption on. Right after the access that decides it, the variant says
//   what became of the cursor by `cursorMoved` or `cursorKept` (`harness.ts`), and by `cursorLost` or `cursorDistrusted` when
//   something that was removed is why a walk does not go on from its position. They cost nothing.
// iterateBreak: as mem_cgroup_iter_break(). Ends a walk before its end: the reference of `previous` is given back.
// createMemcg: the variant's part of a new cgroup, at `variantOf(memcg)`, is zeroed; nobody sees the cgroup yet.
// offlineMemcg: a grace period after the removal: no walk is given the cgroup any more by `percpuRefTryGetLive`, and who
//   was given it before is out of the section in which it was. In a worker, under the mutex.
// releaseMemcg: nobody has a reference any more, and the cgroup is out of its parent's list. Its memory goes a grace
//   period later; until then walkers may still look at it. In a worker, under the mutex.
// memcgBytes: bytes of the variant's part of a cgroup. slotBytes: those of them that are cursors.
// positionCell: where the cursor of a root, a node and a priority says where it stands, a u32; 0: there is none. The
//   harness looks there and writes nothing.
// generationCell: likewise where its round has its number, which the walkers of the round have in their cookies.
// globalBytes, initialise: bytes at `variantBase()`, zeroed; `initialise` is called once.

import {
  createMemcg,
  generationCell,
  globalBytes,
  initialise,
  iterate,
  iterateBreak,
  memcgBytes,
  offlineMemcg,
  positionCell,
  releaseMemcg,
  slotBytes,
} from "./impl";

export const contractIterate: (root: usize, previous: usize, node: u32, priority: u32, cookie: usize) => usize =
  iterate;
export const contractIterateBreak: (root: usize, previous: usize) => void = iterateBreak;
export const contractCreateMemcg: (memcg: usize) => void = createMemcg;
export const contractOfflineMemcg: (memcg: usize) => void = offlineMemcg;
export const contractReleaseMemcg: (memcg: usize) => void = releaseMemcg;
export const contractMemcgBytes: () => u32 = memcgBytes;
export const contractSlotBytes: () => u32 = slotBytes;
export const contractGenerationCell: (root: usize, node: u32, priority: u32) => usize = generationCell;
export const contractPositionCell: (root: usize, node: u32, priority: u32) => usize = positionCell;
export const contractGlobalBytes: () => usize = globalBytes;
export const contractInitialise: () => void = initialise;
