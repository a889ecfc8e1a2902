// Reads the project's own JSON files, and says of a bad one what is wrong in one line.

import { readFile } from "node:fs/promises";
import { z } from "zod";
import { InputError } from "../errors.ts";

const versioned = z.object({ schemaVersion: z.int() });

/**
 * Reads and checks a file whose field `schemaVersion` says what form it has.
 *
 * @param version the only one that `schema` takes
 * @throws {InputError} with file and field: no such file, not JSON, of another version, a field missing, unknown or of
 *   the wrong type
 */
export async function readJsonFile<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  version = 1,
): Promise<z.infer<Schema>> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${file}: ${error.code === "ENOENT" ? "no such file" : `cannot be read (${error.code})`}`);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file}: not JSON: ${(error as Error).message}`);
  }
  const found = versioned.safeParse(json);
  // A file without a version is told below which fields it lacks.
  if (found.success && found.data.schemaVersion !== version) {
    const age = found.data.schemaVersion < version ? "an older" : "a newer";
    throw new InputError(
      `${file}: written by ${age} version of reclaim-bench (schemaVersion ${found.data.schemaVersion}; this one reads ${version})`,
    );
  }
  const result = schema.safeParse(json);
  if (!result.success) throw new InputError(`${file}: ${firstIssue(result.error)}`);
  return result.data;
}

/** What is wrong first, with its field, and how much more there is. */
export function firstIssue({ issues }: z.ZodError): string {
  const { path, message } = issues[0]!;
  const field = path.length === 0 ? "the whole file" : `field '${path.join(".")}'`;
  const more = issues.length === 1 ? "" : ` (and ${issues.length - 1} more)`;
  return `${field}: ${message}${more}`;
}
