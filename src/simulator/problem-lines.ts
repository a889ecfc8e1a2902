// Names of the lines of a described problem's case, by what lies in them, and of its grace periods.

import type { RunningModule } from "../build/instance.ts";
import type { ProblemExports } from "../build/problem.ts";
import { noteGracePeriod } from "../kernel/notes.ts";
import type { Problem } from "../problems/index.ts";
import type { NotedObjects } from "../problems/problem.ts";

const lineBytes = 64;
const cacheBytes = 192;
/** Names of the lines of a cache's descriptor. */
const cacheLines = ["kmem_cache (sizes)", "kmem_cache (lock)", "kmem_cache (others)"] as const;

/** Knows what lies where, from the description and from what the code under test has noted so far. */
export class ProblemLines {
  readonly #problem: Problem;
  /** By line: what lies there. */
  readonly #objects = new Map<number, string>();
  readonly #allocated = new Map<number, NotedObjects>();
  readonly #freed = new Map<number, NotedObjects>();
  readonly #bytes = new Map<NotedObjects, number>();
  #running: RunningModule<ProblemExports> | null = null;

  constructor(problem: Problem) {
    this.#problem = problem;
    for (const one of problem.objects ?? []) {
      this.#allocated.set(one.allocated, one);
      this.#freed.set(one.freed, one);
    }
  }

  /** Kinds of notes that have to be heard. */
  get kinds(): readonly number[] {
    return [noteGracePeriod, ...this.#allocated.keys(), ...this.#freed.keys()];
  }

  /** Is told of the case once it is prepared. @param gauge reads a gauge of it */
  begin(running: RunningModule<ProblemExports>, gauge: (index: number) => number): void {
    this.#running = running;
    for (const one of this.#problem.objects ?? []) this.#bytes.set(one, gauge(one.bytesGauge));
  }

  /** Hears a note. */
  hear(kind: number, value: number): void {
    const come = this.#allocated.get(kind);
    const going = this.#freed.get(kind);
    const one = come ?? going;
    if (one === undefined) return;
    const end = (value + (this.#bytes.get(one) ?? 0) + lineBytes - 1) >>> 6;
    for (let line = value >>> 6; line < end; line++) {
      if (come === undefined) this.#objects.delete(line);
      else this.#objects.set(line, one.name);
    }
  }

  /** What lies at an address of the case's memory. */
  nameOf(address: number): string {
    const object = this.#objects.get(address >>> 6);
    if (object !== undefined) return object;
    if (this.#running === null) return "machine";
    const { layout, exports } = this.#running;
    if (address >= layout.fibers) return "stacks of tasks";
    if (address >= layout.arenaBase) return this.#problem.arena ?? "slab pages";
    if (address >= layout.pageTable - lineBytes) return "page allocator";
    if (address >= layout.problemBase) return this.#problem.areas[exports.areaAt(address | 0)] ?? "machine";
    if (address < layout.cacheTable) return "machine";
    return cacheLines[Math.floor(((address - layout.cacheTable) % cacheBytes) / lineBytes)] as string;
  }

  /** Flavour of the grace periods of the domain at an address; null for one that is not told of. */
  flavourOf(domain: number): string | null {
    const area = this.#running?.exports.areaAt(domain | 0);
    return area === undefined ? null : (this.#problem.gracePeriods[area] ?? null);
  }
}
