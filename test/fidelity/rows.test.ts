// What the rows say, whether the committed page is theirs, and one of them simulated.

import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { CheckOutcome } from "../../src/checker/outcome.ts";
import { type CaseSpec, type CheckSpec, type Lab, type Outcome, PooledLab, TimedLab } from "../../src/fidelity/lab.ts";
import { hostSectionOf, renderPage } from "../../src/fidelity/page.ts";
import { busyShare, refcountProfile, rwsemProfiles, srcuProfile } from "../../src/fidelity/profiles.ts";
import { standingOf } from "../../src/fidelity/row.ts";
import { rows } from "../../src/fidelity/rows/index.ts";
import { sources } from "../../src/fidelity/sources.ts";
import { WalkedTree } from "../../src/fidelity/tree.ts";
import { packageRoot } from "../../src/package-root.ts";
import { loadProfile } from "../../src/simulator/profile.ts";
import { Validator } from "../../src/workloads/validate.ts";
import { emptyResult } from "./results.ts";

const figures = rows.flatMap((row) =>
  Object.entries(row.figures).map(([name, figure]) => [`${row.id} ${name}`, figure] as const),
);

test("rows have ids of their own, and those of the acceptance are there", () => {
  const ids = rows.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toEqual(expect.arrayContaining(["B1", "B3", "B5", "B6", "B8", "B9"]));
});

test.each(figures)("%s has a source, and counts its own published value as the same", (_name, figure) => {
  const { text, url } = sources[figure.source];
  expect(text).toMatch(/\d/);
  if (url !== null) expect(() => new URL(url)).not.toThrow();
  expect(figure.quantity).not.toBe("");
  expect(Number.isFinite(figure.value)).toBe(true);
  if (figure.accepted === "given") return;
  expect(figure.accepted[0]).toBeLessThanOrEqual(figure.accepted[1]);
  expect(standingOf(figure, figure.value)).toBe(figure.isNullEffect ? "no effect" : "reproduced");
  // Shown after a colon and before a full stop.
  expect(figure.miss).toMatch(/^\S.*[^.\s]$/s);
});

test("a figure whose range has room for no effect at all is marked as such in the rows about ramfs", () => {
  const ramfs = figures.filter(([name, { unit }]) => /^B[1-3]/.test(name) && unit === "%");
  const nearNothing = ramfs.filter(
    ([, { accepted, quantity }]) =>
      accepted !== "given" && accepted[0] <= 0 && accepted[1] >= 0 && quantity.includes("ops/s"),
  );
  expect(nearNothing.map(([, { isNullEffect }]) => isNullEffect)).toEqual([true, true, true]);
});

test("every row has a figure that is compared, and no source is listed in vain", () => {
  for (const row of rows) {
    expect(
      Object.values(row.figures).some(({ accepted }) => accepted !== "given"),
      row.id,
    ).toBe(true);
  }
  const cited = new Set(figures.map(([, { source }]) => source));
  expect(Object.keys(sources).filter((name) => !cited.has(name as keyof typeof sources))).toEqual([]);
});

test.each([
  ["March", rwsemProfiles.march],
  ["June", rwsemProfiles.june],
  ["July", rwsemProfiles.july],
  ["SRCU", srcuProfile],
  ["reference counts", refcountProfile],
])("the shares of the published profile of %s do not exceed the whole", (_name, profile) => {
  const sum = Object.values(profile.shares).reduce<number>((total, share) => total + share, 0);
  expect(sum).toBeLessThanOrEqual(100);
  expect(sum).toBeGreaterThan(80);
});

test("a share of busy time leaves the idle samples out", () => {
  expect(busyShare(refcountProfile, "shrink_slab")).toBeCloseTo((100 * 60.17) / (100 - 20.42), 10);
  expect(busyShare(refcountProfile, "up_read")).toBeNull();
});

/** What of a page does not depend on simulations: its sections, and of each table of figures what was published. */
function publishedPart(page: string): string[] {
  const lines: string[] = [];
  let isFigure = false;
  for (const line of page.split("\n")) {
    if (line.startsWith("## ") || /^\d+\. /.test(line)) lines.push(line);
    if (line.startsWith("| figure |")) isFigure = true;
    else if (!line.startsWith("|")) isFigure = false;
    if (!isFigure || line.startsWith("| :-")) continue;
    const [quantity, published, , , accepted] = line.split(" | ");
    lines.push([quantity, published, accepted].join(" | "));
  }
  return lines;
}

