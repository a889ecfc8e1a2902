// On one CPU, every variant does what its model does (`quarantine-model.ts`), natively as well as traced, whatever the
// program. The sizes are made small enough that a few hundred events reach a full ring and a turned-over quarantine.
//
// The seed is fixed; TEST_SEED=n tries another. fast-check prints the seed, and the smallest program, of a failure.

import path from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { quarantine } from "../../bench/quarantine.ts";
import { type CompiledModule, compileModule } from "../../src/build/compile.ts";
import type { Constants } from "../../src/build/flags.ts";
import { type PlannedVariant, planVariant } from "../../src/plan/variant.ts";
import { OneCpu, objectLive, objectQuarantined, type ProgramStep } from "./one-cpu.ts";
import { type FreedObject, type ModelPath, makeModel, type QuarantineModel } from "./quarantine-model.ts";

const seed = Number(process.env.TEST_SEED ?? 1);
const programsPerVariant = 60;
const cpuQueueBytes = 512;
const batchCount = 4;
const smallConstants: Constants = { LAB_CPU_QUEUE_BYTES: cpuQueueBytes, LAB_BATCHES: batchCount };
/** What replaces the parameters that are too large for a short program. */
const smallParameters: Constants = { LAB_GROUP: 3, LAB_TIMEOUT_MS: 2 };

const liveMax = 150;
const cachesMax = 40;

/** One line of a random program. Numbers without a meaning of their own choose among what there is. */
type Command =
  | { readonly kind: "create"; readonly objectSize: number; readonly pages: number }
  | { readonly kind: "allocate" | "free"; readonly choice: number; readonly count: number }
  | { readonly kind: "destroy"; readonly choice: number }
  | { readonly kind: "work"; readonly delayNs: number };

interface Program {
  readonly ramPages: number;
  readonly commands: readonly Command[];
}

const choice = fc.nat({ max: 1000 });
const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("create" as const),
      objectSize: fc.integer({ min: 8, max: 700 }),
      pages: fc.constantFrom(1, 2),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("allocate" as const), choice, count: fc.integer({ min: 1, max: 12 }) }),
  },
  {
    weight: 7,
    arbitrary: fc.record({ kind: fc.constant("free" as const), choice, count: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("destroy" as const), choice }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("work" as const), delayNs: fc.nat({ max: 3_000_000 }) }),
  },
);
/** RAM from where the quarantine may hold nothing to where it holds 15 KiB. */
const programs: fc.Arbitrary<Program> = fc.record({
  ramPages: fc.integer({ min: 1, max: 124 }),
  commands: fc.array(commands, { minLength: 10, maxLength: 80, size: "max" }),
});

/** The steps of a program; at its end every object is freed and every cache destroyed. */
function* stepsOf(program: Program): Generator<ProgramStep> {
  const caches: number[] = [];
  const live: { readonly object: number; readonly cache: number }[] = [];
  const spareObjects = Array.from({ length: liveMax }, (_, index) => index);
  let nextCache = 0;
  let nowNs = 0;
  function* free(from: number, count: number): Generator<ProgramStep> {
    for (const entry of live.splice(from, count)) {
      spareObjects.push(entry.object);
      yield { kind: "free", ...entry };
    }
  }
  function* destroy(index: number): Generator<ProgramStep> {
    const [cache] = caches.splice(index, 1);
    if (cache === undefined) return;
    for (let at = live.length - 1; at >= 0; at--) if (live[at]?.cache === cache) yield* free(at, 1);
    yield { kind: "destroy", cache };
  }
  for (const command of program.commands) {
    if (command.kind === "create") {
      if (nextCache === cachesMax) continue;
      const { objectSize, pages } = command;
      caches.push(nextCache);
      yield { kind: "create", cache: nextCache++, objectSize, pages, objectsPerSlab: (pages * 4096) / objectSize };
    } else if (command.kind === "allocate") {
      const cache = caches[command.choice % caches.length];
      if (cache === undefined) continue;
      for (let count = 0; count < command.count && spareObjects.length > 0; count++) {
        const object = spareObjects.shift() as number;
        live.push({ object, cache });
        yield { kind: "allocate", object, cache };
      }
    } else if (command.kind === "free") {
      if (live.length > 0) yield* free(command.choice % live.length, command.count);
    } else if (command.kind === "destroy") {
      if (caches.length > 0) yield* destroy(command.choice % caches.length);
    } else if (command.kind === "work") {
      nowNs += command.delayNs;
      yield { kind: "work", nowNs };
    }
  }
  while (caches.length > 0) yield* destroy(0);
  yield { kind: "work", nowNs: nowNs + 1_000_000_000 };
}

