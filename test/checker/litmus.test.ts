import { describe, expect, test } from "vitest";
import { type MemoryModel, memoryModels } from "../../src/checker/model.ts";
import {
  acquire,
  add,
  add64,
  barrier,
  compareExchange,
  compareExchange64,
  compileLitmus,
  data,
  type End,
  exchange,
  exchange64,
  explore,
  flag,
  type Instruction,
  interrupt,
  LitmusMachine,
  type LitmusProgram,
  load,
  load64,
  lock,
  onCpus,
  release,
  searches,
  skipUnless,
  store,
  store64,
  storeOrdered,
  storeOrdered64,
  storeSum,
  wake,
  x,
  y,
  z,
} from "./litmus.ts";

const litmus = await compileLitmus();

interface Case {
  readonly name: string;
  readonly program: LitmusProgram;
  /** How many registers an outcome has. */
  readonly registers: number;
  /** Cells that are part of it, behind the registers. */
  readonly cells?: readonly number[];
  /** Every outcome under sequential consistency. */
  readonly sc: readonly string[];
  /** Those that store buffers add. */
  readonly tso?: readonly string[];
}

function describeEnd({ registers, cells = [] }: Case): (end: End) => string {
  return (end) => {
    const values = [...end.registers.slice(0, registers), ...cells.map((cell) => end.cells[cell])];
    return values.join(" ");
  };
}

/** All numbers with so many bits, but for some. */
function bitsExcept(bits: number, ...not: readonly string[]): string[] {
  const all = Array.from({ length: 2 ** bits }, (_, number) => [...number.toString(2).padStart(bits, "0")].join(" "));
  return all.filter((one) => !not.includes(one));
}

/** Both tasks store to their own cell and then load the other's; in between they do something. */
const storeBuffering = (...between: readonly (readonly Instruction[])[]): LitmusProgram =>
  onCpus([store(x, 1), ...(between[0] ?? []), load(0, y)], [store(y, 1), ...(between[1] ?? []), load(1, x)]);

/** Increments `data` unless the other one is there, too. */
const enter = (register: number, scratch: number): Instruction[] => [
  skipUnless(register, 0, 2),
  load(scratch, data),
  storeSum(data, scratch, 1),
];

const [storeBufferingSc, storeBufferingTso] = [["0 1", "1 0", "1 1"], ["0 0"]];

