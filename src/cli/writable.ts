// Looks before hours of work whether their result can be written.

import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../errors.ts";

/**
 * Refuses a folder that cannot be written. One that does not exist is made when it is needed.
 *
 * @param out what the user has named, be it a file in the folder
 * @param option by which it was named
 * @throws {InputError} with the reason
 */
export async function checkWritable(folder: string, out: string = folder, option = "--out"): Promise<void> {
  let existing = path.resolve(folder);
  while (!existsSync(existing)) existing = path.dirname(existing);
  try {
    const probe = path.join(existing, `.reclaim-bench-${process.pid}`);
    await writeFile(probe, "");
    await rm(probe);
  } catch (error) {
    throw new InputError(`${option} ${out}: cannot write in ${existing} (${(error as NodeJS.ErrnoException).code})`);
  }
}
