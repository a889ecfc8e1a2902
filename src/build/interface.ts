// What a module and its host have to agree on: a module of another time that does not can be loaded, but not be believed.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { kernelFolder } from "./compile.ts";
import { headerBytes, WasmReader } from "./wasm-reader.ts";

/** Files of constants that the host goes by, of all problems and of each. */
const sharedFiles = "cpu-block events histogram layout notes statistics symbols".split(" ").map((name) => `${name}.ts`);
const ownFiles = ["areas.ts", "counters.ts", "gauges.ts"];

/** Kinds of what a module imports or exports, by their number in the binary format. */
const kinds = ["function", "table", "memory", "global"] as const;

/** Numbers of sections of the binary format. */
const typeSection = 1;
const importSection = 2;
const functionSection = 3;
const exportSection = 7;

/** Content of a module's sections by number; absent ones are empty lists. */
function sectionsOf(wasm: Uint8Array): (section: number) => WasmReader {
  const reader = new WasmReader(wasm, headerBytes);
  const sections = new Map<number, Uint8Array>();
  while (!reader.isAtEnd) sections.set(reader.byte(), reader.bytes());
  return (section) => new WasmReader(sections.get(section) ?? new Uint8Array(1));
}

/** A function's type as a text, such as `7f,7e>7d`: numbers of the types of its parameters and results. */
function readType(section: WasmReader): string {
  const form = section.byte();
  if (form !== 0x60) throw new RangeError(`the module has a type of form ${form}, which is none of a function`);
  const values = (): string => Array.from(section.bytes(), (type) => type.toString(16)).join(",");
  return `${values()}>${values()}`;
}

/** What follows the kind of an import, but for a function. */
function readImported(section: WasmReader, kind: (typeof kinds)[number]): string {
  if (kind === "global") return `${section.byte().toString(16)} ${section.byte()}`;
  if (kind === "table") section.byte();
  // The least and the most of a table or of memory: the host gives what is asked for.
  if ((section.byte() & 1) === 1) section.number();
  section.number();
  return "";
}

/** What a module imports and exports, with the types of functions and of imported globals, sorted. */
function signatureOf(wasm: Uint8Array): string[] {
  const section = sectionsOf(wasm);
  const types = section(typeSection);
  const typeTexts = types.list(() => readType(types));
  // Functions are counted from the imported ones on.
  const functions: string[] = [];
  const imports = section(importSection);
  const imported = imports.list(() => {
    const name = `${imports.name()}.${imports.name()}`;
    const kind = kinds[imports.byte()]!;
    if (kind !== "function") return `import ${name} ${kind} ${readImported(imports, kind)}`;
    const type = typeTexts[imports.number()]!;
    functions.push(type);
    return `import ${name} ${kind} ${type}`;
  });
  const own = section(functionSection);
  functions.push(...own.list(() => typeTexts[own.number()]!));
  const exports = section(exportSection);
  const exported = exports.list(() => {
    const name = exports.name();
    const kind = kinds[exports.byte()]!;
    const index = exports.number();
    return `export ${name} ${kind} ${kind === "function" ? functions[index]! : ""}`;
  });
  return [...imported, ...exported].sort();
}

/**
 * Hash of what a problem's harness shares with its host today, and of what a module imports and exports.
 *
 * @param wasm of the module
 * @param kernel where the constants are
 */
export function interfaceOf(problem: string, wasm: Uint8Array<ArrayBuffer>, kernel = kernelFolder): string {
  const hash = createHash("sha256");
  for (const file of [...sharedFiles, ...ownFiles.map((name) => path.join(problem, name))]) {
    const place = path.join(kernel, file);
    if (!existsSync(place)) continue;
    // Comments may be reworded. What is not exported may be a part of what is.
    const constants = readFileSync(place, "utf8").match(/^(?:export )?const \w+(?:: \w+)? = [^;]+;/gm) ?? [];
    hash.update(`${path.basename(file)}\n${constants.join("\n")}\n`);
  }
  hash.update(signatureOf(wasm).join("\n"));
  return hash.digest("hex");
}
