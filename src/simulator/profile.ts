// Machine profiles: what an access, an interrupt or a context switch costs on a machine that is not at hand, as data
// with a source for every number. The packaged ones lie in `bench/machines`; `docs/machines.md` explains the numbers.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { InputError } from "../errors.ts";
import { packageRoot } from "../package-root.ts";

/** How far a number can be trusted: read in its source, measured, computed from such numbers, or remembered. */
export type Mark = "verified" | "measured" | "derived" | "recalled";

/** A number and where it comes from. */
export interface Sourced {
  readonly value: number;
  /** For people: a publication with its place in it, a measurement, or a computation from such. Never empty. */
  readonly source: string;
  readonly mark: Mark;
}

/** What costs time, each in ns. */
export type CostName =
  /** Load that hits the first-level cache. */
  | "l1"
  | "l2"
  | "l3"
  /** Load from the memory of the CPU's own socket. */
  | "memoryLocal"
  /** Load from the memory of another socket. Unused where there is one. */
  | "memoryRemote"
  /** Fetching a line that a core of the same cluster owns. */
  | "transferSameCluster"
  /** Fetching a line that a core of another cluster of the socket owns. Unused where a socket is one cluster. */
  | "transferSameSocket"
  /** Fetching a line that a core of another socket owns. Unused where there is one. */
  | "transferCrossSocket"
  /**
   * How long a core keeps a line that it got from the same cluster, although others have sent for it. From farther away it
   * keeps it longer in proportion.
   */
  | "lineHold"
  /** Relaxed store; what its line costs is paid behind the CPU's back. */
  | "store"
  /** Locked operation on a line in the first-level cache. */
  | "locked"
  /** Full barrier with an empty store buffer. */
  | "barrier"
  /** Spin-loop hint. */
  | "pause"
  /** What the sender of an interrupt pays. */
  | "interruptSend"
  /** From sending an interrupt to the first instruction of its handler. */
  | "interrupt"
  /** From one task of a CPU to the next. */
  | "contextSwitch"
  /** What the waker pays per task. */
  | "wakeUp"
  /** From a wake-up until the task runs on a CPU that was idle. */
  | "wakeIdle"
  /** How long a task may run while others of its CPU wait. */
  | "timeSlice";

export interface CacheShape {
  /** Size of one instance, in bytes. */
  readonly bytes: Sourced;
  readonly ways: Sourced;
}

/** A machine of equal cores: sockets of clusters of cores of threads. Each thread is a CPU. */
export interface MachineProfile {
  readonly name: string;
  /** One line: which machine it is, and the frequency that its cycles were converted at. */
  readonly description: string;
  readonly sockets: Sourced;
  /** A cluster is a group of cores that are near each other, such as those of one AMD core complex. */
  readonly clustersPerSocket: Sourced;
  readonly coresPerCluster: Sourced;
  readonly threadsPerCore: Sourced;
  /** Of each core. */
  readonly l1: CacheShape;
  /** Of each core. */
  readonly l2: CacheShape;
  readonly l3: CacheShape & { readonly sharedBy: "cluster" | "socket" };
  readonly costs: Readonly<Record<CostName, Sourced>>;
}

/** Most CPUs of a machine. */
export const cpusMax = 256;
/** Most clusters of a machine, of all its sockets. */
export const clustersMax = 32;
const lineBytes = 64;
/** The simulator counts in tenths of a nanosecond. */
const costNsMin = 0.1;
const costNsMax = 1e9;
/** More than any cache has; the tags of all cores' caches have to fit into the core's memory. */
const cacheBytesMax = 2 ** 31;

const seeDocs = "docs/machines.md says what each field means";

function sourced(value: z.ZodNumber) {
  return z.strictObject({
    value,
    source: z.string().refine((text) => text.trim() !== "", "is empty; say where the number comes from"),
    mark: z.enum(["verified", "measured", "derived", "recalled"]),
  });
}

function wholeNumber(max: number) {
  return sourced(z.int("must be a whole number").min(1, "must be 1 or more").max(max, `must be at most ${max}`));
}

const cost = sourced(
  z.number().min(costNsMin, `must be at least ${costNsMin} ns`).max(costNsMax, `must be at most ${costNsMax} ns`),
);

const cacheFields = { bytes: wholeNumber(cacheBytesMax), ways: wholeNumber(1024) };

function hasWholeSets(shape: { bytes: { value: number }; ways: { value: number } }): boolean {
  return shape.bytes.value % (lineBytes * shape.ways.value) === 0;
}
const wholeSets = {
  path: ["bytes", "value"],
  message: `must be a multiple of ${lineBytes} times the ways, so that the cache has a whole number of sets`,
};

