// One side of the comparison: a child process that holds its own quarantine and answers commands, one line each.
// `quarantine.c` and `wasm-side.ts` understand the same commands.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Range } from "./program.ts";

/** Which program a side runs: the quarantine, or the interpreter of events alone. */
export type SideKind = "quarantine" | "floor";

export class Side {
  readonly name: string;
  readonly kind: SideKind;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(name: string, kind: SideKind, command: readonly string[]) {
    this.name = name;
    this.kind = kind;
    const [program = "", ...parameters] = command;
    this.#child = spawn(program, parameters, { stdio: ["pipe", "pipe", "inherit"] });
    // A side that died is noticed where its answer is missing.
    this.#child.stdin?.on("error", () => {});
    if (this.#child.stdout === null) throw new Error(`${name}: no output`);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Sends one command and waits for what follows the `ok` of its answer.
   *
   * @throws {Error} when the side answers something else, or has ended
   */
  async ask(command: string): Promise<string> {
    this.#child.stdin?.write(`${command}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`${this.name}: ended while it should '${command}'`);
    if (value !== "ok" && !value.startsWith("ok ")) throw new Error(`${this.name}: '${command}': ${value}`);
    return value.slice(3);
  }

  /** Runs a range of the loaded events and returns the nanoseconds that it took. */
  async run(range: Range): Promise<number> {
    const ns = Number(await this.ask(`run ${range.first} ${range.end}`));
    if (this.kind === "floor") await this.ask(`settle ${range.first} ${range.end}`);
    return ns;
  }

  /** Ends the process and waits until it has. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin?.end();
    await ended;
  }
}
