// The regression of stress-ng's ramfs stressor: what a grace period in every unmount costs, and that reference counts cost
// nothing.

import { loadProfile, type MachineProfile } from "../../simulator/profile.ts";
import type { CaseSpec, Lab, Outcome } from "../lab.ts";
import { makeRow, type Row } from "../row.ts";
import { cpusOn, describeTime } from "../text.ts";

const workers = 9;
const virtualMs = 1000;
const hz = 1000;

/** The machine of one publication, and what its baseline did. */
interface Place {
  readonly machine: MachineProfile;
  readonly cpus: number;
  /** Bogo-ops per second under the rwsem. */
  readonly baseline: number;
}

function specOf({ machine, cpus }: Place, variant: string, computeNs: number): CaseSpec {
  return {
    problem: "shrinker",
    variant,
    constants: { LAB_HZ: hz },
    workload: {
      name: "stress-ng-ramfs",
      parameters: { workers, "bogo-ops": 4, "quarantine-bytes": 0, "compute-ns": computeNs },
    },
    machine,
    cpus,
    virtualMs,
  };
}

const superblocksPerOp = 2;
const adjustments = 3;

/** What a profile cannot know: the work beside the shrinker, for which the baseline alone does what was published. */
async function setCompute(lab: Lab, place: Place): Promise<number> {
  const wantedNs = (workers / place.baseline) * 1e9;
  let computeNs = Math.round(wantedNs / superblocksPerOp);
  for (let turn = 0; turn < adjustments; turn++) {
    const took = (workers / opsOf(await lab.run(specOf(place, "rwsem", computeNs)))) * 1e9;
    computeNs = Math.max(0, computeNs + Math.round((wantedNs - took) / superblocksPerOp));
  }
  return computeNs;
}

function opsOf(outcome: Outcome): number {
  return outcome.value("virtual-bogo-ops-per-s");
}

/** Change of a value in percent. */
function changeOf(after: number, before: number): number {
  return 100 * (after / before - 1);
}

/** Lines a second that cores fetched from each other. */
function transfersPerSecond(outcome: Outcome): number {
  const lines = ["same-cluster", "same-socket", "other-socket"].reduce(
    (sum, from) => sum + outcome.labelled("fetched", from),
    0,
  );
  return lines / (outcome.value("virtual-ns") / 1e9);
}

function switchesPerSecond(outcome: Outcome): number {
  return outcome.value("context-switches") / (outcome.value("virtual-ns") / 1e9);
}

/** What an unmount waits longer, by the rates of the workers. */
function waitNs(after: number, before: number): number {
  return ((workers / after - workers / before) * 1e9) / superblocksPerOp;
}

async function runAll<Name extends string>(
  lab: Lab,
  place: Place,
  variants: readonly Name[],
): Promise<{ readonly computeNs: number; readonly outcomes: Readonly<Record<Name, Outcome>> }> {
  const computeNs = await setCompute(lab, place);
  const outcomes = await Promise.all(
    variants.map(async (variant) => [variant, await lab.run(specOf(place, variant, computeNs))] as const),
  );
  return { computeNs, outcomes: Object.fromEntries(outcomes) as Record<Name, Outcome> };
}

function describe(place: Place, computeNs: number): string[] {
  return [
    `${cpusOn(place.cpus, place.machine)}; stress-ng-ramfs with ${workers} workers and ${superblocksPerOp} superblocks per op, for ${describeTime(virtualMs * 1e6)} of virtual time at ${hz} Hz.`,
    `Set from the baseline alone: compute-ns=${computeNs}, with which the rwsem does what was published for it.`,
  ];
}

const fallsAsFar = [-93, -75] as const;
const notSlept =
  "the workers compute all that is not the shrinker, while in the kernel they sleep for more than half of it, mostly in the expedited grace period of umount(2) and on the namespace's lock";

