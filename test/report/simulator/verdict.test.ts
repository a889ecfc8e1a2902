import { describe, expect, test } from "vitest";
import { quarantineView } from "../../../src/report/quarantine/simulated.ts";
import { verdictOf } from "../../../src/report/simulator/verdict.ts";
import { answer, rates, reference, rowsOf } from "./rows.ts";

const none = new Map<string, readonly string[]>();

/** A case with bogo-ops and visits, per second. */
const both = (variant: string, ops: number, visits: number, more: Readonly<Record<string, number>> = {}) =>
  rowsOf(variant, {}, { "virtual-bogo-ops-per-s": ops, "virtual-visits-per-s": visits, ...more });

/** A case that gives visits up. */
const givingUp = { "virtual-visits": 100, "virtual-visits-given-up": 40 };

describe("what is chosen", () => {
  const verdict = (rows: ReturnType<typeof both>, faults = none): string => verdictOf(answer(rows), faults);

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
      "choose `srcu`, the best of those that nothing is known against (0.500× the best one's bogo-ops/s): `rwsem` (gives 40.00 % of its visits up) gets most done",
    );
    const faults = new Map([["srcu", ["quick registration"]]]);
    expect(verdict(rows, faults)).toContain("choose `refcount-rcu`, ");
    expect(verdict(rows, new Map([...faults, ["refcount-rcu", ["little memory"]]]))).toContain(
      "nothing is chosen, because something is known against each: `rwsem` (gives",
    );
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
    expect(verdictOf(answer(rows, {}, quarantineView), none)).toContain("choose `srcu`, the best of those");
  });
});

describe("what a verdict rests on", () => {
  test("is said: runs, virtual time, what was done in it, and what is too little for a rate", () => {
    const times = (variant: string, ns: number, ops: number, rate: number) =>
      rowsOf(variant, {}, { "virtual-bogo-ops-per-s": rate, "virtual-bogo-ops": ops, "virtual-ns": ns });
    const text = verdictOf(answer([...times(reference, 2e6, 30, 90), ...times("srcu", 4e6, 29, 9)]), none);
    expect(text).toContain("It rests on one run of each variant of 2 ms to 4 ms of virtual time, 29 to 30 bogo-ops; ");
    expect(text).toContain("too few for a rate of `srcu`: fewer than 30 bogo-ops");
  });

  test("is at how many places it holds", () => {
    const rows = [1, 2, 4].flatMap((cpus) => rates({ cpus }, { [reference]: 3, srcu: cpus }));
    expect(verdictOf(answer(rows), none)).toContain("of 3 places simulated `srcu` is best at 1");
  });

  test("are costs that were not changed, or were", () => {
    const rows = rates({}, { [reference]: 100, srcu: 200 });
    expect(verdictOf(answer(rows), none)).toMatch(/no cost of the machine was changed to see what hangs on it$/);
    const changed = [...rows, ...rates({ scaled: "l3*2" }, { [reference]: 100, srcu: 200 })];
    expect(verdictOf(answer(changed), none)).toMatch(/the order of all is robust: no cost of the machine, times 2, /);
  });
});