function mustEqual(what: string, actual: unknown, expected: unknown): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`${what}: ${got}, the model says ${wanted}`);
}

/** A variant in both forms, and what its model is made with. */
interface Subject {
  readonly model: string;
  readonly constants: Constants;
  readonly skipWhenEmpty: boolean;
  readonly traced: OneCpu;
  readonly native: OneCpu;
}

interface LiveObject {
  readonly cache: number;
  readonly address: number;
}

/** Runs a program on both forms and on the model, and compares them after every step. */
function compare(subject: Subject, program: Program): QuarantineModel {
  const { traced, native, constants, skipWhenEmpty } = subject;
  const model = makeModel(
    subject.model,
    { ramBytes: program.ramPages * 4096, cpuQueueBytes, batchCount },
    { skipWhenEmpty, constants, addressOf: (cache) => traced.cacheAddressOf(cache) },
  );
  for (const form of [traced, native]) form.begin(program.ramPages);
  const objectSizes: number[] = [];
  const live = new Map<number, LiveObject>();
  const addressOfPut: number[] = [];
  let nowNs = 0;
  for (const step of stepsOf(program)) {
    for (const form of [traced, native]) form.mustPerform(step);
    if (step.kind === "create") objectSizes[step.cache] = step.objectSize;
    else if (step.kind === "destroy") model.destroy(step.cache, nowNs);
    else if (step.kind === "work") {
      nowNs = step.nowNs;
      model.work(nowNs);
    } else if (step.kind === "free") {
      const freed: FreedObject = {
        put: addressOfPut.length,
        cache: step.cache,
        bytes: objectSizes[step.cache] as number,
      };
      addressOfPut.push(live.get(step.object)?.address ?? 0);
      live.delete(step.object);
      model.put(freed);
    } else {
      model.reduce();
      const address = traced.addressOf(step.object);
      const taken = [...live.values()].map((one) => one.address);
      taken.push(...model.quarantined().map(({ put }) => addressOfPut[put] as number));
      if (taken.includes(address)) throw new Error("an object was handed out that is live or in quarantine");
      live.set(step.object, { cache: step.cache, address });
    }
    compareNow(subject, model, live, addressOfPut, objectSizes.length);
  }
  const [tracedMemory, nativeMemory] = [traced.slabMemory(), native.slabMemory()];
  if (!tracedMemory.every((part, index) => part.equals(nativeMemory[index] as Buffer))) {
    throw new Error("the two forms leave different objects behind");
  }
  return model;
}

function compareNow(
  { traced, native }: Subject,
  model: QuarantineModel,
  live: ReadonlyMap<number, LiveObject>,
  addressOfPut: readonly number[],
  cacheCount: number,
): void {
  mustEqual(
    "objects let go",
    traced.evicted,
    model.evicted.map(({ put }) => put),
  );
  mustEqual("caches gone", traced.gone.toSorted(), model.gone.toSorted());
  const quarantined = model.quarantined();
  const used = new Array<number>(cacheCount).fill(0);
  for (const { cache } of [...live.values(), ...quarantined]) used[cache] = (used[cache] as number) + 1;
  for (const form of [traced, native]) {
    for (const { address } of live.values()) mustEqual("state of a live object", form.stateAt(address), objectLive);
    for (const { put } of quarantined) {
      const state = form.stateAt(addressOfPut[put] as number);
      mustEqual("state of a quarantined object", state, objectQuarantined);
    }
    const { exports } = form;
    mustEqual("objects put back into their slabs", exports.freedCount(), model.evicted.length + model.removed.length);
    mustEqual("bytes in quarantine", exports.quarantinedBytes(), model.quarantinedBytes());
    mustEqual("batches in use", exports.batchesInUse(), model.batchesInUse());
    for (let cache = 0; cache < cacheCount; cache++) {
      mustEqual(`used objects of cache ${cache}`, exports.usedObjectsOf(cache), used[cache]);
      const isGone = model.gone.includes(cache);
      mustEqual(`whether cache ${cache} is there`, exports.isCachePresent(cache), isGone ? 0 : 1);
      if (isGone) mustEqual(`bytes held by cache ${cache}, which is gone`, exports.heldBytesOf(cache), 0);
    }
  }
}

