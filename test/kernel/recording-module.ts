// Instruments a finished binary, so that it tells the host of every memory access just before making it.
//
// Binaryen's own `instrument-memory` sees loads and stores only and does not tell atomic ones from plain ones. Here the
// module's text is rewritten, and every instruction that touches memory is seen with its name and its operands:
// its address goes through `recording.address`, and its last operand through `recording.operand*`. Nothing else of
// the optimised code changes.

import binaryen from "binaryen";

type Node = string | Node[];

/** One access that the binary is about to make. */
export interface RecordedAccess {
  /** The instruction, such as `i32.atomic.load` or `i64.store32`. */
  readonly instruction: string;
  /** Bytes. */
  readonly width: number;
  readonly address: number;
  /** What follows the address, cut to the width: value of a store; expected and new value of a compare-exchange. */
  readonly operands: readonly bigint[];
}

export interface RecordingModule {
  readonly wasm: Uint8Array<ArrayBuffer>;
  /** Imports for one instance of the module. `hear` is called just before each access. */
  imports(hear: (access: RecordedAccess) => void): WebAssembly.ModuleImports;
}

function parse(text: string): Node[] {
  const top: Node[] = [];
  const open: Node[][] = [top];
  for (const [token] of text.matchAll(/;;.*|\(;.*?;\)|"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+/gs)) {
    const current = open.at(-1);
    if (current === undefined) throw new Error("unbalanced text");
    if (token.startsWith(";;") || token.startsWith("(;")) continue;
    if (token === "(") {
      const node: Node[] = [];
      current.push(node);
      open.push(node);
    } else if (token === ")") open.pop();
    else current.push(token);
  }
  return top;
}

function print(node: Node): string {
  return typeof node === "string" ? node : `(${node.map(print).join(" ")})`;
}

function widthOf(instruction: string): number {
  const narrow = /(?:load|store|rmw)(8|16|32)/.exec(instruction)?.[1];
  if (narrow !== undefined) return Number(narrow) / 8;
  return instruction.startsWith("i64") || instruction.includes("wait64") ? 8 : 4;
}

const touchesMemory =
  /^(?:[if](?:32|64)\.(?:atomic\.)?(?:load|store|rmw)|memory\.(?:atomic|fill|copy|init)|v128\.(?:load|store))/;
const understood = /^(?:i(?:32|64)\.(?:load|store|atomic\.)|memory\.atomic\.(?:wait32|notify))/;

export function recordAccesses(wasm: Uint8Array): RecordingModule {
  const source = binaryen.readBinary(wasm);
  const module = parse(source.emitText())[0];
  source.dispose();
  if (!Array.isArray(module)) throw new Error("the text holds no module");
  const sites: { readonly instruction: string; readonly offset: number }[] = [];

  const rewrite = (node: Node): Node => {
    if (typeof node === "string") return node;
    const rewritten = node.map(rewrite);
    const instruction = rewritten[0];
    if (typeof instruction !== "string" || !touchesMemory.test(instruction)) return rewritten;
    if (!understood.test(instruction)) throw new Error(`the module has an unexpected '${instruction}'`);
    const first = rewritten.findIndex((part) => Array.isArray(part));
    const immediate = rewritten.find((part) => typeof part === "string" && part.startsWith("offset="));
    const site = sites.length;
    sites.push({ instruction, offset: typeof immediate === "string" ? Number(immediate.slice(7)) : 0 });
    return rewritten.map((part, index) => {
      if (index < first) return part;
      if (index === first) return ["call", "$recordingAddress", ["i32.const", `${site}`], part];
      // The timeout of a wait is no part of the access.
      if (instruction === "memory.atomic.wait32" && index === first + 2) return part;
      const isLast = index === (instruction === "memory.atomic.wait32" ? first + 1 : rewritten.length - 1);
      const operand = instruction.startsWith("i64") ? "$recordingOperand64" : "$recordingOperand32";
      return ["call", operand, ["i32.const", isLast ? "1" : "0"], part];
    });
  };

  const body = module.map(rewrite);
  const lastImport = body.findLastIndex((part) => Array.isArray(part) && part[0] === "import");
  const declare = (name: string, value: string): Node => {
    const field = `${name[0]?.toLowerCase()}${name.slice(1)}`;
    return parse(
      `(import "recording" "${field}" (func $recording${name} (param i32 ${value}) (result ${value})))`,
    )[0] as Node;
  };
  body.splice(lastImport + 1, 0, declare("Address", "i32"), declare("Operand32", "i32"), declare("Operand64", "i64"));
  const target = binaryen.parseText(print(body));
  target.setFeatures(binaryen.Features.All);
  if (!target.validate()) throw new Error("the instrumented module is not valid");
  const instrumented = new Uint8Array(target.emitBinary());
  target.dispose();

  return {
    wasm: instrumented,
    imports(hear) {
      const begun: {
        readonly instruction: string;
        readonly width: number;
        readonly address: number;
        operands: bigint[];
      }[] = [];
      const operand = (isLast: number, value: bigint): void => {
        const access = begun.at(-1);
        if (access === undefined) throw new Error("an operand without an address");
        access.operands.push(BigInt.asUintN(access.width * 8, value));
        if (isLast === 0) return;
        begun.pop();
        hear(access);
      };
      return {
        address(site: number, pointer: number): number {
          const { instruction, offset } = sites[site] ?? { instruction: "?", offset: 0 };
          const access = {
            instruction,
            width: widthOf(instruction),
            address: (pointer >>> 0) + offset,
            operands: [],
          };
          if (/\.load/.test(instruction)) hear(access);
          else begun.push(access);
          return pointer;
        },
        operand32(isLast: number, value: number): number {
          operand(isLast, BigInt(value));
          return value;
        },
        operand64(isLast: number, value: bigint): bigint {
          operand(isLast, value);
          return value;
        },
      };
    },
  };
}
