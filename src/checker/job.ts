// One case, from its description to its outcome: what a thread of the pool does, and what a replay does again.

import { InputError, ViolationError } from "../errors.ts";
import { CheckedMachine } from "./machine.ts";
import { minimise } from "./minimise.ts";
import type { Exploration, Explore, Finding, FindingKind, Limits, Progress, Slice } from "./model.ts";
import type { CheckJob, CheckOutcome, Counterexample, Rung, SchedulerChoice, SourceFrame } from "./outcome.ts";
import { problemCheckOf } from "./problems/index.ts";
import type { Defect } from "./problems/problem.ts";
import type { Scenario } from "./scenario.ts";
import { ladder } from "./schedulers/bounded.ts";
import { exhaustive } from "./schedulers/exhaustive.ts";
import { pct } from "./schedulers/pct.ts";
import { random } from "./schedulers/random.ts";
import { replay } from "./schedulers/replay.ts";
import { findWithFewer } from "./shortest.ts";
import { readSourceMap } from "./source-map.ts";
import { timeline } from "./timeline.ts";
import { encodeToken } from "./token.ts";
import type { TracedOperation } from "./trace.ts";
import { missProbability } from "./visited.ts";

/** Most time that is spent on making a counterexample shorter, in ms. */
const shorteningMs = 10_000;
/** What follows a search that stopped at a bound: it has gone deep in one corner, this looks everywhere. */
const afterBound = { changes: 3, executions: 500, seed: 1 };
/** Time for it when there is none left, in ms. */
const afterBoundMs = 500;
/** Operations of an execution while a schedule is followed: far more than any scenario has. */
const operationsMax = 1_000_000;

/** @throws {InputError} for a scenario that the problem does not have */
export function scenarioOf(job: Pick<CheckJob, "problem" | "scenario">): Scenario {
  const { scenarios } = problemCheckOf(job.problem);
  const found = scenarios.find(({ name }) => name === job.scenario);
  if (found !== undefined) return found;
  const known = scenarios.map(({ name }) => name).join(", ");
  throw new InputError(`${job.problem} has no scenario '${job.scenario}'; one of: ${known}`);
}

/** @throws {ViolationError} when the variant traps in the setup, where nothing is scheduled yet */
function makeMachine(job: CheckJob, isKnown?: (finding: Finding) => boolean): CheckedMachine {
  const { core, compiled, variant, model, scheduler } = job;
  try {
    return new CheckedMachine({
      core,
      compiled,
      problem: problemCheckOf(job.problem),
      scenario: scenarioOf(job),
      skipWhenEmpty: variant.skipWhenEmpty,
      model,
      reduction: scheduler.name !== "exhaustive" || scheduler.reduction,
      ...(isKnown === undefined ? {} : { isKnown }),
    });
  } catch (error) {
    const isEndless = error instanceof RangeError && error.message.includes("call stack");
    if (!(error instanceof WebAssembly.RuntimeError || isEndless)) throw error;
    throw new ViolationError(`trapped in the scenario's setup: ${error.message}`);
  }
}

/** What comes of a case in which something is wrong before anything is explored; there is no schedule to see it by. */
export function violationWithoutSchedule(job: CheckJob, kind: FindingKind, message: string, ms: number): CheckOutcome {
  const exploration = { outcome: "violation", bound: "", states: 0, transitions: 0, executions: 0, depth: 0 } as const;
  return {
    problem: job.problem,
    variant: job.variant.id,
    scenario: job.scenario,
    size: scenarioOf(job).size,
    model: job.model,
    scheduler: job.scheduler.name,
    outcome: "violation",
    bound: "",
    rungs: [{ name: "", exploration }],
    ms,
    missProbability: 0,
    counterexample: unseen({ kind, invariant: "", message, agent: null }),
  };
}

function pctName(executions: number): string {
  return `${executions} executions by random priorities`;
}

function rungOf(name: string, { finding: _finding, schedule: _schedule, ...exploration }: Exploration): Rung {
  return { name, exploration };
}

