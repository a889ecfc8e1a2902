#!/usr/bin/env node
// The program itself: the process's streams, its interrupt, its exit code.

import { processIo } from "./io.ts";
import { main } from "./main.ts";

const controller = new AbortController();
process.once("SIGINT", () => {
  // A second interrupt ends the process at once.
  controller.abort();
  process.stderr.write("\nstopping after the present batch; interrupt again to stop at once\n");
});
// A reader that goes away, such as `head`, is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});
process.exitCode = await main(process.argv.slice(2), processIo(), controller.signal);
