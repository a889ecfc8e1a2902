// What a command may do to the world besides files: print, warn, ask the time. Tests pass their own.

export interface Io {
  /** Results, to standard output. */
  write(text: string): void;
  /** Warnings, errors and progress, to standard error. */
  warn(text: string): void;
  /** The present time. */
  clock(): Date;
  /** Whether a line written by `warn` can be redrawn: standard error is a terminal, and this is no CI job. */
  readonly isTerminal: boolean;
  /** Width of that terminal in characters; 80 where there is none. */
  readonly columns: number;
}

/** The process's own streams and clock. */
export function processIo(): Io {
  return {
    write: (text) => void process.stdout.write(text),
    warn: (text) => void process.stderr.write(text),
    clock: () => new Date(),
    isTerminal: process.stderr.isTTY === true && !process.env.CI,
    get columns() {
      return process.stderr.columns || 80;
    },
  };
}
