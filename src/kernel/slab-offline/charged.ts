// Caches of cgroups whose slabs are charged to the cgroup: memcg_charge_slab() and memcg_uncharge_slab() of mm/slab.h.
//
// For variants that charge so only: with this file in a module, the methods of `SlubPolicy` itself are called through a table.

import { SlubPolicy } from "../slab/slub-slab";
import { chargeSlab, slabBytes } from "./clone";

@unmanaged
export class ChargedPolicy extends SlubPolicy {
  takeSlab(slab: usize): bool {
    chargeSlab(changetype<usize>(this), slabBytes(slab));
    return true;
  }

  leaveSlab(slab: usize): void {
    chargeSlab(changetype<usize>(this), -slabBytes(slab));
  }
}
