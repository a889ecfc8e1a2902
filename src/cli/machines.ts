// The machine profiles that a run simulates, by name.

import { createHash } from "node:crypto";
import { InputError } from "../errors.ts";
import type { Machine } from "../plan/simulated.ts";
import type { ScaledCost } from "../plan/unit.ts";
import type { Run } from "../records/run-file.ts";
import { type CostName, costNames, cpusOf, loadProfile, type MachineProfile, scaleCost } from "../simulator/profile.ts";

/** Whether a cost plays a part: some are of what a machine may not have. */
function isUsed(cost: CostName, { sockets, clustersPerSocket }: MachineProfile): boolean {
  if (cost === "memoryRemote" || cost === "transferCrossSocket") return sockets.value > 1;
  return cost !== "transferSameSocket" || clustersPerSocket.value > 1;
}

export class Machines {
  readonly #loaded = new Map<string, { readonly from: string; readonly profile: MachineProfile }>();

  /**
   * Loads a profile; one that is loaded is not read again.
   *
   * @param nameOrFile name of a packaged profile, or path of a file
   * @throws {InputError} when there is no such profile, it is damaged, or another one has its name
   */
  load(nameOrFile: string): Machine {
    const before = [...this.#loaded.values()].find(({ from }) => from === nameOrFile);
    const profile = before?.profile ?? loadProfile(nameOrFile);
    const { name } = profile;
    const other = this.#loaded.get(name);
    if (other !== undefined && other.from !== nameOrFile) {
      throw new InputError(`--machine ${nameOrFile}: has the name '${name}', as ${other.from} has; rename one of them`);
    }
    this.#loaded.set(name, { from: nameOrFile, profile });
    return {
      name,
      cpus: cpusOf(profile),
      costs: costNames.filter((cost) => isUsed(cost, profile)),
      timeSliceMs: profile.costs.timeSlice.value / 1e6,
    };
  }

  /** The profile of a unit: that of a machine that was loaded, with one of its costs changed or none. */
  profileOf(name: string, scaled: ScaledCost | null): MachineProfile {
    const loaded = this.#loaded.get(name);
    if (loaded === undefined) throw new Error(`machine '${name}' was not loaded`);
    return scaled === null ? loaded.profile : scaleCost(loaded.profile, scaled.cost as CostName, scaled.factor);
  }

  /** Everything about the machines of these names, for the record. */
  describe(names: ReadonlySet<string>): NonNullable<Run["simulator"]>["machines"] {
    return [...this.#loaded].flatMap(([name, { profile }]) => {
      if (!names.has(name)) return [];
      // As plain data: that is how it comes back from the record.
      const plain = JSON.parse(JSON.stringify(profile)) as Record<string, unknown>;
      const sha256 = createHash("sha256").update(JSON.stringify(plain)).digest("hex");
      return [{ name, sha256, profile: plain }];
    });
  }
}
