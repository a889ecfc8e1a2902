import { describe, expect, test } from "vitest";
import { quarantineView } from "../../../src/report/quarantine/simulated.ts";
import { shrinkerView } from "../../../src/report/shrinker/simulated.ts";
import { defectLines, heldLines, heldTexts, uniteHeld } from "../../../src/report/simulator/held.ts";
import { overviewTable } from "../../../src/report/simulator/overview.ts";
import { choiceOf, verdictOf } from "../../../src/report/simulator/verdict.ts";
import { readValue, type View } from "../../../src/report/simulator/view.ts";
import { answer, floor, heldOf, latencies, rates, reference, rowsOf, verdictAlone } from "./rows.ts";

const none = new Map<string, readonly string[]>();

/** A case with bogo-ops and visits, per second. */
const both = (variant: string, ops: number, visits: number, more: Readonly<Record<string, number>> = {}) =>
  rowsOf(variant, {}, { "virtual-bogo-ops-per-s": ops, "virtual-visits-per-s": visits, ...more });

/** A case that gives visits up. */
const givingUp = { "virtual-visits": 100, "virtual-visits-given-up": 40 };

describe("what is chosen", () => {
  const verdict = (rows: ReturnType<typeof both>, faults = none): string => verdictAlone(answer(rows), faults);

  test("is the best by the foremost measure", () => {
    const text = verdict([...both(reference, 100, 9), ...both("srcu", 150, 1), ...both("refcount-rcu", 200, 9)]);
    expect(text).toContain("on 8 CPUs choose `refcount-rcu`: it gets most done, 2× the reference's bogo-ops/s");
  });

  test("is by the next measure, of those that are within a tenth of it", () => {
    const rows = [...both(reference, 50, 9), ...both("srcu", 200, 1), ...both("refcount-rcu", 190, 90)];
    const text = verdict(rows);
    expect(text).toContain(
      "choose `refcount-rcu`, within a tenth of the best (0.950× the best one's bogo-ops/s): `srcu`",
    );
    expect(text).toContain("by visits/s it is `refcount-rcu` (10× the reference's), `srcu` has 0.0111× of that");
    expect(verdict([...both(reference, 50, 9), ...both("srcu", 200, 1), ...both("refcount-rcu", 170, 90)])).toContain(
      "choose `srcu`: ",
    );
  });

  test("is the reference where no measure tells it from the best by a tenth", () => {
    expect(verdict([...both("srcu", 105, 9), ...both(reference, 100, 9), ...both("refcount-rcu", 109, 9)])).toContain(
      "choose `rwsem`, within a tenth of the best",
    );
  });

  test("is nothing that breaks a constraint or gives up", () => {
    const rows = [...both(reference, 200, 9, givingUp), ...both("srcu", 100, 9), ...both("refcount-rcu", 50, 9)];
    expect(verdict(rows)).toContain(
      "choose `srcu`, the best of those that nothing is held against (0.500× the best one's bogo-ops/s): `rwsem`\\* gets most done, by bogo-ops/s; by visits/s",
    );
    const faults = new Map([["srcu", ["quick registration"]]]);
    expect(verdict(rows, faults)).toContain("choose `refcount-rcu`, ");
    expect(verdict(rows, new Map([...faults, ["refcount-rcu", ["little memory"]]]))).toContain(
      "nothing is chosen, because something is held against each: `rwsem`\\* gets",
    );
  });

  test("is of those with the same value the one that unregisters quickest, and never goes by the order of the list", () => {
    const waiting = (variant: string, ops: number, ns: number | null) =>
      both(variant, ops, 9, ns === null ? {} : latencies("unregister", ns));
    const slow = both(reference, 50, 9);
    expect(verdict([...slow, ...waiting("srcu", 100, 900), ...waiting("refcount-rcu", 100, 300)])).toContain(
      "choose `refcount-rcu`: ",
    );
    expect(verdict([...slow, ...waiting("srcu", 100, 300), ...waiting("refcount-rcu", 100, 900)])).toContain(
      "choose `srcu`: ",
    );
    expect(verdict([...slow, ...waiting("srcu", 100, null), ...waiting("refcount-rcu", 100, 900)])).toContain(
      "choose `refcount-rcu`: ",
    );
    // Level, but not the same.
    expect(verdict([...slow, ...waiting("srcu", 100, 300), ...waiting("refcount-rcu", 100.5, 900)])).toContain(
      "choose `refcount-rcu`: ",
    );
  });

  test("is by the least of a time, where time is what variants are ranked by", () => {
    const times = { [reference]: 300, srcu: 100.5, "refcount-rcu": 100 };
    expect(verdict(rates({}, times, "virtual-ns"))).toContain("choose `refcount-rcu`: ");
  });

  test("is no quarantine whose removals had not ended", () => {
    const removing = (variant: string, ns: number, ended: number) =>
      rowsOf(
        variant,
        {},
        {
          "virtual-remove-ns": ns,
          "virtual-removals": 9,
          "virtual-removals-completed": ended,
          "virtual-puts-per-s": 5,
        },
      );
    const rows = [...removing(reference, 900, 9), ...removing("srcu", 90, 9), ...removing("refcount-rcu", 1, 2)];
    expect(verdictAlone(answer(rows, {}, quarantineView), none)).toContain("choose `srcu`, the best of those");
  });
});

