// An example for any project with Vitest: a test that fails when a function became slower. Here it did.

import { compare } from "reclaim-bench";
import { expect, test } from "vitest";

test("a list makes the count of words slower", { timeout: 300_000 }, async () => {
  const result = await compare({
    base: { module: new URL("./before.mjs", import.meta.url), export: "distinctWords" },
    head: { module: new URL("./after.mjs", import.meta.url), export: "distinctWords" },
    // Small, for an example; the defaults find smaller differences.
    ...{ processes: 7, rounds: 20, epochMs: 1, warmupMs: 20, canary: false },
  });
  // Where nothing may become slower: expect(result.verdict, result.reason).not.toBe("regressed").
  expect(result.verdict, result.reason).toBe("regressed");
});
