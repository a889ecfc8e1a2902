import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";
import { writeHostSection } from "../../src/cli/fidelity-host.ts";
import type { Io } from "../../src/cli/io.ts";
import {
  formatError,
  type HostCase,
  type HostLine,
  hostCases,
  hostCpus,
  hostSpec,
  renderHostSection,
} from "../../src/fidelity/host.ts";
import { PooledLab } from "../../src/fidelity/lab.ts";
import { hostSectionOf, renderPage } from "../../src/fidelity/page.ts";
import { metricOf } from "../../src/records/metrics.ts";
import { loadProfile } from "../../src/simulator/profile.ts";
import { createWorkload } from "../../src/workloads/index.ts";
import { file } from "../cli/program.ts";

const machine = loadProfile("xeon-24-1s");

function line(given: Partial<HostLine> & { readonly ns?: number } = {}): HostLine {
  const { ns = 100, ...rest } = given;
  return {
    title: "a visit",
    cpus: 1,
    variant: "rwsem",
    isReference: false,
    native: { ns, firstQuartileNs: ns - 10, thirdQuartileNs: ns + 20 },
    simulatedNs: 90,
    ...rest,
  };
}

function render(lines: readonly HostLine[], load = 0.1): string {
  return renderHostSection(lines, { text: "A processor, 2 CPUs, Node.js 20", date: "2025-01-31", load, machine });
}

describe("the cases", () => {
  const all = hostCases.flatMap((one) => hostCpus.map((cpus) => [one.title, cpus, one] as const));

  test.each(all)("%s, on %i CPUs, has a task per CPU, and metrics that exist", (_title, cpus, one) => {
    const workload = createWorkload(one.workload, one.parameters(cpus), 1);
    expect(workload.limits.tasks).toBe(cpus);
    expect(workload.repeatable).toBe(one.workload === "stress-ng-ramfs");
    expect(() => metricOf(one.native.metric)).not.toThrow();
    const spec = hostSpec(one, one.variants[0]!, cpus, machine);
    expect(spec).toMatchObject({ problem: one.problem, cpus, workload: { name: one.workload } });
  });

  test("name themselves apart, and are of both problems", () => {
    expect(new Set(hostCases.map(({ title }) => title)).size).toBe(hostCases.length);
    expect(new Set(hostCases.map(({ problem }) => problem))).toEqual(new Set(["shrinker", "quarantine"]));
  });
});

describe("the section", () => {
  test("shows both times, the error, and both ratios to the reference of as many CPUs", () => {
    const text = render([
      line({ isReference: true }),
      line({ variant: "srcu", ns: 150, simulatedNs: 180 }),
      line({ cpus: 2, isReference: true, ns: 300, simulatedNs: 360 }),
    ]);
    expect(text).toContain(
      [
        "A visit:",
        "",
        "| CPUs | variant | native | its middle half | simulated | error | to the reference: native | simulated |",
        "| :- | -: | -: | -: | -: | -: | -: | -: |",
        "| 1 | rwsem | 100 ns | 90 ns to 120 ns | 90 ns | -10 % | – | – |",
        "| 1 | srcu | 150 ns | 140 ns to 170 ns | 180 ns | +20 % | 1.5× | 2× |",
        "| 2 | rwsem | 300 ns | 290 ns to 320 ns | 360 ns | +20 % | – | – |",
      ].join("\n"),
    );
    expect(text).toContain(`Profile: ${machine.description}. None of its costs was measured.`);
  });

  test("gives the median of the errors, the floor's left out", () => {
    const lines = [
      line(),
      line({ simulatedNs: 150 }),
      line({ simulatedNs: 130 }),
      line({ variant: "floor", simulatedNs: 0 }),
    ];
    expect(render(lines)).toContain("Half of all errors, floor left out, are below 30 %.");
    expect(render(lines.slice(0, 2))).toContain("are below 30 %.");
    expect(render(lines.slice(3))).toContain("are below –.");
  });

  test("has no error where the native time is none", () => {
    expect(formatError(line({ ns: 0 }))).toBe("–");
    expect(formatError(line({ ns: Number.NaN }))).toBe("–");
  });

  test("warns of a host on which others worked", () => {
    expect(render([line()], 0.5)).not.toContain("Not a quiet host");
    expect(render([line()], 4.25)).toContain("**Not a quiet host**: its load average was 4.3 when this began.");
  });
});

test("cases are measured on this host, simulated on its profile, and written into the page, which stays as it was", async () => {
  const smaller = (index: number, parameters: HostCase["parameters"], variants: readonly string[]): HostCase => {
    const one = hostCases[index]!;
    const repeated = one.repeated === null ? null : { slices: 1, sliceMs: 20, virtualMs: 1 };
    return { ...one, parameters: (cpus) => ({ ...one.parameters(cpus), ...parameters(cpus) }), variants, repeated };
  };
  const cases = [
    smaller(0, () => ({ cgroups: 40, "reclaim-passes": 3 }), ["rwsem", "floor"]),
    smaller(1, () => ({}), ["refcount-rcu"]),
    smaller(2, () => ({ "bogo-ops": 20 }), ["doubly-linked"]),
    smaller(3, () => ({ guests: 2 }), ["singly-linked-fifo"]),
  ];
  const before = renderPage([], null);
  const out = file("page.md", before);
  const controller = new AbortController();
  let stdout = "";
  const io: Io = {
    write: (text) => {
      stdout += text;
    },
    warn: () => {},
    clock: () => new Date(Date.UTC(2025, 0, 31)),
    isTerminal: false,
    columns: 80,
  };
  const lab = new PooledLab(1, controller.signal);
  try {
    await writeHostSection({ out, host: "xeon-24-1s" }, lab, io, controller.signal, cases);
  } finally {
    await lab.close();
  }
  const after = readFileSync(out, "utf8");
  const section = hostSectionOf(after)!;
  expect(stdout).toBe(`${section}\n\npage  ${out}\n`);
  expect(after.replace(section, hostSectionOf(before)!)).toBe(before);
  expect(section).toContain("2025-01-31");
  const times = [
    ...section.matchAll(/^\| (\d) \| (\S+) \| ([\d.]+) \S+ \| .* to .* \| ([\d.]+) \S+ \| [-+]\d+ % \|/gm),
  ];
  const expected = [1, 2]
    .filter((cpus) => cpus <= availableParallelism())
    .flatMap((cpus) => cases.flatMap(({ variants }) => variants.map((variant) => `${cpus} ${variant}`)));
  expect(times.map(([, cpus, variant]) => `${cpus} ${variant}`).sort()).toEqual(expected.sort());
  for (const [line, , , native, simulated] of times) {
    expect(Number(native), line).toBeGreaterThan(0);
    expect(Number(simulated), line).toBeGreaterThan(0);
  }
});
