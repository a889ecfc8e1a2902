// What changes of the machine's costs do to a ranking.

import type { CostChange, PairSensitivity } from "../../statistics/sensitivity.ts";
import { formatNumber, formatRatio } from "../format.ts";
import type { Table } from "../tables.ts";
import { isRanked, type PlacedSensitivity, type SimulatedVariant } from "./model.ts";
import { placeOf } from "./places.ts";

/** `half l3`. */
export function changeText({ cost, factor }: CostChange): string {
  const times = factor === 0.5 ? "half" : factor === 2 ? "twice" : `${formatNumber(factor)} times`;
  return `${times} \`${cost}\``;
}

/** Changes that are named; of more, the number. */
const changesNamed = 4;

export function changesText(changes: readonly CostChange[]): string {
  const named = changes.slice(0, changesNamed).map(changeText).join(", ");
  return changes.length <= changesNamed ? named : `${named} and ${changes.length - changesNamed} more`;
}

/** Whether the order of two variants holds, and what would end it. */
export function verdictText({
  verdict,
  ahead,
  flippedBy,
  levelledBy,
  separatedBy,
  unknownBy,
}: PairSensitivity): string {
  switch (verdict) {
    case "robust":
      return "robust";
    case "flipped":
      return `flipped by ${changesText(flippedBy)}`;
    case "unknown":
      return `not known: no value with ${changesText(unknownBy)}`;
    case "not separated":
      if (ahead !== null) return `level with ${changesText(levelledBy)}`;
      return separatedBy.length === 0
        ? "level with all costs"
        : `level as it is; \`${separatedBy[0]!.ahead}\` ahead with ${changesText(separatedBy)}`;
  }
}

/** Costs that are named of each variant. */
const costsNamed = 3;

/** Elasticities nearer to 0 than this are not worth a name. */
const elasticityMin = 0.01;

/** Each variant against the reference: whether the order holds, and which costs the ratio depends on most. */
export function sensitivityTable(
  { found: { pairs, elasticities } }: PlacedSensitivity,
  variants: readonly SimulatedVariant[],
): Table {
  const reference = variants.find(({ role }) => role === "reference")?.id;
  const rows = variants.filter(isRanked).flatMap(({ id, role }) => {
    const pair = pairs.find((one) => one.variants.includes(id) && one.variants.some((other) => other === reference));
    if (role === "reference" || pair === undefined) return [];
    const own = elasticities.filter((one) => one.variant === id);
    const largest = own
      .flatMap(({ cost, elasticity }) => (elasticity === null ? [] : [{ cost, elasticity }]))
      .filter(({ elasticity }) => Math.abs(elasticity) >= elasticityMin)
      .sort((one, other) => Math.abs(other.elasticity) - Math.abs(one.elasticity))
      .slice(0, costsNamed)
      .map(({ cost, elasticity }) => `\`${cost}\` ${elasticity < 0 ? "-" : "+"}${Math.abs(elasticity).toFixed(2)}`);
    return [[id, formatRatio(own[0]?.ratio), verdictText(pair), largest.length === 0 ? "on none" : largest.join(", ")]];
  });
  return [["variant", "ratio", "its order with the reference", "the ratio depends most on (elasticity)"], ...rows];
}

/** In words what becomes of an order of all. */
export function orderText({ found: { ranking } }: PlacedSensitivity): string {
  switch (ranking.verdict) {
    case "robust":
      return "robust";
    case "flipped":
      return `changes with ${changesText(ranking.flippedBy)}`;
    case "not separated":
      return "nobody passes another, but some are level";
    case "unknown":
      return "not known, for want of values";
  }
}

/** The order of all at several places, and whether it is robust. */
export function ordersTable(places: readonly PlacedSensitivity[]): Table {
  return [
    ["place", "order, best first", "when a cost changes"],
    ...places.map((one) => [placeOf(one), one.found.ranking.order.join(", "), orderText(one)]),
  ];
}
