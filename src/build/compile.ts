// Compiles one case's AssemblyScript to Wasm: binds the machine and the variant, and keeps the result by its content.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { DiagnosticMessage } from "assemblyscript/asc";
import { InputError } from "../errors.ts";
import { packageRoot } from "../package-root.ts";
import {
  type Constants,
  compilerFlags,
  compilerVersion,
  coreFlags,
  type MachineForm,
  neverInlined,
  suspendableOperations,
  suspendingCheckedImports,
  suspendingSimulatedImports,
} from "./flags.ts";

const installed = createRequire(import.meta.url)("assemblyscript/package.json") as { readonly version: string };
const installedVersion = installed.version;

/** Loads the compiler, which takes longer than most that is done with modules from the cache. */
async function loadCompiler(): Promise<typeof import("assemblyscript/asc").default> {
  return (await import("assemblyscript/asc")).default;
}

/** What to compile. */
export interface ModuleSource {
  /** Folder of `src/kernel` that holds the harness and the variants. */
  readonly problem: string;
  /** Name of a variant's file in that folder, without `.ts`; or, with `variantFile`, what to call it. */
  readonly variant: string;
  /** A variant outside the project. It is compiled as if it lay in the problem's folder, so it may import `../machine/impl`. */
  readonly variantFile?: string;
  /**
   * A copy of `src/kernel` of another revision, from which the problem's folder, `sync` and `slab` are taken. What the host of
   * the module relies on stays this revision's: the harness with what it shows, and the machine.
   */
  readonly kernelFolder?: string;
  readonly machine: MachineForm;
  readonly constants: Constants;
  /** Adds the means to suspend a call at an access. Only for the traced form; the simulated one always has them. @default false */
  readonly fibers?: boolean;
  /** File of the problem's folder that is compiled. @default "harness" */
  readonly entry?: string;
}

export interface CompiledModule {
  readonly wasm: Uint8Array<ArrayBuffer>;
  /** Of `wasm`, as lower-case hex. */
  readonly sha256: string;
  readonly flags: readonly string[];
  /** Source map version 3 of the code; only of the checked form. */
  readonly sourceMap?: string;
}

/** How a module's calls can be suspended, if at all. */
export type Suspension = "none" | "by its host" | "by the simulator's core" | "by the checker's core";

function suspensionOf(source: ModuleSource): Suspension {
  if (source.machine === "simulated") return "by the simulator's core";
  if (source.machine === "checked") return "by the checker's core";
  return source.fibers === true ? "by its host" : "none";
}

const suspendingImports: Readonly<Record<Suspension, readonly string[]>> = {
  none: [],
  "by its host": suspendableOperations.map((name) => `traced.${name}`),
  "by the simulator's core": suspendingSimulatedImports.map((name) => `simulated.${name}`),
  "by the checker's core": suspendingCheckedImports.map((name) => `checked.${name}`),
};

/** Where the code under test lies. */
export const kernelFolder = path.join(packageRoot, "src", "kernel");

/** Files of a problem's folder that its host relies on, without `.ts`. */
const harnessFiles: ReadonlySet<string> = new Set(["areas", "contract", "counters", "gauges", "harness", "impl"]);

/** The file of the project, or of another revision, that the compiler names. */
function kernelFile(source: ModuleSource, normal: string): string {
  const { problem, kernelFolder: other } = source;
  const folder = path.posix.dirname(normal);
  const isOther =
    other !== undefined &&
    [problem, "sync", "slab"].includes(folder) &&
    !(folder === problem && harnessFiles.has(path.posix.basename(normal, ".ts")));
  return path.join(isOther ? other : kernelFolder, normal);
}

type BinaryenOptions = {
  setPassArgument(name: string, value: string): void;
  clearPassArguments(): void;
  addPassToSkip(name: string): void;
  setOptimizeLevel(level: number): void;
  clearPassesToSkip(): void;
};

/** Makes one function of those with the same code, of which then one alone has a place in the sources. */
const mergingPass = "duplicate-function-elimination";

/** What the compiler leaves out is the same for all modules of a process, so each says it anew. */
class NothingSkippedTransform {
  declare binaryen: BinaryenOptions;

  afterCompile(): void {
    this.binaryen.clearPassesToSkip();
  }
}

/** Keeps every function of the checked form, for a counterexample has to name the right lines. */
class NothingMergedTransform {
  declare binaryen: BinaryenOptions;

  afterCompile(): void {
    this.binaryen.addPassToSkip(mergingPass);
  }
}

