// The simulator's core, instantiated: its exports typed, and a machine of a given shape laid out in its memory.

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
  lay(cores: number, clusters: number, l3s: number, sockets: number, lines: number): void;
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
  preemptOffMax(activity: number): number;
  lineTable(): number;
  lineSize(): number;
  forget(cpus: number): void;
}

/** What the core asks of its host. */
export interface CoreHost {
  performUntimed(operation: number, a: number, b: number, c: number, span: number): number;
  symbolEnded(cpu: number, symbol: number, span: number): void;
  noted(cpu: number, kind: number, value: number): void;
  lockHeld(lock: number, span: number): void;
}
