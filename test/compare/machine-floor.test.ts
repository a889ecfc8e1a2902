import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { type MachineFloor, machineFloorFile, readMachineFloor } from "../../src/compare/machine-floor.ts";

const results = mkdtempSync(path.join(tmpdir(), "machine-floor-"));
afterAll(() => rmSync(results, { recursive: true }));

const id = "0123456789ab";
const floor: MachineFloor = {
  ...{ schemaVersion: 1, environmentId: id, studiedAt: "2025-01-31T00:00:00.000Z", processes: 12 },
  floors: [{ cpus: 2, shift: 0.07, comparisons: 100 }],
};

function write(text: string): void {
  const file = machineFloorFile(results, id);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

test("a machine that was not studied has none", async () => {
  const { floorOf, warning } = await readMachineFloor(results, "ba9876543210");
  expect([floorOf(1), floorOf(2), warning]).toEqual([null, null, null]);
});

test("one that was has one for the CPU counts that were studied", async () => {
  write(JSON.stringify(floor));
  const { floorOf, warning } = await readMachineFloor(results, id);
  expect([floorOf(1), floorOf(2), warning]).toEqual([null, 0.07, null]);
});

test.each([
  ["cut off", "{", "not JSON"],
  ["newer", JSON.stringify({ ...floor, schemaVersion: 2 }), "newer version"],
  ["with a share that is none", JSON.stringify(floor).replace("0.07", "7"), "floors.0.shift"],
  ["of a machine that is none to measure on", JSON.stringify(floor).replace("0.07", "0.3"), "more than 0.1"],
  ["of another machine", JSON.stringify({ ...floor, environmentId: "ba9876543210" }), "of another machine"],
])("a file that is %s is told and not used", async (_, text, why) => {
  write(text);
  const { floorOf, warning } = await readMachineFloor(results, id);
  expect(floorOf(2)).toBeNull();
  expect(warning).toMatch(/^the study of this machine is not used: [^\n]+$/);
  expect(warning).toContain(why);
});
