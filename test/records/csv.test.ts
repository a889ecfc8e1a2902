import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { InputError } from "../../src/errors.ts";
import { RecordWriter, readRecords } from "../../src/records/csv.ts";
import { type MeasuredRow, recordColumns } from "../../src/records/record.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "records-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const row: MeasuredRow = {
  run_id: "20250131T235959Z-0a1b2c",
  commit: "",
  problem: "quarantine",
  variant: "batched-async form=scan",
  workload: "cgroups-4000",
  instrument: "native",
  cpus: 2,
  parameters: "",
  process: 0,
  round: 0,
  metric: "remove-ns",
  unit: "ns",
  better: "lower",
  assume: "sampled",
  value: 12.5,
  seed: 1,
  environment_id: "0123456789ab",
};

async function writeAll(rows: readonly MeasuredRow[], to = folder): Promise<string> {
  const writer = await RecordWriter.open(to);
  for (const each of rows) await writer.write(each);
  return await writer.finish();
}

async function readAll(file: string): Promise<MeasuredRow[]> {
  const rows: MeasuredRow[] = [];
  for await (const each of readRecords(file)) rows.push(each);
  return rows;
}

test("a row is one line in the order of the columns, and a missing value is an empty field", async () => {
  const file = await writeAll([{ ...row, value: null }]);
  expect(file).toBe(join(folder, "records.csv"));
  expect(await readFile(file, "utf8")).toBe(
    `${recordColumns.join(",")}\n` +
      "20250131T235959Z-0a1b2c,,quarantine,batched-async form=scan,cgroups-4000,native,2,,0,0,remove-ns,ns,lower,sampled,,1,0123456789ab\n",
  );
});

// Quotes, separators, line ends, formulas and guards, next to ordinary text of any language.
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(",", '"', "\n", "\r", "\r\n", "=", "+", "-", "@", "＝", "\t", "'", " ", "\ufeff"),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 3 }),
  ),
});
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const anyRow: fc.Arbitrary<MeasuredRow> = fc.record({
  run_id: text,
  commit: text,
  problem: text,
  variant: text,
  workload: text,
  instrument: fc.constantFrom("native", "traced", "simulator", "checker"),
  cpus: fc.integer({ min: 1, max: 256 }),
  parameters: text,
  process: fc.nat(),
  round: fc.nat(),
  metric: text,
  unit: text,
  better: fc.constantFrom("lower", "higher", ""),
  assume: fc.constantFrom("exact", "sampled"),
  value: fc.option(number),
  seed: fc.maxSafeNat(),
  environment_id: text,
});

test("whatever is written comes back equal", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRow, { maxLength: 5 }), async (rows) => {
      const inner = await mkdtemp(join(folder, "run-"));
      expect(await readAll(await writeAll(rows, inner))).toEqual(rows);
    }),
  );
});

test("no field begins as a spreadsheet's formula", async () => {
  await writeAll([{ ...row, variant: "=1+1", workload: "@SUM(A1)", parameters: "'", value: -5 }]);
  const written = await readFile(join(folder, "records.csv"), "utf8");
  expect(written).toContain(",'=1+1,'@SUM(A1),native,2,'',0,");
  expect(written).toContain(",-5,");
});

test("an apostrophe that guards nothing stays, so that files of other programs are read as they are", async () => {
  const file = await writeAll([{ ...row, variant: "VARIANT" }]);
  await writeFile(file, (await readFile(file, "utf8")).replace("VARIANT", "'tis"));
  expect((await readAll(file))[0]!.variant).toBe("'tis");
});

test("more rows than the writer holds come back in their order", async () => {
  const rows = Array.from({ length: 2500 }, (_, round) => ({ ...row, round }));
  expect(await readAll(await writeAll(rows))).toEqual(rows);
});

test("a table has its name only when it is whole", async () => {
  const writer = await RecordWriter.open(folder);
  await writer.write(row);
  expect(await readdir(folder)).toEqual(["records.csv.partial"]);
  await writer.finish();
  expect(await readdir(folder)).toEqual(["records.csv"]);
});

test("an aborted table keeps its rows under its partial name", async () => {
  const writer = await RecordWriter.open(folder);
  await writer.write(row);
  await writer.abort();
  expect(await readdir(folder)).toEqual(["records.csv.partial"]);
  expect(await readAll(join(folder, "records.csv.partial"))).toEqual([row]);
});

test("flushed rows are in the partial file before the table ends", async () => {
  const writer = await RecordWriter.open(folder);
  await writer.write(row);
  await writer.flush();
  expect(await readAll(join(folder, "records.csv.partial"))).toEqual([row]);
  await writer.abort();
});

test("a closed writer takes no more rows, and aborting it changes nothing", async () => {
  const writer = await RecordWriter.open(folder);
  await writer.finish();
  await writer.abort();
  await expect(writer.write(row)).rejects.toThrow("the writer is closed");
  await expect(writer.finish()).rejects.toThrow("the writer is closed");
  expect(await readdir(folder)).toEqual(["records.csv"]);
});

test("after a failed write a table can only be aborted, and never gets its name", async () => {
  const writer = await RecordWriter.open(folder);
  await writer.write(row);
  const probe = await open(join(folder, "probe"), "w");
  await probe.close();
  const append = vi.spyOn(Object.getPrototypeOf(probe), "appendFile").mockRejectedValueOnce(new Error("disk full"));
  await expect(writer.finish()).rejects.toThrow("disk full");
  append.mockRestore();
  await expect(writer.write(row)).rejects.toThrow("the writer has failed");
  await expect(writer.finish()).rejects.toThrow("the writer has failed");
  await writer.abort();
  expect(await readdir(folder)).toEqual(["probe", "records.csv.partial"]);
});

