// As `srcu`, but an unregistration asks for an expedited grace period, which takes no jiffies but CPU time.
//
// Follows unregister_shrinker() as proposed on linux-mm in 2023, with synchronize_srcu_expedited(); never merged.
// Costs, progress, memory, and what is left out: as `srcu.ts`, but for the wait.

import { synchronizeSrcuExpedited } from "../sync/srcu";
import { freeShrinker } from "./shrinker";
import { breakWalks, shrinkerSrcu, withdraw } from "./srcu";

export {
  background,
  createMemcg,
  deferredBytes,
  deferredOf,
  freeMemcg,
  globalBytes,
  infoBytes,
  initialise,
  isBitSet,
  mapBytes,
  offlineMemcg,
  pendingCallbacks,
  register,
  setBit,
  shrinkerBytes,
  shrinkSlab,
} from "./srcu";

export function unregister(shrinker: usize): void {
  withdraw(shrinker);
  breakWalks();
  synchronizeSrcuExpedited(shrinkerSrcu());
  freeShrinker(shrinker);
}
