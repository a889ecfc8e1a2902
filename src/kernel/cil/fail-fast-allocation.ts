// Shadows whose allocation tries kmalloc without reclaim and compaction, and falls back to vmalloc at once.
//
// Follows xlog_cil_kvmalloc() of fs/xfs/xfs_log_cil.c, Linux 5.17 (8dc9384b7d75); the rest is that of 4.8
// (`shadow-buffers.ts`). Where memory above order 3 is to be had only by compaction, a vector above 32 KiB is made of single
// pages behind addresses of vmalloc. Others come from kmalloc as in shadow-buffers, for which Linux has the same way out (README).
// Costs: no compaction, but the lock of the addresses at every such allocation and free, one for the whole machine. Memory:
// whole pages instead of powers of two. Progress: as shadow-buffers.

import { commitWith } from "./shadow-buffers";

export { destroyItem, mayUseMemoryUnderLock, usesShadows } from "./shadow-buffers";

export function commit(transaction: usize): void {
  commitWith(transaction, true);
}