test.each(["records.csv", "records.csv.partial"])("an existing %s is not overwritten", async (name) => {
  await writeFile(join(folder, name), "precious");
  await expect(RecordWriter.open(folder)).rejects.toThrow(InputError);
  expect(await readFile(join(folder, name), "utf8")).toBe("precious");
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])(
  "a value of %s is refused, and the row is left out",
  async (value) => {
    const writer = await RecordWriter.open(folder);
    await expect(writer.write({ ...row, value })).rejects.toThrow("'value'");
    expect(await readAll(await writer.finish())).toEqual([]);
  },
);

const header = recordColumns.join(",");
const good = "r,c,p,v,w,native,2,,0,0,m,ns,lower,sampled,1.5,7,e";

test.each([
  ["an empty file", "", "1: no header"],
  ["a missing column", header.replace("metric,", ""), "1: column 'metric': 'unit' stands in its place"],
  ["a missing last column", header.replace(",environment_id", ""), "1: column 'environment_id': missing"],
  ["an additional column", `${header},host`, "1: column 'host': unknown"],
  [
    "columns in another order",
    header.replace("run_id,commit", "commit,run_id"),
    "1: column 'run_id': 'commit' stands in its place",
  ],
  ["a field too few", `${header}\n${good}\nr,c`, "3: 2 fields; each row has 17"],
  ["a field too many", `${header}\n${good},x`, "2: 18 fields; each row has 17"],
  ["an empty line", `${header}\n\n${good}`, "2: 1 fields"],
  [
    "a value that is no number",
    `${header}\n${good}\n${good.replace("1.5", "fast")}`,
    "3: column 'value': 'fast' found; expected a decimal",
  ],
  ["a hexadecimal value", `${header}\n${good.replace("1.5", "0x10")}`, "2: column 'value': '0x10'"],
  ["an infinite value", `${header}\n${good.replace("1.5", "1e999")}`, "2: column 'value': '1e999'"],
  ["a blank value", `${header}\n${good.replace("1.5", " ")}`, "2: column 'value': ' '"],
  [
    "an unknown instrument",
    `${header}\n${good.replace("native", "naive")}`,
    "2: column 'instrument': 'naive' found; expected one of 'native', ",
  ],
  ["an unknown direction", `${header}\n${good.replace("lower", "faster")}`, "2: column 'better': 'faster'"],
  ["an unknown assumption", `${header}\n${good.replace("sampled", "")}`, "2: column 'assume': ''"],
  [
    "no CPUs",
    `${header}\n${good.replace(",2,", ",0,")}`,
    "2: column 'cpus': '0' found; expected an integer of at least 1",
  ],
  ["half a seed", `${header}\n${good.replace(",7,", ",7.5,")}`, "2: column 'seed': '7.5'"],
  ["a line after a field of two lines", `${header}\n${good.replace(",v,", ',"v\nv",')}\nr,c`, "4: 2 fields"],
  [
    "a field of two lines that is wrong",
    `${header}\n${good}\n${good.replace("native", '"na\ntive"')}`,
    "3: column 'instrument': 'na\\ntive'",
  ],
  ["a quote that is never closed", `${header}\n${good}\n"r,c`, "3: not CSV"],
])("%s is refused with its line", async (_, content, message) => {
  const file = join(folder, "table.csv");
  await writeFile(file, content);
  const failure = await readAll(file).catch((error) => error);
  expect(failure).toBeInstanceOf(InputError);
  expect(failure.message).toContain(`${file}:${message}`);
});

test("lines may end as on Windows", async () => {
  const file = await writeAll([row]);
  await writeFile(file, (await readFile(file, "utf8")).replaceAll("\n", "\r\n"));
  expect(await readAll(file)).toEqual([row]);
});

test("a file that is missing, or is a folder, is the user's to mend", async () => {
  await expect(readAll(join(folder, "none.csv"))).rejects.toThrow(
    new InputError(`${join(folder, "none.csv")}: no such file`),
  );
  await expect(readAll(folder)).rejects.toThrow(InputError);
});

test("reading may stop early", async () => {
  const file = await writeAll([row, row, row]);
  for await (const first of readRecords(file)) {
    expect(first).toEqual(row);
    break;
  }
});

test("a table that is there compressed only is read from that", async () => {
  const rows = Array.from({ length: 3 }, (_, round) => ({ ...row, round }));
  const file = await writeAll(rows);
  await writeFile(`${file}.gz`, gzipSync(await readFile(file)));
  await rm(file);
  expect(await readAll(file)).toEqual(rows);
});

test("a compressed table that is damaged is told with its name", async () => {
  const file = await writeAll(Array.from({ length: 2000 }, (_, round) => ({ ...row, round })));
  const zipped = gzipSync(await readFile(file));
  await rm(file);
  const outcomeOf = async (content: Uint8Array): Promise<unknown> => {
    await writeFile(`${file}.gz`, content);
    return await readAll(file).catch((error: unknown) => error);
  };
  const flipped = Uint8Array.from(zipped);
  flipped[flipped.length - 5]! ^= 1;
  for (const content of [zipped.subarray(0, zipped.length / 2), flipped, Buffer.from("no gzip at all")]) {
    const error = await outcomeOf(content);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(/records\.csv\.gz: a damaged gzip file: [a-z ]+$/);
  }
});
