// Errors that are the user's to mend, as against failures of the harness itself.

/** Bad input or wrong use: one clear line that names file, line and field. The command line turns it into exit code 2. */
export class InputError extends Error {
  override readonly name = "InputError";
}
