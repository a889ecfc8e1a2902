// What was counted, for the host.

import { forgetAccesses } from "./access";
import { fetched } from "./caches";
import { Cpu, Line } from "./layout";
import { forgetHolds } from "./marks";
import { symbolCount } from "./protocol";
import { forgetSuspensions } from "./running";
import { callsOfSymbol, cpuAt, lineCount, lines } from "./tables";

export function symbolTime(index: u32, symbol: u32): f64 {
  return load<f64>(changetype<Cpu>(cpuAt(index)).symbolTimes + usize(symbol) * 8);
}

export function symbolCalls(symbol: u32): u32 {
  return load<u32>(callsOfSymbol + symbol * 4);
}

export function fetchCount(source: u32): f64 {
  return load<u64>(fetched + usize(source) * 8) as f64;
}

export function irqOffMax(index: u32): f64 {
  return changetype<Cpu>(cpuAt(index)).irqOffMax;
}

export function lineTable(): usize {
  return lines;
}

export function lineSize(): u32 {
  return offsetof<Line>() as u32;
}

export function transfersOffset(): u32 {
  return offsetof<Line>("transfers") as u32;
}

export function waitedOffset(): u32 {
  return offsetof<Line>("waited") as u32;
}

export function symbolOffset(): u32 {
  return offsetof<Line>("symbol") as u32;
}

/** Forgets what was counted so far, of CPUs below `cpus`; the caches keep what they have. */
export function forget(cpus: u32): void {
  forgetAccesses();
  forgetSuspensions();
  forgetHolds();
  memory.fill(fetched, 0, 64);
  memory.fill(callsOfSymbol, 0, symbolCount * 4);
  for (let index: u32 = 0; index < cpus; index++) {
    const one = changetype<Cpu>(cpuAt(index));
    memory.fill(one.symbolTimes, 0, symbolCount * 8);
    one.charged = one.clock;
    one.irqOffMax = 0;
  }
  for (let line: u32 = 0; line < lineCount; line++) {
    const record = changetype<Line>(lines + usize(line) * offsetof<Line>());
    if (record.transfers === 0) continue;
    record.transfers = 0;
    record.waited = 0;
  }
}
