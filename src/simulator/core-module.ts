// The simulator's core, instantiated: its exports typed, and a machine of a given shape laid out in its memory.

import { InputError } from "../errors.ts";
import { callCount } from "./core/protocol.ts";
import type { MachineProfile } from "./profile.ts";
import { fromNs } from "./time.ts";
import type { Topology } from "./topology.ts";

/** What the core exports (`core/core.ts`, where each is described). Times are f64 with integers of 0.1 ns. */
export interface CoreExports {
  readonly __asyncify_state: WebAssembly.Global;
  readonly __asyncify_data: WebAssembly.Global;
  setCaches(
    l1Sets: number,
    l1Ways: number,
    l2Sets: number,
    l2Ways: number,
    l3Sets: number,
    l3Ways: number,
    l3PerCluster: number,
  ): void;
  setCosts(...costs: number[]): void;
  bytesNeeded(cores: number, l3s: number, lines: number): number;
  lay(cores: number, l3s: number, sockets: number, lines: number): void;
  placeCpu(
    cpu: number,
    core: number,
    cluster: number,
    socket: number,
    socketClusters: number,
    l3: number,
    functions: number,
  ): void;
  watch(symbol: number): void;
  listenTo(kind: number): void;
  setStatistics(base: number, bytes: number): void;
  beginUntimed(cpu: number, page: number, at: number): void;
  endUntimed(): number;
  makeReady(cpu: number): void;
  setTimer(at: number): void;
  current(): number;
  nowNs(): number;
  task(): number;
  go(resumptionsMax: number): number;
  newActivity(
    activity: number,
    identity: number,
    stack: number,
    page: number,
    call: number,
    a: number,
    b: number,
    deadline: number,
    irqDepth: number,
    symbol: number,
  ): void;
  setActivity(cpu: number, activity: number, none: number): void;
  passUntil(cpu: number, to: number, symbol: number): void;
  spend(cpu: number, span: number, symbol: number): void;
  settle(cpu: number): void;
  clockOf(cpu: number): number;
  setBoundary(cpu: number): void;
  boundaryCount(): number;
  isReady(cpu: number): number;
  setInterrupt(cpu: number, at: number): void;
  setSliceEnd(cpu: number, at: number): void;
  setOnCpu(identity: number, isOn: number): void;
  operationOf(activity: number): number;
  operand(activity: number, index: number): number;
  spanOf(activity: number): number;
  preemptDepthOf(activity: number): number;
  irqDepthOf(activity: number): number;
  resultOf(activity: number): number;
  complete(activity: number, result: number): void;
  symbolAt(activity: number, depth: number): number;
  symbolTime(cpu: number, symbol: number): number;
  symbolCalls(symbol: number): number;
  accessCount(): number;
  suspensionCount(): number;
  fetchCount(source: number): number;
  irqOffMax(cpu: number): number;
  lookedAtOf(activity: number): number;
  lineTable(): number;
  lineSize(): number;
  /** Where a line's record has its transfers (u32), their waits (f64) and the symbol of the last (u8). */
  transfersOffset(): number;
  waitedOffset(): number;
  symbolOffset(): number;
  forget(cpus: number): void;
}

/** What the core asks of its host. */
export interface CoreHost {
  performUntimed(operation: number, a: number, b: number, c: number, span: number): number;
  symbolEnded(cpu: number, symbol: number, span: number): void;
  noted(cpu: number, kind: number, value: number): void;
  lockHeld(lock: number, span: number): void;
}

/** A core with its memory, and the table through which it calls the instances of its CPUs. */
export interface Core {
  readonly exports: CoreExports;
  readonly memory: WebAssembly.Memory;
  readonly table: WebAssembly.Table;
}

const wasmPageBytes = 65_536;
const wasmPagesMax = 65_536;
/** Entries of the table before those of the first CPU. */
const tableReserve = 16;

/** Where the table has the functions of a CPU's instance. */
function functionsOf(cpu: number): number {
  return tableReserve + cpu * callCount;
}

