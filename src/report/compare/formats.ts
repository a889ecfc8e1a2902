// The formats of a comparison, by the name that the user gives. A new one is a file and a line here.

import type { Comparison } from "../../compare/comparison.ts";
import { bencherBenchmarks, renderBencher } from "./bencher.ts";
import { renderBenchfmt } from "./benchfmt.ts";
import { renderCompareCsv } from "./csv.ts";
import { renderGithubAnnotations } from "./github-annotations.ts";
import { benches, renderGithubBenchmarkBigger, renderGithubBenchmarkSmaller } from "./github-benchmark.ts";
import { renderGithubSummary } from "./github-summary.ts";
import { googleRuns, renderGoogleBenchmark } from "./google-benchmark.ts";
import { hyperfineResults, renderHyperfine } from "./hyperfine.ts";
import { renderCompareJson } from "./json.ts";
import { renderCompareJunit } from "./junit.ts";
import { renderCompareMarkdown } from "./markdown.ts";
import { renderMmtests } from "./mmtests.ts";
import { pyperfBenchmarks, renderPyperfBase, renderPyperfHead } from "./pyperf.ts";
import { renderCompareSarif } from "./sarif.ts";
import { renderCompareTerminal } from "./terminal.ts";
import { renderZeroDay } from "./zero-day.ts";

export interface CompareFormat {
  /** Of a file that is named for the user, without a dot at its beginning. No two formats have the same. */
  readonly extension: string;
  /** The whole report, ended by a newline. */
  readonly render: (comparison: Comparison) => string;
  /** How many results it holds, of a format that holds nothing else: its tool may refuse a file without any. */
  readonly results?: (comparison: Comparison) => number;
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
  "github-benchmark-smaller": {
    extension: "smaller.json",
    render: renderGithubBenchmarkSmaller,
    results: (one) => benches(one, "lower").length,
  },
  "github-benchmark-bigger": {
    extension: "bigger.json",
    render: renderGithubBenchmarkBigger,
    results: (one) => benches(one, "higher").length,
  },
  bencher: { extension: "bencher.json", render: renderBencher, results: (one) => bencherBenchmarks(one).size },
  "google-benchmark": {
    extension: "google-benchmark.json",
    render: renderGoogleBenchmark,
    results: (one) => googleRuns(one).length,
  },
  hyperfine: { extension: "hyperfine.json", render: renderHyperfine, results: (one) => hyperfineResults(one).length },
  "pyperf-base": {
    extension: "pyperf-base.json",
    render: renderPyperfBase,
    results: (one) => pyperfBenchmarks(one, "base").length,
  },
  "pyperf-head": {
    extension: "pyperf-head.json",
    render: renderPyperfHead,
    results: (one) => pyperfBenchmarks(one, "head").length,
  },
};
