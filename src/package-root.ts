// Finds the folder that holds package.json, from `src/` as well as from `dist/src/`.

import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

function findPackageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, "package.json"))) {
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error("package.json not found above the running code");
    folder = parent;
  }
  return folder;
}

/** Absolute path of the installed project. */
export const packageRoot = findPackageRoot();
