import { expect, test } from "vitest";
import { nameOfEnd } from "./x86-tso.ts";
import * as l from "./litmus.ts";
const litmus = await l.compileLitmus();
const describeEnd = ({ registers, cells }: l.End): string => nameOfEnd(registers.entries(), cells.entries());
const part = [l.acquire(l.lock), l.load(58, l.data), l.storeSum(l.data, 58, 1), l.release(l.lock)];
test.each([
  [1, { parts: [part], tasks: [{ cpu: 0, code: [l.interrupt(0, 0), l.acquire(l.lock), l.load(0, l.data), l.storeSum(l.data, 0, 1), l.release(l.lock), l.sleep(1000)] }] }],
  [2, { parts: [part], tasks: [{ cpu: 0, code: [l.interrupt(0, 0), l.acquire(l.lock), l.load(0, l.data), l.storeSum(l.data, 0, 1), l.release(l.lock), l.sleep(1000)] },
  { cpu: 0, code: [l.preemptOff(), l.load(8, l.x), l.storeSum(l.x, 8, 1), l.preemptOn()] }] }],
] as const)("p%i", (_n, program) => {
  for (const model of ["sc", "tso"] as const) for (const { name, reduction, search } of l.searches) {
    const machine = new l.TolerantMachine(litmus, program, { model, reduction }, describeEnd);
    const e = l.explore(machine, search);
    console.log(model, name, e.outcome, e.finding?.message ?? "", e.states, JSON.stringify([...machine.ends]));
  }
});
