// What the code under test asks the host to do, and what it asks of the core itself.

import { performUntimed } from "./host";
import { Activity } from "./layout";
import { activity, advance, clock, hasResumed, suspend } from "./running";
import { countChange } from "./spinning";
import { costL1, idleTable, onCpuTable } from "./tables";
import { forgetPauses, isTimed, untimedCpu, untimedPage } from "./untimed";

/** Has the host perform an operation, and returns its result. */
export function request(operation: u32, a: u32, b: u32, c: u32): u32 {
  if (!isTimed) return performUntimed(operation, a, b, c, 0);
  const doing = changetype<Activity>(activity);
  if (hasResumed()) return doing.result;
  countChange();
  doing.operation = operation;
  doing.operands0 = a;
  doing.operands1 = b;
  doing.operands2 = c;
  suspend();
  return 0;
}

/** The same for operations that take a time. */
export function requestSpan(operation: u32, ns: f64): void {
  if (!isTimed) {
    advance(Math.round(ns * 10));
    forgetPauses();
    return;
  }
  if (hasResumed()) return;
  const doing = changetype<Activity>(activity);
  countChange();
  doing.operation = operation;
  doing.span = Math.round(ns * 10);
  doing.computingSince = clock;
  suspend();
}

export function task(): u32 {
  return isTimed ? changetype<Activity>(activity).identity : untimedCpu;
}

export function taskStack(): u32 {
  return isTimed ? changetype<Activity>(activity).page : untimedPage;
}

export function isRunning(identity: u32): u32 {
  if (!isTimed) return identity === untimedCpu ? 1 : 0;
  advance(costL1);
  return load<u32>(onCpuTable + identity * 4);
}

export function isIdle(target: u32): u32 {
  if (!isTimed) return target === untimedCpu ? 0 : 1;
  advance(costL1);
  return load<u32>(idleTable + target * 4);
}
