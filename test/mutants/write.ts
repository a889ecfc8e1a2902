// Writes mutants as files that `compileModule` takes for a variant of somebody else's.
//
// The build looks for a variant's neighbours in the variant's own folder, as if they lay in the problem's. So a changed
// file of whatever folder becomes a neighbour with a name of its own; and so does every file that imports a changed one,
// directly or not, or part of the program would go on with the original. Where that reaches the harness, its copy is the
// entry.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { kernelFolder, type ModuleSource } from "../../src/build/compile.ts";
import type { Changes, Mutant, Replacement } from "./mutant.ts";

/** What {@link ModuleSource} needs for a mutant, but for the form of the machine. */
export type MutantSource = Required<Pick<ModuleSource, "problem" | "variant" | "variantFile" | "entry">>;

const importPath = /\bfrom "(\.{1,2}\/[^"]+)"/g;

/** Replaces what stands exactly once in a text. */
function replaceOnce(text: string, [from, to]: Replacement, file: string): string {
  const found = text.split(from).length - 1;
  if (found !== 1) throw new Error(`${file}.ts holds this ${found} times instead of once:\n${from}`);
  return text.replace(from, () => to);
}

class Files {
  readonly #problem: string;
  readonly #changes: readonly Changes[];

  constructor(problem: string, changes: readonly Changes[]) {
    this.#problem = problem;
    this.#changes = changes;
  }

  /** Text of a file after all changes. */
  text(file: string): string {
    let text = readFileSync(path.join(kernelFolder, `${file}.ts`), "utf8");
    for (const changes of this.#changes) {
      for (const replacement of changes[file] ?? []) text = replaceOnce(text, replacement, file);
    }
    return text;
  }

  /**
   * What a file imports, as far as that may have to be a copy. Not the variant, which the build binds. Not the harness,
   * of which others want only the sizes that it imports from the host.
   */
  importsOf(file: string): string[] {
    const fixed = new Set([`${this.#problem}/impl`, `${this.#problem}/harness`]);
    return [...this.text(file).matchAll(importPath)]
      .map(([, to]) => path.posix.join(path.posix.dirname(file), to!))
      .filter((to) => !fixed.has(to) && !to.startsWith("machine/"));
  }

  /** Files that some of the roots need, by what they import. */
  reachableFrom(roots: readonly string[]): ReadonlyMap<string, readonly string[]> {
    const reached = new Map<string, readonly string[]>();
    const pending = [...roots];
    for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
      if (reached.has(file)) continue;
      const imports = this.importsOf(file);
      reached.set(file, imports);
      pending.push(...imports);
    }
    return reached;
  }
}

/** Adds to a set of files all that import one of them, directly or not. */
function addImporters(files: Set<string>, imports: ReadonlyMap<string, readonly string[]>): void {
  for (let before = -1; before < files.size; ) {
    before = files.size;
    for (const [file, imported] of imports) {
      if (imported.some((one) => files.has(one))) files.add(file);
    }
  }
}

/** The host's values come by the name of the file that declares them, which a copy of the harness does not have. */
function keepImportNames(text: string): string {
  return text.replaceAll(/^(export )?declare const (\w+)/gm, '@external("harness", "$2")\n$1declare const $2');
}

/** The name that the copy of a file has, but for that of the variant. */
function copyNameOf(variant: string, file: string): string {
  return `${variant}-${file.replaceAll("/", "-")}`;
}

/** Lines of a mutant as the compiler counts them, in a file as it calls it. */
export interface Lines {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** Lines that a mutant has instead of others, where {@link writeMutant} has written it: not those that it merely lacks. */
export function changedLines({ name, problem, base, files }: Mutant, folder: string): readonly Lines[] {
  return Object.entries(files).flatMap(([file, replacements]) => {
    const copy = file === `${problem}/${base}` ? name : copyNameOf(name, file);
    const text = readFileSync(path.join(folder, name, `${copy}.ts`), "utf8");
    return replacements.flatMap(([before, after]) => {
      const own = after.split("\n").filter((line) => !before.includes(line));
      return own.map((line) => {
        const from = text.slice(0, text.indexOf(line)).split("\n").length;
        return { file: `${problem}/${copy}.ts`, from, to: from };
      });
    });
  });
}

/**
 * Writes a mutant into a folder of its own in `folder`.
 *
 * @param part `reachable`: only the changes that are no fault
 * @throws {Error} when a text that is to be replaced is not there exactly once, or a changed file is not used
 */
export function writeMutant(
  { name, problem, base, reachable = {}, files }: Mutant,
  folder: string,
  part: "fault" | "reachable" = "fault",
): MutantSource {
  const variant = part === "fault" ? name : `${name}-reachable`;
  const changes = part === "fault" ? [reachable, files] : [reachable];
  const own = path.join(folder, variant);
  mkdirSync(own, { recursive: true });
  const main = `${problem}/${base}`;
  const harness = `${problem}/harness`;
  const sources = new Files(problem, changes);
  const imports = sources.reachableFrom([main, harness]);
  const changed = changes.flatMap((some) => Object.keys(some));
  const unused = changed.find((file) => !imports.has(file));
  if (unused !== undefined) throw new Error(`mutant ${name} changes ${unused}.ts, which ${base} does not use`);
  const copied = new Set(changed);
  addImporters(copied, imports);
  copied.add(main);

  const copyName = (file: string): string => (file === main ? variant : copyNameOf(variant, file));
  for (const file of copied) {
    if (existsSync(path.join(kernelFolder, problem, `${copyName(file)}.ts`))) {
      throw new Error(`mutant ${name}: there is a file ${copyName(file)}.ts in the project`);
    }
    const text = sources.text(file).replaceAll(importPath, (_, to: string) => {
      const imported = path.posix.join(path.posix.dirname(file), to);
      if (copied.has(imported)) return `from "./${copyName(imported)}"`;
      const relative = path.posix.relative(problem, imported);
      return `from "${relative.startsWith(".") ? relative : `./${relative}`}"`;
    });
    writeFileSync(path.join(own, `${copyName(file)}.ts`), file === harness ? keepImportNames(text) : text);
  }
  return {
    problem,
    variant,
    variantFile: path.join(own, `${variant}.ts`),
    entry: path.posix.basename(copied.has(harness) ? copyName(harness) : harness),
  };
}
