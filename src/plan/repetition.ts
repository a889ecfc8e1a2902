// For how long a repeatable workload is simulated. Where tasks share CPUs, each runs for a time slice and then waits for
// those of all others in its CPU's run queue: in a time that is not several times as long, what is measured is who
// happened to have the CPU.

/** What the virtual time of a case depends on, but for its CPUs. */
export interface Repetition {
  /** Virtual time in ms that the suite or the user has named. */
  readonly namedMs: number;
  /** Whether the user has: then it is not made longer. */
  readonly isChosen: boolean;
  /** Tasks of the workload; the most of all points of a sweep, so that points with the same CPUs have the same time. */
  readonly tasks: number;
  /** Time slice of the machine, in ms. */
  readonly timeSliceMs: number;
}

/** Times that every task is to have its turn. */
const turnsMin = 5;

/** The least virtual time, in whole ms, in which every task has its turns; 0 where each has a CPU of its own. */
export function leastMs({ tasks, timeSliceMs }: Repetition, cpus: number): number {
  return tasks <= cpus ? 0 : Math.ceil(turnsMin * timeSliceMs * Math.ceil(tasks / cpus));
}

/** Virtual time in ms for which a workload is repeated on so many CPUs. */
export function virtualMsOf(repetition: Repetition, cpus: number): number {
  const { namedMs, isChosen } = repetition;
  return isChosen ? namedMs : Math.max(namedMs, leastMs(repetition, cpus));
}
