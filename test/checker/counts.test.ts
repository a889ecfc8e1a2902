import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Agent, Model } from "../../src/checker/model.ts";
import { exhaustive } from "../../src/checker/schedulers/exhaustive.ts";
import {
  acquire,
  add,
  compileLitmus,
  data,
  describeEnd,
  explore,
  flag,
  type Instruction,
  LitmusMachine,
  type LitmusProgram,
  limits,
  load,
  lock,
  onCpus,
  pauseUntil,
  release,
  type Setting,
  store,
  storeSum,
  x,
  y,
  z,
} from "./litmus.ts";

const litmus = await compileLitmus();

/** Counts every execution, also those that come to the same. */
function countExecutions(model: Model): number {
  const enabled = model.enabled();
  if (enabled === 0) {
    expect(model.isOver()).toBe(true);
    return 1;
  }
  const mark = model.mark();
  let count = 0;
  for (let agent = 0; agent < model.agents.length; agent++) {
    if ((enabled & (1 << agent)) === 0) continue;
    model.step(agent);
    expect(model.finding).toBeUndefined();
    count += countExecutions(model);
    model.restore(mark);
  }
  return count;
}

/** Ways to interleave sequences of so many steps. */
function interleavings(...steps: readonly number[]): number {
  let count = 1;
  let all = 0;
  for (const length of steps) {
    for (let step = 1; step <= length; step++) count = (count * ++all) / step;
  }
  return count;
}

const cells = [x, y, z, flag, lock, data];
/** Tasks that load a cell of their own so often. */
const separate = (...lengths: readonly number[]): LitmusProgram =>
  onCpus(...lengths.map((length, task) => Array.from({ length }, () => load(task, cells[task]!))));
/** Tasks that add to the same cell so often. */
const common = (...lengths: readonly number[]): LitmusProgram =>
  onCpus(...lengths.map((length, task) => Array.from({ length }, () => add(task, x, 1))));

function machineOf(program: LitmusProgram, setting: Setting): LitmusMachine {
  return new LitmusMachine(litmus, program, setting, describeEnd);
}

const everyOperation: Setting = { model: "sc", reduction: false };
const reduced: Setting = { model: "sc", reduction: true };

describe("executions, when every operation is a step, and beginning and ending are two more", () => {
  const sizes = [[1], [3], [1, 1], [2, 2], [3, 3], [4, 2], [1, 1, 1], [2, 1, 1]].map(
    (lengths) => [lengths.join(", "), lengths] as const,
  );

  test.each(sizes)("of tasks of their own cells: %s operations", (_name, lengths) => {
    const steps = lengths.map((length) => length + 2);
    expect(countExecutions(machineOf(separate(...lengths), everyOperation))).toBe(interleavings(...steps));
  });

  test.each(sizes)("of tasks of the same cell: %s operations", (_name, lengths) => {
    const steps = lengths.map((length) => length + 2);
    expect(countExecutions(machineOf(common(...lengths), everyOperation))).toBe(interleavings(...steps));
  });

  test("are as many as known: two tasks of two steps 6, three of two 90, two of three 20", () => {
    expect([interleavings(2, 2), interleavings(2, 2, 2), interleavings(3, 3)]).toEqual([6, 90, 20]);
  });

  test("of tasks of one CPU are as many: whoever has begun may go on", () => {
    const program = { tasks: common(2, 2).tasks.map(({ code }) => ({ cpu: 0, code })) };
    expect(countExecutions(machineOf(program, everyOperation))).toBe(interleavings(4, 4));
  });

  test("under TSO have a step more for each plain store, after it and in order", () => {
    // Begin, store, end, and the flush anywhere after the store.
    expect(countExecutions(machineOf(onCpus([store(x, 1)]), { model: "tso", reduction: false }))).toBe(2);
    // Begin, two stores, end; flushes of the first and the second: b s F s F e, b s F s e F, b s s F F e, b s s F e F, b s s e F F.
    expect(countExecutions(machineOf(onCpus([store(x, 1), store(x, 2)]), { model: "tso", reduction: false }))).toBe(5);
  });
});

describe("executions, reduced to noticeable operations,", () => {
  const count = (program: LitmusProgram, setting = reduced): number => {
    const machine = machineOf(program, setting);
    explore(machine, exhaustive());
    machine.restart();
    return countExecutions(machine);
  };

  test("are one for each order in which tasks begin, if they share nothing", () => {
    expect(count(separate(4, 4))).toBe(2);
    expect(count(separate(4, 4, 4))).toBe(6);
  });

  test("are those of the operations on the common cell, with the beginning a step of its own", () => {
    expect(count(common(1, 1))).toBe(interleavings(2, 2));
    expect(count(common(2, 3))).toBe(interleavings(3, 4));
  });

  test("are those of a lock, whatever it protects", () => {
    const section = (register: number, more: readonly Instruction[]): readonly Instruction[] => [
      acquire(lock),
      ...more,
      load(register, x),
      storeSum(x, register, 1),
      release(lock),
    ];
    const short = count(onCpus(section(0, []), section(1, [])));
    const more = Array.from({ length: 5 }, () => load(3, y));
    expect(count(onCpus(section(0, more), section(1, more)))).toBe(short);
    // Begin and lock of each task: giving back follows at once.
    expect(short).toBe(interleavings(2, 2));
  });
});

