// What an agent that waits in a loop has looked at. Another round of a loop in which nothing has changed would come to the
// same, so a waiting agent goes on only when something that it looked at has changed, or when nobody else can do anything.
//
// Remembered from the first pause or sleep on, until the agent does something that others can notice; from the fourth pause
// since its last event boundary on it is remembered all the same, for there are loops that write each time.

import { put32 } from "./journal";
import { Agent, Look, looksMax, looksOffset } from "./layout";
import { agent } from "./running";
import { wordOf } from "./stores";

/** Rounds of a loop that may write something each time. */
const freeRounds: u32 = 3;
/**
 * Rounds of loops since the last event boundary that may come at any moment. An agent that has made so many is given the
 * rest only when nobody else can go on, for agents that wait could wake each other without end.
 */
export const roundsMax: u32 = 4;
/** Sleeps since the last event boundary that may end at any moment. */
export const freeSleeps: u32 = 4;

function lookAt(index: u32): usize {
  return agent + looksOffset + usize(index) * offsetof<Look>();
}

function setLook(index: u32, cell: u32, value: u32): void {
  put32(lookAt(index), cell);
  put32(lookAt(index) + offsetof<Look>("value"), value);
}

export function forgetLooks(): void {
  const doing = changetype<Agent>(agent);
  for (let index: u32 = 0; index < doing.lookCount; index++) setLook(index, 0, 0);
  put32(agent + offsetof<Agent>("lookCount"), 0);
}

function remember(word: u32, value: u32): void {
  const doing = changetype<Agent>(agent);
  const count = doing.lookCount;
  for (let index: u32 = 0; index < count; index++) {
    if (changetype<Look>(lookAt(index)).cell !== word) continue;
    put32(lookAt(index) + offsetof<Look>("value"), value);
    return;
  }
  // More cells than anybody has looked at in one round so far: the first ones count.
  if (count === looksMax) return;
  setLook(count, word, value);
  put32(agent + offsetof<Agent>("lookCount"), count + 1);
}

/** The running agent has seen what a cell holds. */
export function seen(cell: usize, bytes: u32, value: u64): void {
  if (changetype<Agent>(agent).isLooking === 0) return;
  remember(cell as u32, value as u32);
  if (bytes === 8) remember((cell as u32) + 4, (value >> 32) as u32);
}

/** The running agent has written a cell. */
export function wrote(cell: usize, bytes: u32, value: u64): void {
  const doing = changetype<Agent>(agent);
  if (doing.isLooking === 0) return;
  if (doing.pauses < freeRounds && doing.sleeps <= freeSleeps) {
    stopLooking();
    return;
  }
  for (let index: u32 = 0; index < doing.lookCount; index++) {
    const look = changetype<Look>(lookAt(index));
    if (look.cell === (cell as u32)) put32(lookAt(index) + offsetof<Look>("value"), value as u32);
    else if (bytes === 8 && look.cell === (cell as u32) + 4) {
      put32(lookAt(index) + offsetof<Look>("value"), (value >> 32) as u32);
    }
  }
}

export function stopLooking(): void {
  forgetLooks();
  put32(agent + offsetof<Agent>("isLooking"), 0);
}

/** Begins another round. */
export function lookAgain(): void {
  forgetLooks();
  put32(agent + offsetof<Agent>("isLooking"), 1);
}

export function countPause(): void {
  const pauses = changetype<Agent>(agent).pauses;
  if (pauses < roundsMax) put32(agent + offsetof<Agent>("pauses"), pauses + 1);
}

export function countSleep(): void {
  const sleeps = changetype<Agent>(agent).sleeps;
  if (sleeps <= freeSleeps) put32(agent + offsetof<Agent>("sleeps"), sleeps + 1);
}

/** An event boundary: what comes next is no round of a loop. */
export function forgetRounds(): void {
  const doing = changetype<Agent>(agent);
  if (doing.isLooking !== 0) stopLooking();
  put32(agent + offsetof<Agent>("pauses"), 0);
  put32(agent + offsetof<Agent>("sleeps"), 0);
}

/** Whether something has changed that a waiting agent looked at. */
export function hasChanged(waiting: usize, on: usize): bool {
  const count = changetype<Agent>(waiting).lookCount;
  for (let index: u32 = 0; index < count; index++) {
    const look = changetype<Look>(waiting + looksOffset + usize(index) * offsetof<Look>());
    if (wordOf(on, usize(look.cell)) !== look.value) return true;
  }
  return false;
}

/** Whether a waiting agent looked at any of these bytes. */
export function looksAt(waiting: usize, cell: usize, bytes: u32): bool {
  const count = changetype<Agent>(waiting).lookCount;
  for (let index: u32 = 0; index < count; index++) {
    const word = usize(changetype<Look>(waiting + looksOffset + usize(index) * offsetof<Look>()).cell);
    if (word >= cell && word < cell + usize(bytes)) return true;
  }
  return false;
}
