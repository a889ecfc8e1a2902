// A small counted run, with a variant of the user's, made once for a test file that compares; each test has a copy.

import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, beforeEach, expect } from "vitest";
import { packageRoot } from "../../src/package-root.ts";
import { call, newOut } from "./program.ts";

export const timeout = 120_000;
/** A variant of the user's, in a file that the tests edit. */
export let mine: string;
export let original: string;
/** Where the run is, for what else a test file saves of it before its tests; each of them has a copy. */
export let saved: string;
export let runId: string;
/** The test's copy. */
export let out: string;

const small = ["--workload", "metadata-commits", "--set", "transactions=6", "--set", "items=8"];

beforeAll(async () => {
  saved = newOut();
  original = readFileSync(path.join(packageRoot, "src/kernel/cil/shadow-buffers.ts"), "utf8");
  mine = path.join(saved, "my-buffers.ts");
  writeFileSync(mine, original);
  const variants = ["--variant-file", mine, "--variant", "floor"];
  const counted = ["--quick", "--no-check", "--instrument", "traced", ...variants, ...small];
  expect((await call(["run", "cil", ...counted, "--out", saved])).code).toBe(0);
  [runId = ""] = readdirSync(path.join(saved, "results"));
}, timeout);

beforeEach(() => {
  writeFileSync(mine, original);
  out = newOut();
  cpSync(path.join(saved, "results"), path.join(out, "results"), { recursive: true });
});

/** Changes a file as text; it has to be another one then. */
export function edit(file: string, change: (text: string) => string): void {
  const before = readFileSync(file, "utf8");
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(file, after);
}
