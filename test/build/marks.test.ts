// Marks and symbols are nothing in the native module of a whole variant: no function of theirs is left, and none is
// imported. `canary.test.ts` shows that each by itself is empty, and the same for the quarantine.

import binaryen from "binaryen";
import { expect, test } from "vitest";
import { assemble } from "./assemble.ts";

test("no mark is left in a native shrinker", { timeout: 120_000 }, async () => {
  const wasm = await assemble({ entry: "shrinker/harness.ts", variant: "rwsem", names: true });
  const functions = WebAssembly.Module.imports(new WebAssembly.Module(wasm)).filter(({ kind }) => kind === "function");
  expect(functions.map(({ module, name }) => `${module}.${name}`)).toEqual(["access.clockNs"]);
  const module = binaryen.readBinary(wasm);
  const names: string[] = [];
  for (let index = 0; index < module.getNumFunctions(); index++) {
    names.push(binaryen.getFunctionInfo(module.getFunctionByIndex(index)).name);
  }
  expect(names.filter((name) => /^(sync|shrinker)\//.test(name)).length).toBeGreaterThan(20);
  expect(names.filter((name) => name.startsWith("machine/native"))).toEqual([]);
});
