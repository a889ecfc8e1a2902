import { cpus } from "node:os";
import { expect, test } from "vitest";
import { parseRunning, watchMachine } from "../../src/native/machine-watch.ts";

/** A text of /proc/stat: busy ticks, stolen ones, runnable tasks. */
function stat(user: number, steal: number, running: number): string {
  return `cpu  ${user} 0 0 1000 0 0 0 ${steal} 0 0\ncpu0 1 0 0 1 0 0 0 0 0 0\nctxt 5\nprocs_running ${running}\nprocs_blocked 0\n`;
}

test("the runnable tasks are those of the others, per core", async () => {
  const watch = await watchMachine(async () => stat(100, 0, 1 + 3 * cpus().length));
  expect(watch.loadPerCore).toBe(3);
  expect(watch.limits.loadPerCore).toBe(1.5);
});

test("steal is that since the watch began", async () => {
  let text = stat(1000, 500, 1);
  const watch = await watchMachine(async () => text);
  text = stat(1090, 510, 1);
  expect(await watch.stealShare()).toBeCloseTo(0.1, 12);
});

test("a system that does not tell is not guessed about", async () => {
  const watch = await watchMachine(async () => "");
  expect(watch.loadPerCore).toBeNull();
  expect(await watch.stealShare()).toBeNull();
  expect(parseRunning("procs_running many")).toBeNull();
});
