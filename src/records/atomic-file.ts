// Writes a file whole or not at all: a reader, or a machine that lost power, sees the old content or the new one.

import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Writes a text file in UTF-8, replacing one that exists. The text goes to a hidden file in the same folder, which
 * is forced to disk and renamed; on failure it is removed, and an existing file stays as it was.
 *
 * @throws the system's error: folder missing, no permission, disk full
 */
export async function writeTextFile(file: string, text: string): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const handle = await open(temporary, "wx");
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await renameForGood(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Writes a value as JSON, indented by two and ended by a newline; otherwise as {@link writeTextFile}.
 *
 * @throws {TypeError} before anything is written, when the value has no JSON form (undefined, cyclic, bigint)
 */
export async function writeJsonFile(file: string, value: unknown): Promise<void> {
  const text: string | undefined = JSON.stringify(value, null, 2);
  if (text === undefined) throw new TypeError(`${file}: a ${typeof value} has no JSON form`);
  await writeTextFile(file, `${text}\n`);
}

/** Renames within a folder and forces the folder to disk, so that the new name survives a loss of power. */
export async function renameForGood(from: string, to: string): Promise<void> {
  await rename(from, to);
  // A folder cannot be opened on Windows, and not synced on some file systems: the rename itself has happened.
  const folder = await open(dirname(to), "r").catch(() => null);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
