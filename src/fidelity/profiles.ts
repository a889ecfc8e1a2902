// Published profiles of the script with 4000 cgroups: `perf top -U -F 999`, all in percent of samples.

import type { SourceName } from "./sources.ts";

/** A profile as it was published: symbols and their shares, what is below its end not told. */
export interface PublishedProfile {
  readonly source: SourceName;
  readonly shares: Readonly<Record<string, number>>;
}

/** Idle CPUs of a virtual machine, in as far as they are sampled at all. */
export const idleSymbolOfPerf = "pv_native_safe_halt";

export const rwsemProfiles = {
  march: {
    source: "srcuV4",
    shares: {
      down_read_trylock: 32.31,
      pv_native_safe_halt: 19.4,
      up_read: 16.24,
      shrink_slab: 15.7,
      _find_next_bit: 4.69,
      shrink_node: 2.62,
      shrink_lruvec: 1.78,
      do_shrink_slab: 0.76,
    },
  },
  june: {
    source: "refcountV1",
    shares: {
      down_read_trylock: 35.34,
      shrink_slab: 18.44,
      pv_native_safe_halt: 15.98,
      up_read: 15.08,
      idr_find: 5.33,
      _find_next_bit: 2.71,
      shrink_node: 2.21,
      shrink_lruvec: 1.29,
      do_shrink_slab: 0.66,
      list_lru_count_one: 0.33,
      __radix_tree_lookup: 0.33,
      mem_cgroup_iter: 0.25,
    },
  },
  july: {
    source: "refcountV2",
    shares: {
      down_read_trylock: 40.44,
      up_read: 17.59,
      pv_native_safe_halt: 13.64,
      shrink_slab: 11.9,
      idr_find: 8.21,
      _find_next_bit: 2.71,
      shrink_node: 1.36,
      shrink_lruvec: 0.81,
      __radix_tree_lookup: 0.8,
      do_shrink_slab: 0.5,
      list_lru_count_one: 0.21,
      mem_cgroup_iter: 0.16,
    },
  },
} as const satisfies Record<string, PublishedProfile>;

export const srcuProfile = {
  source: "srcuV4",
  shares: {
    _find_next_bit: 27.83,
    shrink_slab: 16.97,
    pv_native_safe_halt: 15.82,
    shrink_node: 9.58,
    shrink_lruvec: 8.31,
    do_shrink_slab: 5.64,
    mem_cgroup_iter: 3.88,
  },
} as const satisfies PublishedProfile;

export const refcountProfile = {
  source: "refcountV2",
  shares: {
    shrink_slab: 60.17,
    pv_native_safe_halt: 20.42,
    do_shrink_slab: 3.03,
    shrink_node: 2.73,
    shrink_lruvec: 2.27,
    __rcu_read_unlock: 2,
    mem_cgroup_iter: 1.92,
    __rcu_read_lock: 0.98,
    osq_lock: 0.91,
    mem_cgroup_calculate_protection: 0.63,
    shrinker_put: 0.55,
    list_lru_count_one: 0.46,
  },
} as const satisfies PublishedProfile;

/** A symbol's share of the samples that were not idle, in percent; null when the profile does not tell it. */
export function busyShare({ shares }: PublishedProfile, symbol: string): number | null {
  const share = Object.hasOwn(shares, symbol) ? shares[symbol] : undefined;
  return share === undefined ? null : (100 * share) / (100 - (shares[idleSymbolOfPerf] ?? 0));
}

/** The same of several symbols together; null when the profile tells none of them. */
export function busyShareOf(profile: PublishedProfile, symbols: readonly string[]): number | null {
  const told = symbols.map((symbol) => busyShare(profile, symbol)).filter((share) => share !== null);
  return told.length === 0 ? null : told.reduce((sum, share) => sum + share, 0);
}
