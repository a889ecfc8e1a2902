// Variants that compute more than they have to.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { gate } from "../../bench/gate.ts";
import { compileModule } from "../../src/build/compile.ts";
import { variantsOf } from "../../src/cli/compare-native.ts";
import { Slowed, withLoop } from "../../src/cli/slowed.ts";

const folder = mkdtempSync(path.join(tmpdir(), "slowed-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the source", () => {
  const source = `export function other(): void {}

export function put(cache: usize, object: usize): bool {
  return true;
}
`;

  test("has the loop at the beginning of the function, and is otherwise as it was", () => {
    const made = withLoop(source, { name: "put", every: 64 }, 12)!;
    expect(made).toContain(
      "export function put(cache: usize, object: usize): bool {\n  computeMore();\n  return true;\n}",
    );
    expect(made.replace("  computeMore();\n", "").startsWith(source)).toBe(true);
    expect(made).toContain("step < 12;");
  });

  test("cannot be slowed where it does not have the function", () => {
    expect(withLoop(source, { name: "reduce", every: 64 }, 12)).toBeNull();
  });
});

describe("every gated metric of the suite can be slowed in its first variant:", () => {
  const rows = gate.rows.flatMap((row) =>
    row.metrics
      .filter(({ isGated }) => isGated)
      .map(({ metric }) => ({ row, metric, name: `${row.problem} ${metric}` })),
  );
  // Rows with several CPUs have the same code.
  test.each(rows.filter(({ row }) => row.cpus === 1))("$name", { timeout: 120_000 }, async ({ row, metric }) => {
    const [variant] = variantsOf(row);
    const slowed = await Slowed.of(folder, row.problem, variant!, metric);
    const { name, constants } = variant!;
    const before = await compileModule({ problem: row.problem, variant: name, machine: "native", constants });
    const [some, more] = [await slowed!.compile(5), await slowed!.compile(6)];
    // The number of steps is one byte of the code.
    expect(some.wasm).toHaveLength(more.wasm.length);
    expect([...some.wasm].filter((byte, index) => byte !== more.wasm[index])).toEqual([5]);
    expect(some.wasm.length).toBeGreaterThan(before.wasm.length);
  });
});

test("a metric that is not the gate's cannot be slowed", async () => {
  const [variant] = variantsOf(gate.rows[0]!);
  expect(await Slowed.of(folder, "quarantine", variant!, "none")).toBeNull();
});