/** Marks what is not to be inlined; the command line has no way to say so. */
class NoInlineTransform {
  declare binaryen: BinaryenOptions;

  afterCompile(module: { runPasses(passes: string[]): void }): void {
    for (const pattern of neverInlined) {
      this.binaryen.setPassArgument("no-inline", pattern);
      module.runPasses(["no-inline"]);
      this.binaryen.clearPassArguments();
    }
  }
}

/**
 * How much asyncify itself optimises. Said for each module: it is a setting of the process, left behind by the module before.
 * Frames of the checked form are part of a state, so values that nobody needs any more are not to be in them; otherwise it
 * is not worth its time.
 */
const asyncifyLevels: Readonly<Record<Exclude<Suspension, "none">, number>> = {
  "by its host": 0,
  "by the simulator's core": 0,
  "by the checker's core": 1,
};

/** Adds Binaryen's asyncify, limited to the imports that may suspend; the command line has no way to say so. */
function asyncifyTransform(suspension: Exclude<Suspension, "none">): unknown {
  return class {
    declare binaryen: BinaryenOptions;

    afterCompile(module: { runPasses(passes: string[]): void }): void {
      this.binaryen.setOptimizeLevel(asyncifyLevels[suspension]);
      this.binaryen.setPassArgument("asyncify-imports", suspendingImports[suspension].join(","));
      // The core's instance has the two globals for the instances of all CPUs.
      if (suspension !== "by its host") this.binaryen.setPassArgument("asyncify-import-globals", "1");
      module.runPasses(["asyncify"]);
      this.binaryen.clearPassArguments();
    }
  };
}

/** What is done to a module besides what the flags say. */
export function compilerTransforms(suspension: Suspension): unknown[] {
  const transforms: unknown[] = [NothingSkippedTransform, NoInlineTransform];
  if (suspension === "by the checker's core") transforms.push(NothingMergedTransform);
  if (suspension !== "none") transforms.push(asyncifyTransform(suspension));
  return transforms;
}

/** Reads source files for the compiler: the bound `impl.ts` files, a user's variant, and the project's own. */
class Sources {
  readonly #source: ModuleSource;
  readonly #variantPath: string;

  constructor(source: ModuleSource) {
    this.#source = source;
    this.#variantPath = `${source.problem}/${source.variant}.ts`;
  }

  read(name: string): string | null {
    const { problem, variant, machine } = this.#source;
    const normal = path.posix.normalize(name);
    if (normal === "machine/impl.ts") return `export * from "./${machine}";\n`;
    if (normal === `${problem}/impl.ts`) return `export * from "./${variant}";\n`;
    const file = this.realPath(normal);
    return existsSync(file) ? readFileSync(file, "utf8") : null;
  }