const cases: readonly Case[] = [
  {
    name: "SB: a load overtakes the store before it",
    program: storeBuffering(),
    registers: 2,
    sc: storeBufferingSc,
    tso: storeBufferingTso,
  },
  {
    name: "SB with a barrier in one task only",
    program: storeBuffering([barrier()]),
    registers: 2,
    sc: storeBufferingSc,
    tso: storeBufferingTso,
  },
  { name: "SB with barriers", program: storeBuffering([barrier()], [barrier()]), registers: 2, sc: storeBufferingSc },
  {
    name: "SB with locked operations on another cell",
    program: storeBuffering([add(2, z, 1)], [exchange(3, flag, 1)]),
    registers: 2,
    sc: storeBufferingSc,
  },
  {
    name: "SB with a compare-exchange that fails",
    program: storeBuffering([compareExchange(2, z, 1, 2)], [compareExchange(3, flag, 1, 2)]),
    registers: 2,
    sc: storeBufferingSc,
  },
  {
    name: "SB with wake-ups",
    program: storeBuffering([wake(2, z, 1)], [wake(3, flag, 1)]),
    registers: 2,
    sc: storeBufferingSc,
  },
  {
    name: "SB with interrupts sent",
    program: { ...storeBuffering([interrupt(0, 0)], [interrupt(1, 0)]), parts: [[]] },
    registers: 2,
    sc: storeBufferingSc,
  },
  {
    name: "SB with sequentially consistent stores",
    program: onCpus([storeOrdered(x, 1), load(0, y)], [storeOrdered(y, 1), load(1, x)]),
    registers: 2,
    sc: storeBufferingSc,
  },
  {
    name: "SB with 64-bit sequentially consistent stores",
    program: onCpus([storeOrdered64(x, 1), load64(0, y)], [storeOrdered64(y, 1), load64(1, x)]),
    registers: 2,
    sc: storeBufferingSc,
  },
  {
    name: "SB with exchanges for stores",
    program: onCpus([exchange(2, x, 1), load(0, y)], [exchange(3, y, 1), load(1, x)]),
    registers: 2,
    sc: storeBufferingSc,
  },
  {
    name: "SB by two tasks of one CPU",
    program: {
      tasks: [
        { cpu: 0, code: [store(x, 1), load(0, y)] },
        { cpu: 0, code: [store(y, 1), load(1, x)] },
      ],
    },
    registers: 2,
    sc: storeBufferingSc,
  },
  {
    name: "SB with loads of the own cells: a CPU sees its own stores before others do",
    program: onCpus([store(x, 1), load(0, x), load(1, y)], [store(y, 1), load(2, y), load(3, x)]),
    registers: 4,
    sc: ["1 0 1 1", "1 1 1 0", "1 1 1 1"],
    tso: ["1 0 1 0"],
  },
  {
    name: "MP: stores reach memory in order, and loads are performed in order",
    program: onCpus([store(x, 1), store(y, 1)], [load(0, y), load(1, x)]),
    registers: 2,
    sc: ["0 0", "0 1", "1 1"],
  },
  {
    name: "MP with an exchange for the second store",
    program: onCpus([store(x, 1), exchange(2, y, 1)], [load(0, y), load(1, x)]),
    registers: 2,
    sc: ["0 0", "0 1", "1 1"],
  },
  {
    name: "LB: no store overtakes a load before it",
    program: onCpus([load(0, x), store(y, 1)], [load(1, y), store(x, 1)]),
    registers: 2,
    sc: ["0 0", "0 1", "1 0"],
  },
  {
    name: "IRIW: all see two stores in the same order",
    program: onCpus([store(x, 1)], [store(y, 1)], [load(0, x), load(1, y)], [load(2, y), load(3, x)]),
    registers: 4,
    sc: bitsExcept(4, "1 0 1 0"),
  },
  {
    name: "IRIW with exchanges for stores",
    program: onCpus([exchange(4, x, 1)], [exchange(5, y, 1)], [load(0, x), load(1, y)], [load(2, y), load(3, x)]),
    registers: 4,
    sc: bitsExcept(4, "1 0 1 0"),
  },
  {
    name: "WRC: who passes on what it saw passes on what it followed",
    program: onCpus([store(x, 1)], [load(0, x), store(y, 1)], [load(1, y), load(2, x)]),
    registers: 3,
    sc: bitsExcept(3, "1 1 0"),
  },
  {
    name: "RWC: a store that others have seen, and a store that waits",
    program: onCpus([store(x, 1)], [load(0, x), load(1, y)], [store(y, 1), load(2, x)]),
    registers: 3,
    sc: bitsExcept(3, "1 0 0"),
    tso: ["1 0 0"],
  },
  {
    name: "CoRR: a cell's values are seen in order",
    program: onCpus([store(x, 1)], [load(0, x), load(1, x)]),
    registers: 2,
    sc: ["0 0", "0 1", "1 1"],
  },
  {
    name: "CoWW: a CPU's stores to a cell keep their order",
    program: onCpus([store(x, 1), store(x, 2)], [load(0, x), load(1, x)]),
    registers: 2,
    cells: [x],
    sc: ["0 0 2", "0 1 2", "0 2 2", "1 1 2", "1 2 2", "2 2 2"],
  },
  {
    name: "CoWR: who stores does not load what is older",
    program: onCpus([store(x, 1), load(0, x)], [store(x, 2)]),
    registers: 1,
    cells: [x],
    sc: ["1 1", "1 2", "2 2"],
  },
  {
    name: "CoRW: what was loaded is older than what is stored then",
    program: onCpus([load(0, x), store(x, 1)], [store(x, 2)]),
    registers: 1,
    cells: [x],
    sc: ["0 1", "0 2", "2 1"],
  },
  {
    name: "S: a store after a load that saw another one comes after that one",
    program: onCpus([store(x, 2), store(y, 1)], [load(0, y), store(x, 1)]),
    registers: 1,
    cells: [x],
    sc: ["0 1", "0 2", "1 1"],
  },
  {
    name: "R: a store that waits, and one that overwrites another",
    program: onCpus([store(x, 1), store(y, 1)], [store(y, 2), load(0, x)]),
    registers: 1,
    cells: [y],
    sc: ["0 1", "1 1", "1 2"],
    tso: ["0 2"],
  },
  {
    name: "2+2W: two pairs of stores",
    program: onCpus([store(x, 1), store(y, 2)], [store(y, 1), store(x, 2)]),
    registers: 0,
    cells: [x, y],
    sc: ["1 2", "2 1", "2 2"],
  },
  {
    name: "n4b: two loads, each before a store to the same cell",
    program: onCpus([load(0, x), store(x, 1)], [load(1, x), store(x, 2)]),
    registers: 2,
    sc: ["0 0", "0 1", "2 0"],
  },
  {
    name: "n5: two stores, each seen by its own CPU",
    program: onCpus([store(x, 1), load(0, x)], [store(x, 2), load(1, x)]),
    registers: 2,
    sc: ["1 1", "1 2", "2 2"],
  },
  {
    // The last outcome of TSO is that of the paper: the own store is seen, y is still 0, and x=2 is overwritten.
    name: "n6: the own store is seen before another CPU's that overtakes it",
    program: onCpus([store(x, 1), load(0, x), load(1, y)], [store(y, 2), store(x, 2)]),
    registers: 2,
    cells: [x],
    sc: ["1 0 2", "1 2 1", "1 2 2", "2 2 2"],
    tso: ["1 0 1"],
  },
  {
    name: "Dekker's entry: both may get in",
    program: onCpus([store(x, 1), load(0, y), ...enter(0, 2)], [store(y, 1), load(1, x), ...enter(1, 3)]),
    registers: 2,
    cells: [data],
    sc: ["0 1 1", "1 0 1", "1 1 0"],
    tso: ["0 0 1", "0 0 2"],
  },
  {
    name: "Dekker's entry with barriers: one at most gets in",
    program: onCpus(
      [store(x, 1), barrier(), load(0, y), ...enter(0, 2)],
      [store(y, 1), barrier(), load(1, x), ...enter(1, 3)],
    ),
    registers: 2,
    cells: [data],
    sc: ["0 1 1", "1 0 1", "1 1 0"],
  },
  {
    name: "a handler sees what waits in its CPU's store buffer",
    program: {
      ...onCpus([interrupt(0, 0), store(x, 1)], [store(y, 1), barrier(), load(2, x)]),
      parts: [[load(0, x), load(1, y)]],
    },
    registers: 3,
    sc: bitsExcept(3, "1 0 0"),
    tso: ["1 0 0"],
  },
  {
    name: "a CPU's next task finds the store buffer empty",
    program: {
      tasks: [
        { cpu: 0, code: [store(x, 1)] },
        { cpu: 0, code: [load(0, x), load(1, y)] },
        { cpu: 1, code: [store(y, 1), barrier(), load(2, x)] },
      ],
    },
    registers: 3,
    sc: bitsExcept(3, "1 0 0"),
  },
  {
    name: "a 64-bit store is not torn",
    program: onCpus([store64(x, 0x2_0000_0001)], [load64(0, x)]),
    registers: 1,
    sc: ["0", `${0x2_0000_0001}`],
  },
  {
    name: "two 64-bit stores do not mix",
    program: onCpus([store64(x, 0x2_0000_0001)], [store64(x, 0x4_0000_0003), load64(0, x)]),
    registers: 1,
    cells: [x, x + 1],
    sc: [`${0x4_0000_0003} 3 4`, `${0x4_0000_0003} 1 2`, `${0x2_0000_0001} 1 2`],
  },
  {
    name: "halves of a 64-bit store that waits are seen by its CPU, and by others together",
    program: onCpus([store64(x, 0x2_0000_0001), load(0, x + 1), load(1, x)], [load(2, x), load(3, x + 1)]),
    registers: 4,
    sc: ["2 1 0 0", "2 1 0 2", "2 1 1 2"],
  },
  {
    name: "a 64-bit load sees a half from the store buffer and one from memory",
    program: onCpus([store(x + 1, 5), load64(0, x)], [store(x, 7)]),
    registers: 1,
    sc: [`${0x5_0000_0000}`, `${0x5_0000_0007}`],
  },
  {
    name: "of two stores that wait, the newer one is seen, half by half",
    program: onCpus([store64(x, 0x2_0000_0001), store(x, 9), load64(0, x)], [load64(1, x)]),
    registers: 2,
    sc: [`${0x2_0000_0009} 0`, `${0x2_0000_0009} ${0x2_0000_0001}`, `${0x2_0000_0009} ${0x2_0000_0009}`],
  },
  {
    name: "64-bit locked operations carry into the upper half, and see the whole cell",
    program: onCpus(
      [store64(x, 0xffff_ffff), add64(0, x, 1), compareExchange64(1, x, 0x1_0000_0000, 3), exchange64(2, x, 4)],
      [load(3, x + 1)],
    ),
    registers: 4,
    cells: [x, x + 1],
    sc: ["0", "1"].map((seen) => `${0xffff_ffff} ${0x1_0000_0000} 3 ${seen} 4 0`),
  },
  {
    name: "two locked additions both count",
    program: onCpus([add(0, x, 1)], [add(1, x, 1)]),
    registers: 2,
    cells: [x],
    sc: ["0 1 2", "1 0 2"],
  },
  {
    name: "of two additions by load and store, one may be lost",
    program: onCpus([load(0, x), storeSum(x, 0, 1)], [load(1, x), storeSum(x, 1, 1)]),
    registers: 2,
    cells: [x],
    sc: ["0 0 1", "0 1 2", "1 0 2"],
  },
  {
    name: "under a lock none is lost",
    program: onCpus(
      [acquire(lock), load(0, x), storeSum(x, 0, 1), release(lock)],
      [acquire(lock), load(1, x), storeSum(x, 1, 1), release(lock)],
    ),
    registers: 2,
    cells: [x, lock],
    sc: ["0 1 2 0", "1 0 2 0"],
  },
];

describe.each(cases.map((one) => [one.name, one] as const))("%s", (_name, one) => {
  const matrix = memoryModels.flatMap((model) => searches.map((search) => [model, search.name, search] as const));
  const expected: Readonly<Record<MemoryModel, readonly string[]>> = {
    sc: [...one.sc].sort(),
    tso: [...one.sc, ...(one.tso ?? [])].sort(),
  };

  test.each(matrix)("under %s, %s", (model, _search, { reduction, search }) => {
    const machine = new LitmusMachine(litmus, one.program, { model, reduction }, describeEnd(one));
    const { outcome, finding } = explore(machine, search);
    expect({ outcome, finding }).toEqual({ outcome: "exhausted", finding: undefined });
    expect([...machine.ends].sort()).toEqual(expected[model]);
  });
});
