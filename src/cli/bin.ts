#!/usr/bin/env node
// The program itself: the process's streams, what stops it, its exit code.

import { processIo } from "./io.ts";
import { main } from "./main.ts";

const controller = new AbortController();
// What is half made is removed or made resumable whoever stops us: a user, `timeout`, a job scheduler, a closed terminal.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    // A second signal of the kind ends the process at once.
    controller.abort();
    process.stderr.write("\nstopping after the present batch; interrupt again to stop at once\n");
  });
}
// A reader that goes away, such as `head`, is no failure of ours, nor is a terminal that was closed.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
}
process.exitCode = await main(process.argv.slice(2), processIo(), controller.signal);
