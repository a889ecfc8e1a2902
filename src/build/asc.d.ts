// The part of the AssemblyScript compiler's interface that we use. Its own typings declare `i32`, `bool` and the like
// as globals of the host language; `paths` in tsconfig.json puts this file in their place.

export interface DiagnosticMessage {
  readonly code: number;
  /** 0 pedantic, 1 information, 2 warning, 3 error. */
  readonly category: number;
  readonly message: string;
  readonly range: {
    readonly start: number;
    readonly source: { readonly normalizedPath: string };
  } | null;
}

export interface CompilerTransform {
  /** Called with the finished module, before it is optimised. */
  afterCompile?(module: { runPasses(passes: string[]): void }): void;
  // Set by the compiler before it calls a hook.
  binaryen?: { setPassArgument(name: string, value: string): void; clearPassArguments(): void };
}

export interface Options {
  readFile(name: string, baseDirectory: string): string | null;
  writeFile(name: string, contents: Uint8Array | string, baseDirectory: string): void;
  listFiles(directory: string, baseDirectory: string): string[] | null;
  reportDiagnostic?(message: DiagnosticMessage): void;
  transforms?: unknown[];
  stdout?: { write(text: string): void };
  stderr?: { write(text: string): void };
}

declare const asc: {
  readonly version: string;
  main(argv: readonly string[], options: Options): Promise<{ readonly error: Error | null }>;
};
export default asc;
