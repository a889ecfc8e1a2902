// What a walker carries from one call to the next, and where a cgroup's cursors lie.

import { keep32, load32, storeRelaxed32 } from "../machine/impl";
import { nodeCount } from "./harness";
import { priorities } from "./region";
import { variantOf } from "./tree";

/** What a walker has on its stack, as struct mem_cgroup_reclaim_cookie; node and priority are handed over beside it. */
@unmanaged
class Cookie {
  /** The round that the walker has joined. Written by the variant in the walker's first call. */
  generation: u32 = 0;
  /** Rounds that the walker completed in the call. The harness clears it, the variant counts. */
  ended: u32 = 0;
}

/** Bytes of a walker's cookie. */
export const cookieSize: usize = 8;
if (offsetof<Cookie>() !== 8) ERROR("a cookie must be 8 bytes");

/** Where a cookie says which round the walker has joined. */
export const generationAt: usize = 0;
if (offsetof<Cookie>("generation") !== generationAt) ERROR("the round must stand where it is said");

/** The round that a walker has joined. */
export function generationOf(cookie: usize): u32 {
  return load32(cookie + offsetof<Cookie>("generation"));
}

/** Says which round a walker has joined. */
export function joinGeneration(cookie: usize, generation: u32): void {
  storeRelaxed32(cookie + offsetof<Cookie>("generation"), generation);
}

/** Says that the walker has come to the end of the tree and completed a round. For the harness alone. */
export function noteEnd(cookie: usize): void {
  keep32(cookie + offsetof<Cookie>("ended"), load32(cookie + offsetof<Cookie>("ended")) + 1);
}

/** Cell of the rounds that were completed in a call. */
export function endedCell(cookie: usize): usize {
  return cookie + offsetof<Cookie>("ended");
}

/**
 * Address of a cursor of a root.
 *
 * @param before bytes of what lies in front of the cursors
 * @param zones of a node
 * @param size bytes of a cursor
 */
export function cursorOf(
  root: usize,
  before: usize,
  zones: u32,
  size: usize,
  node: u32,
  zone: u32,
  priority: u32,
): usize {
  return variantOf(root) + before + usize((node * zones + zone) * priorities + priority) * size;
}

/** Cursors of a root. */
export function cursorCount(zones: u32): u32 {
  return nodeCount * zones * priorities;
}
