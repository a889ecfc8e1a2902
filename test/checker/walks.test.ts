import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../src/build/garbage.ts";
import { type Model, memoryModels } from "../../src/checker/model.ts";
import { exhaustive } from "../../src/checker/schedulers/exhaustive.ts";
import { Steps } from "../../src/checker/slices.ts";
import {
  compileLitmus,
  describeEnd,
  explore,
  LitmusMachine,
  type LitmusProgram,
  type Setting,
  TolerantMachine,
} from "./litmus.ts";
import { anyPrograms } from "./random-programs.ts";

// The same programs each time: a failure is one of the change, not of the day.
fc.configureGlobal({ seed: 1 });

const litmus = await compileLitmus();
const settings: readonly Setting[] = memoryModels.flatMap((model) =>
  [true, false].map((reduction) => ({ model, reduction })),
);
const nameOf = ({ model, reduction }: Setting): string => `${model}, ${reduction ? "reduced" : "every operation"}`;
const eachSetting = settings.map((setting) => [nameOf(setting), setting] as const);

function agentsOf(mask: number): number[] {
  return Array.from({ length: 31 }, (_, agent) => agent).filter((agent) => (mask & (1 << agent)) !== 0);
}

/** The enabled agent that a number chooses. */
function chosen(mask: number, choice: number): number {
  const agents = agentsOf(mask);
  return agents[choice % agents.length]!;
}

const choices = fc.array(fc.nat(1000), { minLength: 40, maxLength: 40 });

/** A machine that knows which cells are noticeable. */
function knowing(program: LitmusProgram, setting: Setting): TolerantMachine {
  const machine = new TolerantMachine(litmus, program, setting, describeEnd);
  explore(machine, exhaustive());
  machine.restart();
  return machine;
}

describe.each(eachSetting)("on a random walk, %s,", (_name, setting) => {
  interface Snapshot {
    readonly mark: number;
    readonly hash: readonly number[];
    readonly enabled: number;
    readonly memory: Buffer;
    readonly waits: string;
  }

  const snapshot = (machine: TolerantMachine): Snapshot => ({
    mark: machine.mark(),
    hash: [machine.hashLow(), machine.hashHigh()],
    enabled: machine.enabled(),
    memory: Buffer.from(machine.memory()),
    waits: machine.whoWaits(),
  });

  function walk(machine: TolerantMachine, path: readonly number[]): Snapshot[] {
    const snapshots = [snapshot(machine)];
    for (const choice of path) {
      const { enabled } = snapshots.at(-1)!;
      if (enabled === 0) break;
      machine.step(chosen(enabled, choice));
      // What is left where something was found is no state.
      if (machine.isWrong) break;
      snapshots.push(snapshot(machine));
    }
    return snapshots;
  }

  test("every state comes back with its mark, and goes on as before", () => {
    fc.assert(
      fc.property(anyPrograms({ min: 1, max: 4 }), choices, fc.nat(1000), (program, path, back) => {
        const machine = knowing(program, setting);
        const states = walk(machine, path);
        expect(states.length).toBeGreaterThan(1);
        const from = back % states.length;
        for (const state of states.slice(from).reverse()) {
          machine.restore(state.mark);
          expect(machine.memory().equals(state.memory)).toBe(true);
          expect({ ...snapshot(machine), memory: "", mark: 0 }).toEqual({ ...state, memory: "", mark: 0 });
          machine.restore(state.mark);
        }
        const again = walk(machine, path.slice(from));
        expect(again.map(({ hash, enabled }) => ({ hash, enabled }))).toEqual(
          states.slice(from).map(({ hash, enabled }) => ({ hash, enabled })),
        );
        expect(again.at(-1)!.memory.equals(states.at(-1)!.memory)).toBe(true);
        collectGarbage();
      }),
      { numRuns: 10 },
    );
  });

  // With store buffers or reduced, how far a step goes on may depend on what nobody notices; then states are not compared.
  const isStrict = setting.model === "sc" && !setting.reduction;

  test("steps that do not depend on each other do not get in each other's way, and lead to one state", () => {
    let pairs = 0;
    fc.assert(
      fc.property(anyPrograms({ min: 1, max: 4 }), choices, (program, path) => {
        const machine = knowing(program, setting);
        const both = (one: number, other: number): unknown => {
          const mark = machine.mark();
          machine.step(one);
          const isStill = (machine.enabled() & (1 << other)) !== 0;
          if (isStill) machine.step(other);
          const hash = machine.isWrong || !isStrict ? [] : [machine.hashLow(), machine.hashHigh()];
          const state = { isStill, hash, isWrong: machine.isWrong };
          machine.restore(mark);
          return state;
        };
        for (const choice of path) {
          const enabled = machine.enabled();
          if (enabled === 0) break;
          for (const one of agentsOf(enabled)) {
            for (const other of agentsOf(enabled & ~machine.dependents(one))) {
              if (other < one || machine.isWrongAfter(one) || machine.isWrongAfter(other)) continue;
              expect(both(one, other)).toEqual(both(other, one));
              expect(both(one, other)).toMatchObject({ isStill: true });
              pairs++;
            }
          }
          machine.step(chosen(enabled, choice));
        }
        collectGarbage();
      }),
      { numRuns: 15 },
    );
    expect(pairs).toBeGreaterThan(0);
  });

  test("dependence is mutual", () => {
    fc.assert(
      fc.property(anyPrograms({ min: 1, max: 4 }), choices, (program, path) => {
        const machine = knowing(program, setting);
        for (const choice of path) {
          const enabled = machine.enabled();
          if (enabled === 0) break;
          for (const one of agentsOf(enabled)) {
            for (const other of agentsOf(machine.dependents(one) & enabled)) {
              expect(agentsOf(machine.dependents(other))).toContain(one);
            }
          }
          machine.step(chosen(enabled, choice));
        }
        collectGarbage();
      }),
      { numRuns: 10 },
    );
  });

  test("its schedule leads to the same end", () => {
    fc.assert(
      fc.property(anyPrograms({ min: 1, max: 4 }), choices, (program, path) => {
        const machine = new LitmusMachine(litmus, program, setting, describeEnd);
        const steps = new Steps();
        let found = "";
        for (const choice of path) {
          const enabled = machine.enabled();
          if (enabled === 0) break;
          const agent = chosen(enabled, choice);
          machine.step(agent);
          steps.add(agent, machine);
          found = machine.finding?.message ?? "";
          if (found !== "") break;
        }
        // A walk may not come to an end; then whoever goes on does so in the order of the replay.
        fc.pre(found !== "" || machine.enabled() === 0);
        const here = { found, waits: machine.whoWaits(), end: describeEnd(machine.end()) };
        machine.restart();
        const model: Model = machine;
        for (const slice of steps.toSlices()) {
          let left = slice.operations;
          for (let idle = 0; left > 0 && idle < 3 && model.finding === undefined; ) {
            const done = model.perform({ ...slice, operations: left });
            idle = done === 0 ? idle + 1 : 0;
            left -= done;
          }
        }
        // Where the others are when something is found depends on what was performed at once.
        const end = found === "" ? describeEnd(machine.end()) : here.end;
        const waits = found === "" ? machine.whoWaits() : here.waits;
        expect({ found: machine.finding?.message ?? "", waits, end }).toEqual(here);
        collectGarbage();
      }),
      { numRuns: 15 },
    );
  });
});
