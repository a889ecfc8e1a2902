// Finds an event that depends on an event of another task in the same chunk. Such a chunk cannot be run by several
// CPUs at the same time.

import {
  kindCacheCreate,
  kindCacheDestroy,
  kindCgroupCreate,
  kindCgroupOffline,
  kindLruAdd,
  kindObjectAllocate,
  kindObjectFree,
  kindReclaimPass,
  kindSuperblockMount,
  kindSuperblockUnmount,
  kindTransactionItem,
} from "../../src/kernel/events.ts";
import { decodeEvents, describeEvent, type KernelEvent } from "../../src/workloads/event-reader.ts";

/** What an event makes or ends, and what has to be there for it. */
interface Touched {
  readonly changes?: string;
  readonly needs: readonly string[];
}

const nothing: Touched = { needs: [] };

/** Of whoever in the chunk changed and needed a thing, the first event of each task. */
interface Users {
  readonly changed: Map<number, KernelEvent>;
  readonly needed: Map<number, KernelEvent>;
}

/** Feed it every chunk of a workload in order. */
export class IndependenceChecker {
  /** Cgroup of every cache, parent of every cgroup, cgroups charged by every superblock. */
  readonly #cgroupOfCache = new Map<number, number>();
  readonly #parents = new Map<number, number>();
  readonly #charged = new Map<number, Set<number>>();

  /** The first pair of events that depend on each other, as a sentence, or undefined. */
  check(chunk: Uint8Array): string | undefined {
    const things = new Map<string, Users>();
    const usersOf = (thing: string) => {
      let users = things.get(thing);
      if (users === undefined) {
        users = { changed: new Map(), needed: new Map() };
        things.set(thing, users);
      }
      return users;
    };
    for (const event of decodeEvents(chunk)) {
      const { changes, needs } = this.#touch(event);
      const clashes: Map<number, KernelEvent>[] = [];
      if (changes !== undefined) {
        const users = usersOf(changes);
        clashes.push(users.changed, users.needed);
        if (!users.changed.has(event.task)) users.changed.set(event.task, event);
      }
      for (const thing of needs) {
        const users = usersOf(thing);
        clashes.push(users.changed);
        if (!users.needed.has(event.task)) users.needed.set(event.task, event);
      }
      for (const clash of clashes) {
        for (const [task, other] of clash) {
          if (task !== event.task) return `'${describeEvent(event)}' after '${describeEvent(other)}'`;
        }
      }
    }
    return undefined;
  }

  #touch(event: KernelEvent): Touched {
    const { kind, object, group } = event;
    switch (kind) {
      case kindCgroupCreate:
        this.#parents.set(group, Number(event.a));
        return { changes: `cgroup ${group}`, needs: Number(event.a) === group ? [] : [`cgroup ${event.a}`] };
      case kindCgroupOffline:
        return { changes: `cgroup ${group}`, needs: [`cgroup ${this.#parents.get(group)}`] };
      case kindCacheCreate:
        this.#cgroupOfCache.set(group, Number(event.b >> 32n));
        return { changes: `cache ${group}`, needs: [`cgroup ${event.b >> 32n}`] };
      case kindCacheDestroy:
        // The caches of a cgroup are destroyed with it.
        return { changes: `cache ${group}`, needs: [`cgroup ${this.#cgroupOfCache.get(group)}`] };
      case kindObjectAllocate:
      case kindObjectFree:
        return { changes: `object ${object}`, needs: [`cache ${group}`] };
      case kindSuperblockMount:
        this.#charged.set(object, new Set());
        return { changes: `superblock ${object}`, needs: [] };
      case kindSuperblockUnmount: {
        const cgroups = this.#charged.get(object) ?? new Set();
        return { changes: `superblock ${object}`, needs: Array.from(cgroups, (cgroup) => `cgroup ${cgroup}`) };
      }
      case kindLruAdd:
        this.#charged.get(object)?.add(group);
        return { needs: [`superblock ${object}`, `cgroup ${group}`] };
      case kindTransactionItem:
        return { changes: `item ${object}`, needs: [] };
      case kindReclaimPass:
        return { needs: [`cgroup ${group}`] };
      default:
        return nothing;
    }
  }
}
