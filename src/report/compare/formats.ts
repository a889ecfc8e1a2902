// The formats of a comparison, by the name that the user gives. A new one is a file and a line here.

import type { Comparison } from "../../compare/comparison.ts";
import { renderBencher } from "./bencher.ts";
import { renderBenchfmt } from "./benchfmt.ts";
import { renderCompareCsv } from "./csv.ts";
import { renderGithubAnnotations } from "./github-annotations.ts";
import { renderGithubBenchmarkBigger, renderGithubBenchmarkSmaller } from "./github-benchmark.ts";
import { renderGithubSummary } from "./github-summary.ts";
import { renderGoogleBenchmark } from "./google-benchmark.ts";
import { renderHyperfine } from "./hyperfine.ts";
import { renderCompareJson } from "./json.ts";
import { renderCompareJunit } from "./junit.ts";
import { renderCompareMarkdown } from "./markdown.ts";
import { renderMmtests } from "./mmtests.ts";
import { renderPyperfBase, renderPyperfHead } from "./pyperf.ts";
import { renderCompareSarif } from "./sarif.ts";
import { renderCompareTerminal } from "./terminal.ts";
import { renderZeroDay } from "./zero-day.ts";

export interface CompareFormat {
  /** Of a file that is named for the user, without a dot at its beginning. No two formats have the same. */
  readonly extension: string;
  /** The whole report, ended by a newline. */
  readonly render: (comparison: Comparison) => string;
}

export const compareFormats: Readonly<Record<string, CompareFormat>> = {
  terminal: { extension: "txt", render: renderCompareTerminal },
  markdown: { extension: "md", render: renderCompareMarkdown },
  "github-summary": { extension: "summary.md", render: renderGithubSummary },
  "github-annotations": { extension: "annotations.txt", render: renderGithubAnnotations },
  junit: { extension: "xml", render: renderCompareJunit },
  sarif: { extension: "sarif", render: renderCompareSarif },
  csv: { extension: "csv", render: renderCompareCsv },
  json: { extension: "json", render: renderCompareJson },
  "0-day": { extension: "0-day.txt", render: renderZeroDay },
  mmtests: { extension: "mmtests.txt", render: renderMmtests },
  benchfmt: { extension: "benchfmt.txt", render: renderBenchfmt },
  "github-benchmark-smaller": { extension: "smaller.json", render: renderGithubBenchmarkSmaller },
  "github-benchmark-bigger": { extension: "bigger.json", render: renderGithubBenchmarkBigger },
  bencher: { extension: "bencher.json", render: renderBencher },
  "google-benchmark": { extension: "google-benchmark.json", render: renderGoogleBenchmark },
  hyperfine: { extension: "hyperfine.json", render: renderHyperfine },
  "pyperf-base": { extension: "pyperf-base.json", render: renderPyperfBase },
  "pyperf-head": { extension: "pyperf-head.json", render: renderPyperfHead },
};
