import { TYPE_MASK } from './constants.js';
import { NODE_WORDS, RAW } from './layout.js';
import { type LeafReader, leafReader, readBytes, structReader } from './leaves.js';
import type { Source } from './machine.js';
import type { CompiledSet, Field } from './table.js';

type Plain = Record<string | number, unknown>;

/** Where the nodes of a shape are: the words, and the number of the first node's first word. */
export interface Nodes {
  readonly words: Uint32Array;
  readonly first: number;
}

/** Reads a field's value. `node` is the number of its node, `message` the address of the message. */
export type FieldReader = (source: Source, message: number, nodes: Nodes, node: number) => unknown;

function offsetOf(nodes: Nodes, node: number): number {
  return nodes.words[nodes.first + node * NODE_WORDS + 1] as number;
}
function lengthOf(nodes: Nodes, node: number): number {
  return nodes.words[nodes.first + node * NODE_WORDS + 2] as number;
}
export function endOf(nodes: Nodes, node: number): number {
  return nodes.words[nodes.first + node * NODE_WORDS + 3] as number;
}
function headOf(nodes: Nodes, node: number): number {
  return nodes.words[nodes.first + node * NODE_WORDS] as number;
}

/** The object of the attributes whose nodes are `node` up to, but not including, `end`; with `names` only of those that are called so. */
export function readSet(
  set: CompiledSet,
  source: Source,
  message: number,
  nodes: Nodes,
  node: number,
  end: number,
  names?: ReadonlySet<string>,
): Plain {
  const out: Plain = {};
  for (; node < end; node = endOf(nodes, node)) {
    const head = headOf(nodes, node);
    const type = head & 0xffff;
    const field = set.byNumber[type & TYPE_MASK];
    if (names !== undefined && !names.has(field?.name ?? '')) continue;
    if (field === undefined || head >>> 16 === RAW) {
      const raw = readBytes(source, message + offsetOf(nodes, node), lengthOf(nodes, node));
      const before = out[type];
      if (before === undefined) out[type] = raw;
      else if (Array.isArray(before)) before.push(raw);
      else out[type] = [before, raw];
    } else {
      const value = fieldReader(field)(source, message, nodes, node);
      if (field.list) {
        const before = out[field.name] as unknown[] | undefined;
        if (before === undefined) out[field.name] = [value];
        else before.push(value);
      } else out[field.name] = value;
    }
  }
  return out;
}

export function fieldReader(field: Field): FieldReader {
  field.reader ??= compile(field);
  return field.reader;
}

function compile(field: Field): FieldReader {
  const { type } = field;
  switch (type.kind) {
    case 'nest': {
      const set = field.set as CompiledSet;
      return (source, message, nodes, node) =>
        readSet(set, source, message, nodes, node + 1, endOf(nodes, node));
    }
    case 'embedded': {
      const header = structReader(type.struct);
      const set = field.set as CompiledSet;
      return (source, message, nodes, node) => ({
        header: header(source, message + offsetOf(nodes, node), lengthOf(nodes, node)),
        attributes: readSet(set, source, message, nodes, node + 1, endOf(nodes, node)),
      });
    }
    case 'sequence': {
      const header = structReader(type.struct);
      const set = field.set as CompiledSet;
      return (source, message, nodes, node) =>
        children(nodes, node).map((record) => ({
          header: header(source, message + offsetOf(nodes, record), lengthOf(nodes, record)),
          attributes: readSet(set, source, message, nodes, record + 1, endOf(nodes, record)),
        }));
    }
    case 'indexed': {
      const element = elementReader(field.element as Field);
      return (source, message, nodes, node) =>
        children(nodes, node).map((child) => element(source, message, nodes, child));
    }
    case 'keyed': {
      const element = elementReader(field.element as Field);
      return (source, message, nodes, node) =>
        Object.fromEntries(
          children(nodes, node).map((child) => [
            headOf(nodes, child) & TYPE_MASK,
            element(source, message, nodes, child),
          ]),
        );
    }
    case 'choice': {
      const variants = (field.variants as readonly Field[]).map(fieldReaderLater);
      const otherwise = field.otherwise === undefined ? undefined : fieldReaderLater(field.otherwise);
      const raw = fromLeaf(readBytes);
      return (source, message, nodes, node) => {
        const chosen = headOf(nodes, node) >>> 16;
        const variant = chosen === 0 ? otherwise : variants[chosen - 1];
        return (variant?.() ?? raw)(source, message, nodes, node);
      };
    }
    default:
      return fromLeaf(leafReader(type));
  }
}

/** Schemas refer to each other in circles, so what lies below a choice is compiled when first met. */
function fieldReaderLater(field: Field): () => FieldReader {
  let reader: FieldReader | undefined;
  return () => {
    reader ??= fieldReader(field);
    return reader;
  };
}

function fromLeaf(leaf: LeafReader): FieldReader {
  return (source, message, nodes, node) =>
    leaf(source, message + offsetOf(nodes, node), lengthOf(nodes, node));
}

/** An element of an indexed nest, which may be raw though its neighbours are not. */
function elementReader(field: Field): FieldReader {
  const reader = fieldReader(field);
  const raw = fromLeaf(readBytes);
  return (source, message, nodes, node) =>
    (headOf(nodes, node) >>> 16 === RAW ? raw : reader)(source, message, nodes, node);
}

export function children(nodes: Nodes, node: number): number[] {
  const found: number[] = [];
  const end = endOf(nodes, node);
  for (let child = node + 1; child < end; child = endOf(nodes, child)) found.push(child);
  return found;
}
