// What is sampled of a quarantine's variant while its batches run, on one CPU or on several.

import type { RunningModule } from "../build/instance.ts";
import type { QuarantineExports } from "../build/quarantine.ts";
import { checkLeftBehind } from "../errors.ts";
import { Histogram } from "../records/histogram.ts";
import type { Batch } from "./batches.ts";
import type { SampleSink } from "./turns.ts";

/** Removals whose time, workers included, makes one sample: a guest's caches in the libvirt teardown. */
const removalsPerGroup = 24;

/** What a batch took. */
export interface BatchTimes {
  readonly ns: number;
  /** Objects that were really freed in it. */
  readonly freed: number;
  /** Time of the deferred work that was due after it; null or 0 when there was none. */
  readonly deferredNs: number | null;
}

/** The samples of one subject. */
export class QuarantineSamples {
  readonly removals = new Histogram();
  readonly #id: string;
  readonly #isFloor: boolean;
  readonly #onSample: SampleSink;
  /** Time of the present group of removals, and how many there are in it. */
  #groupNs = 0;
  #groupSize = 0;
  #groups = 0;
  readonly #destroyed: number[] = [];

  constructor(subject: { readonly id: string; readonly isFloor: boolean }, onSample: SampleSink) {
    this.#id = subject.id;
    this.#isFloor = subject.isFloor;
    this.#onSample = onSample;
  }

  /** @param cache index of the cache that the batch destroys, if it does */
  take(batch: Batch, round: number, { ns, freed, deferredNs }: BatchTimes, cache: number): void {
    if (batch.measured) this.#sample(batch, round, ns, this.#isFloor ? 0 : freed);
    if (batch.kind === "destroy") {
      if (batch.measured) {
        this.#groupNs += ns;
        this.#groupSize++;
      }
      this.#destroyed.push(cache);
    }
    this.deferred(round, deferredNs);
    if (this.#groupSize === removalsPerGroup) this.#closeGroup();
  }

  /** Time of deferred work that was run after the batches of a round. */
  deferred(round: number, ns: number | null): void {
    if (ns === null || ns === 0) return;
    this.#groupNs += ns;
    this.#onSample(this.#id, "worker-ns", round, ns);
  }

  #closeGroup(): void {
    this.#onSample(this.#id, "teardown-ns", this.#groups++, this.#groupNs);
    this.#groupNs = 0;
    this.#groupSize = 0;
  }

  #sample(batch: Batch, round: number, ns: number, evicted: number): void {
    const emit = (metric: string, value: number): void => this.#onSample(this.#id, metric, round, value);
    switch (batch.kind) {
      case "free":
        emit("put-ns", ns / batch.frees);
        return;
      case "allocate":
        emit("allocate-ns", ns / batch.allocations);
        emit("evicted-per-allocation", evicted / batch.allocations);
        return;
      case "mixed":
        if (batch.frees > 0) emit("mixed-ns", ns / batch.frees);
        if (batch.bogoOps > 0) emit("bogo-op-ns", ns / batch.bogoOps);
        return;
      case "destroy":
        this.removals.record(ns);
        return;
    }
  }

  /**
   * Samples what holds for the whole workload, after all deferred work was done.
   *
   * @param leftBehind objects left in caches that were destroyed, on all CPUs
   * @throws {ViolationError} when the variant left objects in caches that it said were empty
   */
  finish({ exports, layout }: RunningModule<QuarantineExports>, leftBehind: number, skipped: number): void {
    checkLeftBehind(this.#id, leftBehind);
    const emit = (metric: string, value: number): void => this.#onSample(this.#id, metric, 0, value);
    if (this.#groupNs > 0) this.#closeGroup();
    emit("unfinished-caches", this.#destroyed.filter((index) => exports.isCachePresent(index) !== 0).length);
    emit("object-extra-bytes", exports.extraObjectBytes());
    emit("cache-extra-bytes", exports.extraCacheBytes());
    emit("global-bytes", exports.extraGlobalBytes());
    emit("slab-bytes-touched", exports.touchedPageCount() * 4096);
    emit("events-skipped", skipped);
    emit("true-size", layout.trueSize ? 1 : 0);
  }
}