export const robot: Row = makeRow({
  id: "B1",
  title: "SRCU in every unmount, 96 CPUs (kernel test robot)",
  seconds: 5,
  figures: {
    baseline: {
      quantity: "ops/s under the rwsem",
      value: 23_479,
      unit: "per s",
      source: "robot",
      accepted: "given",
      miss: "",
    },
    srcu: {
      quantity: "change of ops/s under SRCU",
      value: -88.8,
      unit: "%",
      source: "robot",
      accepted: fallsAsFar,
      miss: "grace periods of another length than the kernel's",
    },
    generation: {
      quantity: "the same with the generation counter, which our variant has",
      value: -89.9,
      unit: "%",
      source: "robot",
      accepted: fallsAsFar,
      miss: "grace periods of another length than the kernel's",
    },
    wait: {
      quantity: "what an unmount waits longer under SRCU",
      value: 1_526_500,
      unit: "ns",
      source: "robot",
      derivation: "from the rates: 9 workers, 2 unmounts per op, 383 µs against 3,436 µs",
      accepted: [1_150_000, 1_900_000],
      miss: "grace periods of another length than the kernel's",
    },
    busy: {
      quantity: "change of the CPU time of the workers (percent of CPU: 425 to 73.67)",
      value: -82.7,
      unit: "%",
      source: "robot",
      accepted: fallsAsFar,
      miss: notSlept,
    },
    busyBefore: {
      quantity: "CPUs that the workers keep busy under the rwsem",
      value: 4.25,
      unit: "CPUs",
      source: "robot",
      accepted: [3.4, 5.1],
      miss: notSlept,
    },
    busyAfter: {
      quantity: "the same under SRCU",
      value: 0.7367,
      unit: "CPUs",
      source: "robot",
      accepted: [0.59, 0.89],
      miss: `the workers compute what they sleep in the kernel (see the figure before): 4.25 of 9 CPUs there`,
    },
    idle: {
      quantity: "change of the machine's idle share, which rises (93.32 to 97.73 %)",
      value: 4.41,
      unit: "points",
      source: "robot",
      accepted: [0, 100],
      isRangeLate: true,
      miss: "the workers do not wait longer",
    },
    misses: {
      quantity: "change of cache misses a second; ours: of lines that cores fetch from each other",
      value: -91.4,
      unit: "%",
      source: "robot",
      accepted: [-99, -75],
      miss: "only the shrinkers' lines are simulated, about a hundredth of what mount(2) and umount(2) touch; the lines that a grace period reads on every CPU weigh more among them",
    },
    switchesBefore: {
      quantity: "context switches a second under the rwsem",
      value: 250_072,
      unit: "per s",
      source: "robot",
      accepted: [125_036, 500_144],
      miss: `${notSlept}; a worker that never waits for the shrinker is never switched here`,
    },
    switchesAfter: {
      quantity: "the same under SRCU",
      value: 38_245,
      unit: "per s",
      source: "robot",
      accepted: [19_123, 76_490],
      miss: "only the waits for grace periods are simulated, two per op and unmount; the kernel's are 15 per op, those of the VFS, of the workers that run the grace periods, and each turn to idle included",
    },
    ipc: {
      quantity: "change of instructions per cycle (0.69 to 0.80)",
      value: 16.4,
      unit: "%",
      source: "robot",
      accepted: [0, 30],
      miss: "the simulator has accesses and no instructions",
    },
  },
  async simulate(lab) {
    const machine = loadProfile("xeon-6252-2s");
    const place: Place = { machine, cpus: 96, baseline: 23_479 };
    const { computeNs, outcomes } = await runAll(lab, place, ["rwsem", "srcu"]);
    const { rwsem, srcu } = outcomes;
    const change = changeOf(opsOf(srcu), opsOf(rwsem));
    const [before, after] = [rwsem.value("utilisation"), srcu.value("utilisation")];
    return {
      ours: {
        baseline: opsOf(rwsem),
        srcu: change,
        generation: change,
        wait: waitNs(opsOf(srcu), opsOf(rwsem)),
        busy: changeOf(after, before),
        busyBefore: before,
        busyAfter: after,
        idle: (100 * (before - after)) / place.cpus,
        misses: changeOf(transfersPerSecond(srcu), transfersPerSecond(rwsem)),
        switchesBefore: switchesPerSecond(rwsem),
        switchesAfter: switchesPerSecond(srcu),
        ipc: null,
      },
      simulated: describe(place, computeNs),
    };
  },
});

