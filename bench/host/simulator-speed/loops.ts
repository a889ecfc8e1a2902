// Accesses in loops: AssemblyScript, compiled for the simulated form of the machine.
// @ts-nocheck

import { eventBuffer, thisCpu } from "../layout";
import { add32, load32 } from "../machine/impl";

/** Every CPU adds to the same cell. */
const loopContended: u32 = 0;
/** Every CPU loads from lines of its own, four of five accesses, and adds to them; one of 1024 adds to the common cell. */
const loopOwn: u32 = 1;
const ownLines: u32 = 64;

export function run(loop: u32, accesses: u32): u32 {
  const own = eventBuffer + 4096 + usize(thisCpu) * ownLines * 64;
  if (loop === loopContended) {
    for (let access: u32 = 0; access < accesses; access++) add32(eventBuffer, 1);
  } else if (loop === loopOwn) {
    for (let access: u32 = 1; access <= accesses; access++) {
      if (access % 1024 === 0) add32(eventBuffer, 1);
      else if (access % 5 === 0) add32(own + (access % ownLines) * 64, 1);
      else load32(own + (access % ownLines) * 64);
    }
  }
  return 0;
}

export function runWork(_work: u32, _argument: usize): void {}
