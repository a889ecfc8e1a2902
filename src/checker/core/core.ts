// The checker's core: performs what the code under test asks of its machine, one agent at a time, and can go back.
//
// One instance serves the instances of all CPUs of a case, on the same memory. Choosing who runs next is the host's.

export {
  add32,
  add64,
  barrier,
  compareExchange32,
  compareExchange64,
  exchange32,
  exchange64,
  keep32,
  load32,
  load64,
  setTraced,
  store32,
  store64,
  storeRelaxed32,
  storeRelaxed64,
} from "./access";
export { learnt, showAll } from "./conflicts";
export { finding, findingCell, findingDetail, forgetFinding } from "./findings";
export {
  awaitedOf,
  begin,
  bindCpu,
  callSequentially,
  hasBufferedStore,
  operandOf,
  operationOf,
  prepare,
  restart,
  setTask,
  stateOf,
  takeWork,
} from "./host-calls";
export { hashHigh, hashLow, mark, restore } from "./journal";
export { lay } from "./layout";
export {
  checksOff,
  checksOn,
  deferAfter,
  enter,
  interrupt,
  irqOff,
  irqOn,
  isIdle,
  isRunning,
  leave,
  note,
  now,
  pause,
  preemptOff,
  preemptOn,
  quiescent,
  setViolations,
  sleep,
  task,
  taskStack,
  wait,
  wake,
} from "./operations";
export { oldestArgument, oldestWork } from "./pending";
export { __asyncify_data, __asyncify_state, abandon, operations } from "./running";
export { allocated, freed, objectAllocated, objectFreed, slabGone, slabMade } from "./shadow";
export { dependents, enabled, isOver, isPreempted, step } from "./steps";