export const reproduction: Row = makeRow({
  id: "B2",
  title: "SRCU and three remedies, 32 CPUs (the author's reproduction)",
  seconds: 5,
  figures: {
    baseline: {
      quantity: "ops/s under the rwsem",
      value: 12_915.89,
      unit: "per s",
      source: "unregistration",
      accepted: "given",
      miss: "",
    },
    srcu: {
      quantity: "change of ops/s under SRCU (2,811.08)",
      value: -78.2,
      unit: "%",
      source: "unregistration",
      accepted: [-86, -70],
      miss: "HZ was not published; 1000 is assumed",
    },
    expedited: {
      quantity: "change with expedited grace periods (11,834.18)",
      value: -8.4,
      unit: "%",
      source: "unregistration",
      accepted: [-13.4, -3.4],
      miss: "here the waiting task runs the grace period itself, within some microseconds; in the kernel a worker does, which is woken up and wakes the task up again. The published rates differ by 7 % where no effect is expected (next figure)",
    },
    split: {
      quantity: "change with the wait moved out of the unmount (13,824.14)",
      value: 7,
      unit: "%",
      source: "unregistration",
      accepted: [-5, 10],
      isNullEffect: true,
      miss: "other patches of that series move more work than the wait",
    },
  },
  async simulate(lab) {
    const machine = loadProfile("xeon-8260-2s");
    const place: Place = { machine, cpus: 32, baseline: 12_915.89 };
    const { computeNs, outcomes } = await runAll(lab, place, ["rwsem", "srcu", "srcu-expedited", "srcu-split"]);
    const change = (outcome: Outcome): number => changeOf(opsOf(outcome), opsOf(outcomes.rwsem));
    return {
      ours: {
        baseline: opsOf(outcomes.rwsem),
        srcu: change(outcomes.srcu),
        expedited: change(outcomes["srcu-expedited"]),
        split: change(outcomes["srcu-split"]),
      },
      simulated: [
        ...describe(place, computeNs),
        "The model of the 32-CPU machine was not published: these are the first 32 CPUs of the machine of the profiles (B5).",
      ],
    };
  },
});

const within = (value: number): readonly [number, number] => [value - 5, value + 5];
const sameAs = "the series changes more than the locking; its author calls the two the same";

function referenceCounts(
  id: string,
  what: { readonly title: string; readonly place: () => Place; readonly remark: string },
  published: {
    readonly before: number;
    readonly after: number;
    readonly source: "refcountV1" | "refcountV4" | "refcountV6";
  },
): Row {
  const change = changeOf(published.after, published.before);
  return makeRow({
    id,
    title: what.title,
    seconds: 3,
    figures: {
      baseline: {
        quantity: "ops/s under the rwsem",
        value: published.before,
        unit: "per s",
        source: published.source,
        accepted: "given",
        miss: "",
      },
      refcount: {
        quantity: `change of ops/s with reference counts (${published.after.toLocaleString("en-US", { minimumFractionDigits: 2 })})`,
        value: change,
        unit: "%",
        source: published.source,
        accepted: within(change),
        isNullEffect: true,
        miss: sameAs,
      },
    },
    async simulate(lab) {
      const place = what.place();
      const { computeNs, outcomes } = await runAll(lab, place, ["rwsem", "refcount-rcu"]);
      return {
        ours: {
          baseline: opsOf(outcomes.rwsem),
          refcount: changeOf(opsOf(outcomes["refcount-rcu"]), opsOf(outcomes.rwsem)),
        },
        simulated: [...describe(place, computeNs), what.remark],
      };
    },
  });
}

const of24 = (baseline: number) => (): Place => ({ machine: loadProfile("xeon-24-1s"), cpus: 24, baseline });
const modelUnknown = "The machine's model was not published, its 24 CPUs follow from 1440 s of CPU time in 60 s.";

export const counts: readonly Row[] = [
  referenceCounts(
    "B3",
    { title: "Reference counts in every unmount, 24 CPUs", place: of24(12_253.05), remark: modelUnknown },
    { before: 12_253.05, after: 12_444.02, source: "refcountV4" },
  ),
  referenceCounts(
    "B3b",
    { title: "The same in a later posting", place: of24(7884.12), remark: modelUnknown },
    { before: 7884.12, after: 7952.55, source: "refcountV6" },
  ),
  referenceCounts(
    "B3c",
    {
      title: "The same in the first posting, 96 CPUs",
      place: () => ({ machine: loadProfile("xeon-8260-2s"), cpus: 96, baseline: 14_671.45 }),
      remark: "The 96 CPUs follow from 5762 s of CPU time in 60 s. There, bitmaps were still in one block per cgroup.",
    },
    { before: 14_671.45, after: 14_120.66, source: "refcountV1" },
  ),
];
