// How numbers are written for people. Unknown values are `–`, never 0.

const none = "–";

/** Three significant digits, with thousands separated. */
function digits(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const magnitude = Math.abs(value);
  if (magnitude >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(magnitude >= 0.01 ? 3 : 2);
}

export function formatNumber(value: number | null | undefined): string {
  return value === null || value === undefined ? none : digits(value);
}

/** A duration with its unit, from ns up to days. */
export function formatNs(ns: number | null | undefined): string {
  if (ns === null || ns === undefined) return none;
  const magnitude = Math.abs(ns);
  if (magnitude < 1e3) return `${digits(ns)} ns`;
  if (magnitude < 1e6) return `${digits(ns / 1e3)} µs`;
  if (magnitude < 1e9) return `${digits(ns / 1e6)} ms`;
  if (magnitude < 120e9) return `${digits(ns / 1e9)} s`;
  if (magnitude < 7200e9) return `${digits(ns / 60e9)} min`;
  if (magnitude < 48 * 3600e9) return `${digits(ns / 3600e9)} h`;
  return `${digits(ns / (24 * 3600e9))} days`;
}

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return none;
  if (bytes < 1024) return `${Number.isInteger(bytes) ? bytes : digits(bytes)} B`;
  if (bytes < 1024 ** 2) return `${digits(bytes / 1024)} KiB`;
  if (bytes < 1024 ** 3) return `${digits(bytes / 1024 ** 2)} MiB`;
  return `${digits(bytes / 1024 ** 3)} GiB`;
}

/** A ratio to the reference: `0.0021×`. */
export function formatRatio(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined || Number.isNaN(ratio)) return none;
  if (!Number.isFinite(ratio)) return "∞";
  return `${digits(ratio)}×`;
}

/** A share of 1 in percent: `40.44 %`. */
export function formatPercent(share: number | null | undefined): string {
  return share === null || share === undefined ? none : `${(100 * share).toFixed(2)} %`;
}

/** A count as a person would say it: `once`, `3 times`. */
export function formatTimes(count: number): string {
  return count === 1 ? "once" : `${formatNumber(count)} times`;
}

/** One of what is counted in a unit: `visit` of `visits`, `pass` of `passes`, `entry` of `entries`. */
export function singular(unit: string): string {
  if (unit.endsWith("ies")) return `${unit.slice(0, -3)}y`;
  return unit.replace(/(?<=ss|sh|tch|x)es$|(?<!s)s$/, "");
}

/** A number of what is counted in a unit: `1 cgroup`, `3 visits/s`. */
export function formatCount(count: number, unit: string): string {
  if (unit === "ratio") return formatRatio(count);
  const [what = "", ...per] = unit.split("/");
  return `${formatNumber(count)} ${[count === 1 ? singular(what) : what, ...per].join("/")}`.trimEnd();
}

/** Ratio of two values; unknown when either is unknown or the base is 0. */
export function ratioOf(value: number | null | undefined, base: number | null | undefined): number | null {
  if (value === null || value === undefined || base === null || base === undefined || base === 0) return null;
  return value / base;
}

/** Names in a sentence: `cil, shrinker and quarantine`. */
export function joinAnd(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}

/** A text with a capital at its beginning. */
export function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