async function makeSubject(
  model: string,
  skipWhenEmpty: boolean,
  constants: Constants,
  source: Pick<PlannedVariant, "name" | "isFloor"> & { readonly file?: string },
): Promise<Subject> {
  const compileForm = (machine: "native" | "traced"): Promise<CompiledModule> =>
    compileModule({
      problem: "quarantine",
      variant: source.name,
      ...(source.file === undefined ? {} : { variantFile: source.file }),
      machine,
      constants,
    });
  const form = async (name: "native" | "traced"): Promise<OneCpu> =>
    new OneCpu(await compileForm(name), { form: name, skipWhenEmpty, isFloor: source.isFloor });
  return { model, constants, skipWhenEmpty, traced: await form("traced"), native: await form("native") };
}

function modelNameOf({ name, parameters }: Pick<PlannedVariant, "name" | "parameters">): string {
  return parameters.form === undefined ? name : `${name} form=${parameters.form}`;
}

function subjectOf(line: string): Promise<Subject> {
  const planned = planVariant(quarantine, line);
  const constants: Record<string, number> = { ...planned.constants, ...smallConstants };
  for (const [name, value] of Object.entries(smallParameters)) if (name in constants) constants[name] = value;
  return makeSubject(modelNameOf(planned), planned.skipWhenEmpty, constants, planned);
}

/** Paths that the programs of a variant must have reached, or the test has not seen what it is for. */
function pathsOf(model: string): readonly ModelPath[] {
  if (model === "floor") return [];
  const all: ModelPath[] = ["flush", "eviction", "removal with own objects"];
  const isList = model === "single-list" || model === "doubly-linked";
  if (!isList) all.push("full ring", "head past tail");
  if (model === "batched-async form=scan") all.push("worker");
  return all;
}

test("every variant of the suite, in each of its forms, has a model", () => {
  for (const { name, parameters = {} } of quarantine.variants) {
    for (const form of Object.keys(parameters.form?.values ?? { none: 0 })) {
      const model = modelNameOf({ name, parameters: form === "none" ? {} : { form } });
      const sizes = { ramBytes: 4096, cpuQueueBytes, batchCount };
      expect(() => makeModel(model, sizes, { skipWhenEmpty: false, constants: {}, addressOf: () => 0 })).not.toThrow();
    }
  }
});

describe("does what its model does on one CPU, natively and traced", () => {
  // Two buckets as well, so that caches share them.
  test.each([...quarantine.lines, "hash-buckets buckets=2"])("%s", { timeout: 60_000 }, async (line) => {
    const subject = await subjectOf(line);
    const reached = new Set<ModelPath>();
    fc.assert(
      fc.property(programs, (program) => {
        for (const path of compare(subject, program).paths) reached.add(path);
      }),
      { seed, numRuns: programsPerVariant },
    );
    expect([...reached]).toEqual(expect.arrayContaining([...pathsOf(subject.model)]));
  });
});

describe("the comparison with the model", () => {
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), "assembly", "small-list.ts");

  /** The first difference that is found with one bug built in, or undefined. */
  async function difference(bug: number): Promise<string | undefined> {
    const source = { name: "small-list", file, isFloor: false };
    const subject = await makeSubject("single-list", false, { ...smallConstants, LAB_BUG: bug }, source);
    const details = fc.check(
      fc.property(programs, (program) => {
        compare(subject, program);
      }),
      { seed, numRuns: programsPerVariant, endOnFailure: true },
    );
    return details.failed ? String((details.errorInstance as Error).message) : undefined;
  }

  test("passes a correct variant from outside", { timeout: 60_000 }, async () => {
    expect(await difference(0)).toBeUndefined();
  });

  test.each([
    [1, "loses an object when the CPU's queue is moved", "objects let go|caches gone|used objects|bytes in quarantine"],
    [2, "stops a removal after the first match, as Linux 4.7 did", "objects put back into their slabs"],
    [3, "lets what came last from the CPU go first", "objects let go"],
    [4, "frees an object at once", "state of a quarantined object"],
    [5, "forgets to count what a removal takes out", "bytes in quarantine"],
  ])("finds bug %i, which %s", { timeout: 60_000 }, async (bug, _what, found) => {
    expect(await difference(bug)).toMatch(new RegExp(found));
  });
});
