// Builds before the tests where the build is older than the sources: some code runs in threads, for which it is taken
// from the build, because Node.js 20 cannot load TypeScript there.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { packageRoot } from "../src/package-root.ts";

const built = ["src", "bench"];
/** In these, only what others import is built. */
const inPart = /^src\/(kernel|simulator\/core)\//;

function isOutdated(file: string): boolean {
  const made = path.join(packageRoot, "dist", file.replace(/\.ts$/, ".js"));
  if (!existsSync(made)) return !inPart.test(file);
  return statSync(made).mtimeMs < statSync(path.join(packageRoot, file)).mtimeMs;
}

/** Run by vitest before everything else. */
export default function buildWhereOutdated(): void {
  const files = built
    .flatMap((folder) =>
      readdirSync(path.join(packageRoot, folder), { recursive: true, encoding: "utf8" }).map((name) =>
        path.posix.join(folder, name.split(path.sep).join("/")),
      ),
    )
    .filter((file) => /\.(ts|mjs)$/.test(file) && !file.endsWith(".d.ts"));
  if (!files.some(isOutdated)) return;
  const compiler = path.join(packageRoot, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", packageRoot], { encoding: "utf8" });
  // The type check is a check of its own; what it complains about has been built all the same.
  if (status !== 0) console.warn(stdout);
}
