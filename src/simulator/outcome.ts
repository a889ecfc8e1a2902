// How a job went, and how that is told.

import type { Sample } from "./rows.ts";

/** Errors are posted as text, because classes do not outlive that. */
export type JobOutcome =
  | { readonly kind: "done"; readonly samples: readonly Sample[] }
  | { readonly kind: "violation" | "bad input"; readonly message: string };

/** What of a job its messages name. */
export interface Place {
  readonly variant: { readonly id: string };
  readonly cpus: number;
  readonly profile: { readonly name: string };
}

/** A message with the variant and the machine that it is about. */
export function placed({ variant, cpus, profile }: Place, what: string): string {
  return `variant '${variant.id}': on ${cpus} ${cpus === 1 ? "CPU" : "CPUs"} of ${profile.name}: ${what}`;
}

/** The outcome of a job that nothing was heard of for so long. */
export function hung(place: Place, patienceMs: number): JobOutcome {
  return {
    kind: "violation",
    message: placed(place, `hung: nobody got on for ${patienceMs / 1000} s of the host's time`),
  };
}
