// Metrics that there is one of for each of several named things, such as a profile's samples per symbol:
// `profile-samples[shrink_slab]`. A bucket's metric ends with another bracket, so the two are never confused.

/** What a label may be: the name of a function, mostly. */
const labelPattern = /^[A-Za-z0-9_.-]+$/;

/**
 * Metric of one labelled value.
 *
 * @throws {Error} when the label holds anything but letters, digits and `_ . -`
 */
export function labelledMetric(name: string, label: string): string {
  if (!labelPattern.test(label)) throw new Error(`metric '${name}': '${label}' cannot be a label`);
  return `${name}[${label}]`;
}

/** The way back from {@link labelledMetric}; null when the metric has no label. */
export function parseLabelledMetric(metric: string): { readonly name: string; readonly label: string } | null {
  const [, name, label] = /^([^[\]]+)\[([A-Za-z0-9_.-]+)\]$/.exec(metric) ?? [];
  return name === undefined || label === undefined ? null : { name, label };
}