  /** Where a file that the compiler names really lies. */
  realPath(name: string): string {
    const { problem, variantFile } = this.#source;
    const normal = path.posix.normalize(name);
    if (variantFile !== undefined) {
      if (normal === this.#variantPath) return variantFile;
      const inProject = kernelFile(this.#source, normal);
      // Files that the variant imports from its own folder.
      if (!existsSync(inProject) && path.posix.dirname(normal) === problem) {
        return path.join(path.dirname(variantFile), path.posix.basename(normal));
      }
    }
    return kernelFile(this.#source, normal);
  }
}

/** The project's folders of which files can become part of a module. */
function foldersOf({ problem }: ModuleSource): string[] {
  return ["", "machine", "sync", "slab", problem];
}

/** Names of the sources of a folder, sorted. */
function filesIn(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(".ts"))
        .sort()
    : [];
}

/** Every file that the result can depend on; more than needed, so that nothing is missed. */
function contentKey(source: ModuleSource, flags: readonly string[]): string {
  const hash = createHash("sha256");
  const add = (name: string, text: string): void => {
    hash.update(`${name}\0${text.length}\0${text}\0`);
  };
  add(
    "request",
    JSON.stringify([compilerVersion, installedVersion, flags, source.machine, source.problem, source.variant]),
  );
  add("variantFile", source.variantFile === undefined ? "" : path.basename(source.variantFile));
  const suspension = suspensionOf(source);
  const parts: unknown[] = [source.entry ?? "harness", neverInlined, suspendingImports[suspension]];
  if (suspension !== "none") parts.push(asyncifyLevels[suspension]);
  if (suspension === "by the checker's core") parts.push(mergingPass);
  add("entry", JSON.stringify(parts));
  for (const folder of foldersOf(source)) {
    const roots = source.kernelFolder === undefined ? [kernelFolder] : [kernelFolder, source.kernelFolder];
    const names = new Set(roots.flatMap((root) => filesIn(path.join(root, folder))));
    for (const name of [...names].sort()) {
      const file = kernelFile(source, path.posix.join(folder, name));
      if (existsSync(file)) add(name, readFileSync(file, "utf8"));
    }
  }
  if (source.variantFile !== undefined) {
    const folder = path.dirname(source.variantFile);
    for (const name of filesIn(folder)) add(name, readFileSync(path.join(folder, name), "utf8"));
  }
  return hash.digest("hex");
}

function cacheFolder(): string {
  return path.join(packageRoot, "node_modules", ".cache", "reclaim-bench");
}

/** What the compiler writes. */
interface Compilation {
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly sourceMap?: string;
}

/** Keeps a module for the next time. A folder that cannot be written only costs that time again. */
function keep(key: string, { wasm, sourceMap }: Compilation): void {
  try {
    mkdirSync(cacheFolder(), { recursive: true });
    const write = (extension: string, content: Uint8Array | string): void => {
      const temporary = path.join(cacheFolder(), `${key}.${process.pid}.tmp`);
      writeFileSync(temporary, content);
      renameSync(temporary, path.join(cacheFolder(), `${key}.${extension}`));
    };
    // First, because a module without its map counts as not kept.
    if (sourceMap !== undefined) write("wasm.map", sourceMap);
    write("wasm", wasm);
  } catch {
    // Nothing depends on the cache.
  }
}

/** A module that was kept; null when there is none. A damaged file is compiled again. */
function readKept(key: string, hasSourceMap = false): Compilation | null {
  const file = path.join(cacheFolder(), `${key}.wasm`);
  const map = `${file}.map`;
  if (!existsSync(file) || (hasSourceMap && !existsSync(map))) return null;
  const wasm = new Uint8Array(readFileSync(file));
  if (!WebAssembly.validate(wasm)) return null;
  return hasSourceMap ? { wasm, sourceMap: readFileSync(map, "utf8") } : { wasm };
}

/** The flags of a module. */
export function flagsOf({ constants, machine }: Pick<ModuleSource, "constants" | "machine">): string[] {
  const flags = compilerFlags(constants, machine);
  return machine === "checked" ? [...flags, "--sourceMap"] : flags;
}

/** Whether a module need not be compiled again. */
export function isKept(source: ModuleSource): boolean {
  return readKept(contentKey(source, flagsOf(source)), source.machine === "checked") !== null;
}

function compiled(compilation: Compilation, flags: readonly string[]): CompiledModule {
  return { ...compilation, flags, sha256: createHash("sha256").update(compilation.wasm).digest("hex") };
}

/**
 * Compiles a module, or takes it from the cache.
 *
 * @throws {InputError} with the real file, line and column, when the source does not compile
 */
export async function compileModule(source: ModuleSource): Promise<CompiledModule> {
  if (source.variantFile !== undefined && !existsSync(source.variantFile)) {
    throw new InputError(`${source.variantFile}: no such file`);
  }
  const flags = flagsOf(source);
  const key = contentKey(source, flags);
  const kept = readKept(key, source.machine === "checked");
  if (kept !== null) return compiled(kept, flags);
  // What does not keep the contract is told by the contract, in words of the variant.
  const isForeign = source.variantFile !== undefined || source.kernelFolder !== undefined;
  if (isForeign && source.entry === undefined) {
    await compileFresh({ ...source, entry: "contract" }, flags);
  }
  const fresh = await compileFresh(source, flags);
  // Whoever edits a source meanwhile would find the old module under the new one's key, or the other way round.
  if (contentKey(source, flags) === key) keep(key, fresh);
  return compiled(fresh, flags);
}

async function compileFresh(source: ModuleSource, flags: readonly string[]): Promise<Compilation> {
  const sources = new Sources(source);
  const problems: DiagnosticMessage[] = [];
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  let sourceMap: string | undefined;
  const asc = await loadCompiler();
  const { error } = await asc.main(
    [`${source.problem}/${source.entry ?? "harness"}.ts`, "--outFile", "module.wasm", ...flags],
    {
      readFile: (name) => sources.read(name),
      writeFile: (name, contents) => {
        if (name === "module.wasm" && typeof contents !== "string") wasm = new Uint8Array(contents);
        if (name === "module.wasm.map" && typeof contents === "string") sourceMap = contents;
      },
      listFiles: () => [],
      reportDiagnostic: (message) => problems.push(message),
      stdout: { write: () => {} },
      stderr: { write: () => {} },
      transforms: compilerTransforms(suspensionOf(source)),
    },
  );
  const worst =
    problems.find((message) => message.category === 3) ?? problems.find((message) => message.category === 2);
  if (worst !== undefined) throw new InputError(describe(worst, source, sources));
  if (error !== null || wasm === undefined) {
    throw new Error(`the AssemblyScript compiler failed: ${error?.message ?? "it wrote no module"}`);
  }
  return { wasm, ...(sourceMap === undefined ? {} : { sourceMap }) };
}

/** One line: real file, line, column, what is wrong, and for a broken contract what the variant must export. */
function describe(message: DiagnosticMessage, source: ModuleSource, sources: Sources): string {
  const prefix = message.category === 3 ? "" : "warning, treated as an error: ";
  const variantPath = source.variantFile ?? kernelFile(source, `${source.problem}/${source.variant}.ts`);
  const inContract = /\/(harness|contract)\.ts$/.test(message.range?.source.normalizedPath ?? "");
  const missing = /^Module '.*\/(?:impl|[^/]+)' has no exported member '(\w+)'/.exec(message.message);
  if (missing !== null && inContract) {
    return `${variantPath}: export '${missing[1]}' is missing; ${contractHint(source)}`;
  }
  if (message.range === null) return `${variantPath}: ${prefix}${message.message}`;
  const { normalizedPath } = message.range.source;
  const text = sources.read(normalizedPath) ?? "";
  const before = text.slice(0, message.range.start);
  const line = before.split("\n").length;
  const column = message.range.start - before.lastIndexOf("\n");
  if (normalizedPath === `${source.problem}/contract.ts`) {
    const name = /\b(\w+);?\s*$/.exec(text.split("\n")[line - 1] ?? "")?.[1] ?? "?";
    return `${variantPath}: export '${name}' has the wrong type: ${message.message}; ${contractHint(source)}`;
  }
  return `${sources.realPath(normalizedPath)}:${line}:${column}: ${prefix}${message.message}`;
}

function contractHint(source: ModuleSource): string {
  return `the contract is in src/kernel/${source.problem}/contract.ts`;
}

/** Instruments whose core is Wasm of its own. */
type CoreOwner = "simulator" | "checker";

/** Compiles an instrument's core, or takes it from the cache. */
async function compileCore(owner: CoreOwner): Promise<CompiledModule> {
  const folder = path.join(packageRoot, "src", owner, "core");
  const flags = coreFlags(owner === "checker");
  const hash = createHash("sha256").update(JSON.stringify([compilerVersion, installedVersion, flags]));
  for (const file of readdirSync(folder).sort()) {
    if (file.endsWith(".ts")) hash.update(`${file}\0${readFileSync(path.join(folder, file), "utf8")}\0`);
  }
  const key = hash.digest("hex");
  const kept = readKept(key);
  if (kept !== null) return compiled(kept, flags);
  const problems: string[] = [];
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const asc = await loadCompiler();
  const { error } = await asc.main(["core.ts", "--outFile", "module.wasm", ...flags], {
    readFile: (name) => {
      const file = path.join(folder, path.posix.normalize(name));
      return existsSync(file) ? readFileSync(file, "utf8") : null;
    },
    writeFile: (_name, contents) => {
      if (typeof contents !== "string") wasm = new Uint8Array(contents);
    },
    listFiles: () => [],
    reportDiagnostic: (message) => {
      const place = message.range === null ? "" : `${message.range.source.normalizedPath}@${message.range.start}: `;
      problems.push(place + message.message);
    },
    stdout: { write: () => {} },
    stderr: { write: () => {} },
    transforms: [NothingSkippedTransform],
  });
  if (error !== null || wasm === undefined || problems.length > 0) {
    throw new Error(`the ${owner}'s core does not compile: ${problems.join("; ") || error?.message}`);
  }
  keep(key, { wasm });
  return compiled({ wasm }, flags);
}

/** Compiles the simulator's core, or takes it from the cache. */
export function compileSimulatorCore(): Promise<CompiledModule> {
  return compileCore("simulator");
}

/** Compiles the checker's core, or takes it from the cache. */
export function compileCheckerCore(): Promise<CompiledModule> {
  return compileCore("checker");
}
