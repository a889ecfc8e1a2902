// Hears of every operation while a schedule is replayed, and keeps where in the sources it is.

import { symbolNames } from "../symbol-names.ts";
import { operationFlush, operationTick } from "./core/protocol.ts";
import type { CoreExports, CoreHost } from "./core-module.ts";
import { withoutMergedFrames } from "./frames.ts";
import type { Agent } from "./model.ts";
import type { SourceFrame } from "./outcome.ts";
import type { TracedOperation } from "./trace.ts";

/** Finds the place in the sources for a position in a module's code. */
export type FindFrame = (position: number) => SourceFrame | undefined;

/** Deep enough for any call of the code under test, with the frames of the core and of the host. */
const stackDepth = 60;
const wasmFrame = /wasm:\/\/wasm\/[^\s:]*:wasm-function\[\d+\]:0x([0-9a-f]+)/;

export class Tracer {
  readonly #agents: readonly Agent[];
  readonly #nameOf: (address: number) => string;
  readonly #symbols: string[][];
  #operations: TracedOperation[] = [];
  #findFrame: FindFrame = () => undefined;

  constructor(agents: readonly Agent[], nameOf: (address: number) => string) {
    this.#agents = agents;
    this.#nameOf = nameOf;
    this.#symbols = agents.map(() => []);
  }

  /** Has frames told. */
  setFrames(find: FindFrame): void {
    this.#findFrame = find;
  }

  readonly host: CoreHost = {
    performed: (agent, operation, cell, bytes, beforeLow, beforeHigh, afterLow, afterHigh, isBuffered) => {
      const who = this.#whoOf(agent, operation);
      this.#operations.push({
        agent: who,
        operation,
        cell: cell >>> 0,
        bytes: bytes as TracedOperation["bytes"],
        before: joined(beforeLow, beforeHigh),
        after: joined(afterLow, afterHigh),
        isBuffered: isBuffered !== 0,
        symbol: who === agent ? (this.#symbols[agent]?.at(-1) ?? "") : "",
        frames: who === agent ? this.#frames() : [],
        place: bytes === 0 ? "" : this.#nameOf(cell >>> 0),
      });
    },
    entered: (agent, symbol) => this.#symbols[agent]?.push(symbolNames[symbol] ?? ""),
    left: (agent) => this.#symbols[agent]?.pop(),
  };

  /** A flush is told of the CPU's handler, and a tick of anybody. */
  #whoOf(agent: number, operation: number): number {
    if (operation === operationTick) return this.#agents.length - 1;
    if (operation !== operationFlush) return agent;
    const cpu = this.#agents[agent]?.cpu;
    return this.#agents.findIndex((other) => other.kind === "flush" && other.cpu === cpu);
  }

  #frames(): readonly SourceFrame[] {
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = stackDepth;
    const { stack = "" } = new Error();
    Error.stackTraceLimit = before;
    const frames: SourceFrame[] = [];
    for (const line of stack.split("\n")) {
      const position = wasmFrame.exec(line)?.[1];
      const frame = position === undefined ? undefined : this.#findFrame(Number.parseInt(position, 16));
      if (frame !== undefined) frames.push(frame);
    }
    return frames;
  }

  begin(core: CoreExports): void {
    this.#operations = [];
    for (const symbols of this.#symbols) symbols.length = 0;
    core.setTraced(1);
  }

  end(core: CoreExports): readonly TracedOperation[] {
    core.setTraced(0);
    return withoutMergedFrames(this.#operations);
  }
}

function joined(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
