// Looks before hours of work whether their result can be written.

import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { InputError } from "../errors.ts";

/**
 * Refuses a folder that cannot be written. One that does not exist is made when it is needed.
 *
 * @param out what the user has named, be it a file in the folder
 * @throws {InputError} with the reason
 */
export async function checkWritable(folder: string, out: string = folder): Promise<void> {
  let existing = path.resolve(folder);
  while (!existsSync(existing)) existing = path.dirname(existing);
  try {
    const probe = path.join(existing, `.reclaim-bench-${process.pid}`);
    await writeFile(probe, "");
    await rm(probe);
  } catch (error) {
    throw new InputError(`--out ${out}: cannot write in ${existing} (${(error as NodeJS.ErrnoException).code})`);
  }
}