export function instantiateCore(module: WebAssembly.Module, cpus: number, host: CoreHost): Core {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: wasmPagesMax });
  const table = new WebAssembly.Table({ element: "anyfunc", initial: functionsOf(cpus) });
  const instance = new WebAssembly.Instance(module, {
    env: { memory, table },
    host: host as unknown as WebAssembly.ModuleImports,
  });
  return { exports: instance.exports as unknown as CoreExports, memory, table };
}

/** Says which functions the core calls on a CPU: the exports of its instance. */
export function bindCpu({ table }: Core, cpu: number, instance: object): void {
  const functions = functionsOf(cpu);
  const exports = instance as Record<string, () => void>;
  table.set(functions, exports.run);
  if (exports.runUntil !== undefined) table.set(functions + 1, exports.runUntil);
  table.set(functions + 2, exports.runWork);
  table.set(functions + 3, exports.asyncify_stop_unwind);
}

/**
 * How far a CPU may run ahead of others. What it finds and does meanwhile comes before what others do with the same line
 * once they have it, which is at the end of a transfer; and what it has written until the line sets out, as far as third
 * ones may copy it from the last-level cache, before that copy is there. A sibling of whoever takes the line sees at once
 * what that one does: then nobody may use the line later than it sets out.
 */
function lookaheadOf(costs: MachineProfile["costs"], requestShare: number, hasSiblings: boolean): number {
  const nearest = fromNs(
    Math.min(costs.transferSameCluster.value, costs.transferSameSocket.value, costs.transferCrossSocket.value),
  );
  const request = Math.floor(nearest * requestShare);
  const most = hasSiblings ? request : request + fromNs(costs.l3.value);
  return Math.min(Math.floor(nearest / 2), nearest - request, most);
}

/**
 * Lays a machine out in the core's memory.
 *
 * @param bytes size of the memory of the code under test
 */
export function layOut({ exports: core, memory }: Core, profile: MachineProfile, shape: Topology, bytes: number): void {
  const { costs, l1, l2, l3 } = profile;
  const sets = (cache: typeof l1): number => {
    const wanted = cache.bytes.value / 64 / cache.ways.value;
    let power = 1;
    while (power * 2 <= wanted) power *= 2;
    return power;
  };
  const l3Sets = Math.max(1, Math.floor(l3.bytes.value / 64 / l3.ways.value));
  core.setCaches(
    sets(l1),
    l1.ways.value,
    sets(l2),
    l2.ways.value,
    l3Sets,
    l3.ways.value,
    l3.sharedBy === "cluster" ? 1 : 0,
  );
  const requestShare = Math.min(0.9, costs.lineHold.value / costs.transferSameCluster.value);
  core.setCosts(
    ...[
      costs.l1,
      costs.l2,
      costs.l3,
      costs.memoryLocal,
      costs.memoryRemote,
      costs.transferSameCluster,
      costs.transferSameSocket,
      costs.transferCrossSocket,
      costs.store,
      costs.locked,
      costs.barrier,
      costs.pause,
    ].map(({ value }) => fromNs(value)),
    lookaheadOf(costs, requestShare, shape.cores < shape.cpus.length),
    requestShare,
  );
  const lines = Math.ceil(bytes / 64);
  const needed = core.bytesNeeded(shape.cores, shape.l3s, lines);
  if (needed > wasmPagesMax * wasmPageBytes) {
    const gib = (needed / 2 ** 30).toFixed(1);
    throw new InputError(
      `machine '${profile.name}': ${gib} GiB for what its caches and the case's memory hold, where 4 are possible; state smaller caches`,
    );
  }
  const more = Math.ceil(needed / wasmPageBytes) - memory.buffer.byteLength / wasmPageBytes;
  if (more > 0) memory.grow(more);
  core.lay(shape.cores, shape.l3s, shape.sockets, lines);
  for (const [cpu, place] of shape.cpus.entries()) {
    core.placeCpu(cpu, place.core, place.cluster, place.socket, place.socketClusters, place.l3, functionsOf(cpu));
  }
}
