// Frames that tell where in the sources something was done.

import type { SourceFrame } from "./outcome.ts";
import type { TracedOperation } from "./trace.ts";

/** Index of the first frame that counts: the operations themselves are of the machine, which calls nothing else. */
function innermost(frames: readonly SourceFrame[]): number {
  return frames.findLastIndex(({ file }) => file.startsWith("machine/")) + 1;
}

/** Whether code of all problems is there. What is of the problem itself says most, whoever calls it. */
function isShared({ file }: SourceFrame): boolean {
  return file.startsWith("sync/") || file.startsWith("slab/");
}

const textOf = ({ file, line, column }: SourceFrame): string => `${file}:${line}:${column}`;

/**
 * Leaves out the machine's frames, and the innermost one where different places of other files led to it. It may be another function's: the
 * compiler makes one function of all small ones with the same code, and keeps the place of one of them. And of a small one
 * that many call, the place of the call says more.
 */
export function withoutMergedFrames(operations: readonly TracedOperation[]): readonly TracedOperation[] {
  const callers = new Map<string, Set<string>>();
  for (const { frames } of operations) {
    const at = innermost(frames);
    const [own, caller] = [frames[at], frames[at + 1]];
    if (own === undefined || caller === undefined || caller.file === own.file || !isShared(own)) continue;
    const key = textOf(own);
    const known = callers.get(key) ?? new Set();
    callers.set(key, known.add(textOf(caller)));
  }
  return operations.map((operation) => {
    const { frames } = operation;
    const at = innermost(frames);
    const own = frames[at];
    if (own === undefined) return operation;
    const isMerged = at + 1 < frames.length && (callers.get(textOf(own))?.size ?? 0) > 1;
    return { ...operation, frames: frames.slice(isMerged ? at + 1 : at) };
  });
}