describe("states", () => {
  const states = (program: LitmusProgram, setting: Setting): number => {
    const machine = machineOf(program, setting);
    const counts = [exhaustive(false), exhaustive()].map((search) => {
      const exploration = explore(machine, search);
      machine.restart();
      return exploration.states;
    });
    expect(counts[1]).toBe(counts[0]);
    return counts[0]!;
  };

  test.each([[[2]], [[5]], [[1, 1]], [[3, 4]], [[2, 2, 2]], [[1, 2, 3]]] as const)(
    "of separate tasks are the points of a grid: %j operations",
    (lengths) => {
      const points = lengths.reduce((product: number, length) => product * (length + 3), 1);
      // The first is not counted, and the last one is an end.
      expect(states(separate(...lengths), everyOperation)).toBe(points - 2);
    },
  );

  test("of tasks that share nothing are the sets of those that have run, if reduced", () => {
    expect(states(separate(3, 3), reduced)).toBe(2 ** 2 - 2);
    expect(states(separate(3, 3, 3), reduced)).toBe(2 ** 3 - 2);
  });

  test("do not grow with the rounds that somebody waits in a loop", () => {
    const program = (stores: number): LitmusProgram =>
      onCpus([pauseUntil(flag, 1)], [...Array.from({ length: stores }, () => store(y, 1)), store(flag, 1)]);
    expect(states(program(1), reduced)).toBe(states(program(6), reduced));
  });
});

/** Agents that each go round in states of their own, and read or write a few variables on the way. */
class Automata implements Model {
  readonly agents: readonly Agent[];
  readonly finding = undefined;
  readonly operations = 1;
  readonly isBuffered = false;
  readonly learnt = 0;
  readonly #rules: readonly Rule[][];
  readonly #variables: number;
  #state: number[];
  #marks: number[][] = [];
  /** Every state that was come to. */
  readonly reached = new Set<string>();

  constructor(rules: readonly Rule[][], variables: number) {
    this.#rules = rules;
    this.#variables = variables;
    this.agents = rules.map((_, cpu) => ({ kind: "task", cpu, name: `automaton ${cpu}` }));
    this.#state = Array.from({ length: rules.length + variables }, () => 0);
    this.#reach();
  }

  #reach(): void {
    this.reached.add(this.#state.join());
  }

  #ruleOf(agent: number): Rule | undefined {
    return this.#rules[agent]?.[this.#state[agent]!];
  }

  enabled(): number {
    let mask = 0;
    for (const [agent] of this.agents.entries()) {
      const rule = this.#ruleOf(agent);
      if (rule === undefined) continue;
      const held = this.#state[this.#rules.length + rule.variable]!;
      if (rule.kind !== "await" || held === rule.value) mask |= 1 << agent;
    }
    return mask;
  }

  isOver(): boolean {
    return true;
  }

  dependents(agent: number): number {
    const own = this.#ruleOf(agent);
    let mask = 1 << agent;
    for (const [other] of this.agents.entries()) {
      const rule = this.#ruleOf(other);
      if (own === undefined || rule === undefined || own.variable !== rule.variable) continue;
      if (own.kind === "write" || rule.kind === "write") mask |= 1 << other;
    }
    return mask;
  }

  step(agent: number): void {
    const rule = this.#ruleOf(agent)!;
    const at = this.#rules.length + rule.variable;
    const goesFirst = rule.kind !== "branch" || this.#state[at] === rule.value;
    if (rule.kind === "write") this.#state[at] = rule.value;
    this.#state[agent] = goesFirst ? rule.next : rule.other;
    this.#reach();
  }

  isPreempted(): boolean {
    return false;
  }

  perform(): number {
    return 0;
  }

  finish(): void {}

  whoWaits(): string {
    return "";
  }

  mark(): number {
    this.#marks.push([...this.#state]);
    return this.#marks.length - 1;
  }

  restore(mark: number): void {
    this.#marks.length = mark + 1;
    this.#state = [...this.#marks[mark]!];
  }

  hashLow(): number {
    return this.#state.reduce((number, digit) => number * 5 + digit, 0) | 0;
  }

  hashHigh(): number {
    return this.#variables;
  }

  restart(): void {
    this.#state.fill(0);
  }
}

interface Rule {
  readonly kind: "write" | "branch" | "await";
  readonly variable: number;
  readonly value: number;
  readonly next: number;
  readonly other: number;
}

test("sleep sets leave out no state, also where states come again", () => {
  const variables = 3;
  const rule = fc.record<Rule>({
    kind: fc.constantFrom("write", "branch", "await"),
    variable: fc.nat(variables - 1),
    value: fc.nat(1),
    // 4 is an end.
    next: fc.nat(4),
    other: fc.nat(4),
  });
  const rules = fc.array(fc.array(rule, { minLength: 4, maxLength: 4 }), { minLength: 2, maxLength: 3 });
  let leftOut = 0;
  fc.assert(
    fc.property(rules, (all) => {
      const [plain, slept] = [new Automata(all, variables), new Automata(all, variables)];
      const [first, second] = [exhaustive(false), exhaustive()].map((search, index) =>
        search([plain, slept][index]!, limits, () => {}),
      );
      // Who goes round alone is a finding, at which the search stops.
      expect(second!.outcome).toBe(first!.outcome);
      if (first!.outcome !== "exhausted") return;
      expect([...slept.reached].sort()).toEqual([...plain.reached].sort());
      leftOut += first!.transitions - second!.transitions;
    }),
    { numRuns: 150, seed: 1 },
  );
  expect(leftOut).toBeGreaterThan(0);
});
