import type { Protocol } from '../schema/definition.js';
import { nodesOf, type ShapeNodes, visitRuns } from './block.js';
import { TYPE_MASK } from './constants.js';
import { NODE_WORDS } from './layout.js';
import { type Registry, registry } from './registry.js';
import type { CompiledSet, Field } from './table.js';

/** What an extended acknowledgement says about a request, in the words of the request's schema. */
export interface AckExplanation {
  /** Path of the attribute at fault, as `linkinfo.data.mode`; numbers where the schema has no name. */
  readonly attribute?: string;
  /** Path of the attribute that the kernel missed. */
  readonly missing?: string;
}

/** What below a node its children are: attributes of a set, elements, or records. */
type Scope =
  | { readonly kind: 'set'; readonly set: CompiledSet }
  | { readonly kind: 'elements'; readonly element: Field }
  | { readonly kind: 'records'; readonly set: CompiledSet }
  | undefined;

const MAXIMUM_DEPTH = 40;

/**
 * Translates offsets of an extended acknowledgement (bytes from the start of the request's nlmsghdr) to paths.
 * `request` is the message as it was sent.
 */
export function explainAck(
  protocol: Protocol,
  request: Uint8Array,
  ack: { readonly offs?: number; readonly missType?: number; readonly missNest?: number },
  owner: Registry = registry(),
): AckExplanation {
  const explanation: { attribute?: string; missing?: string } = {};
  const start = owner.machine.load(request);
  visitRuns(owner, owner.directory(protocol), start, request.length, (found) => {
    if (found.message === undefined || found.address !== start) return;
    const nodes = nodesOf(owner.machine.memory, found.shape);
    const locate = (offset: number): number[] => {
      const out = owner.machine.records.address;
      const depth = owner.machine.exports.locate(found.shape, offset, out, MAXIMUM_DEPTH);
      return [...owner.machine.memory.u32.subarray(out >> 2, (out >> 2) + depth)];
    };
    const top: Scope = { kind: 'set', set: found.message.set };
    // the header's offsets have no attribute
    if (ack.offs !== undefined && ack.offs > 0) {
      const way = walk(nodes, locate(ack.offs), top);
      if (way.path !== '') explanation.attribute = way.path;
    }
    if (ack.missType !== undefined) {
      const way =
        ack.missNest === undefined ? { path: '', scope: top } : walk(nodes, locate(ack.missNest), top);
      const { scope } = way;
      const name = scope?.kind === 'set' ? scope.set.byNumber[ack.missType]?.name : undefined;
      explanation.missing = join(way.path, name ?? String(ack.missType));
    }
  });
  return explanation;
}

function join(path: string, step: string): string {
  if (path === '') return step;
  return step.startsWith('[') ? path + step : `${path}.${step}`;
}

function walk(nodes: ShapeNodes, way: readonly number[], top: Scope): { path: string; scope: Scope } {
  let path = '';
  let scope = top;
  for (const node of way) {
    const head = nodes.words[nodes.first + node * NODE_WORDS] as number;
    const number = head & TYPE_MASK;
    if (scope?.kind === 'records') {
      path = join(path, '[]');
      scope = { kind: 'set', set: scope.set };
      continue;
    }
    const field: Field | undefined = scope?.kind === 'elements' ? scope.element : scope?.set.byNumber[number];
    path = join(path, scope?.kind === 'elements' ? `[${number}]` : (field?.name ?? String(number)));
    scope = field === undefined ? undefined : below(field, head >>> 16);
  }
  return { path, scope };
}

function below(field: Field, variant: number): Scope {
  switch (field.type.kind) {
    case 'nest':
    case 'embedded':
      return { kind: 'set', set: field.set as CompiledSet };
    case 'sequence':
      return { kind: 'records', set: field.set as CompiledSet };
    case 'indexed':
    case 'keyed':
      return { kind: 'elements', element: field.element as Field };
    case 'choice': {
      const chosen = variant === 0 ? field.otherwise : field.variants?.[variant - 1];
      return chosen === undefined ? undefined : below(chosen, 0);
    }
    default:
      return undefined;
  }
}
