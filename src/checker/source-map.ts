// Where in the sources a position of a module's code is.

import { SourceMap } from "node:module";
import { z } from "zod";
import { functionStarts, lastUpTo } from "./code-section.ts";
import type { SourceFrame } from "./outcome.ts";
import type { FindFrame } from "./tracer.ts";

const mapSchema = z.object({
  version: z.literal(3),
  sources: z.array(z.string()),
  names: z.array(z.string()),
  mappings: z.string(),
});

/** What `findEntry` returns where it finds something; the type that Node.js states also has other forms. */
interface Entry {
  readonly generatedColumn?: number;
  readonly originalSource?: string;
  readonly originalLine?: number;
  readonly originalColumn?: number;
}

/**
 * @param text source map of a module, whose columns are byte positions
 * @param wasm the module
 * @param variantPath how the compiler calls the variant's file, and what to call it instead
 */
export function readSourceMap(
  text: string,
  wasm: Uint8Array,
  variantPath: { readonly from: string; readonly to: string } | undefined,
): FindFrame {
  const { version, sources, names, mappings } = mapSchema.parse(JSON.parse(text));
  const map = new SourceMap({ version, sources, names, mappings, file: "", sourcesContent: [], sourceRoot: "" });
  const starts = functionStarts(wasm);
  return (position): SourceFrame | undefined => {
    const entry = map.findEntry(0, position) as Entry;
    const { generatedColumn = 0, originalSource = "", originalLine = 0, originalColumn = 0 } = entry;
    // The entry is of the function before, where the compiler made up the whole function.
    if (generatedColumn < lastUpTo(starts, position)) return undefined;
    // The compiler's own library is not what anybody looks for.
    if (originalSource === "" || originalSource.startsWith("~lib/")) return undefined;
    const file = originalSource === variantPath?.from ? variantPath.to : originalSource;
    return { symbol: "", file, line: originalLine + 1, column: originalColumn + 1 };
  };
}
