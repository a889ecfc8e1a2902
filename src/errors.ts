// Errors that come from the user, as against failures of the harness itself.

/** Bad input or wrong use: one clear line that names file, line and field. The command line turns it into exit code 2. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** The user stopped the run. What was measured up to then is real but incomplete. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}
