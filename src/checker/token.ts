// A schedule and the case that it belongs to as a short text, for people to hand on.
//
// Bytes in base64url: the version, the case, the schedule, and a CRC-32 of all before it. Version and CRC stay where they
// are in every version.

import { crc32 } from "node:zlib";
import { InputError } from "../errors.ts";
import { type MemoryModel, memoryModels, type Slice } from "./model.ts";
import { problemChecks } from "./problems/index.ts";

export interface TokenContent {
  readonly problem: string;
  /** Its id. */
  readonly variant: string;
  /** Of the module that the schedule was found with, hexadecimal. */
  readonly moduleHash: string;
  readonly scenario: string;
  readonly model: MemoryModel;
  readonly skipWhenEmpty: boolean;
  readonly schedule: readonly Slice[];
}

const version = 1;
const crcBytes = 4;
/** A token has the place of its problem. */
const problems: readonly string[] = Object.keys(problemChecks);
const agentsMax = 31;
const operationsMax = 0x7fff_ffff;

/**
 * Writes a token.
 *
 * @throws {RangeError} for a slice that no schedule has
 */
export function encodeToken(content: TokenContent): string {
  const bytes: number[] = [version];
  bytes.push(problems.indexOf(content.problem), memoryModels.indexOf(content.model), content.skipWhenEmpty ? 1 : 0);
  pushText(bytes, content.variant);
  pushText(bytes, content.scenario);
  // Digits of a hash take half the room as bytes.
  const isPacked = /^([0-9a-f]{2})*$/.test(content.moduleHash);
  bytes.push(isPacked ? 1 : 0);
  if (isPacked) pushBytes(bytes, Buffer.from(content.moduleHash, "hex"));
  else pushText(bytes, content.moduleHash);
  pushNumber(bytes, content.schedule.length);
  for (const slice of content.schedule) pushNumber(bytes, packSlice(slice));
  const body = Uint8Array.from(bytes);
  const check = Buffer.alloc(crcBytes);
  check.writeUInt32LE(crc32(body));
  return Buffer.concat([body, check]).toString("base64url");
}

/**
 * Reads a token. White space in it is skipped: terminals wrap long lines.
 *
 * @throws {InputError} for text that is no token, a damaged one, or one of a newer version
 */
export function decodeToken(text: string): TokenContent {
  const token = text.replaceAll(/\s/g, "");
  if (token === "") throw new InputError("token: empty");
  const odd = /[^A-Za-z0-9_-]/u.exec(token);
  if (odd !== null) {
    throw new InputError(`token: character ${odd.index + 1}, '${odd[0]}', is none of base64url (A-Z a-z 0-9 - _)`);
  }
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length <= crcBytes || bytes.toString("base64url") !== token) throw damaged();
  const body = bytes.subarray(0, -crcBytes);
  if (crc32(body) !== bytes.readUInt32LE(body.length)) throw damaged();
  if (body[0] !== version) {
    throw new InputError(`token: format ${body[0]}, and this version of reclaim-bench reads format ${version} only`);
  }
  return new Reader(body).read();
}

function damaged(): InputError {
  return new InputError("token: damaged or cut off: its check sum does not fit; copy it again as a whole");
}

function packSlice({ agent, operations, isBuffered }: Slice): number {
  if (!Number.isInteger(agent) || agent < 0 || agent >= agentsMax) throw new RangeError(`agent ${agent}`);
  if (!Number.isInteger(operations) || operations < 1 || operations > operationsMax)
    throw new RangeError(`operations ${operations}`);
  return (operations - 1) * 64 + agent * 2 + (isBuffered ? 1 : 0);
}

/** Seven bits a byte, the lowest first; all bytes but the last have the eighth bit. */
function pushNumber(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
}

function pushBytes(bytes: number[], pushed: Uint8Array): void {
  pushNumber(bytes, pushed.length);
  for (const byte of pushed) bytes.push(byte);
}

function pushText(bytes: number[], text: string): void {
  pushBytes(bytes, new TextEncoder().encode(text));
}

/** What is read here has the right check sum, so what is wrong with it was so from the beginning. */
class Reader {
  readonly #bytes: Buffer;
  /** Behind the version. */
  #place = 1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  read(): TokenContent {
    const problem = this.#oneOf(problems, "problem");
    const model = this.#oneOf(memoryModels, "memory model");
    const skipWhenEmpty = this.#number() === 1;
    const variant = this.#take().toString("utf8");
    const scenario = this.#take().toString("utf8");
    const moduleHash = this.#number() === 1 ? this.#take().toString("hex") : this.#take().toString("utf8");
    const schedule: Slice[] = [];
    for (let left = this.#number(); left > 0; left--) {
      const packed = this.#number();
      const agent = Math.floor((packed % 64) / 2);
      if (agent >= agentsMax) throw this.#invalid("agent");
      schedule.push({ agent, operations: Math.floor(packed / 64) + 1, isBuffered: packed % 2 === 1 });
    }
    if (this.#place !== this.#bytes.length) throw this.#invalid("end");
    return { problem, variant, moduleHash, scenario, model, skipWhenEmpty, schedule };
  }

  #number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#place++];
      if (byte === undefined) throw this.#invalid("end");
      value += (byte % 128) * factor;
      if (!Number.isSafeInteger(value)) throw this.#invalid("number");
      if (byte < 128) return value;
    }
  }

  #take(): Buffer {
    const length = this.#number();
    const taken = this.#bytes.subarray(this.#place, this.#place + length);
    if (taken.length !== length) throw this.#invalid("end");
    this.#place += length;
    return taken;
  }

  #oneOf<T>(choices: readonly T[], what: string): T {
    const choice = choices[this.#number()];
    if (choice === undefined) throw this.#invalid(what);
    return choice;
  }

  #invalid(what: string): InputError {
    return new InputError(`token: byte ${this.#place}: no valid ${what}; it was not written by reclaim-bench`);
  }
}