const profileSchema = z
  .strictObject({
    name: z.string().regex(/^[\w.+-]{1,64}$/, "must be 1 to 64 letters, digits, '.', '_', '+' or '-'"),
    description: z.string().regex(/^\S.*$/, "must be one line of text"),
    sockets: wholeNumber(cpusMax),
    clustersPerSocket: wholeNumber(cpusMax),
    coresPerCluster: wholeNumber(cpusMax),
    threadsPerCore: wholeNumber(cpusMax),
    l1: z.strictObject(cacheFields).refine(hasWholeSets, wholeSets),
    l2: z.strictObject(cacheFields).refine(hasWholeSets, wholeSets),
    l3: z.strictObject({ ...cacheFields, sharedBy: z.enum(["cluster", "socket"]) }).refine(hasWholeSets, wholeSets),
    costs: z.strictObject({
      l1: cost,
      l2: cost,
      l3: cost,
      memoryLocal: cost,
      memoryRemote: cost,
      transferSameCluster: cost,
      transferSameSocket: cost,
      transferCrossSocket: cost,
      lineHold: cost,
      store: cost,
      locked: cost,
      barrier: cost,
      pause: cost,
      interruptSend: cost,
      interrupt: cost,
      contextSwitch: cost,
      wakeUp: cost,
      wakeIdle: cost,
      timeSlice: cost,
    } satisfies Record<CostName, typeof cost>),
  })
  .superRefine((profile, context) => {
    const clusters = profile.sockets.value * profile.clustersPerSocket.value;
    const complain = (message: string): void => context.addIssue({ code: "custom", path: ["sockets"], message });
    if (clusters > clustersMax) complain(`the machine has ${clusters} clusters; at most ${clustersMax} are simulated`);
    const cpus = cpusOf(profile);
    if (cpus > cpusMax) complain(`the machine has ${cpus} CPUs; at most ${cpusMax} are simulated`);
  });

/** The costs of a profile, in the order of their documentation. */
export const costNames = Object.keys(profileSchema.shape.costs.shape) as readonly CostName[];

/** CPUs of a machine: threads of all its cores, from 1 to 256. */
export function cpusOf(
  profile: Pick<MachineProfile, "sockets" | "clustersPerSocket" | "coresPerCluster" | "threadsPerCore">,
): number {
  const { sockets, clustersPerSocket, coresPerCluster, threadsPerCore } = profile;
  return sockets.value * clustersPerSocket.value * coresPerCluster.value * threadsPerCore.value;
}

/**
 * A profile with one cost multiplied, to see what hangs on it. Its name says so: `xeon-8260-2s l3*2`.
 *
 * @throws {RangeError} when the factor is not a positive number
 */
export function scaleCost(profile: MachineProfile, name: CostName, factor: number): MachineProfile {
  if (!(factor > 0) || !Number.isFinite(factor)) throw new RangeError(`cannot multiply a cost by ${factor}`);
  const { value, source } = profile.costs[name];
  const scaled: Sourced = { value: value * factor, source: `${factor} times: ${source}`, mark: "derived" };
  return { ...profile, name: `${profile.name} ${name}*${factor}`, costs: { ...profile.costs, [name]: scaled } };
}

const machinesFolder = path.join(packageRoot, "bench", "machines");

/** The packaged profiles, by name. */
export const profileNames: readonly string[] = readdirSync(machinesFolder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => path.basename(file, ".json"))
  .sort();

/**
 * Reads and checks a profile.
 *
 * @param nameOrFile name of a packaged profile, or path of a JSON file of the same form
 * @throws {InputError} with file and field: no such machine, not JSON, a field missing, unknown or out of its range
 */
export function loadProfile(nameOrFile: string): MachineProfile {
  const isPackaged = profileNames.includes(nameOrFile);
  if (!isPackaged && !existsSync(nameOrFile)) {
    throw new InputError(
      `machine '${nameOrFile}': neither a file nor one of ${profileNames.join(", ")}; 'calibrate' writes one of this host`,
    );
  }
  const file = isPackaged ? path.join(machinesFolder, `${nameOrFile}.json`) : nameOrFile;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new InputError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file}: not JSON: ${(error as Error).message}`);
  }
  return checkProfile(json, file);
}

/**
 * Checks that a value is a profile.
 *
 * @param file what to call it in an error
 * @throws {InputError} that names the file and the first field that is wrong
 */
export function checkProfile(value: unknown, file: string): MachineProfile {
  const result = profileSchema.safeParse(value, { error: explain });
  if (result.success) return result.data;
  const { path: field, message } = result.error.issues[0]!;
  const place = field.length === 0 ? "the whole file" : `field '${field.join(".")}'`;
  throw new InputError(`${file}: ${place}: ${message}; ${seeDocs}`);
}

/** Plainer words than the library's for what is wrong most often. */
function explain(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "unrecognized_keys") return `has the unknown field '${issue.keys[0]}'; remove it`;
  if (issue.code === "invalid_type" && issue.input === undefined) return "is missing";
  if (issue.code === "invalid_type") return `must be of type ${issue.expected}`;
  if (issue.code === "invalid_value") return `must be one of ${issue.values.join(", ")}`;
  return undefined;
}
