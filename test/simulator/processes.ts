// Performs jobs in fresh processes, with this Node.js or another one.

import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { JobOutcome, SimulationJob } from "../../src/simulator/job.ts";

const script = path.join(path.dirname(fileURLToPath(import.meta.url)), "job-process.mjs");

/** Outcomes of jobs, performed one after the other in a process of their own. */
export async function runProcess(
  jobs: readonly SimulationJob[],
  { node = process.execPath, flags = [] }: { readonly node?: string; readonly flags?: readonly string[] } = {},
): Promise<JobOutcome[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "reclaim-bench-processes-"));
  try {
    const jobsFile = path.join(folder, "jobs.json");
    const outFile = path.join(folder, "out.json");
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
    writeFileSync(
      jobsFile,
      JSON.stringify(
        jobs.map((job) => ({
          ...job,
          core: text(job.core),
          compiled: { ...job.compiled, wasm: text(job.compiled.wasm) },
        })),
      ),
    );
    await promisify(execFile)(node, [...flags, script, jobsFile, outFile]);
    return JSON.parse(readFileSync(outFile, "utf8")) as JobOutcome[];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What a file says with `--version` if it is a Node.js that the project runs on, such as `v22.1.0`. */
function versionOf(file: string): string | null {
  try {
    const version = execFileSync(file, ["--version"], { encoding: "utf8" }).trim();
    const [, major, minor] = /^v(\d+)\.(\d+)\.\d+$/.exec(version) ?? [];
    return Number(major) > 20 || (Number(major) === 20 && Number(minor) >= 19) ? version : null;
  } catch {
    return null;
  }
}

/**
 * A Node.js of another version than this one: what `RECLAIM_BENCH_NODE` names, or else the first that lies in `PATH` or
 * where version managers keep theirs; null when there is none.
 *
 * @throws {Error} when `RECLAIM_BENCH_NODE` names something else
 */
export function otherNode(): { readonly file: string; readonly version: string } | null {
  const named = process.env.RECLAIM_BENCH_NODE;
  if (named !== undefined && named !== "") {
    const version = versionOf(named);
    if (version === null) throw new Error(`RECLAIM_BENCH_NODE: '${named}' is not a Node.js from 20.19 on`);
    return { file: named, version };
  }
  const inFolders = (root: string, ...rest: readonly string[]): string[] =>
    existsSync(root) ? readdirSync(root).map((name) => path.join(root, name, ...rest)) : [];
  const home = os.homedir();
  const candidates = [
    ...(process.env.PATH ?? "").split(path.delimiter).map((folder) => path.join(folder, "node")),
    ...inFolders(path.join(process.env.NVM_DIR ?? path.join(home, ".nvm"), "versions", "node"), "bin", "node"),
    ...inFolders(path.join(home, ".volta", "tools", "image", "node"), "bin", "node"),
    ...inFolders(path.join(home, ".local", "share", "fnm", "node-versions"), "installation", "bin", "node"),
  ];
  for (const file of candidates.filter((candidate) => existsSync(candidate))) {
    const version = versionOf(file);
    if (version !== null && version !== process.version) return { file, version };
  }
  return null;
}