/** The searches that a choice stands for, one after the other. */
function rungsOf(choice: SchedulerChoice): readonly { readonly name: string; readonly explore: Explore }[] {
  switch (choice.name) {
    case "exhaustive":
      return [{ name: "every interleaving", explore: exhaustive(choice.reduction) }];
    case "bounded": {
      const rungs = ladder(choice.preemptions);
      return choice.isFull ? [...rungs, { name: "every interleaving", explore: exhaustive() }] : rungs;
    }
    case "pct":
      return [{ name: pctName(choice.executions), explore: pct(choice) }];
    case "random":
      return [{ name: `${choice.executions} random executions`, explore: random(choice) }];
  }
}

/**
 * Checks a case.
 *
 * @param onProgress called some times a second
 * @throws {InputError} for an unknown scenario, or when the memory cannot be had
 */
export function performCheck(job: CheckJob, onProgress: (progress: Progress) => void = () => {}): CheckOutcome {
  const begun = performance.now();
  const limits: Limits = {
    states: job.statesMax,
    steps: job.stepsMax,
    deadline: begun + job.msMax,
    bytes: job.bytesMax,
  };
  let machine: CheckedMachine;
  try {
    machine = makeMachine(job);
  } catch (error) {
    if (!(error instanceof ViolationError)) throw error;
    return violationWithoutSchedule(job, "trap", error.message, performance.now() - begun);
  }
  const known = defectOf(job);
  const first = search(job, machine, limits, onProgress);
  const outcome = outcomeOf(job, machine, first, limits, begun);
  if (known === undefined || !isDeclared(known, outcome.counterexample?.finding)) return judged(known, outcome);
  // It ended the search. What else there is shows in another one, to which it is no finding.
  const rest = makeMachine(job, (finding) => isDeclared(known, finding));
  const more = search(job, rest, limits, onProgress);
  const rungs = [
    ...first.rungs,
    ...more.rungs.map((rung) => ({ ...rung, name: `${rung.name}, beside what is known` })),
  ];
  // What ends an execution before its end is found there again.
  if (more.last.outcome === "violation" && !isDeclared(known, more.last.finding)) {
    return outcomeOf(job, rest, { rungs, last: more.last }, limits, begun);
  }
  const ms = performance.now() - begun;
  return { ...judged(known, outcome), rungs, ms, missProbability: missProbabilityOf(rungs) };
}

/** What searches came to: the rungs, and the last one that counts. */
interface Searched {
  readonly rungs: readonly Rung[];
  readonly last: Exploration;
}

/** The searches of a job, until one says what is to be said. */
function search(
  job: CheckJob,
  machine: CheckedMachine,
  limits: Limits,
  onProgress: (progress: Progress) => void,
): Searched {
  const rungs: Rung[] = [];
  let last: Exploration | undefined;
  for (const { name, explore } of rungsOf(job.scheduler)) {
    if (rungs.length > 0) machine.restart();
    last = explore(machine, limits, onProgress);
    rungs.push(rungOf(name, last));
    // A higher rung would find the same, or stop there, too.
    if (last.outcome !== "bound" || performance.now() >= limits.deadline) break;
  }
  if (last === undefined) throw new Error("a ladder without rungs");
  if (job.scheduler.name === "exhaustive" && last.outcome === "bound") {
    machine.restart();
    const deadline = Math.max(limits.deadline, performance.now() + afterBoundMs);
    const after = { ...limits, states: afterBound.executions, deadline };
    const found = pct(afterBound)(machine, after, onProgress);
    rungs.push(rungOf(pctName(afterBound.executions), found));
    if (found.outcome === "violation") last = found;
  }
  return { rungs, last };
}

function missProbabilityOf(rungs: readonly Rung[]): number {
  return missProbability(Math.max(...rungs.map(({ exploration }) => exploration.states)));
}

function outcomeOf(
  job: CheckJob,
  machine: CheckedMachine,
  { rungs, last }: Searched,
  limits: Limits,
  begun: number,
): CheckOutcome {
  const counterexample = last.finding === undefined ? undefined : explain(job, machine, last, limits);
  return {
    problem: job.problem,
    variant: job.variant.id,
    scenario: job.scenario,
    size: scenarioOf(job).size,
    model: job.model,
    scheduler: job.scheduler.name,
    outcome: last.outcome,
    bound: last.bound,
    rungs,
    ms: performance.now() - begun,
    missProbability: missProbabilityOf(rungs),
    ...(counterexample === undefined ? {} : { counterexample }),
  };
}

