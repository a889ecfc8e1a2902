import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { call, file, folder } from "../cli/program.ts";

const page = () => file("page.md", "# A page of somebody else\n");

test.each<[string, () => string[], string]>([
  ["row", () => ["--row", "X9"], "row 'X9': unknown; one of: B1, "],
  ["number of workers", () => ["--row", "B3", "--workers", "0"], "--workers 0: must be a whole number from 1 to 256"],
  ["workers that are no number", () => ["--workers", "many"], "--workers many: must be a whole number"],
  ["folder", () => ["--out", path.join(folder, "none", "page.md")], "page.md: no folder "],
  ["page that is a folder", () => ["--out", folder], ": is a folder; name a file"],
  ["machine of the host", () => ["--host", "no-such-machine"], "no-such-machine"],
  ["row beside the host", () => ["--host", "xeon-24-1s", "--row", "B3"], "--host: writes its own section only"],
  [
    "page for the host",
    () => ["--host", "xeon-24-1s", "--out", path.join(folder, "none.md")],
    "none.md: no such page; write it first, without --host",
  ],
  ["page of somebody else", () => ["--host", "xeon-24-1s", "--out", page()], "has no section of the host"],
])("a wrong %s is one line and exit code 2, before anything is simulated", async (_what, options, message) => {
  const { code, stdout, stderr } = await call(["fidelity", ...options()]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^reclaim-bench: [^\n]+\n$/);
  expect(stderr).toContain(message);
});

test("a row is printed with its sources and its own time, and no page is written", async () => {
  const out = path.join(folder, "unwritten.md");
  const { code, stdout, stderr } = await call(["fidelity", "--row", "K2", "--workers", "1", "--out", out]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^## K2: /);
  expect(stdout).toContain("\n## Sources\n\n1. measured for this page on Linux 6.18");
  expect(stderr).toMatch(/^K2 {2}\d+\.\d s, all its cases added up$/m);
  expect(existsSync(out)).toBe(false);
});

test("a run that the user stops writes nothing", async () => {
  const out = file("page.md", "# kept\n");
  const { code, stdout, stderr } = await call(["fidelity", "--workers", "1", "--out", out], "B1");
  expect([code, stdout]).toEqual([130, ""]);
  expect(stderr).toContain("stopped; nothing was written\n");
  expect(readFileSync(out, "utf8")).toBe("# kept\n");
});
