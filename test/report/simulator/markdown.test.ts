import { beforeAll, describe, expect, test } from "vitest";
import type { MeasuredRow } from "../../../src/records/record.ts";
import { reporterOf } from "../../../src/report/compose.ts";
import { renderMarkdown } from "../../../src/report/markdown.ts";
import type { Part, Subject } from "../../../src/report/part.ts";
import { reportQuarantine } from "../../../src/report/quarantine/markdown.ts";
import { reportShrinker } from "../../../src/report/shrinker/markdown.ts";
import { renderTerminal } from "../../../src/report/terminal.ts";
import { fixedRun } from "../quarantine/rows.ts";
import { collect } from "../rows.ts";
import { fixedRows as nativeRows, subject as shrinkerSubject } from "../shrinker/rows.ts";
import { fixedRows, floor, latencies, rates, reference, roles, rowsOf } from "./rows.ts";

const run = { ...fixedRun, command: "reclaim-bench run shrinker --instrument simulator", cases: [], warnings: [] };

const subject: Subject = { ...shrinkerSubject, order: roles.order };

async function part(rows: readonly MeasuredRow[], some: Partial<Subject> = {}): Promise<Part> {
  return await reportShrinker(collect(rows, reference), { ...subject, ...some });
}

async function markdown(rows: readonly MeasuredRow[], some: Partial<Subject> = {}): Promise<string> {
  return (await part(rows, some)).markdown;
}

