import { defineConfig } from "vitest/config";

// `dist` holds compiled copies of the tests, which are not to run a second time.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "docs/examples/**/*.test.ts"],
    globalSetup: ["test/up-to-date.ts"],
    testTimeout: 60_000,
    // By default one CPU is left for the user interface, which on two of them doubles the time.
    maxWorkers: "100%",
  },
});
