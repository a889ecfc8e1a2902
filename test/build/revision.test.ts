// Variants of another revision, compiled with this one's harness.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CompiledModule, compileModule, kernelFolder } from "../../src/build/compile.ts";
import { InputError } from "../../src/errors.ts";

let other: string;
beforeEach(() => {
  other = mkdtempSync(path.join(tmpdir(), "revision-"));
  cpSync(kernelFolder, other, { recursive: true });
});
afterEach(() => rmSync(other, { recursive: true }));

const timeout = 60_000;
const variant = "srcu";
const source = { problem: "shrinker", variant, machine: "traced", constants: { LAB_HZ: 1000 } } as const;

function compileOther(): Promise<CompiledModule> {
  return compileModule({ ...source, kernelFolder: other });
}

function edit(file: string, change: (text: string) => string): void {
  const before = readFileSync(path.join(other, file), "utf8");
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(path.join(other, file), after);
}

test("the same sources are the same module", { timeout }, async () => {
  expect((await compileOther()).sha256).toBe((await compileModule(source)).sha256);
});

test.each(["shrinker/srcu.ts", "shrinker/region.ts", "sync/spin-lock.ts"])(
  "%s is taken from the other revision",
  { timeout },
  async (file) => {
    edit(file, (text) => `${text}\nthis does not compile;\n`);
    const error = await compileOther().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(new RegExp(`^${path.join(other, file)}:\\d+:\\d+: `));
  },
);

test.each(["shrinker/harness.ts", "shrinker/counters.ts", "machine/traced.ts", "crew.ts"])(
  "%s is not: the host relies on it",
  { timeout },
  async (file) => {
    edit(file, (text) => `${text}\nthis does not compile;\n`);
    expect((await compileOther()).sha256).toBe((await compileModule(source)).sha256);
  },
);

test("a variant that does not keep this revision's contract is told so, with its own path", { timeout }, async () => {
  edit("shrinker/srcu.ts", (text) => text.replace("export function unregister(", "function unregisterOf("));
  await expect(compileOther()).rejects.toThrow(
    new InputError(
      `${path.join(other, "shrinker/srcu.ts")}: export 'unregister' is missing; the contract is in src/kernel/shrinker/contract.ts`,
    ),
  );
});