describe("what a verdict rests on", () => {
  test("is said: runs, virtual time, what was done in it, and what is too little for a rate", () => {
    const times = (variant: string, ns: number, ops: number, rate: number) =>
      rowsOf(variant, {}, { "virtual-bogo-ops-per-s": rate, "virtual-bogo-ops": ops, "virtual-ns": ns });
    const text = verdictAlone(answer([...times(reference, 2e6, 30, 90), ...times("srcu", 4e6, 29, 9)]), none);
    expect(text).toContain("It rests on one run of each variant of 2 ms to 4 ms of virtual time, 29 to 30 bogo-ops; ");
    expect(text).toContain("too few for a rate of `srcu`: fewer than 30 bogo-ops");
  });

  test("is at how many places it holds", () => {
    const rows = [1, 2, 4].flatMap((cpus) => rates({ cpus }, { [reference]: 3, srcu: cpus }));
    expect(verdictAlone(answer(rows), none)).toContain("of 3 places simulated `srcu` is best at 1");
  });

  test("are costs that were not changed, or were", () => {
    const rows = rates({}, { [reference]: 100, srcu: 200 });
    expect(verdictAlone(answer(rows), none)).toMatch(/no cost of the machine was changed to see what hangs on it$/);
    const changed = [...rows, ...rates({ scaled: "l3*2" }, { [reference]: 100, srcu: 200 })];
    expect(verdictAlone(answer(changed), none)).toMatch(
      /the order of all is robust at this place: no cost of the machine, times 2, /,
    );
  });
});

