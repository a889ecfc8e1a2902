// Where virtual CPUs stand on a machine.

import type { MachineProfile } from "./profile.ts";

/** Where one CPU stands. Indices count over the whole machine. */
export interface CpuPlace {
  /** Its core, whose caches it may share with siblings. */
  readonly core: number;
  readonly cluster: number;
  readonly socket: number;
  /** Bits of the clusters of its socket. */
  readonly socketClusters: number;
  /** Its last-level cache. */
  readonly l3: number;
}

/** The part of a machine that its first CPUs make up. */
export interface Topology {
  readonly cpus: readonly CpuPlace[];
  /** Cores, of which the CPUs use the first ones. */
  readonly cores: number;
  readonly clusters: number;
  readonly sockets: number;
  readonly l3s: number;
}

/**
 * Places the first CPUs of a machine: they go round the sockets, in a socket round its clusters, and siblings of a core
 * come last, as a scheduler spreads busy tasks over an idle machine.
 */
export function placeCpus(profile: MachineProfile, cpus: number): Topology {
  const sockets = profile.sockets.value;
  const clustersPerSocket = profile.clustersPerSocket.value;
  const cores = sockets * clustersPerSocket * profile.coresPerCluster.value;
  const clusters = sockets * clustersPerSocket;
  const places = Array.from({ length: cpus }, (_, cpu): CpuPlace => {
    const core = cpu % cores;
    const socket = core % sockets;
    const cluster = socket * clustersPerSocket + (Math.floor(core / sockets) % clustersPerSocket);
    return {
      core,
      cluster,
      socket,
      socketClusters: (2 ** clustersPerSocket - 1) << (socket * clustersPerSocket),
      l3: profile.l3.sharedBy === "cluster" ? cluster : socket,
    };
  });
  return {
    cpus: places,
    cores: Math.min(cores, cpus),
    clusters,
    sockets,
    l3s: profile.l3.sharedBy === "cluster" ? clusters : sockets,
  };
}
