// What the measurements run: the loops on a simulated machine, and on a core that does nothing but suspend and resume.

import path from "node:path";
import binaryen from "binaryen";
import { compileModule, compileSimulatorCore } from "../../../src/build/compile.ts";
import { packageRoot } from "../../../src/package-root.ts";
import { callRun } from "../../../src/simulator/core/protocol.ts";
import { activityBytes, type CpuExports, SimulatedMachine } from "../../../src/simulator/machine.ts";
import { loadProfile, type MachineProfile } from "../../../src/simulator/profile.ts";

export const loopContended = 0;
export const loopOwn = 1;

/** Bytes of the page of common cells, and of the lines of one CPU's own. */
const commonBytes = 4096;
const ownBytes = 4096;
const cellsAt = 65_536;
const wasmPageBytes = 65_536;

export interface Modules {
  readonly core: WebAssembly.Module;
  readonly loops: WebAssembly.Module;
}

export async function compileModules(): Promise<Modules> {
  const { wasm } = await compileModule({
    problem: "litmus",
    variant: "loops",
    variantFile: path.join(packageRoot, "bench", "host", "simulator-speed", "loops.ts"),
    entry: "loops",
    machine: "simulated",
    constants: {},
  });
  return {
    core: new WebAssembly.Module((await compileSimulatorCore()).wasm),
    loops: new WebAssembly.Module(wasm),
  };
}

/** A machine with as many cores as any measurement asks for, none of which share caches. */
export function wideMachine(): MachineProfile {
  const profile = loadProfile("xeon-8260-2s");
  return {
    ...profile,
    coresPerCluster: { ...profile.coresPerCluster, value: 128 },
    threadsPerCore: { ...profile.threadsPerCore, value: 1 },
  };
}

interface Memory {
  readonly memory: WebAssembly.Memory;
  readonly activities: number;
  importsOf(cpu: number): Record<string, number>;
}

function memoryFor(cpus: number): Memory {
  const activities = cellsAt + commonBytes + cpus * ownBytes;
  const pages = Math.ceil((activities + 2 * cpus * activityBytes) / wasmPageBytes);
  return {
    memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }),
    activities,
    importsOf: (thisCpu) => ({ thisCpu, cpuCount: cpus, cpuBlocks: 0, eventBuffer: cellsAt }),
  };
}

export interface Measured {
  readonly accesses: number;
  readonly suspensions: number;
  /** CPU time. */
  readonly ms: number;
}

/** CPU time of the process in ms: others that use the host's CPUs count less than in time by the clock. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** A simulated machine whose CPUs run the loops. */
export class SimulatedLoops {
  readonly #machine: SimulatedMachine;
  readonly #cpus: number;

  constructor({ core, loops }: Modules, profile: MachineProfile, cpus: number) {
    this.#cpus = cpus;
    this.#machine = new SimulatedMachine(core, profile, cpus, { symbolEnded: () => {}, noted: () => {} });
    const { memory, activities, importsOf } = memoryFor(cpus);
    const { simulated, env } = this.#machine.imports;
    const instances = Array.from(
      { length: cpus },
      (_, cpu) =>
        new WebAssembly.Instance(loops, { env: { memory, ...env }, simulated, layout: importsOf(cpu) })
          .exports as unknown as CpuExports,
    );
    this.#machine.attach(memory, instances, activities);
  }

  /** Has every CPU make its share of so many accesses. */
  measure(loop: number, accesses: number): Measured {
    this.#machine.forget();
    const end = Math.ceil(accesses / this.#cpus);
    const calls = Array.from({ length: this.#cpus }, (_, cpu) => ({
      cpu,
      call: callRun,
      first: loop,
      end,
      deadlineNs: 0,
    }));
    const begun = cpuMs();
    this.#machine.round(calls);
    const ms = cpuMs() - begun;
    const counts = this.#machine.counts();
    return { accesses: counts.accesses, suspensions: counts.suspensions, ms };
  }
}

/** Suspends at every access, and resumes at once. */
const bareCore = `(module
  (import "env" "table" (table 2 funcref))
  (global $state (export "__asyncify_state") (mut i32) (i32.const 0))
  (global $data (export "__asyncify_data") (mut i32) (i32.const 0))
  (global $stack (export "stack") (mut i32) (i32.const 0))
  (type $run (func (param i32 i32) (result i32)))
  (type $stop (func))
  (func (export "access") (param i32 i32)
    (if (global.get $state) (then (global.set $state (i32.const 0)) (return)))
    (global.set $data (global.get $stack))
    (global.set $state (i32.const 1)))
  (func (export "go") (param $loop i32) (param $accesses i32)
    (loop $again
      (drop (call_indirect (type $run) (local.get $loop) (local.get $accesses) (i32.const 0)))
      (if (i32.eq (global.get $state) (i32.const 1))
        (then
          (call_indirect (type $stop) (i32.const 1))
          (global.set $data (global.get $stack))
          (global.set $state (i32.const 2))
          (br $again))))))`;

interface BareExports {
  readonly __asyncify_state: WebAssembly.Global;
  readonly __asyncify_data: WebAssembly.Global;
  readonly stack: WebAssembly.Global;
  access(cell: number, how: number): void;
  go(loop: number, accesses: number): void;
}

/** The loops of one CPU on a core that only suspends and resumes: what suspending costs by itself. */
export class BareLoops {
  readonly #core: BareExports;

  constructor({ loops }: Modules) {
    const { memory, activities, importsOf } = memoryFor(1);
    const table = new WebAssembly.Table({ element: "anyfunc", initial: 2 });
    const text = binaryen.parseText(bareCore);
    const module = new WebAssembly.Module(text.emitBinary() as Uint8Array<ArrayBuffer>);
    text.dispose();
    this.#core = new WebAssembly.Instance(module, { env: { table } }).exports as unknown as BareExports;
    const { __asyncify_state, __asyncify_data, access } = this.#core;
    const nothing = (): number => 0;
    // What the module declares besides is not called.
    const simulated = Object.fromEntries(
      WebAssembly.Module.imports(loops)
        .filter(({ module: name }) => name === "simulated")
        .map(({ name }) => [name, name === "access" ? access : nothing]),
    );
    const instance = new WebAssembly.Instance(loops, {
      env: { memory, __asyncify_state, __asyncify_data },
      simulated: simulated as WebAssembly.ModuleImports,
      layout: importsOf(0),
    });
    const exports = instance.exports as Record<string, () => void>;
    table.set(0, exports.run);
    table.set(1, exports.asyncify_stop_unwind);
    const words = new Int32Array(memory.buffer);
    words[activities >>> 2] = activities + 8;
    words[(activities >>> 2) + 1] = activities + activityBytes;
    this.#core.stack.value = activities;
  }

  measure(accesses: number): Measured {
    const begun = cpuMs();
    this.#core.go(loopContended, accesses);
    return { accesses, suspensions: accesses, ms: cpuMs() - begun };
  }
}
