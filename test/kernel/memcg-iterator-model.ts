// What the memcg iterator's variants do on one CPU, as plain data: a tree, and where each cursor stands.
//
// Between events everything that was put off is done, so a removed cgroup has come to its end unless a cursor keeps it.

/** How a variant's cursors learn of a cgroup's end. */
export type CursorRule =
  /** A count of what went below the root: any end makes the walk begin again. */
  | "count"
  /** Cursors that point at it are cleared. */
  | "cleared"
  /** The cursor keeps it. */
  | "kept"
  /** There are no cursors. */
  | "none";

interface Node {
  readonly index: number;
  readonly parent: Node | null;
  readonly children: Node[];
  isRemoved: boolean;
}

interface Cursor {
  position: Node | null;
  /** Whether the position may not be trusted any more. */
  isStale: boolean;
}

export class IteratorModel {
  readonly #rule: CursorRule;
  /** Whether a walk that begins at the end, and so begins anew, completes a round thereby. */
  readonly #endsRounds: boolean;
  /** Cgroups that exist, by index. */
  readonly present = new Map<number, Node>();
  /** All that have memory, the root first. */
  readonly #alive = new Set<Node>();
  readonly #cursors = new Map<Node, Map<string, Cursor>>();
  visits = 0;
  rounds = 0;

  constructor(rule: CursorRule, endsRounds: boolean) {
    this.#rule = rule;
    this.#endsRounds = endsRounds;
  }

  get memory(): number {
    return this.#alive.size;
  }

  create(index: number, parent: number): void {
    const above = index === parent ? null : (this.present.get(parent) as Node);
    const node: Node = { index, parent: above, children: [], isRemoved: false };
    above?.children.push(node);
    this.present.set(index, node);
    this.#alive.add(node);
  }

  remove(index: number): void {
    const node = this.present.get(index) as Node;
    this.present.delete(index);
    node.isRemoved = true;
    for (let root = node.parent; root !== null; root = root.parent) {
      for (const cursor of this.#cursors.get(root)?.values() ?? []) {
        if (this.#rule === "count") cursor.isStale = true;
        else if (this.#rule === "cleared" && cursor.position === node) cursor.position = null;
      }
    }
    this.#collect();
  }

  /** Visits of the pass, in order. */
  pass(root: number, key: string, visitsMax: number): readonly number[] {
    const top = this.present.get(root) as Node;
    const cursor = this.#cursorOf(top, key);
    const visited: number[] = [];
    let isFirst = true;
    while (true) {
      const from = cursor.isStale ? null : cursor.position;
      cursor.isStale = false;
      let next = this.#next(from, top);
      // A walk that begins is given somebody.
      if (next === null && isFirst) {
        if (this.#endsRounds) this.rounds++;
        next = top;
      }
      isFirst = false;
      cursor.position = next;
      this.#collect();
      if (next === null) {
        this.rounds++;
        break;
      }
      visited.push(next.index);
      this.visits++;
      if (visited.length === visitsMax) break;
    }
    if (this.#rule === "none") cursor.position = null;
    return visited;
  }

  /** Index of the cgroup that a cursor points at, or null; undefined where it may not be trusted. */
  positionOf(root: number, key: string): number | null | undefined {
    const cursor = this.#cursors.get(this.present.get(root) as Node)?.get(key);
    return cursor?.isStale === true ? undefined : (cursor?.position?.index ?? null);
  }

  #cursorOf(root: Node, key: string): Cursor {
    const cursors = this.#cursors.get(root) ?? new Map<string, Cursor>();
    this.#cursors.set(root, cursors);
    const cursor = cursors.get(key) ?? { position: null, isStale: false };
    cursors.set(key, cursor);
    return cursor;
  }

  /** Pre-order; what was removed and is still there is passed by the count's and the cleared cursors. */
  #next(from: Node | null, root: Node): Node | null {
    if (from === null) return root;
    let next = this.#after(from, root);
    while (next?.isRemoved && this.#rule !== "kept") next = this.#after(next, root);
    return next;
  }

  #after(from: Node, root: Node): Node | null {
    const [child] = from.children;
    if (child !== undefined) return child;
    for (let node = from; node !== root; node = node.parent as Node) {
      const siblings = (node.parent as Node).children;
      const next = siblings[siblings.indexOf(node) + 1];
      if (next !== undefined) return next;
    }
    return null;
  }

  /** Frees what was removed and nothing keeps: no cursor, and no child. */
  #collect(): void {
    const kept = new Set<Node>();
    if (this.#rule === "kept") {
      for (const root of this.#alive) {
        for (const { position } of this.#cursors.get(root)?.values() ?? []) if (position !== null) kept.add(position);
      }
    }
    for (let isChanged = true; isChanged; ) {
      isChanged = false;
      for (const node of this.#alive) {
        if (!node.isRemoved || kept.has(node) || node.children.length > 0) continue;
        node.parent?.children.splice(node.parent.children.indexOf(node), 1);
        this.#alive.delete(node);
        // Its own cursors go with it, and give back what they kept.
        for (const { position } of this.#cursors.get(node)?.values() ?? []) {
          if (position !== null) kept.delete(position);
        }
        this.#cursors.delete(node);
        isChanged = true;
      }
    }
  }
}
