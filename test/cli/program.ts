// The program called as a user would, with a temporary folder for what it reads and writes.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import type { Io } from "../../src/cli/io.ts";
import { main } from "../../src/cli/main.ts";

/** A folder that is removed when the test file ends. */
export let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "main-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A new folder for `--out`. */
export function newOut(): string {
  return mkdtempSync(path.join(folder, "out-"));
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Calls the program. Its clock goes on by ten seconds at every look, so that progress is always told.
 *
 * @param stopAt text on standard error at which the user interrupts
 */
export async function call(argv: readonly string[], stopAt?: string): Promise<Outcome> {
  const controller = new AbortController();
  let stdout = "";
  let stderr = "";
  let looks = 0;
  const io: Io = {
    write: (text) => {
      stdout += text;
    },
    warn: (text) => {
      stderr += text;
      if (stopAt !== undefined && text.includes(stopAt)) controller.abort();
    },
    clock: () => new Date(Date.UTC(2025, 0, 31) + 10_000 * looks++),
    // A terminal is told when a case begins, not only when it has ended.
    isTerminal: stopAt !== undefined,
    columns: 200,
  };
  return { code: await main(argv, io, controller.signal), stdout, stderr };
}

/** Lines on standard error that are no progress. */
export function complaints(stderr: string): string[] {
  return stderr.split("\n").filter((line) => line !== "" && !/^\d+% /.test(line));
}

/** Writes a file and returns its path. */
export function file(name: string, content: string | Uint8Array): string {
  const made = path.join(mkdtempSync(path.join(folder, "input-")), name);
  writeFileSync(made, content);
  return made;
}

/** A workload as `save` writes it. */
export async function savedWorkload(settings: readonly string[], seed = "1"): Promise<string> {
  const saved = path.join(mkdtempSync(path.join(folder, "input-")), "workload.bin");
  const { code, stdout } = await call(["save", "libvirt-teardown", saved, ...set(settings), "--seed", seed]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/ events, sha256 [0-9a-f]{64}\n$/)]);
  return saved;
}

export function set(settings: readonly string[]): string[] {
  return settings.flatMap((setting) => ["--set", setting]);
}

export const smallest = [
  "guests=1",
  "quarantine-bytes=2097152",
  "churn-cycles=0",
  "background-objects=1000",
  "churn-batch=256",
];

export const teardown = ["--workload", "libvirt-teardown"];
