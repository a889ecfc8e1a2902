import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Exploration, Explore, Limits, Model, Progress, Slice } from "../../src/checker/model.ts";
import { bounded, ladder } from "../../src/checker/schedulers/bounded.ts";
import { pct } from "../../src/checker/schedulers/pct.ts";
import { random } from "../../src/checker/schedulers/random.ts";
import { replay } from "../../src/checker/schedulers/replay.ts";
import { findWithFewer } from "../../src/checker/shortest.ts";
import {
  add,
  free,
  load,
  lock,
  lostUpdate,
  oppositeLocks,
  sign,
  store,
  storeBuffering,
  type ToyCase,
  ToyModel,
  unlock,
} from "./toy-model.ts";

const generous: Limits = { states: 1_000_000, steps: 1000, deadline: Number.POSITIVE_INFINITY, bytes: 1 << 26 };

function explore(how: Explore, model: Model, limits: Partial<Limits> = {}): Exploration {
  return how(model, { ...generous, ...limits }, () => {});
}

/** Tasks that sign the same variable: every interleaving ends in a state of its own. */
const signers = (...lengths: readonly number[]): ToyCase => ({
  programs: lengths.map((length) => Array.from({ length }, () => sign("order"))),
});

/** Every order of so many operations of so many tasks, as lists of tasks. */
function ordersOf(lengths: readonly number[]): number[][] {
  if (lengths.every((length) => length === 0)) return [[]];
  return lengths.flatMap((length, task) =>
    length === 0
      ? []
      : ordersOf(lengths.map((other, index) => (index === task ? other - 1 : other))).map((rest) => [task, ...rest]),
  );
}

/** Switches away from a task that has begun and not ended. */
function preemptionsOf(order: readonly number[]): number {
  return order.filter(
    (task, place) => place > 0 && order[place - 1] !== task && order.indexOf(order[place - 1]!, place) >= 0,
  ).length;
}

