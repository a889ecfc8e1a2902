// Errors that come from the user, as against failures of the harness itself.

/** Bad input or wrong use: one clear line that names file, line and field. The command line turns it into exit code 2. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** A variant did what no variant may do. Its numbers are void; the command line turns it into exit code 4. */
export class ViolationError extends Error {
  override readonly name = "ViolationError";
}

/** A trap of a variant as a violation; any other error as it is. */
export function asViolation(variant: string, error: unknown): Error {
  if (error instanceof WebAssembly.RuntimeError)
    return new ViolationError(`variant '${variant}': trapped: ${error.message}`);
  return error instanceof Error ? error : new Error(String(error));
}

/** @throws {ViolationError} when a variant left objects in caches that it said were empty */
export function checkLeftBehind(variant: string, objects: number): void {
  if (objects === 0) return;
  throw new ViolationError(
    `variant '${variant}': removeCache left ${objects} objects in caches that were then destroyed`,
  );
}

/** The user stopped the run. What was measured up to then is real but incomplete. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}
