import { test } from "vitest";
import { quarantine } from "/work/main/bench/quarantine.ts";
import { planUnits } from "/work/main/src/plan/plan.ts";
test.each(["quick","standard","full"] as const)("%s", (scale) => { planUnits(quarantine, {scale, variants:[], outside:new Map(), workloads:[], parameters:{}, seed:1}); }, 100000);
