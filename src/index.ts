// What a program gets that imports the package.

export { InputError, StoppedError } from "./errors.ts";
export { type ComparedFunction, type CompareOptions, type CompareResult, compare } from "./library/compare.ts";
