// Every variant of both problems on 4 to 24 CPUs comes to the very numbers that are committed, on every host. After a
// change that is meant to alter them: `npx vitest run test/simulator/golden.test.ts -u`, and say why in CHANGELOG.md.

import { createHash } from "node:crypto";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../../src/package-root.ts";
import { performJob } from "../../src/simulator/job.ts";
import { jobOf, rowsOf, type SmallCase, smallCases, variantsOf } from "./small-jobs.ts";

/** What of the rows is told: the others would be thousands, and have their part in the digest. */
const isTold = (metric: string): boolean => !/-latency-|^cpu-symbol-ns|^symbol-calls|^line-/.test(metric);

function readRows(rows: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    rows.map((row): [string, string] => {
      const comma = row.lastIndexOf(",");
      return [row.slice(0, comma), row.slice(comma + 1)];
    }),
  );
}

/** A column for each variant, a row for each metric, and at the end a digest of all rows, told or not. */
async function tableOf(one: SmallCase): Promise<string> {
  const columns: { readonly variant: string; readonly rows: readonly string[] }[] = [];
  for (const variant of variantsOf(one)) {
    columns.push({ variant, rows: rowsOf(await performJob(await jobOf(one, variant), () => {})) });
  }
  const values = columns.map(({ rows }) => readRows(rows));
  const metrics = [...new Set(values.flatMap((column) => [...column.keys()]))].filter(isTold).sort();
  const digest = (rows: readonly string[]): string =>
    createHash("sha256").update(rows.join("\n")).digest("hex").slice(0, 16);
  return [
    ["metric", ...columns.map(({ variant }) => variant)],
    ...metrics.map((metric) => [metric, ...values.map((column) => column.get(metric) ?? "")]),
    ["sha256 of all rows", ...columns.map(({ rows }) => digest(rows))],
  ]
    .map((row) => `${row.join(",")}\n`)
    .join("");
}

describe("the committed numbers are those of", () => {
  test.each(smallCases.map((one) => [`${one.problem} ${one.workload} on ${one.cpus} CPUs of ${one.machine}`, one]))(
    "%s",
    async (_name, one) => {
      const { problem, workload, machine, cpus } = one as SmallCase;
      const file = `${problem}-${workload}-${machine}-${cpus}.csv`;
      await expect(await tableOf(one as SmallCase)).toMatchFileSnapshot(
        path.join(packageRoot, "test", "golden", "simulator", file),
      );
    },
  );
});
