// The kernel's formulas of the quarantine's sizes, against numbers worked out from mm/kasan/quarantine.c by hand. The
// fourth is the machine of the report "Memory cgroup quarantine livelock", whose `quarantine_batch_size` was printed.

import { expect, test } from "vitest";
import { compileModule } from "../../src/build/compile.ts";
import { OneCpu } from "./one-cpu.ts";

const gibibyte = 2 ** 30;

/** N is max(1024, 4 x CONFIG_NR_CPUS); it reaches the formulas as LAB_BATCHES. */
const vectors = [
  { ramBytes: 4 * gibibyte, online: 4, n: 1024, total: 134_217_728, max: 130_023_424, batch: 1_048_576 },
  { ramBytes: 32 * gibibyte, online: 4, n: 1024, total: 1_073_741_824, max: 1_069_547_520, batch: 2_097_152 },
  { ramBytes: 118_028_566_528, online: 40, n: 2048, total: 3_688_392_704, max: 3_646_449_664, batch: 3_601_946 },
  { ramBytes: 128 * gibibyte, online: 32, n: 1024, total: 4_294_967_296, max: 4_261_412_864, batch: 8_388_608 },
  { ramBytes: 256 * gibibyte, online: 48, n: 1024, total: 8_589_934_592, max: 8_539_602_944, batch: 16_777_216 },
  { ramBytes: 1024 * gibibyte, online: 4096, n: 16_384, total: 34_359_738_368, max: 30_064_771_072, batch: 4_194_304 },
  // The CPUs' queues alone are more than the whole quarantine: Linux holds nothing back globally, and does not wrap.
  { ramBytes: 64 * 2 ** 20, online: 4, n: 1024, total: 2_097_152, max: 0, batch: 1_048_576 },
] as const;

async function formulasWith(batches: number): Promise<OneCpu["exports"]> {
  const constants = { LAB_BATCHES: batches };
  // Any variant has them; the floor needs no memory for its batches.
  const compiled = await compileModule({ problem: "quarantine", variant: "floor", machine: "native", constants });
  return new OneCpu(compiled, { form: "native" }).exports;
}

test.each(vectors)(
  "$ramBytes bytes of RAM with $online CPUs give a limit of $max bytes and batches of $batch",
  async ({ ramBytes, online, n, total, max, batch }) => {
    const formulas = await formulasWith(n);
    const ramPages = ramBytes / 4096;
    expect(Number.isInteger(ramPages)).toBe(true);
    expect(formulas.sizingTotal(ramPages)).toBe(total);
    expect(formulas.sizingMax(ramPages, online)).toBe(max);
    expect(formulas.sizingBatch(ramPages)).toBe(batch);
  },
);
