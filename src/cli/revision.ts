// Another revision's code under test, unpacked where nothing of the work tree is touched.

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { InputError } from "../errors.ts";
import { packageRoot } from "../package-root.ts";
import { git } from "../records/environment.ts";
import { suitesOf } from "./options.ts";

/** The code of a revision. */
export interface Revision {
  /** As the user named it. */
  readonly name: string;
  /** Its full hash. */
  readonly commit: string;
  /** Its `src/kernel`. */
  readonly kernelFolder: string;
  /** Removes it from the disk. */
  close(): Promise<void>;
}

/**
 * Unpacks the code under test of a revision into a temporary folder.
 *
 * @param project the project's folder in its checkout
 * @returns null when git knows no such revision, or there is no git, or no checkout
 * @throws {InputError} when the revision has no code under test
 */
export async function openRevision(name: string, project = packageRoot): Promise<Revision | null> {
  const commit = await git(project, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`]).catch(
    () => null,
  );
  if (commit === null) return null;
  const folder = await mkdtemp(path.join(os.tmpdir(), "reclaim-bench-revision-"));
  try {
    const archive = path.join(folder, "kernel.tar");
    await git(project, ["archive", "--format=tar", "--output", archive, commit, "src/kernel"]).catch(() => {
      throw new InputError(`--base ${name}: revision ${commit.slice(0, 12)} has no src/kernel`);
    });
    await promisify(execFile)("tar", ["-xf", archive, "-C", folder]);
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
  const kernelFolder = path.join(folder, "src", "kernel");
  return { name, commit, kernelFolder, close: () => rm(folder, { recursive: true }) };
}

/** Whether a revision has a variant. */
export function hasVariant({ kernelFolder }: Revision, problem: string, variant: string): boolean {
  return existsSync(path.join(kernelFolder, problem, `${variant}.ts`));
}

/** Names that a file of the kernel exports. */
function exportsOf(text: string): ReadonlySet<string> {
  const own = [...text.matchAll(/^export (?:function|const) (\w+)/gm)].map(([, name]) => name!);
  const passedOn = [...text.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, list]) =>
    list!.split(",").map(
      (one) =>
        one
          .trim()
          .split(/\s+as\s+/)
          .at(-1)!,
    ),
  );
  return new Set([...own, ...passedOn]);
}

/**
 * Names of variants that a revision has and the present suite has not. A variant is a file that exports what the revision's
 * contract of the problem takes from one.
 */
export function lostVariants({ kernelFolder }: Revision, problem: string): string[] {
  const folder = path.join(kernelFolder, problem);
  const contract = path.join(folder, "contract.ts");
  if (!existsSync(contract)) return [];
  const [, list = ""] = /^import \{([^}]*)\} from "\.\/impl"/m.exec(readFileSync(contract, "utf8")) ?? [];
  const wanted = list.split(",").flatMap((one) => one.trim() || []);
  if (wanted.length === 0) return [];
  const present = new Set(suitesOf([problem]).flatMap(({ variants }) => variants.map(({ name }) => name)));
  const files = readdirSync(folder).filter((file) => file.endsWith(".ts") && !present.has(path.basename(file, ".ts")));
  const lost = files.filter((file) => {
    const exported = exportsOf(readFileSync(path.join(folder, file), "utf8"));
    return wanted.every((name) => exported.has(name));
  });
  return lost.map((file) => path.basename(file, ".ts")).sort();
}

/** An error of compiling a revision's code, told with the revision instead of the folder that it was unpacked to. */
export function asOfRevision({ name, kernelFolder }: Revision, error: unknown): unknown {
  if (!(error instanceof InputError) || !error.message.includes(kernelFolder)) return error;
  const message = error.message.replaceAll(kernelFolder, `${name}:src/kernel`);
  return new InputError(`--base ${name}: its variants do not fit the present harness: ${message}`);
}