test("the committed page is of the rows that there are: run `reclaim-bench fidelity` when this fails", () => {
  const page = readFileSync(path.join(packageRoot, "docs", "fidelity.md"), "utf8");
  expect(hostSectionOf(page)).not.toBeNull();
  const own = (text: string): string => text.slice(0, text.indexOf("<!-- host: begin -->"));
  expect(publishedPart(own(page))).toEqual(publishedPart(own(renderPage(rows.map(emptyResult), null))));
});

describe("a tree that is walked", () => {
  const sizes = { cgroups: 6, mounts: 2, mountsBefore: 5, passes: 3, pagesNs: 7 };

  test("is a valid program with the sizes that it says", () => {
    const tree = new WalkedTree(sizes);
    const validator = new Validator(tree.limits);
    for (const chunk of tree.chunks()) validator.check(chunk);
    expect(validator.reached.events).toBe(tree.limits.events);
  });

  test("cannot have had fewer mounts before than it has", () => {
    expect(() => new WalkedTree({ ...sizes, mountsBefore: 1 })).toThrow(RangeError);
  });
});

describe("simulated", () => {
  const pooled = new PooledLab(1, new AbortController().signal);
  afterAll(() => pooled.close());

  /** Shows what a row asks for, and gives it less virtual time than it wants. */
  class SmallLab implements Lab {
    readonly specs: CaseSpec[] = [];

    run(spec: CaseSpec): Promise<Outcome> {
      this.specs.push(spec);
      return pooled.run({ ...spec, virtualMs: 30 });
    }

    check(spec: CheckSpec): Promise<CheckOutcome> {
      return pooled.check(spec);
    }
  }

  test("row B3 sets the other work from the baseline alone, and finds reference counts to cost nothing", async () => {
    const row = rows.find(({ id }) => id === "B3")!;
    const lab = new SmallLab();
    const { ours, simulated } = await row.simulate(lab);
    // 30 ms hold 368 ops of 9 workers each with its own end.
    expect(ours.baseline! / row.figures.baseline!.value).toBeCloseTo(1, 1);
    expect(standingOf(row.figures.refcount!, ours.refcount!)).toBe("no effect");
    const computeOf = ({ workload }: CaseSpec): unknown => workload.parameters["compute-ns"];
    const last = lab.specs.at(-1)!;
    expect(last).toMatchObject({ variant: "refcount-rcu", cpus: 24 });
    expect(lab.specs.filter(({ variant }) => variant !== "rwsem").map(computeOf)).toEqual([computeOf(last)]);
    expect(simulated.join(" ")).toContain(`compute-ns=${computeOf(last)}`);
  });

  test("row B12 finds the race where nothing closes it, and nowhere else", async () => {
    const row = rows.find(({ id }) => id === "B12")!;
    const { ours } = await row.simulate(new SmallLab());
    expect(ours).toEqual({ leaks: 1, waits: 0, poison: 0, drains: 0 });
  });

  const spec: CaseSpec = {
    problem: "shrinker",
    variant: "refcount-rcu",
    constants: { LAB_HZ: 250 },
    workload: new WalkedTree({ cgroups: 20, mounts: 4, mountsBefore: 130, passes: 2, pagesNs: 100 }),
    machine: loadProfile("xeon-24-1s"),
    cpus: 1,
    virtualMs: null,
  };

  test("a row's own workload takes the time of pages in every visit, and comes to the same again", async () => {
    const outcome = await pooled.run(spec);
    // The root of the walk and 20 below it.
    expect(outcome.value("virtual-visits")).toBe(2 * 21);
    expect(outcome.value("virtual-visit-ns")).toBeGreaterThan(100);
    const other = new PooledLab(1, new AbortController().signal);
    try {
      expect((await other.run(spec)).value("virtual-visit-ns")).toBe(outcome.value("virtual-visit-ns"));
    } finally {
      await other.close();
    }
  });

  test("a case that two rows ask for is simulated once; each is told how long it took", async () => {
    const [one, other] = [new TimedLab(pooled), new TimedLab(pooled)];
    const [first, second] = await Promise.all([one.run(spec), other.run({ ...spec })]);
    expect(second).toBe(first);
    expect([one.seconds, other.seconds]).toEqual([first.hostSeconds, first.hostSeconds]);
    expect(first.hostSeconds).toBeGreaterThan(0);
  });

  test("what a case did not tell is an error, a label that did not occur is 0", async () => {
    const outcome = await pooled.run(spec);
    expect(() => outcome.value("virtual-nonsense")).toThrow("the simulation tells no 'virtual-nonsense'");
    expect(outcome.symbolNs("down_read_trylock")).toBe(0);
    expect(outcome.symbolNs("shrink_slab")).toBeGreaterThan(0);
  });
});
