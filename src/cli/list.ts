// `reclaim-bench list`: what there is to choose from.

import { suites } from "../../bench/index.ts";
import { problemCheckOf } from "../checker/problems/index.ts";
import { skipWhenEmptyName } from "../plan/variant.ts";
import { renderColumns } from "../report/terminal.ts";
import { cpusOf, loadProfile, profileNames } from "../simulator/profile.ts";
import { workloadTypes } from "../workloads/index.ts";
import type { Io } from "./io.ts";

/** Everything that `run` can be told, as data. */
function catalogue() {
  return {
    problems: suites.map(({ problem, reference, floor, variants, lines, workloads }) => ({
      problem,
      reference,
      floor,
      variants,
      lines,
      workloads: workloads.map(({ name, scales }) => ({ name, scales })),
      scenarios: problemCheckOf(problem).scenarios.map(({ name, description, size, cpus, isShort, isForTso }) => ({
        name,
        description,
        size,
        cpus,
        isShort,
        isForTso,
      })),
    })),
    workloads: workloadTypes.map(({ name, summary, parameters }) => ({ name, summary, parameters })),
    machines: profileNames.map((name) => {
      const profile = loadProfile(name);
      return { name, cpus: cpusOf(profile), description: profile.description };
    }),
  };
}

/** Prints problems, variants, workloads and their parameters. */
export function list(options: { readonly json: boolean }, io: Io): number {
  if (options.json) {
    io.write(`${JSON.stringify(catalogue(), null, 2)}\n`);
    return 0;
  }
  for (const suite of suites) {
    io.write(`problem ${suite.problem}\n${suite.statement}\n\nvariants\n`);
    const rows: string[][] = [];
    for (const { name, summary, parameters } of suite.variants) {
      rows.push([`  ${name}`, summary]);
      for (const [key, { default: value, values, meaning }] of Object.entries(parameters ?? {})) {
        const allowed = values === undefined ? "" : ` (${Object.keys(values).join(", ")})`;
        rows.push([`    ${key}=${value}`, `${meaning}${allowed}`]);
      }
    }
    if (suite.skipsWhenEmpty) {
      rows.push([
        `  any of them, ${skipWhenEmptyName}=true`,
        "a cache without objects is destroyed without a search (Linux since 4.17)",
      ]);
    }
    io.write(`${renderColumns(rows)}\n\n`);
    io.write(`run when none are chosen\n${suite.lines.map((line) => `  ${line}\n`).join("")}\n`);
    const scenarios = problemCheckOf(suite.problem).scenarios.map(({ name, size, description }) => [
      `  ${name}`,
      `${description} (${size})`,
    ]);
    io.write(`scenarios to check\n${renderColumns(scenarios)}\n\n`);
  }
  for (const { name, summary, parameters } of workloadTypes) {
    const rows = Object.entries(parameters).map(([key, { default: value, unit, meaning }]) => [
      `  ${key}=${String(value).length > 40 ? `${String(value).slice(0, 37)}...` : value}`,
      unit === "" ? meaning : `${meaning} [${unit}]`,
    ]);
    io.write(`workload ${name}\n${summary}\n${renderColumns(rows)}\n\n`);
  }
  const machines = catalogue().machines.map(({ name, cpus, description }) => [
    `  ${name}`,
    `${cpus} CPUs. ${description}`,
  ]);
  io.write(`machines to simulate\n${renderColumns(machines)}\n`);
  return 0;
}
