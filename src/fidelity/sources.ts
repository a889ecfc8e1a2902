// Where the published figures stand.

/** A publication. */
export interface Source {
  /** Who, what, where and when, so that it can be found without the address. */
  readonly text: string;
  readonly url: string | null;
}

export const sources = {
  robot: {
    text: "kernel test robot, 'f95bdb700b: stress-ng.ramfs.ops_per_sec -88.8% regression', linux-kernel, 2023-05-23",
    url: "https://lore.kernel.org/lkml/202305230837.db2c233f-yujie.liu@intel.com/",
  },
  unregistration: {
    text: "Qi Zheng, 'make unregistration of super_block shrinker more faster', linux-mm, 2023-05-31",
    url: "https://lore.kernel.org/lkml/20230531095742.2480623-1-qi.zheng@linux.dev/",
  },
  srcuV4: {
    text: "Qi Zheng, 'make slab shrink lockless', linux-mm, v4, 2023-03-07",
    url: "https://lore.kernel.org/lkml/20230307065605.58209-1-zhengqi.arch@bytedance.com/",
  },
  refcountV1: {
    text: "Qi Zheng, 'use refcount+RCU method to implement lockless slab shrink', linux-mm, first version, 2023-06-22",
    url: "https://lore.kernel.org/lkml/20230622085335.77010-1-zhengqi.arch@bytedance.com/",
  },
  refcountV2: {
    text: "Qi Zheng, 'use refcount+RCU method to implement lockless slab shrink', linux-mm, v2, 2023-07-24",
    url: "https://lore.kernel.org/lkml/20230724094354.90817-1-zhengqi.arch@bytedance.com/",
  },
  refcountV4: {
    text: "Qi Zheng, 'mm: shrinker: make global slab shrink lockless', patch 45 of 48, linux-mm, v4, 2023-08-07",
    url: null,
  },
  refcountV6: {
    text: "Qi Zheng, 'use refcount+RCU method to implement lockless slab shrink', linux-mm, v6, quoted in deepin-community/kernel, pull request 1816",
    url: "https://github.com/deepin-community/kernel/pull/1816",
  },
  batches: {
    text: "Dmitry Vyukov, 'kasan: eliminate long stalls during quarantine reduction', commit 64abdcb24351, Linux 4.10",
    url: "https://source.denx.de/Xenomai/ipipe/-/commit/64abdcb24351a27bed6e2b6a3c27348fe532c73f",
  },
  skipping: {
    text: "Shakeel Butt, 'slab, slub: skip unnecessary kasan_cache_shutdown()', commit f9e13c0a5a33, Linux 4.17, 2018-03-27",
    url: null,
  },
  livelock: {
    text: "'Memory cgroup quarantine livelock' and the answers, linux-mm, November 2017",
    url: null,
  },
  targetedWipe: {
    text: "patches of the reclaim iterator of the vz7 kernel (RHEL 7, 3.10), with a test of 12 hours, OpenVZ developers' list, 2021",
    url: null,
  },
  reparentCaches: {
    text: "Roman Gushchin, 'mm: reparent slab memory on cgroup removal', linux-mm, v7, 2019-06-11; merged for Linux 5.3",
    url: null,
  },
  deadCaches: {
    text: "the thread on caches of dead cgroups in SLUB, with the race of a free that freezes a slab, linux-mm, 2014",
    url: null,
  },
  shadowBuffers: {
    text: "Dave Chinner, draft of 'xfs: allocate log vector buffers outside CIL context lock', linux-xfs, 2015; merged as b1c5ebb21301, Linux 4.8",
    url: null,
  },
  linux618: {
    text: "measured for this page on Linux 6.18: 2 virtual CPUs of the Cascade Lake class at 2.5 GHz in a nested virtual machine, HZ 250, SLUB, stress-ng 0.15.06, perf's cpu-clock; runs differ by up to 20 %",
    url: null,
  },
} as const satisfies Record<string, Source>;

export type SourceName = keyof typeof sources;
