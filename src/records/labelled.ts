// Metrics that there is one of for each of several named things, such as a profile's samples per symbol:
// `profile-samples[shrink_slab]`. A bucket's metric ends with another bracket, so the two are never confused.

/** What a label may be: the name of a function, mostly, or several words. */
const labelText = "[A-Za-z0-9_.()-]+(?: [A-Za-z0-9_.()-]+)*";
const labelPattern = new RegExp(`^${labelText}$`);
const metricPattern = new RegExp(`^([^[\\]]+)\\[(${labelText})\\]$`);

/**
 * Metric of one labelled value.
 *
 * @throws {Error} when the label holds anything but letters, digits, `_ . - ( )` and single spaces
 */
export function labelledMetric(name: string, label: string): string {
  if (!labelPattern.test(label)) throw new Error(`metric '${name}': '${label}' cannot be a label`);
  return `${name}[${label}]`;
}

/** The way back from {@link labelledMetric}; null when the metric has no label. */
export function parseLabelledMetric(metric: string): { readonly name: string; readonly label: string } | null {
  const [, name, label] = metricPattern.exec(metric) ?? [];
  return name === undefined || label === undefined ? null : { name, label };
}
