/** A place in a text; both count from 1, columns in characters. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Keys and indices that lead to a value. */
export type JsonPath = readonly (string | number)[];

/** What is no JSON. The position is that of the first character that doesn't fit. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly position: Position;
  constructor(message: string, position: Position) {
    super(message);
    this.position = position;
  }
}

interface Node {
  /** Where the value begins; of a member, where its key does. */
  readonly offset: number;
  readonly children: ReadonlyMap<string | number, Node> | undefined;
}

const DEEPEST = 1000;
const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Walks a text along the grammar of RFC 8259 and notes where each value is. */
class Walker {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Node {
    const node = this.#value(0);
    if (this.#offset < this.#text.length) throw this.#fault('the end');
    return node;
  }

  #fault(expected: string): JsonSyntaxError {
    const rest = this.#text.slice(this.#offset, this.#offset + 20);
    const found = rest === '' ? 'the text ends' : `found ${JSON.stringify([...rest][0])}`;
    return new JsonSyntaxError(`expected ${expected}, ${found}`, positionAt(this.#text, this.#offset));
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0];
    this.#offset += found?.length ?? 0;
    return found;
  }

  #takeIf(character: string): boolean {
    this.#take(SPACE);
    if (this.#text[this.#offset] !== character) return false;
    this.#offset++;
    this.#take(SPACE);
    return true;
  }

  #value(depth: number): Node {
    this.#take(SPACE);
    const offset = this.#offset;
    if (depth > DEEPEST) throw this.#fault('fewer levels');
    let children: Map<string | number, Node> | undefined;
    if (this.#takeIf('{')) children = this.#members(depth);
    else if (this.#takeIf('[')) children = this.#items(depth);
    else if (this.#take(STRING) === undefined && this.#take(SCALAR) === undefined) {
      throw this.#fault(this.#text[offset] === '"' ? 'a whole string' : 'a value');
    }
    this.#take(SPACE);
    return { offset, children };
  }

  #members(depth: number): Map<string, Node> {
    const members = new Map<string, Node>();
    if (this.#takeIf('}')) return members;
    do {
      const offset = this.#offset;
      const key = this.#take(STRING);
      if (key === undefined) throw this.#fault('a key in double quotes');
      if (!this.#takeIf(':')) throw this.#fault('a colon');
      members.set(JSON.parse(key) as string, { ...this.#value(depth + 1), offset });
    } while (this.#takeIf(','));
    if (!this.#takeIf('}')) throw this.#fault('a comma or }');
    return members;
  }

  #items(depth: number): Map<number, Node> {
    const items = new Map<number, Node>();
    if (this.#takeIf(']')) return items;
    do items.set(items.size, this.#value(depth + 1));
    while (this.#takeIf(','));
    if (!this.#takeIf(']')) throw this.#fault('a comma or ]');
    return items;
  }
}

function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const line = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: [...before.slice(line)].length + 1 };
}

/** A child by its name; keys are found whatever their case, as configs are read. */
function childOf(node: Node, step: string | number): Node | undefined {
  const exact = node.children?.get(step);
  if (exact !== undefined || typeof step === 'number') return exact;
  for (const [key, child] of node.children ?? []) {
    if (typeof key === 'string' && key.toLowerCase() === step.toLowerCase()) return child;
  }
  return undefined;
}

/** The value that a text is. Throws JsonSyntaxError. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // which says where in words that differ between versions of Node, if at all
    new Walker(text).document();
    throw error;
  }
}

/**
 * Where a value is: a member where its key begins. Of a path that leads nowhere, the last value on the way. `undefined`
 * when the text is no JSON.
 */
export function locate(text: string, path: JsonPath): Position | undefined {
  let node: Node;
  try {
    node = new Walker(text).document();
  } catch {
    return undefined;
  }
  for (const step of path) {
    const child = childOf(node, step);
    if (child === undefined) break;
    node = child;
  }
  return positionAt(text, node.offset);
}

/** The steps of a path as messages have it: `ipam.ranges[0][1].subnet`. */
export function pathOf(text: string): JsonPath {
  const steps = text.matchAll(/\[(\d+)\]|([^.[\]]+)/g);
  return [...steps].map(([, index, key = '']) => (index === undefined ? key : Number(index)));
}