describe("with a bound of preemptions", () => {
  test("two tasks of two operations have 2, 4 and 6 interleavings with at most 0, 1 and 2 preemptions", () => {
    const executions = [0, 1, 2].map((bound) => explore(bounded(bound), new ToyModel(signers(2, 2))).executions);
    expect(executions).toEqual([2, 4, 6]);
  });

  test.each([[[3, 3]], [[2, 4]], [[2, 2, 2]], [[1, 2, 3]]])(
    "tasks of %j operations have as many as can be listed",
    (lengths) => {
      const listed = ordersOf(lengths).map(preemptionsOf);
      const most = Math.max(...listed);
      for (let bound = 0; bound <= most + 1; bound++) {
        const { executions, outcome, bound: reached } = explore(bounded(bound), new ToyModel(signers(...lengths)));
        expect(executions).toBe(listed.filter((preemptions) => preemptions <= bound).length);
        expect([outcome, reached]).toEqual(
          bound >= most ? ["exhausted", ""] : ["bound", bound === 1 ? "1 preemption" : `${bound} preemptions`],
        );
      }
    },
  );

  test("states, steps and the longest execution of a case worked out by hand", () => {
    // A grid of 3 x 3 states: either task has done 0, 1 or 2 of its loads.
    const model = new ToyModel({
      programs: [
        [load("x"), load("x")],
        [load("x"), load("x")],
      ],
    });
    const exploration = explore(bounded(2), model);
    expect(exploration).toMatchObject({ outcome: "exhausted", states: 8, depth: 4 });
    // The last state has no choice left, and is not looked up.
    expect(exploration.finding).toBeUndefined();
    expect(model.counts.step).toBe(exploration.transitions);
  });

  test("a lost update of two tasks takes one preemption", () => {
    expect(explore(bounded(0), new ToyModel(lostUpdate(2)))).toMatchObject({
      outcome: "bound",
      bound: "0 preemptions",
    });
    const { outcome, bound, finding, schedule } = explore(bounded(1), new ToyModel(lostUpdate(2)));
    expect([outcome, bound]).toEqual(["violation", ""]);
    expect(finding).toEqual({
      kind: "broken invariant",
      invariant: "the check",
      message: "x is 1, not 2",
      agent: null,
    });
    expect(schedule).toEqual([
      { agent: 0, operations: 1, isBuffered: false },
      { agent: 1, operations: 2, isBuffered: false },
      { agent: 0, operations: 1, isBuffered: false },
    ]);
  });

  test("a use after free is found at the step that does it, and so is a double free", () => {
    const late: ToyCase = {
      programs: [
        [load("x"), free("x")],
        [store("y", 1), load("x")],
      ],
    };
    const { finding, schedule } = explore(bounded(0), new ToyModel(late));
    expect(finding).toMatchObject({ kind: "use after free", agent: 1 });
    expect(schedule!.map(({ agent }) => agent)).toEqual([0, 1]);
    expect(explore(bounded(0), new ToyModel({ programs: [[free("x")], [free("x")]] })).finding?.kind).toBe(
      "double free",
    );
  });

  test("a deadlock says who waits for what", () => {
    expect(explore(bounded(0), new ToyModel(oppositeLocks)).outcome).toBe("bound");
    const { finding } = explore(bounded(1), new ToyModel(oppositeLocks));
    const message = "task 0 on CPU 0 at lock b; task 1 on CPU 1 at lock a";
    expect(finding).toEqual({ kind: "deadlock", invariant: "", message, agent: null });
  });

  test("what a store buffer does is no preemption: store buffering shows without any", () => {
    expect(explore(bounded(4), new ToyModel(storeBuffering("sc")))).toMatchObject({ outcome: "exhausted" });
    const { finding, schedule } = explore(bounded(0), new ToyModel(storeBuffering("tso")));
    expect(finding?.message).toBe("both are 0");
    expect(schedule!.filter(({ isBuffered }) => isBuffered)).toEqual([
      { agent: 0, operations: 1, isBuffered: true },
      { agent: 1, operations: 1, isBuffered: true },
    ]);
  });

  test("a flush in between does not make a preemption free", () => {
    // Memory holds 1 only between the flush and the addition, when task 0 could go on.
    const toyCase: ToyCase = {
      programs: [[store("x", 1), add("x", 1)], [load("x")]],
      memory: "tso",
      check: (_, [, seen]) => (seen === 1 ? "seen" : undefined),
    };
    expect(explore(bounded(0), new ToyModel(toyCase))).toMatchObject({ outcome: "bound" });
    expect(explore(bounded(1), new ToyModel(toyCase))).toMatchObject({ outcome: "violation" });
  });

  test("ticks may pass anywhere", () => {
    // The task has done 0, 1 or 2 of its operations, and 0, 1 or 2 ticks have passed; its end is the end.
    const model = new ToyModel({ programs: [[sign("x"), sign("x"), sign("x")]], ticks: 2 });
    const { states, outcome } = explore(bounded(0), model);
    expect([states, outcome]).toEqual([9, "exhausted"]);
  });

  test("an agent that goes round in circles alone is a livelock; one that waits for another is not", () => {
    const alone = new ToyModel({ programs: [[{ kind: "spin", cell: "x", value: 1 }]] });
    const { finding } = explore(bounded(0), alone);
    expect(finding).toMatchObject({ kind: "livelock", agent: 0 });
    const spin: ToyCase = { programs: [[{ kind: "spin", cell: "x", value: 1 }], [store("x", 1)]] };
    expect(explore(bounded(3), new ToyModel(spin))).toMatchObject({ outcome: "exhausted" });
  });

  test("an execution that is longer than the limit is a livelock", () => {
    const model = new ToyModel({ programs: [[{ kind: "spin", cell: "x", value: 1, counter: "looks" }], [load("y")]] });
    const { finding, schedule } = explore(bounded(0), model, { steps: 50 });
    expect(finding?.kind).toBe("livelock");
    expect(finding?.message).toContain("still going on after 50 steps");
    expect(schedule!.reduce((sum, { operations }) => sum + operations, 0)).toBe(50);
  });

  test("stops at its limits, and says at which", () => {
    const model = (): ToyModel => new ToyModel(signers(5, 5));
    expect(explore(bounded(9), model(), { states: 20 })).toMatchObject({
      outcome: "bound",
      bound: "20 states",
      states: 20,
    });
    const late = explore(bounded(9), model(), { deadline: Number.NEGATIVE_INFINITY });
    expect(late).toMatchObject({ outcome: "bound", bound: "the time limit" });
    const full = explore(bounded(9), new ToyModel(signers(7, 7)), { bytes: 20_000 });
    expect(full).toMatchObject({ outcome: "bound", bound: "20000 bytes" });
  });

  test("begins again when a variable turns out to be shared, and then finds what it hid", () => {
    const model = new ToyModel(lostUpdate(2, { learns: true }));
    expect(explore(bounded(1), model).finding?.message).toBe("x is 1, not 2");
    expect(model.counts.restart).toBe(2);
    // Of 7 operations each, those on `x` alone are noticed.
    const own = (cell: string) => Array.from({ length: 5 }, () => store(cell, 1));
    const twoSteps: ToyCase = {
      programs: [
        [load("x"), ...own("a"), store("x", "register", 1)],
        [load("x"), ...own("b"), store("x", "register", 1)],
      ],
      learns: true,
    };
    expect(explore(bounded(4), new ToyModel(twoSteps))).toMatchObject({ outcome: "exhausted", depth: 4 });
  });

  test("finds with enough preemptions what all orders hold, and nothing else", () => {
    const operation = fc.oneof(
      fc.constantFrom("x", "y").map(load),
      fc
        .tuple(fc.constantFrom("x", "y"), fc.constantFrom<number | "register">(1, 2, "register"))
        .map(([cell, value]) => store(cell, value, 1)),
      fc.constantFrom("x", "y").map(sign),
    );
    const program = fc.array(operation, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(program, { minLength: 2, maxLength: 3 }), (programs) => {
        const ends = new Set<string>();
        const check: ToyCase["check"] = (memory, registers) => {
          ends.add(JSON.stringify([memory, registers]));
          return undefined;
        };
        const model = new ToyModel({ programs, check });
        for (const order of ordersOf(programs.map((one) => one.length))) {
          for (const task of order) model.step(task);
          model.finish();
          model.restart();
        }
        const expected = [...ends].sort();
        ends.clear();
        expect(explore(bounded(9), new ToyModel({ programs, check })).outcome).toBe("exhausted");
        expect([...ends].sort()).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test("tells how far it is", () => {
    const told: Progress[] = [];
    bounded(4)(new ToyModel(signers(8, 8)), generous, (progress) => told.push(progress));
    expect(told.length).toBeGreaterThan(0);
    const shares = told.map(({ share }) => share);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.every((share) => share > 0 && share < 1)).toBe(true);
  });

  test("a ladder names its rungs", () => {
    expect(ladder(2).map(({ name }) => name)).toEqual([
      "no preemption",
      "at most 1 preemption",
      "at most 2 preemptions",
    ]);
    const model = new ToyModel(lostUpdate(2));
    expect(ladder(1).map((rung) => explore(rung.explore, model).outcome)).toEqual(["bound", "violation"]);
  });

  test("a search with fewer preemptions finds the same with fewer, or says that there is none", () => {
    const model = new ToyModel(lostUpdate(2));
    const finding = explore(bounded(1), model).finding!;
    expect(findWithFewer(model, finding, 5, generous)?.schedule).toHaveLength(3);
    expect(findWithFewer(model, finding, 1, generous)).toBeUndefined();
    expect(findWithFewer(model, { ...finding, kind: "deadlock" }, 5, generous)).toBeUndefined();
    expect(findWithFewer(model, finding, 5, { ...generous, states: 2 })).toBeUndefined();
  });
});

describe.each([
  ["priorities", (executions: number, seed: number) => pct({ changes: 2, executions, seed })],
  ["lots", (executions: number, seed: number) => random({ executions, seed })],
])("drawing %s", (_, make) => {
  test("finds a lost update, a deadlock and store buffering, and each schedule shows it again", () => {
    for (const toyCase of [lostUpdate(3), oppositeLocks, storeBuffering("tso"), storeBuffering("tso", true)]) {
      const { outcome, finding, schedule, executions } = explore(make(1000, 1), new ToyModel(toyCase));
      expect(outcome).toBe("violation");
      expect(executions).toBeGreaterThan(0);
      expect(replay(new ToyModel(toyCase), schedule!, 1000).finding).toEqual(finding);
    }
  });

  test("the same seed gives the same executions, another seed others", () => {
    const run = (seed: number): { orders: unknown[]; exploration: Exploration } => {
      const orders: unknown[] = [];
      const check: ToyCase["check"] = (memory) => {
        orders.push(memory.order);
        return undefined;
      };
      return { orders, exploration: explore(make(30, seed), new ToyModel({ ...signers(3, 3, 3), check })) };
    };
    expect(run(7)).toEqual(run(7));
    expect(run(7).orders).not.toEqual(run(8).orders);
    // Execution 1 of seed 7 is not execution 0: the seeds follow each other.
    expect(new Set(run(7).orders).size).toBeGreaterThan(5);
  });

  test("says how many executions it made, and never that they were all", () => {
    const model = new ToyModel({ programs: [[load("x")]] });
    const expected = { outcome: "bound", bound: "5 executions", executions: 5, transitions: 5, depth: 1, states: 0 };
    expect(explore(make(5, 1), model)).toEqual(expected);
    expect(explore(make(5, 1), model, { states: 3 })).toMatchObject({ bound: "3 executions", executions: 3 });
    const late = explore(make(5, 1), model, { deadline: Number.NEGATIVE_INFINITY });
    expect(late).toMatchObject({ outcome: "bound", bound: "the time limit", executions: 0 });
  });

  test("spinning for another task is no livelock, spinning for nobody is", () => {
    const spin = { kind: "spin", cell: "x", value: 1, counter: "looks" } as const;
    const meets = new ToyModel({ programs: [[spin], [spin], [load("y"), store("x", 1)]] });
    expect(explore(make(50, 1), meets, { steps: 200 })).toMatchObject({ bound: "50 executions" });
    const never = explore(make(50, 1), new ToyModel({ programs: [[spin], [load("y")]] }), { steps: 200 });
    expect(never.finding?.kind).toBe("livelock");
  });

  test("begins again when a variable turns out to be shared", () => {
    const model = new ToyModel(lostUpdate(2, { learns: true, check: () => undefined }));
    // The first execution learns of `x`; then there are 20 of 4 steps.
    expect(explore(make(20, 1), model)).toMatchObject({ executions: 20, transitions: 80, depth: 4 });
    expect(model.counts.restart).toBe(2);
  });
});

describe("a replay", () => {
  const slice = (agent: number, operations: number, isBuffered = false) => ({ agent, operations, isBuffered });

  test("follows the schedule, goes on to the end, and tells what it performed", () => {
    const { finding, schedule, preemptions } = replay(new ToyModel(lostUpdate(2)), [slice(0, 1), slice(1, 1)], 100);
    expect(finding?.message).toBe("x is 1, not 2");
    expect(schedule).toEqual([slice(0, 1), slice(1, 2), slice(0, 1)]);
    expect(preemptions).toBe(1);
  });

  test("without a schedule performs one task after the other", () => {
    const result = replay(new ToyModel(lostUpdate(3)), [], 100);
    expect(result).toEqual({ schedule: [slice(0, 2), slice(1, 2), slice(2, 2)], preemptions: 0 });
  });

  test("leaves out what an agent cannot do", () => {
    const model = new ToyModel({
      programs: [
        [lock("a"), unlock("a")],
        [lock("a"), unlock("a")],
      ],
    });
    const { finding, schedule } = replay(model, [slice(0, 1), slice(1, 3), slice(0, 1), slice(1, 9)], 100);
    expect(finding).toBeUndefined();
    expect(schedule).toEqual([slice(0, 2), slice(1, 2)]);
  });

  test("counts every operation, whatever was noticed when the schedule was found", () => {
    for (const learns of [false, true]) {
      const model = new ToyModel(lostUpdate(2, { learns }));
      const { schedule, finding } = explore(bounded(1), model);
      for (const fresh of [false, true]) {
        expect(replay(new ToyModel(lostUpdate(2, { learns: fresh })), schedule!, 100).finding).toEqual(finding);
      }
    }
  });

  test("a store stays in the buffer only where the schedule says so; flushes come when nobody else can go on", () => {
    const model = new ToyModel(storeBuffering("tso"));
    const result = replay(model, [slice(0, 1, true), slice(0, 1), slice(1, 1)], 100);
    expect(result.finding?.message).toBe("both are 0");
    expect(result.schedule).toEqual([slice(0, 1, true), slice(0, 1), slice(1, 2), slice(2, 1)]);
    expect(
      replay(new ToyModel(storeBuffering("tso")), [slice(0, 1), slice(0, 1), slice(1, 1)], 100).finding,
    ).toBeUndefined();
    const both = replay(new ToyModel(storeBuffering("tso")), [slice(0, 1, true), slice(1, 2, true)], 100);
    expect(both.schedule[0]).toEqual(slice(0, 1, true));
  });

  test("asks again whoever performs nothing at first, but not for ever", () => {
    class Hesitant extends ToyModel {
      readonly #calls: number;
      #left: number;

      /** @param calls that perform nothing before each one that does */
      constructor(calls: number) {
        super(lostUpdate(2));
        this.#calls = calls;
        this.#left = calls;
      }

      override perform(given: Slice): number {
        this.#left = this.#left === 0 ? this.#calls : this.#left - 1;
        return this.#left === this.#calls ? super.perform(given) : 0;
      }
    }
    const schedule = [slice(0, 1), slice(1, 1)];
    expect(replay(new Hesitant(2), schedule, 100)).toEqual(replay(new ToyModel(lostUpdate(2)), schedule, 100));
    expect(replay(new Hesitant(1000), schedule, 100)).toMatchObject({ finding: { kind: "livelock" }, schedule: [] });
  });

  test("finds a livelock, but not where agents wait for each other in turn", () => {
    const spin = { kind: "spin", cell: "x", value: 1 } as const;
    expect(replay(new ToyModel({ programs: [[spin], [load("y")]] }), [slice(0, 1)], 1000).finding?.kind).toBe(
      "livelock",
    );
    const meets = new ToyModel({ programs: [[spin], [load("y"), store("x", 1)]] });
    expect(replay(meets, [slice(0, 1)], 1000).finding).toBeUndefined();
  });

  test("stops at a finding, which it comes to again from what it performed", () => {
    const late: ToyCase = { programs: [[free("x")], [store("y", 1), load("x"), load("y")]] };
    const { schedule, finding } = replay(new ToyModel(late), [slice(0, 1), slice(1, 3)], 100);
    expect(finding?.kind).toBe("use after free");
    expect(schedule).toEqual([slice(0, 1), slice(1, 2)]);
    expect(replay(new ToyModel(late), schedule, 100).finding).toEqual(finding);
  });
});
