import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeJsonFile, writeTextFile } from "../../src/records/atomic-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "atomic-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

test("a new file holds the text, and nothing is left beside it", async () => {
  await writeTextFile(join(folder, "a.txt"), "é\n");
  expect(await readdir(folder)).toEqual(["a.txt"]);
  expect(await readFile(join(folder, "a.txt"), "utf8")).toBe("é\n");
});

test("an existing file is replaced", async () => {
  await writeTextFile(join(folder, "a.txt"), "a longer text");
  await writeTextFile(join(folder, "a.txt"), "short");
  expect(await readFile(join(folder, "a.txt"), "utf8")).toBe("short");
});

test("a failure leaves neither a file nor a temporary one", async () => {
  await mkdir(join(folder, "taken", "full"), { recursive: true });
  await expect(writeTextFile(join(folder, "taken"), "text")).rejects.toThrow();
  expect(await readdir(folder)).toEqual(["taken"]);
  await expect(writeTextFile(join(folder, "missing", "a.txt"), "text")).rejects.toThrow("ENOENT");
});

test("JSON is indented and ends with a newline", async () => {
  await writeJsonFile(join(folder, "a.json"), { a: [1] });
  expect(await readFile(join(folder, "a.json"), "utf8")).toBe('{\n  "a": [\n    1\n  ]\n}\n');
});

test.each([
  ["undefined", undefined],
  ["a bigint", 1n],
])("%s has no JSON form and leaves the file as it was", async (_, value) => {
  await writeFile(join(folder, "a.json"), "old");
  await expect(writeJsonFile(join(folder, "a.json"), value)).rejects.toThrow(TypeError);
  expect(await readdir(folder)).toEqual(["a.json"]);
  expect(await readFile(join(folder, "a.json"), "utf8")).toBe("old");
});
