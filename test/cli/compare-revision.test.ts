// Exact comparisons with another revision's kernel: what its run was told to measure, and what only one of them has.

import { cpSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { kernelFolder } from "../../src/build/compile.ts";
import { compareExactly, type ExactOutcome } from "../../src/cli/compare-exact.ts";
import { openRun } from "../../src/cli/sides.ts";
import { edit, out, runId, timeout } from "./compared.ts";
import { newOut } from "./program.ts";

describe("a comparison with a revision", { timeout }, () => {
  function edited(option: string, value: string): void {
    edit(path.join(out, "results", runId, "run.json"), (text) =>
      text.replace(new RegExp(`"${option}": [^\\n]*?(,?)\\n`), `"${option}": ${value}$1\n`),
    );
  }

  async function compareWith(kernel: string, variants: readonly string[] = []): Promise<ExactOutcome> {
    const revision = { name: "HEAD", commit: "0".repeat(40), kernelFolder: kernel, close: async () => {} };
    const quiet = { write: () => {}, warn: () => {}, clock: () => new Date(), isTerminal: false, columns: 80 };
    return await compareExactly(
      { kind: "revision", label: "HEAD", revision },
      await openRun(runId, out),
      { problems: ["cil"], variants, budgets: [], workers: 1, out, command: "compare" },
      quiet,
      new AbortController().signal,
    );
  }

  test("counts what its check does, too, and checks its own code", async () => {
    edited("check", "true");
    const statesOf = async (kernel: string): Promise<readonly number[]> => {
      const { exact } = await compareWith(kernel, ["floor"]);
      const checked = exact.rows.filter(({ variant, instrument }) => variant === "floor" && instrument === "checker");
      // The candidate's run was made without.
      expect(new Set(checked.map(({ change }) => change))).toEqual(new Set(["gone"]));
      return checked.flatMap(({ metric, base }) => (metric === "check-states" ? [base!.sum] : []));
    };
    const kernel = path.join(newOut(), "kernel");
    cpSync(kernelFolder, kernel, { recursive: true });
    edit(path.join(kernel, "cil/floor.ts"), (text) =>
      text
        .replace(
          "import { releaseItems",
          'import { readUnlock } from "../sync/rwsem";\nimport { lockContext, releaseItems',
        )
        .replace(
          '"./commit";',
          '"./commit";\nimport { contextLock } from "./context";\nimport { taskOf } from "./region";',
        )
        .replace(
          "  releaseItems(",
          "  lockContext(taskOf(transaction));\n  readUnlock(contextLock());\n  releaseItems(",
        ),
    );
    const [present, changed] = [await statesOf(kernelFolder), await statesOf(kernel)];
    expect(present.length).toBeGreaterThan(0);
    expect(changed).toHaveLength(present.length);
    expect(changed).not.toEqual(present);
  });

  test("does not miss a variant that its run was not told to measure", async () => {
    const kernel = path.join(newOut(), "kernel");
    cpSync(kernelFolder, kernel, { recursive: true });
    cpSync(path.join(kernel, "cil/shadow-buffers.ts"), path.join(kernel, "cil/lost-buffers.ts"));
    const { exact, base, warnings } = await compareWith(kernel);
    expect(base.run.modules.map(({ variant }) => variant)).not.toContain("lost-buffers");
    expect(exact.rows.filter(({ change }) => change === "gone")).toEqual([]);
    expect(warnings.filter((text) => text.includes("lost-buffers"))).toEqual([]);
  });

  test("whose sizes have changed is told what helps against a revision", async () => {
    const table = path.join(out, "results", runId, "records.csv");
    edit(table, (text) => text.replaceAll(" transactions=6", " transactions=5"));
    const { warnings } = await compareWith(kernelFolder, ["floor"]);
    expect(warnings.join()).toMatch(/sizes have changed.*merge all the same.*--exit-zero/);
    expect(warnings.join()).not.toContain("baseline save");
  });

  test("that fails in the revision alone is told, as nothing is left to compare", async () => {
    const kernel = path.join(newOut(), "kernel");
    cpSync(kernelFolder, kernel, { recursive: true });
    edit(path.join(kernel, "cil/floor.ts"), (text) =>
      text.replace("  releaseItems(", "  unreachable();\n  releaseItems("),
    );
    await expect(compareWith(kernel, ["floor"])).rejects.toThrow(
      /^the base has no exact metric of what is to be compared; in the base cil \/ floor \/ .* failed .*$/,
    );
  });

  test("fails where a variant is not there any more", async () => {
    const kernel = path.join(newOut(), "kernel");
    cpSync(kernelFolder, kernel, { recursive: true });
    cpSync(path.join(kernel, "cil/shadow-buffers.ts"), path.join(kernel, "cil/lost-buffers.ts"));
    // A run that was told to measure all variants of the suite.
    edited("variants", '"[]"');
    const { exact, warnings } = await compareWith(kernel);
    const lost = exact.rows.filter(({ variant }) => variant === "lost-buffers");
    expect(lost.length).toBeGreaterThan(10);
    expect(new Set(lost.map(({ change, fails }) => `${change} ${fails}`))).toEqual(new Set(["gone true"]));
    // What is there now has not vanished, and is the same.
    const kept = exact.rows.filter(({ variant }) => variant === "floor");
    expect(new Set(kept.map(({ change }) => change))).toEqual(new Set(["same"]));
    expect(warnings).toContain("the base has cil lost-buffers, which the working tree has not any more");
  });
});