describe("what is held against a variant", () => {
  const walking = (cpus = 8) => rates({ cpus }, { [reference]: 10, srcu: 90, "refcount-rcu": 50 });
  const waiting = (cpus: number, ns: number) =>
    rowsOf(
      "srcu",
      { workload: "container-start", cpus },
      { "virtual-bogo-ops-per-s": 5, ...latencies("unregister", ns) },
    );

  test("counts in every workload, and is a mark in the sentences and a line with its place in the list", () => {
    const [walks, starts] = [answer(walking()), answer([...waiting(2, 600), ...waiting(4, 2_000_000)])];
    expect(verdictOf(walks, heldOf(null, walks))).toContain("choose `srcu`: ");
    const held = heldOf(null, walks, starts);
    expect(verdictOf(walks, held)).toMatch(
      /choose `refcount-rcu`, the best of those that nothing is held against .*: `srcu`\\\* gets most done/,
    );
    const line =
      /^- `srcu`, _quick registration_: takes \S+ jiffies \(\S+ ms\) for unregistering at the median, in container-start on 4 CPUs of box\.$/;
    expect(heldLines(held).filter((one) => line.test(one))).toHaveLength(1);
    expect(heldTexts(held)).toEqual([
      expect.stringMatching(/^srcu breaks quick registration: takes .* on 4 CPUs of box$/),
    ]);
    expect(heldOf(null, starts, walks).shown).toEqual(held.shown);
  });

  test("counts at every place of a sweep", () => {
    const rows = (cpus: number, ns: number) => [
      ...rowsOf("srcu", { cpus }, { "virtual-visits-per-s": 90, ...latencies("unregister", ns) }),
      ...rates({ cpus }, { [reference]: 10 }),
    ];
    const answers = answer([...rows(2, 2_000_000), ...rows(8, 600)]);
    expect(verdictAlone(answers, null)).toContain("choose `rwsem`");
    expect(heldLines(heldOf(null, answers)).join()).toContain("at the median, in cgroups-4000 on 2 CPUs of box.");
  });

  test("is nothing that shows only when a cost of the machine is changed, and nothing of the floor", () => {
    const slow = { "virtual-visits-per-s": 5, ...latencies("unregister", 2_000_000) };
    const { objections } = answer([
      ...walking(),
      ...rowsOf("srcu", { scaled: "l3*2" }, slow),
      ...rowsOf(floor, {}, slow),
    ]);
    expect(objections).toEqual([]);
  });

  test("is named where all are level", () => {
    const rows = [...both("srcu", 100, 9), ...both(reference, 100, 9, givingUp)];
    expect(verdictAlone(answer(rows))).toContain(
      "choose `srcu`: all are level, within 1 %, by bogo-ops/s: `rwsem`\\*, `srcu`; ",
    );
    const alike = answer([...both("srcu", 100, 9), ...both(reference, 100, 9)]);
    expect(verdictAlone(alike)).toContain("all are level, within 1 %, by bogo-ops/s. ");
  });

  test("is not known where nothing registers, which is said, unless something was measured", () => {
    const walks = answer(walking());
    expect(verdictAlone(walks, null)).toContain(
      "; reclaim goes on and quick registration were not judged, because no case of the run shows them; ",
    );
    expect(verdictAlone(walks, none)).not.toContain("not judged");
    const quick = answer([...waiting(2, 600), ...rates({ workload: "container-start", cpus: 2 }, { [reference]: 1 })]);
    expect(verdictOf(walks, heldOf(null, walks, quick))).toContain("choose `srcu`: ");
    expect(verdictOf(walks, heldOf(null, walks, quick))).toContain("reclaim goes on was not judged");
    expect(verdictOf(walks, heldOf(null, walks, quick))).not.toContain("quick registration");
  });

  test("is not known of what was measured but could not be judged there either", () => {
    const walks = answer(walking());
    const judged = new Map([["srcu", ["reclaim goes on"]]]);
    const held = uniteHeld([walks], { faults: none, judged });
    expect(verdictOf(walks, held)).toContain(
      "; quick registration was not judged, because no case of the run shows it; ",
    );
  });

  test("is a known defect, too, the same one said once", () => {
    const walks = answer(walking());
    const why = "sleeps for ever";
    const defects = new Map([
      ["srcu", [{ kind: "deadlock", why }]],
      [reference, [{ kind: "deadlock", why }]],
    ]);
    const held = uniteHeld([walks], { faults: null, defects });
    expect(verdictOf(walks, held)).toMatch(/^on 8 CPUs choose `refcount-rcu`, .*: `srcu`\\\* gets most done/);
    expect(heldTexts(held)).toEqual([`known defect of srcu, ${reference}: ${why}`]);
    expect(defectLines(defects)).toEqual([`- \`srcu\`, \`${reference}\`: ${why}.`]);
    const cells = overviewTable(answer(walking(), { defects }))!.map(([first]) => first);
    expect(cells.slice(1)).toEqual([`${reference} (reference, known defect)`, "srcu (known defect)", "refcount-rcu"]);
  });
});

