import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { quarantine } from "../../bench/quarantine.ts";
import { InputError } from "../../src/errors.ts";
import { planVariant } from "../../src/plan/variant.ts";

/** Ids of every variant with some of its parameters, in any order. */
const ids = fc.constantFrom(...quarantine.variants).chain(({ name, parameters }) => {
  const pairs = Object.entries(parameters ?? {}).map(([key, { values }]) =>
    (values === undefined
      ? fc.integer({ min: 0, max: 0x7fff_ffff }).map(String)
      : fc.constantFrom(...Object.keys(values))
    ).map((value) => `${key}=${value}`),
  );
  const skip = fc.boolean().map((value) => `skip-when-empty=${value}`);
  return fc
    .tuple(...pairs, skip)
    .chain((all) => fc.shuffledSubarray(all))
    .map((some) => ({ name, text: [name, ...some].join(" "), given: some }));
});

describe("a variant's id", () => {
  test("read again is the same variant", () => {
    fc.assert(
      fc.property(ids, ({ text }) => {
        const planned = planVariant(quarantine, text);
        expect(planVariant(quarantine, planned.id)).toEqual(planned);
      }),
    );
  });

  test("holds what is not at its default and what tells variants apart, sorted", () => {
    fc.assert(
      fc.property(ids, ({ name, text, given }) => {
        // Numbers lose leading zeros only; these have none. What the definition names in every id stands there anyway.
        const definition = quarantine.variants.find((one) => one.name === name);
        const expected = new Set<string>();
        for (const [key, { default: value, inEveryId }] of Object.entries(definition?.parameters ?? {})) {
          const pair = given.find((one) => one.startsWith(`${key}=`)) ?? `${key}=${value}`;
          if (inEveryId === true || pair !== `${key}=${value}`) expected.add(pair);
        }
        if (given.includes("skip-when-empty=true")) expected.add("skip-when-empty=true");
        expect(planVariant(quarantine, text).id).toBe([name, ...[...expected].sort()].join(" "));
      }),
    );
  });

  test("does not depend on the white space between its parts", () => {
    const plain = planVariant(quarantine, "batched-async form=scan group=3");
    expect(planVariant(quarantine, "  batched-async\tgroup=3   form=scan ")).toEqual(plain);
  });

  test("sorts parameters by name, the common one among the variant's own", () => {
    const { id } = planVariant(quarantine, "batched-async timeout-ms=5 skip-when-empty=true group=2 form=deferred");
    expect(id).toBe("batched-async form=deferred group=2 skip-when-empty=true timeout-ms=5");
  });

  test("leaves out skip-when-empty=false, and says so in the parameters", () => {
    const planned = planVariant(quarantine, "doubly-linked skip-when-empty=false");
    expect(planned.id).toBe("doubly-linked");
    expect(planned.parameters).toEqual({ "skip-when-empty": false });
    expect(planned.skipWhenEmpty).toBe(false);
    expect(planned).toEqual(planVariant(quarantine, "doubly-linked"));
  });
});

describe("a planned variant", () => {
  test("has every parameter, defaults included, and its compile-time constants", () => {
    expect(planVariant(quarantine, "batched-async form=deferred")).toEqual({
      id: "batched-async form=deferred",
      name: "batched-async",
      parameters: { form: "deferred", group: 24, "timeout-ms": 1000, "skip-when-empty": false },
      constants: { LAB_FORM: 2, LAB_GROUP: 24, LAB_TIMEOUT_MS: 1000 },
      skipWhenEmpty: false,
      isReference: false,
      isFloor: false,
    });
  });

  test("is compiled the same with skip-when-empty, which the harness implements", () => {
    const { constants, skipWhenEmpty } = planVariant(quarantine, "hash-buckets skip-when-empty=true buckets=32");
    expect({ constants, skipWhenEmpty }).toEqual({ constants: { LAB_BUCKETS: 32 }, skipWhenEmpty: true });
  });

  test("is the reference only as Linux ran it", () => {
    expect(planVariant(quarantine, "singly-linked-fifo").isReference).toBe(true);
    expect(planVariant(quarantine, "singly-linked-fifo skip-when-empty=true").isReference).toBe(false);
    expect(planVariant(quarantine, "single-list").isReference).toBe(false);
  });

  test("is the floor by name", () => {
    expect(planVariant(quarantine, "floor").isFloor).toBe(true);
    expect(planVariant(quarantine, "single-list").isFloor).toBe(false);
  });

  test("from outside has its file, no parameters of its own, and is neither reference nor floor", () => {
    const outside = new Map([["mine", "/tmp/mine.ts"]]);
    expect(planVariant(quarantine, "mine skip-when-empty=true", outside)).toEqual({
      id: "mine skip-when-empty=true",
      name: "mine",
      file: "/tmp/mine.ts",
      parameters: { "skip-when-empty": true },
      constants: {},
      skipWhenEmpty: true,
      isReference: false,
      isFloor: false,
    });
  });
});

test.each([
  ["triply-linked", "variant 'triply-linked': unknown; one of: single-list, singly-linked-fifo, "],
  ["", "variant '': unknown; one of: "],
  ["toString", "variant 'toString': unknown"],
  ["hash-buckets size=4", "unknown parameter 'size'; one of: buckets, skip-when-empty"],
  ["floor size=4", "unknown parameter 'size'; one of: skip-when-empty"],
  ["hash-buckets toString=4", "unknown parameter 'toString'"],
  ["hash-buckets constructor=4", "unknown parameter 'constructor'"],
  ["batched-async form=fast", "parameter 'form': must be one of: scan, deferred; got fast"],
  ["batched-async form=toString", "parameter 'form': must be one of: scan, deferred; got toString"],
  ["batched-async form=1", "parameter 'form': must be one of: scan, deferred; got 1"],
  ["batched-async form=", "parameter 'form': must be one of: scan, deferred; got "],
  ["hash-buckets buckets=-1", "parameter 'buckets': must be a whole number below 2147483648, got -1"],
  ["hash-buckets buckets=1.5", "must be a whole number below 2147483648, got 1.5"],
  ["hash-buckets buckets=0x10", "must be a whole number below 2147483648, got 0x10"],
  ["hash-buckets buckets=2147483648", "must be a whole number below 2147483648, got 2147483648"],
  ["hash-buckets buckets=many", "must be a whole number below 2147483648, got many"],
  ["hash-buckets buckets=", "must be a whole number below 2147483648, got "],
  ["hash-buckets buckets", "'buckets' is not of the form parameter=value"],
  ["hash-buckets buckets=1=2", "'buckets=1=2' is not of the form parameter=value"],
  ["hash-buckets buckets=1 buckets=1", "parameter 'buckets' is given twice"],
  ["floor skip-when-empty=true skip-when-empty=false", "parameter 'skip-when-empty' is given twice"],
  ["floor skip-when-empty=yes", "parameter 'skip-when-empty': must be true or false, got yes"],
])("the id '%s' is refused", (text, message) => {
  const read = (): unknown => planVariant(quarantine, text);
  expect(read).toThrow(InputError);
  expect(read).toThrow(message);
});

test("a variant from outside is listed among the known ones", () => {
  const outside = new Map([["mine", "/tmp/mine.ts"]]);
  expect(() => planVariant(quarantine, "yours", outside)).toThrow(/floor, mine$/);
});
