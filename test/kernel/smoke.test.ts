import { expect, test } from "vitest";
import * as rigs from "./memcg-iterator-rig.ts";
import * as c from "../../src/kernel/memcg-iterator/counters.ts";
test.each(rigs.iteratorVariants)("$id", async (variant) => {
  const rig = rigs.plainIteratorRig(await rigs.compileIterator(variant, "traced"), { cpus: 2, cgroups: 12, nodes: 2 });
  const steps: rigs.IteratorStep[] = [{ kind: "create", cgroup: 0, parent: 0 }];
  for (let i = 1; i < 10; i++) steps.push({ kind: "create", cgroup: i, parent: i % 3 === 0 ? 0 : i - 1 });
  rigs.perform(rig, 0, ...steps);
  rigs.perform(rig, 0, { kind: "pass", root: 0 }, { kind: "pass", root: 0, visits: 6 });
  const all = () => Object.entries(c).filter(([k]) => k.startsWith("counter")).map(([k, v]) => `${k}=${rigs.total(rig, v)}`).join(" ");
  console.log(variant.id, all());
  rigs.perform(rig, 0, { kind: "offline", cgroup: 5 }, { kind: "bogo" }, { kind: "bogo" });
  rigs.settle(rig);
  rigs.perform(rig, 1, { kind: "pass", root: 0 }, { kind: "pass", root: 0 });
  rigs.settle(rig);
  console.log(variant.id, all(), [0,1,2,3,4,5].map((g) => rig.exports[0]!.gauge(g)), rig.exports[0]!.allocatedBytes() / rig.exports[0]!.cgroupBytes());
  expect(1).toBe(1);
});
