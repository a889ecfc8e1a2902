// A variant's id: its name and its parameters, written and read.

import type { Constants } from "../build/flags.ts";
import { InputError } from "../errors.ts";
import type { ParameterValue } from "../workloads/workload.ts";
import type { Suite, VariantDefinition } from "./suite.ts";

/** A parameter that every variant of the quarantine composes with; the harness implements it. */
export const skipWhenEmptyName = "skip-when-empty";

/** A variant with all its parameters resolved. */
export interface PlannedVariant {
  /** Name and sorted parameters, those at their defaults left out but for the telling ones: `batched-async form=scan`. */
  readonly id: string;
  readonly name: string;
  /** The user's file, for a variant from outside. */
  readonly file?: string;
  /** Every parameter, defaults included. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly constants: Constants;
  readonly skipWhenEmpty: boolean;
  readonly isReference: boolean;
  readonly isFloor: boolean;
}

function readValue(
  variant: string,
  name: string,
  text: string,
  definition: VariantDefinition,
  extra: readonly string[],
): [ParameterValue, number] {
  const parameters = definition.parameters ?? {};
  const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  if (parameter === undefined) {
    const known = [...Object.keys(parameters), ...extra].join(", ");
    throw new InputError(
      `variant '${variant}': unknown parameter '${name}'; ${known === "" ? "it has none" : `one of: ${known}`}`,
    );
  }
  if (parameter.values !== undefined) {
    const constant = Object.hasOwn(parameter.values, text) ? parameter.values[text] : undefined;
    if (constant !== undefined) return [text, constant];
    const allowed = Object.keys(parameter.values).join(", ");
    throw new InputError(`variant '${variant}': parameter '${name}': must be one of: ${allowed}; got ${text}`);
  }
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 0x7fff_ffff) {
    throw new InputError(
      `variant '${variant}': parameter '${name}': must be a whole number below 2147483648, got ${text}`,
    );
  }
  return [value, value];
}

/**
 * Reads a variant's id.
 *
 * @param outside variants that the user brought, by name, with their files
 * @throws {InputError} for an unknown variant, parameter or value
 */
export function planVariant(
  suite: Suite,
  text: string,
  outside: ReadonlyMap<string, string> = new Map(),
): PlannedVariant {
  const [name = "", ...pairs] = text.trim().split(/\s+/);
  const file = outside.get(name);
  const definition =
    file === undefined ? suite.variants.find((one) => one.name === name) : { name, summary: `from ${file}` };
  if (definition === undefined) {
    const known = [...suite.variants.map((one) => one.name), ...outside.keys()].join(", ");
    throw new InputError(`variant '${name}': unknown; one of: ${known}`);
  }
  const extra = suite.skipsWhenEmpty ? [skipWhenEmptyName] : [];
  const parameters: Record<string, ParameterValue> = suite.skipsWhenEmpty ? { [skipWhenEmptyName]: false } : {};
  const constants: Record<string, number> = {};
  for (const [key, { constant, default: value, values }] of Object.entries(definition.parameters ?? {})) {
    parameters[key] = value;
    constants[constant] = values === undefined ? Number(value) : (values[String(value)] as number);
  }
  const given = new Set<string>();
  for (const pair of pairs) {
    const [key = "", value, ...rest] = pair.split("=");
    if (value === undefined || rest.length > 0) {
      throw new InputError(`variant '${text}': '${pair}' is not of the form parameter=value`);
    }
    if (given.has(key)) throw new InputError(`variant '${text}': parameter '${key}' is given twice`);
    if (extra.includes(key)) {
      if (value !== "true" && value !== "false") {
        throw new InputError(`variant '${text}': parameter '${key}': must be true or false, got ${value}`);
      }
      parameters[key] = value === "true";
      given.add(key);
      continue;
    }
    const [parsed, constant] = readValue(text, key, value, definition, extra);
    parameters[key] = parsed;
    constants[definition.parameters?.[key]?.constant as string] = constant;
    given.add(key);
  }
  const skipWhenEmpty = parameters[skipWhenEmptyName] === true;
  const shown = Object.entries(parameters)
    .filter(([key, value]) => {
      const parameter = definition.parameters?.[key];
      return key === skipWhenEmptyName ? skipWhenEmpty : parameter?.inEveryId === true || value !== parameter?.default;
    })
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  return {
    id: [name, ...shown].join(" "),
    name,
    ...(file === undefined ? {} : { file }),
    parameters,
    constants,
    skipWhenEmpty,
    isReference: file === undefined && name === suite.reference && !skipWhenEmpty,
    isFloor: file === undefined && name === suite.floor,
  };
}