/** Lines of a section, without its head. */
function section(text: string, head: string): string {
  const from = text.indexOf(`\n${head}\n`);
  if (from < 0) throw new Error(`no section '${head}' in:\n${text}`);
  const rest = text.slice(from + head.length + 2);
  const next = rest.search(/^#/m);
  return next < 0 ? rest : rest.slice(0, next);
}

const wrong = ["NaN", "null", "undefined", "Infinity", "()", "(–)", "[object", "-0 "];

describe("a fixed set of rows", () => {
  test("gives the Markdown in test/golden", async () => {
    const text = renderMarkdown(run, [await part(fixedRows())]);
    await expect(text).toMatchFileSnapshot("../../golden/simulated.md");
  });

  test("gives the terminal's text in test/golden", async () => {
    await expect(renderTerminal([await part(fixedRows())])).toMatchFileSnapshot("../../golden/simulated.txt");
  });

  test("has no table without rows, and no value that is none", async () => {
    const text = await markdown(fixedRows());
    for (const one of wrong) expect(text).not.toContain(one);
    for (const [, rest = ""] of text.matchAll(/^\| :- .*\n(.*)$/gm)) expect(rest).toMatch(/^\| /);
  });
});

describe("a run that was simulated only", () => {
  let text: string;
  beforeAll(async () => {
    text = await markdown(fixedRows());
  });

  test("says so, and has nothing of what was not measured", () => {
    for (const head of ["(native)", "(exact)", "(sampled)", "Who wins on what", "nothing to choose"]) {
      expect(text).not.toContain(head);
    }
    expect(text).not.toContain("The constraints, as the threads about this lock set them");
  });

  test("begins with a sentence for each workload and machine", () => {
    const verdict = section(`\n${text}`, "## Verdict")
      .split("\n")
      .filter((line) => line.startsWith("- **"));
    expect(verdict.map((line) => line.slice(0, line.indexOf(":")))).toEqual([
      "- **cgroups-4000**, simulated on box",
      "- **container-start**, simulated on box",
      "- **stress-ng-ramfs**, simulated on box",
      "- **stress-ng-ramfs**, simulated on bigger-box",
    ]);
  });

  test("says once how to read it, with where to read more", () => {
    expect(text.match(/What is headed _simulated_/g)).toHaveLength(1);
    for (const file of ["machines", "fidelity", "simulator"]) expect(text).toContain(`(../docs/${file}.md)`);
  });

  test("lists what it shows against variants, with the constraint and the place", () => {
    expect(text).toContain(
      "- `rwsem`, _reclaim goes on_: gives 40.00 % of its visits up, in container-start with cgroups=100 on 8 CPUs of box.",
    );
    expect(text).toMatch(
      /\n- `srcu`, _quick registration_: takes \S+ jiffies \(\S+ ms\) for unregistering at the median, in cgroups-4000 on 1 CPU of box\.\n/,
    );
  });

  test("lists nothing where nothing is held against any", async () => {
    expect(await markdown(rates({}, { [reference]: 1, srcu: 2 }))).not.toContain("constraints broken");
  });

  test("tells of its instrument what it is, in the frame", async () => {
    const all = renderMarkdown(run, [await part(fixedRows())]);
    expect(all).toContain("Instrument: virtual times: simulated, box with 1 to 16 CPUs, bigger-box with 16 CPUs.");
  });
});

describe("a run that was measured and simulated", () => {
  const rows = [...nativeRows(), ...fixedRows()];

  test("has both in one section for a workload, the simulated below and under a heading of its own", async () => {
    const text = await markdown(rows);
    expect(text.match(/^## cgroups-4000$/gm)).toHaveLength(1);
    const own = text.slice(text.indexOf("\n## cgroups-4000\n"));
    expect(own.indexOf("### Throughput (native)")).toBeLessThan(own.indexOf("### Simulated on box"));
    expect(own.indexOf("### Throughput (native)")).toBeGreaterThan(0);
  });

  test("changes no number of what was measured", async () => {
    const without = (await part(nativeRows())).answers;
    const withAll = (await part(rows)).answers as readonly { readonly name: string; readonly simulated?: unknown }[];
    expect(withAll.map(({ simulated, ...own }) => own)).toEqual(without);
    expect(withAll.map(({ simulated }) => simulated !== undefined)).toEqual([true, true, true]);
  });

  test("says of the best which constraints it breaks", async () => {
    const best = rates({ cpus: 4 }, { [reference]: 10, srcu: 5 });
    expect(await markdown([...nativeRows(), ...best])).toContain(
      "nothing is chosen, because something is held against each: `rwsem`\\* gets most done, by visits/s",
    );
  });

  test("refers from the caveat of few CPUs to the simulator, or to what it said", async () => {
    expect(await markdown(nativeRows())).toContain("`--instrument simulator --cpus 1..96` says how it goes on");
    const both = await markdown(rows);
    expect(both).not.toContain("--instrument simulator");
    expect(both).toContain("What is headed _simulated_ says how it goes on there");
  });

  test("has a column for who is best in the table of all problems", async () => {
    const first = await part(rows);
    const quarantine = await reportQuarantine(collect([], "singly-linked-fifo"), {
      ...subject,
      problem: "quarantine",
      reference: "singly-linked-fifo",
    });
    const all = renderMarkdown(run, [first, quarantine]);
    expect(all).toContain("| problem | workload | choose | best where simulated |");
    expect(all).toContain("| shrinker | cgroups-4000 | `refcount-rcu` (unchecked) | `refcount-rcu` (16 CPUs of box) |");
    expect(all).toContain("`rwsem`\\* (8 CPUs of box)");
    expect(all).toContain(
      "\n\\*: breaks a constraint somewhere in the run, or has a known defect, and is not chosen.\n",
    );
    const stopped = await part(fixedRows(), { unsimulated: new Set(["cgroups-4000"]) });
    expect(renderMarkdown(run, [stopped, quarantine])).toContain("| so far `refcount-rcu` (16 CPUs of box) |");
    const only = renderMarkdown(run, [await part(fixedRows()), quarantine]);
    expect(only).toContain(
      "| shrinker | cgroups-4000 | `refcount-rcu` (simulated, unchecked) | `refcount-rcu` (16 CPUs of box) |",
    );
  });
});

test("a problem that says nothing of the simulator is reported like the others", async () => {
  const none = { cpus: [], isOversubscribed: false };
  const report = reporterOf(async () => ({
    workloads: [],
    remarks: "",
    answers: [],
    faults: new Map(),
    native: none,
    counted: none,
  }));
  const rows = [1, 2].flatMap((cpus) => rates({ cpus }, { [reference]: 5, srcu: cpus * 4 }, "virtual-bogo-ops-per-s"));
  const { markdown: text, terminal, answers } = await report(collect(rows, reference), subject);
  expect(text).toContain("#### By CPUs: bogo-ops/s");
  expect(text).toContain("- `srcu` passes `rwsem` between 1 and 2 CPUs.");
  expect(terminal).toContain("on 2 CPUs choose srcu: it gets most done, 1.60× the reference's bogo-ops/s");
  expect(answers).toMatchObject([{ name: "cgroups-4000", simulated: [{ machine: "box" }] }]);
});

describe("laws of scalability", () => {
  const curve = (...values: readonly number[]): MeasuredRow[] =>
    values.flatMap((value, place) => rates({ cpus: 2 ** place }, { [reference]: value }));

  test("that do not describe a variant are said not to", async () => {
    const text = section(await markdown(curve(100, 900, 100, 900)), "#### Law of scalability");
    expect(text).toContain("**The law does not describe `rwsem`:** a residual is above 10 %.");
    expect(section(await markdown(curve(100, 200, 400, 800)), "#### Law of scalability")).not.toContain("does not");
  });

  test("that rise without end have no peak; a peak beyond the counts is marked", async () => {
    expect(section(await markdown(curve(100, 200, 400, 800)), "#### Law of scalability")).toContain(
      "| none | 8 CPUs |",
    );
    const slowing = curve(...[1, 2, 4, 8].map((cpus) => (100 * cpus) / (1 + 0.0001 * cpus * (cpus - 1))));
    expect(section(await markdown(slowing), "#### Law of scalability")).toContain(
      "| 100 CPUs (beyond what was fitted) |",
    );
  });

  test("are not fitted to few counts, which is said in a sentence", async () => {
    const text = await markdown(curve(100, 200, 300));
    expect(text).toContain("No law of scalability is fitted: that takes 4 counts of CPUs.");
    expect(text).not.toContain("#### Law of scalability");
    const tasks = [1, 2, 4, 8].flatMap((cpus) => rates({ cpus, tasks: 4 }, { [reference]: 5 }));
    expect(await markdown(tasks)).toContain("Left out, because the workload has fewer tasks: 8 CPUs.");
  });

  test("have a dash and the reason where there is no fit", async () => {
    const text = section(await markdown(curve(100, 0, 400, 800)), "#### Law of scalability");
    expect(text).toContain("| rwsem | – | – | – | – | 8 CPUs | – | – |");
    expect(text).toContain("No fit: `rwsem` (throughput is 0 at 2 CPUs).");
  });

  test("are not spoken of where nothing is a rate", async () => {
    const rows = [1, 2, 4, 8].flatMap((cpus) => rates({ cpus }, { [reference]: 900 / cpus }, "virtual-ns"));
    const text = await markdown(rows);
    expect(text).toContain("#### By CPUs: virtual time");
    expect(text).not.toContain("scalability");
  });
});

describe("changes of places", () => {
  test("are none in plain words, and variants that are always level are named", async () => {
    const rows = [1, 2].flatMap((cpus) => rates({ cpus }, { [reference]: 1000, srcu: 1001, "refcount-rcu": 2000 }));
    expect(await markdown(rows)).toContain(
      "Changes of places: none at the CPUs simulated. Level everywhere: `rwsem` and `srcu`.",
    );
  });

  test("tell where a value is missing", async () => {
    const rows = [1, 2, 4].flatMap((cpus) => rates({ cpus }, { [reference]: 10, srcu: cpus === 2 ? null : 5 * cpus }));
    expect(await markdown(rows)).toContain(
      "Without a value: `srcu` at 2 CPUs. These change places, and no others at the CPUs simulated:",
    );
  });

  test("cannot be told of one variant", async () => {
    const rows = [1, 2].flatMap((cpus) => rates({ cpus }, { [reference]: cpus }));
    expect(await markdown(rows)).toContain("Who changes places cannot be told");
  });

  test("across a stretch where two are level name the stretch", async () => {
    const values = [5, 10, 10, 20];
    const rows = values.flatMap((value, place) => rates({ cpus: 2 ** place }, { [reference]: 10, srcu: value }));
    const text = await markdown(rows);
    expect(text).toContain("- `srcu` passes `rwsem` between 1 and 8 CPUs; they are level from 2 to 4.");
    expect(text).toContain("`srcu` passes `rwsem` between 1 and 8 CPUs");
  });
});

describe("what is missing", () => {
  test("leaves a dash in a table, and a void variant is marked", async () => {
    const rows = [1, 2].flatMap((cpus) => rates({ cpus }, { [reference]: 10, srcu: cpus === 2 ? null : 5 }));
    const text = await markdown(rows, { voids: new Set(["srcu"]) });
    expect(text).toContain("| CPUs | rwsem (reference) | srcu (void) |");
    expect(text).toContain("| 2 | 10 | – |");
    expect(text).toContain("on 2 CPUs only `rwsem` has a value: 10 visits/s");
  });

  test("of a void variant that has no rows at all is said above the workloads, once", async () => {
    const voids = new Set(["srcu"]);
    const text = await markdown(rates({}, { [reference]: 10, "refcount-rcu": 9 }), { voids });
    expect(text.slice(0, text.indexOf("\n## cgroups-4000"))).toContain("**Void:** `srcu`, ");
    const both = await markdown([...nativeRows(), ...fixedRows()], { voids });
    expect(both.slice(0, both.indexOf("\n## stress-ng-ramfs")).match(/\*\*Void:\*\*/g)).toHaveLength(1);
  });

  test("is everything, where every case failed or only the floor is there", async () => {
    const text = await markdown(rates({}, { [floor]: 10 }));
    expect(text).toContain("simulated on box: nothing came of it that could be ranked.");
    expect(text).toContain("No variant that takes part in a ranking has a value here; see the failed cases.");
    const table = text.split("\n").filter((line) => line.startsWith("|"));
    expect(table).toEqual([]);
  });

  test.each(["symbol-ns", "line-", "virtual-visits", "virtual-unregister", "fetched", "scaled"])(
    "of what rows tell, as %s, takes away its own table only",
    async (kind) => {
      const rows = fixedRows().filter(
        ({ metric, parameters }) => !metric.startsWith(kind) && !parameters.includes(kind),
      );
      const text = await markdown(rows);
      for (const one of wrong) expect(text).not.toContain(one);
      for (const [, rest = ""] of text.matchAll(/^\| :- .*\n(.*)$/gm)) expect(rest).toMatch(/^\| /);
      expect(text.includes("#### Where the time goes")).toBe(kind !== "symbol-ns");
      expect(text.includes("#### Hottest lines")).toBe(kind !== "line-");
      expect(text.includes("#### If the machine's costs were others")).toBe(
        kind !== "scaled" && kind !== "virtual-visits",
      );
    },
  );

  test("of the reference leaves ratios out", async () => {
    const text = await markdown(rates({}, { srcu: 5, "refcount-rcu": 9 }));
    expect(text).toContain("on 8 CPUs choose `refcount-rcu`: it gets most done, by visits/s");
    expect(text).toContain("| srcu | 5 |");
  });
});

describe("changed costs", () => {
  const changed = (now: Readonly<Record<string, number>>, more: readonly MeasuredRow[] = []): Promise<string> =>
    markdown([
      ...rates({}, { [reference]: 100, srcu: 150, "refcount-rcu": 200 }),
      ...rates({ scaled: "l3*2" }, now),
      ...rates({ scaled: "locked*0.5" }, { [reference]: 100, srcu: 150, "refcount-rcu": 200 }),
      ...more,
    ]);

  test("that change nothing make a ranking robust", async () => {
    const text = await changed({ [reference]: 90, srcu: 140, "refcount-rcu": 190 });
    expect(text).toContain(
      "the order of all is robust at this place: no cost of the machine, halved or doubled, changes it",
    );
    expect(text).toMatch(/\| srcu \| 1\.50× \| robust \| `l3` \+0\.05 \|/);
  });

  test("that put another ahead are named, in the verdict and in the table", async () => {
    const text = await changed({ [reference]: 300, srcu: 150, "refcount-rcu": 200 });
    expect(text).toContain("the rank of `refcount-rcu` at this place is not robust: `rwsem` passes it with twice `l3`");
    expect(text).toContain("| refcount-rcu | 2× | flipped by twice `l3` |");
    expect(text).toContain("`refcount-rcu`, `srcu`, `rwsem`; changes with twice `l3`.");
  });

  test("that change the order of others only leave the best robust", async () => {
    const text = await changed({ [reference]: 140, srcu: 90, "refcount-rcu": 200 });
    expect(text).toContain(
      "the rank of `refcount-rcu` at this place is robust: no cost of the machine, halved or doubled, puts another ahead of it or level with it",
    );
  });

  test("that bring two level, and pairs without the reference, are told of", async () => {
    const text = await changed({ [reference]: 100, srcu: 200, "refcount-rcu": 200 });
    expect(text).toContain(
      "with some cost of the machine, halved or doubled, another draws level with `refcount-rcu` at this place, but none passes it",
    );
    expect(text).toContain("- `srcu` and `refcount-rcu`: level with twice `l3`");
  });

  test("without a value leave it open", async () => {
    const text = await changed({ [reference]: 100, srcu: 150 });
    expect(text).toContain("whether the rank of `refcount-rcu` at this place is robust is not known");
    expect(text).toContain("| refcount-rcu | 2× | not known: no value with twice `l3` |");
  });

  test("at several places are told of in short where the verdict does not speak of them", async () => {
    const few = { cpus: 2 };
    const more = [
      ...rates(few, { [reference]: 10, srcu: 12 }),
      ...rates({ ...few, scaled: "l3*2" }, { [reference]: 13, srcu: 12 }),
    ];
    const text = await changed({ [reference]: 100, srcu: 150, "refcount-rcu": 200 }, more);
    expect(text).toContain("| 2 CPUs | srcu, rwsem | changes with twice `l3` |");
  });
});

test("variants that are the same everywhere are named as such", async () => {
  const rows = [1, 2].flatMap((cpus) => rates({ cpus }, { [reference]: cpus, srcu: 5, "refcount-rcu": 5 }));
  expect(await markdown(rows)).toContain(
    "Changes of places: none at the CPUs simulated. The same everywhere: `srcu` and `refcount-rcu`.",
  );
  const alone = [1, 2].flatMap((cpus) => rates({ cpus }, { [reference]: 5, srcu: 5 }));
  expect(await markdown(alone)).toContain("\nThe same everywhere: `rwsem` and `srcu`.\n");
});

test("many variants have a row each", async () => {
  const many = Array.from({ length: 7 }, (_, place) => `variant-${place}`);
  const rows = [1, 4].flatMap((cpus) =>
    rates({ cpus }, Object.fromEntries(many.map((id, place) => [id, cpus * (place + 1)]))),
  );
  const text = section(await markdown(rows, { order: many, reference: "variant-0" }), "#### By CPUs: visits/s");
  expect(text).toContain("| variant | 1 CPU | 4 CPUs |\n");
  expect(text).toContain("| variant-6 | **7 (7×)** | **28 (7×)** |");
});

describe("sweeps", () => {
  test("over CPUs and a parameter have a map of who is best", async () => {
    const rows = [1, 8].flatMap((cpus) =>
      [10, 100].flatMap((cgroups) =>
        rates({ cpus, parameters: `cgroups=${cgroups}` }, { [reference]: 50, srcu: cpus * cgroups }),
      ),
    );
    const text = section(await markdown(rows), "#### Best by CPUs and cgroups");
    expect(text).toContain("| 1 | rwsem (1×) | srcu (2×) |");
    expect(text).toContain("| 8 | srcu (1.60×) | srcu (16×) |");
  });

  test("mark in their map who is held, with the best of the others, and who is far behind by another measure", async () => {
    const rows = [1, 8].flatMap((cpus) =>
      [10, 100].flatMap((cgroups) => {
        const place = { cpus, parameters: `cgroups=${cgroups}` };
        const given = { "virtual-visits": 100, "virtual-visits-given-up": cpus === 8 && cgroups === 100 ? 40 : 0 };
        return [
          ...rowsOf(reference, place, { "virtual-bogo-ops-per-s": 50, "virtual-visits-per-s": 411 }),
          ...rowsOf("srcu", place, { "virtual-bogo-ops-per-s": cpus * cgroups, "virtual-visits-per-s": 400, ...given }),
          ...rowsOf("refcount-rcu", place, {
            "virtual-bogo-ops-per-s": cpus === 8 ? 70 : 7,
            "virtual-visits-per-s": cgroups === 10 ? 1 : 400,
          }),
        ];
      }),
    );
    const text = section(await markdown(rows), "#### Best by CPUs and cgroups");
    expect(text).toContain("| 1 | rwsem (1×) | srcu\\* (2×), else rwsem (1×) |");
    expect(text).toContain(
      "| 8 | srcu\\* (1.60×), else refcount-rcu† (1.40×) | srcu\\* (16×), else refcount-rcu (1.40×) |",
    );
    expect(text).toContain("\\*: something is held against it; behind it the best without.");
    expect(text).toContain(
      "†: far behind by another measure: less than half of the most visits/s without those given up.",
    );
  });

  test("in which another parameter changes as well say so", async () => {
    const rows = [1, 2].flatMap((size) =>
      rates({ parameters: `swept=a a=${size} b=${3 * size}` }, { [reference]: size }),
    );
    expect(await markdown(rows)).toContain("On 8 CPUs. With it changed `b`.");
    const bound = [1, 2].flatMap((cpus) => rates({ cpus, parameters: `workers=${cpus}` }, { [reference]: cpus }));
    expect(await markdown(bound)).toContain("With the CPUs changed `workers`.");
  });
});

describe("counts of CPUs that only two variants were simulated on", () => {
  const rows = [
    ...[1, 8].flatMap((cpus) =>
      rates({ cpus }, { [reference]: 40, srcu: 10 * cpus, "refcount-rcu": 90 + cpus, [floor]: 900 }),
    ),
    ...rates({ cpus: 4 }, { [reference]: 41, srcu: 40.9 }),
    ...rates({ cpus: 3 }, { [reference]: 41, srcu: 30 }),
  ];

  test("narrow a crossover, and nobody else is missed there, nor is the better of the two the best", async () => {
    const text = await markdown(rows);
    expect(text).toContain("| 3 | 41 | 30 (0.732×) | – | – |");
    expect(text).toContain("- `srcu` passes `rwsem` between 3 and 8 CPUs; they are level at 4.");
    expect(text).toContain("| 8 | 40 | 80 (2×) | **98 (2.45×)** |");
    expect(text).not.toContain("Without a value");
  });

  test("are not on the terminal", async () => {
    expect((await part(rows)).terminal.split("\n")[1]).toMatch(/^visits\/s +1 CPU +8 CPUs +ratio on 8$/);
  });
});

test("many counts of CPUs are given as their number and ends", async () => {
  const rows = Array.from({ length: 9 }, (_, place) => rates({ cpus: place + 1 }, { [reference]: 5 + place }));
  expect(await markdown(rows.flat())).toContain("on a model of `box`: 9 counts from 1 to 9 CPUs, ");
});

describe("one point", () => {
  test("tells how busy single CPUs were, the idle ones among them", async () => {
    const text = await markdown(fixedRows().filter(({ workload }) => workload === "stress-ng-ramfs"));
    expect(section(text, "#### On 8 CPUs")).toContain(
      "| rwsem (reference) | 12,000 | 1× | 1,000 | 3.0 | 0 %, 38 %, 75 % |",
    );
  });

  test("leaves out columns in which nobody has anything but 0", async () => {
    const zeros = { "virtual-bogo-ops-per-s": 5, interrupts: 0, "virtual-irq-off-ns-max": 0, "context-switches": 3 };
    const text = section(await markdown(rowsOf(reference, {}, zeros)), "#### On 8 CPUs");
    expect(text).toContain("| variant | bogo-ops/s | ratio | context switches |");
  });

  test("names the best by another measure where it is another", async () => {
    const text = await markdown(fixedRows().filter(({ workload }) => workload === "container-start"));
    expect(text).toContain(
      "`rwsem`\\* gets most done, by bogo-ops/s; by visits/s without those given up it is `srcu` (1.11× the reference's)",
    );
  });
});

test("one count of CPUs has a short table on the terminal", async () => {
  const rows = [reference, "srcu"].flatMap((variant) =>
    rowsOf(variant, {}, { "virtual-bogo-ops-per-s": 5, utilisation: 2.04, ...latencies("unregister", 700) }),
  );
  const { terminal } = await part(rows);
  expect(terminal).toContain("variant            bogo-ops/s  ratio  CPUs busy  unregister p50");
  expect(terminal).toContain("srcu                        5     1×        2.0  700 ns");
  expect(terminal).toContain("on 8 CPUs choose rwsem: all are level, within 1 %, by bogo-ops/s");
});

test("the terminal shows few of many counts of CPUs, both ends among them", async () => {
  const counts = Array.from({ length: 12 }, (_, place) => place + 1);
  const { terminal } = await part(counts.flatMap((cpus) => rates({ cpus }, { [reference]: cpus, srcu: 2 * cpus })));
  const head = terminal.split("\n")[1]!;
  expect(head.match(/\d+ CPUs?/g)).toEqual(["1 CPU", "3 CPUs", "5 CPUs", "8 CPUs", "10 CPUs", "12 CPUs"]);
});
