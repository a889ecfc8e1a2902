// The simulator's core: the clocks of the virtual CPUs, who runs next, and what an access costs.
//
// One instance serves the instances of all CPUs of a case; only one of them runs at a time. The core never touches the
// memory of the code under test: that code performs its access itself once `access` has returned.

export { access, accessCount, barrier, pause } from "./access";
export {
  clockOf,
  complete,
  irqDepthOf,
  isReady,
  lookedAtOf,
  newActivity,
  operand,
  operationOf,
  passUntil,
  preemptDepthOf,
  resultOf,
  setActivity,
  setBoundary,
  setInterrupt,
  setOnCpu,
  setSliceEnd,
  settle,
  spanOf,
  spend,
  symbolAt,
} from "./activities";
export { go, setTimer } from "./go";
export { makeReady } from "./heap";
export {
  boundaryCount,
  enter,
  irqOff,
  irqOn,
  leave,
  listenTo,
  note,
  preemptOff,
  preemptOn,
  quiescent,
  watch,
} from "./marks";
export { isIdle, isRunning, request, requestSpan, task, taskStack } from "./operations";
export { __asyncify_data, __asyncify_state, current, nowNs, suspensionCount } from "./running";
export {
  fetchCount,
  forget,
  irqOffMax,
  lineSize,
  lineTable,
  symbolCalls,
  symbolOffset,
  symbolTime,
  transfersOffset,
  waitedOffset,
} from "./statistics";
export { activityAt, bytesNeeded, lay, placeCpu, setCaches, setCosts } from "./tables";
export { beginUntimed, endUntimed, setStatistics } from "./untimed";
