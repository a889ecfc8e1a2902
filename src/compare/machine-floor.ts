// What a study has found of a machine: by how much the same code differs from itself there. Comparisons on that machine count
// nothing smaller as a difference.

import { existsSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { InputError } from "../errors.ts";
import { readJsonFile } from "../records/json-file.ts";

export const machineFloorSchema = z.strictObject({
  schemaVersion: z.literal(1),
  environmentId: z.string().regex(/^[0-9a-f]{12}$/),
  studiedAt: z.iso.datetime(),
  /** Processes of each comparison that it rests on. */
  processes: z.int().min(1),
  floors: z.array(
    z.strictObject({
      cpus: z.int().min(1),
      /** Share by which the two sides differed at most in 99 of 100 comparisons. */
      shift: z.number().min(0).max(1),
      comparisons: z.int().min(1),
    }),
  ),
});

export type MachineFloor = z.infer<typeof machineFloorSchema>;

/** A machine on which the same code differs by more is none to measure on; and what is smaller would go unseen. */
const machineFloorMax = 0.1;

/** Folder of a machine's study. */
export function studyFolder(results: string, environmentId: string): string {
  return path.join(results, "studies", environmentId);
}

export function machineFloorFile(results: string, environmentId: string): string {
  return path.join(studyFolder(results, environmentId), "floor.json");
}

export interface FoundFloor {
  /** Null where nothing was studied. */
  readonly floorOf: (cpus: number) => number | null;
  /** Why what is there is not used; null when it is, or nothing is there. */
  readonly warning: string | null;
}

/** Reads the floor of this machine. A damaged file is not used: it could hide a regression. */
export async function readMachineFloor(results: string, environmentId: string): Promise<FoundFloor> {
  const file = machineFloorFile(results, environmentId);
  const none = (warning: string | null): FoundFloor => ({ floorOf: () => null, warning });
  if (!existsSync(file)) return none(null);
  try {
    const found = await readJsonFile(file, machineFloorSchema);
    if (found.environmentId !== environmentId) {
      throw new InputError(`${file}: of another machine (${found.environmentId})`);
    }
    const large = found.floors.find(({ shift }) => shift > machineFloorMax);
    if (large !== undefined) {
      throw new InputError(
        `${file}: the same code differed by ${large.shift} with ${large.cpus} CPUs, more than ${machineFloorMax}`,
      );
    }
    return {
      floorOf: (cpus) => found.floors.find((one) => one.cpus === cpus)?.shift ?? null,
      warning: null,
    };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return none(`the study of this machine is not used: ${error.message}`);
  }
}
