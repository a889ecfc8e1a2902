import { test } from "vitest";
import { nameOfEnd } from "./x86-tso.ts";
import * as l from "./litmus.ts";
const litmus = await l.compileLitmus();
const describeEnd = ({ registers, cells }: l.End): string => nameOfEnd(registers.entries(), cells.entries());
const { x, y, z } = l;
test.each([
  ["learning tso", l.onCpus([l.store(x, 1), l.store(y, 1)], [l.load(0, x), l.skipUnless(0, 0, 2), l.load(1, y), l.load(2, x)])],
] as const)("p%i", (_n, program) => {
  for (const model of ["tso"] as const) for (const { name, reduction, search } of l.searches.slice(2)) {
    const machine = new l.LitmusMachine(litmus, program, { model, reduction }, describeEnd);
    const log: unknown[] = [];
    const restart = machine.restart.bind(machine);
    machine.restart = () => { log.push(["restart", machine.learnt, ...machine.ends]); restart(); };
    const step = machine.step.bind(machine);
    machine.step = (a) => { step(a); log.push([a, machine.operations, machine.isBuffered, machine.learnt]); };
    l.explore(machine, search);
    console.log(name, JSON.stringify(log.slice(0, 40)));
  }
});
