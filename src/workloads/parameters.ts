// Parameters of workloads as data, so that the command line can list them, and their validation.

import { InputError } from "../errors.ts";
import type { ParameterValue } from "./workload.ts";

export interface NumberParameter {
  readonly kind: "integer" | "real";
  readonly default: number;
  /** Smallest and largest allowed value. */
  readonly min: number;
  readonly max: number;
  /** Unit of the value; empty for a ratio. */
  readonly unit: string;
  readonly meaning: string;
}

export interface TextParameter {
  readonly kind: "text";
  readonly default: string;
  readonly unit: string;
  readonly meaning: string;
}

export type Parameter = NumberParameter | TextParameter;
export type ParameterTable = Readonly<Record<string, Parameter>>;

/** What a table's parameters are once they are checked. */
export type ParametersOf<Table extends ParameterTable> = {
  readonly [Name in keyof Table]: Table[Name] extends NumberParameter ? number : string;
};

/**
 * The value of every parameter of a table: the given one or the default. A number may be given as text.
 *
 * @throws {InputError} for an unknown name, a value of the wrong type or one out of range
 */
export function resolveParameters<Table extends ParameterTable>(
  table: Table,
  given: Readonly<Record<string, ParameterValue>>,
): ParametersOf<Table> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(table, name)) {
      throw new InputError(`parameter '${name}': unknown; one of: ${Object.keys(table).join(", ")}`);
    }
  }
  const values: Record<string, ParameterValue> = {};
  for (const [name, parameter] of Object.entries(table)) {
    const value = Object.hasOwn(given, name) ? (given[name] as ParameterValue) : parameter.default;
    values[name] = parameter.kind === "text" ? checkText(name, parameter, value) : checkNumber(name, parameter, value);
  }
  return values as ParametersOf<Table>;
}

function checkText(name: string, { unit }: TextParameter, value: ParameterValue): string {
  if (typeof value !== "string" || value === "") {
    const wanted = unit === "" ? "text that is not empty" : `text that is not empty (${unit})`;
    throw new InputError(`parameter '${name}': must be ${wanted}, got ${JSON.stringify(value)}`);
  }
  return value;
}

function checkNumber(name: string, parameter: NumberParameter, value: ParameterValue): number {
  const fail = (wanted: string) => new InputError(`parameter '${name}': must be ${wanted}, got ${value}`);
  const number = typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number)) throw fail("a number");
  if (parameter.kind === "integer" && !Number.isInteger(number)) throw fail("a whole number");
  if (number < parameter.min) throw fail(`at least ${parameter.min}`);
  if (number > parameter.max) throw fail(`at most ${parameter.max}`);
  return number;
}

/** @throws {InputError} unless the seed is a u32 */
export function checkSeed(seed: number): number {
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff) {
    throw new InputError(`seed: must be a whole number from 0 to 4294967295, got ${seed}`);
  }
  return seed;
}