describe("a variant that hangs", () => {
  const view: View = { ...shrinkerView, hangsOf: (rows) => readValue(rows, "interrupts") ?? 0 };
  const hung = (visits: number) => rowsOf(reference, {}, { "virtual-visits-per-s": visits, interrupts: 2 });

  test("has no rate, is the base of no ratio, and is said to hang", () => {
    const answers = answer([...hung(1), ...rates({}, { srcu: 90, "refcount-rcu": 45 })], {}, view);
    expect(answers.main.variants.map(({ id, values, hangs }) => [id, values.at(-1), hangs])).toEqual([
      [reference, null, 2],
      ["srcu", 90, 0],
      ["refcount-rcu", 45, 0],
    ]);
    const text = verdictAlone(answers);
    expect(text).toContain(
      "choose `srcu`: it gets most done, by visits/s; next is `refcount-rcu` with 0.500×; `rwsem` hangs 2 times: its rate is the watchdog's, and left out",
    );
    expect(text).not.toContain("the reference's");
  });

  test("leaves nothing to choose where only one other was simulated", () => {
    const answers = answer([...hung(1), ...rates({}, { srcu: 90 })], {}, view);
    expect(verdictAlone(answers)).toBe(
      "on 8 CPUs only `srcu` has a value: 90 visits/s; `rwsem` hangs 2 times: its rate is the watchdog's, and left out",
    );
    expect(choiceOf(answers, heldOf(null, answers))).toBeNull();
  });

  test("leaves the sensitivity of the others to the machine's costs", () => {
    const changed = rates({ scaled: "l3*2" }, { srcu: 40, "refcount-rcu": 45 });
    const answers = answer([...hung(1), ...rates({}, { srcu: 90, "refcount-rcu": 45 }), ...changed], {}, view);
    expect(answers.sensitivities[0]?.found.ranking.verdict).toBe("flipped");
  });
});

describe("places at which a choice is best", () => {
  const at = (cpus: number, ops: Readonly<Record<string, number>>, visits: Readonly<Record<string, number>>) =>
    Object.entries(ops).flatMap(([variant, rate]) =>
      rowsOf(
        variant,
        { cpus },
        {
          "virtual-bogo-ops-per-s": rate,
          "virtual-visits-per-s": visits[variant]!,
          ...(variant === reference ? givingUp : {}),
        },
      ),
    );

  test("are told apart from those at which another that is held is ahead, or it is far behind by another measure", () => {
    const rows = [
      ...at(1, { [reference]: 90, srcu: 50, "refcount-rcu": 10 }, { [reference]: 9, srcu: 9, "refcount-rcu": 9 }),
      ...at(2, { [reference]: 10, srcu: 50, "refcount-rcu": 10 }, { [reference]: 9, srcu: 1, "refcount-rcu": 411 }),
      ...at(4, { [reference]: 10, srcu: 50, "refcount-rcu": 10 }, { [reference]: 9, srcu: 9, "refcount-rcu": 9 }),
    ];
    const [, , ...others] = answer(rows).places;
    expect(others.map(({ behind }) => behind.size)).toEqual([0]);
    expect(verdictAlone(answer(rows))).toContain(
      "of 3 places simulated `srcu` is best at 2, or at 3 without those that something is held against; at 1 of the 2 it is far behind by visits/s without those given up",
    );
  });
});

test("a verdict on a run that was stopped says that it is incomplete", () => {
  const rows = rates({}, { [reference]: 100, srcu: 200 });
  expect(verdictAlone(answer(rows, { unsimulated: new Set(["cgroups-4000"]) }))).toMatch(
    /^incomplete: the run was stopped before all of its cases were simulated, and what follows is of those that were\. On 8 CPUs choose `srcu`: /,
  );
  expect(verdictAlone(answer(rows, { unsimulated: new Set(["container-start"]) }))).toMatch(/^on 8 CPUs choose/);
  const nothing = answer(rates({}, { [floor]: 1 }), { unsimulated: new Set(["cgroups-4000"]) });
  expect(verdictAlone(nothing)).toMatch(/^incomplete: .*\. Nothing came of it/);
});
