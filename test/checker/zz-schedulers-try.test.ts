import { quarantine } from "/work/main/bench/quarantine.ts";
import { shrinker } from "/work/main/bench/shrinker.ts";
import { compileModule, compileCheckerCore } from "/work/main/src/build/compile.ts";
import { planVariant } from "/work/main/src/plan/variant.ts";
import { problemChecks } from "/work/main/src/checker/problems/index.ts";
import { CheckedMachine } from "/work/main/src/checker/machine.ts";
import { bounded } from "/work/main/src/checker/schedulers/bounded.ts";
import { pct } from "/work/main/src/checker/schedulers/pct.ts";
import { random } from "/work/main/src/checker/schedulers/random.ts";
import { replay } from "/work/main/src/checker/schedulers/replay.ts";
import { minimise } from "/work/main/src/checker/minimise.ts";
import { timeline } from "/work/main/src/checker/timeline.ts";
import { encodeToken } from "/work/main/src/checker/token.ts";
import { test } from "vitest";
import { exhaustive } from "../../src/checker/schedulers/exhaustive.ts";
test("t", { timeout: 900000 }, async () => {
const core = (await compileCheckerCore()).wasm;
for (const [problem, line] of [["quarantine", "singly-linked-fifo"], ["quarantine", "batched-async form=scan"], ["shrinker", "rwsem"], ["shrinker", "srcu-list"], ["shrinker", "rwsem-rcu"]] as const) {
  let v; try { v = planVariant(problem === "quarantine" ? quarantine : shrinker, line); } catch (e) { console.log(String(e)); continue; }
  const check = problemChecks[problem];
  for (const s of check.scenarios) {
    const compiled = await compileModule({problem, variant: v.name, machine:"checked", constants:{...s.constants,...v.constants}} as never);
    const out: string[] = [];
    for (const again of [false, true]) {
      const m = new CheckedMachine({core, compiled, problem: check as never, scenario: s, skipWhenEmpty: v.skipWhenEmpty, model: "sc", reduction: true});
      if (again) { const own = m.step.bind(m); m.step = (a: number) => { m.enabled(); own(a); }; }
      const finish = m.finish.bind(m); m.finish = () => { if (problem === "quarantine") finish(); };
      const r = exhaustive()(m, {states: 1e7, steps: 20000, deadline: performance.now()+3000, bytes: 1e9}, () => {});
      out.push(JSON.stringify({o: r.outcome, b: r.bound, s: r.states, t: r.transitions, e: r.executions, d: r.depth, f: r.finding?.message}));
    }
    console.log(line, s.name, out[0] === out[1] ? "same" : "DIFFERENT", out[0], out[0] === out[1] ? "" : out[1]);
  }
}
});
