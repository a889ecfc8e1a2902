import { test, expect } from "vitest";
import * as R from "./rig.ts";
test("probe", async () => {
  const rig = await R.Rig.make({ cpus: 4 });
  const x = R.cellAt(0);
  console.log(rig.alone(0, R.load(x), R.load(x), R.storeRelaxed(x, 1), R.add(x), R.barrier, R.pause));
  console.log(rig.alone(1, R.load(x), R.load(x), R.storeRelaxed(x, 1), R.barrier, R.add(x), R.load(x)));
  console.log(rig.alone(2, R.load(x), R.add(x), R.compute(500), R.sleep(1000), R.tick));
  const y = R.cellAt(2);
  console.log(rig.round([0,1,2,3].map(cpu => ({cpu, steps: [R.add(y), R.add(y)]}))).map(o => o.doneNs.map(n => n - 0)));
  console.log(rig.words[y>>>2], rig.machine.counts(), rig.machine.hottestLines(3));
});