/** What is known to be wrong in a case, or undefined. */
export function defectOf({ problem, variant, scenario }: CheckJob): Defect | undefined {
  const [name] = variant.id.split(" ");
  return problemCheckOf(problem).defects.find((one) => one.variant === name && one.scenario === scenario);
}

/** Whether a finding is what is known. */
function isDeclared({ kind, invariant = "" }: Defect, found: Finding | undefined): boolean {
  return found?.kind === kind && (invariant === "" || found.invariant === invariant);
}

/** An outcome in the light of what is known: to find that is no violation, and not to find it is one. */
export function judged(known: Defect | undefined, outcome: CheckOutcome): CheckOutcome {
  if (known === undefined || outcome.outcome === "bound") return outcome;
  const { kind, invariant = "" } = known;
  const found = outcome.counterexample?.finding;
  if (found !== undefined) {
    return isDeclared(known, found) ? { ...outcome, outcome: "defect", defect: known.why } : outcome;
  }
  const message = `no interleaving shows what is declared of this variant: ${kind}${invariant === "" ? "" : ` (${invariant})`}; the declaration is wrong, or the variant has changed`;
  return {
    ...outcome,
    outcome: "violation",
    counterexample: unseen({ kind: "broken invariant", invariant: "", message, agent: null }),
  };
}

/** A finding without a schedule to see it by. */
function unseen(finding: Finding): Counterexample {
  return { finding, schedule: [], preemptions: 0, token: "", timeline: "", frames: [] };
}

/** A violation in its shortest form, drawn, with a token. */
function explain(job: CheckJob, machine: CheckedMachine, found: Exploration, limits: Limits): Counterexample {
  const { finding, schedule } = found;
  if (finding === undefined || schedule === undefined) throw new Error("a violation without a schedule");
  const deadline = performance.now() + shorteningMs;
  const shorter = { ...limits, deadline };
  machine.restart();
  const before = replay(machine, schedule, operationsMax).preemptions;
  const fewer = before === 0 ? undefined : findWithFewer(machine, finding, before, shorter);
  const begin = fewer?.schedule ?? schedule;
  const least = minimise(machine, begin, finding, { deadline: performance.now() + shorteningMs, operationsMax });
  // What cannot be replayed is shown as it was found, and says so.
  const shown = least?.schedule ?? schedule;
  const { operations, preemptions } = show(job, machine, shown);
  return {
    finding: least?.finding ?? { ...finding, message: `${finding.message} (its replay does not show it again)` },
    schedule: shown,
    preemptions,
    token: encodeToken({
      problem: job.problem,
      variant: job.variant.id,
      moduleHash: job.compiled.sha256.slice(0, 16),
      scenario: job.scenario,
      model: job.model,
      skipWhenEmpty: job.variant.skipWhenEmpty,
      schedule: shown,
    }),
    timeline: timeline(operations, machine.agents, { finding: least?.finding ?? finding }),
    frames: framesOf(operations, finding),
  };
}

/** Where the agent was that found it, or whoever did something last. */
export function framesOf(operations: readonly TracedOperation[], { agent }: Finding): readonly SourceFrame[] {
  const own = operations.findLast((one) => one.frames.length > 0 && (agent === null || one.agent === agent));
  return own?.frames ?? [];
}

export interface Shown {
  readonly finding: Finding | undefined;
  readonly operations: readonly TracedOperation[];
  readonly preemptions: number;
}

function show(job: CheckJob, machine: CheckedMachine, schedule: readonly Slice[]): Shown {
  const { sourceMap, wasm } = job.compiled;
  machine.restart();
  machine.beginTrace(sourceMap === undefined ? undefined : readSourceMap(sourceMap, wasm, undefined));
  const { finding, preemptions } = replay(machine, schedule, operationsMax);
  return { finding, operations: machine.endTrace(), preemptions };
}

/**
 * Performs a schedule and tells every operation.
 *
 * @param job its bounds and its scheduler are of no account
 * @throws {ViolationError} when the variant traps before the schedule begins
 */
export function replaySchedule(job: CheckJob, schedule: readonly Slice[]): Shown & Pick<CheckedMachine, "agents"> {
  const machine = makeMachine(job);
  return { ...show(job, machine, schedule), agents: machine.agents };
}
