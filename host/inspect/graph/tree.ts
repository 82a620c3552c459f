import type { Graph, GraphInterface, GraphNamespace } from './model.js';

/** An interface and those that belong to it in its namespace: ports of a bridge, macvlans on a link. */
export interface Branch {
  readonly item: GraphInterface;
  readonly children: readonly Branch[];
}

const LOOPBACK = /^(127\.|::1\/)/;

/** A loopback that is as every other tells nothing. */
function isPlainLoopback({ kind, addresses }: GraphInterface): boolean {
  return kind === 'loopback' && addresses.every((address) => LOOPBACK.test(address));
}

/** The interfaces worth showing: without the loopback, where there are others. */
export function shownInterfaces({ interfaces }: GraphNamespace): readonly GraphInterface[] {
  const others = interfaces.filter((one) => !isPlainLoopback(one));
  return others.length > 0 ? others : interfaces;
}

/** What belongs to what in one namespace: each below the bridge that it is a port of, else below what it is made on. */
export function forestOf(namespace: GraphNamespace, { edges }: Graph): Branch[] {
  const shown = new Map(shownInterfaces(namespace).map((one) => [one.id, one]));
  const parent = new Map<string, string>();
  for (const kind of ['lower', 'port'] as const) {
    for (const edge of edges) {
      if (edge.kind !== kind || !shown.has(edge.from) || !shown.has(edge.to)) continue;
      if (!leadsTo(edge.to, edge.from, parent)) parent.set(edge.from, edge.to);
    }
  }
  const branch = (item: GraphInterface): Branch => ({
    item,
    children: [...shown.values()].filter(({ id }) => parent.get(id) === item.id).map(branch),
  });
  return [...shown.values()].filter(({ id }) => !parent.has(id)).map(branch);
}

/** Would `from` be below itself? */
function leadsTo(from: string, to: string, parent: ReadonlyMap<string, string>): boolean {
  for (let at: string | undefined = from; at !== undefined; at = parent.get(at)) if (at === to) return true;
  return false;
}

/** Interfaces and their namespaces by id. */
export class Places {
  readonly #places = new Map<string, { readonly namespace: GraphNamespace; readonly item: GraphInterface }>();

  constructor({ namespaces }: Graph) {
    for (const namespace of namespaces)
      for (const item of namespace.interfaces) this.#places.set(item.id, { namespace, item });
  }

  get(id: string): { readonly namespace: GraphNamespace; readonly item: GraphInterface } | undefined {
    return this.#places.get(id);
  }
}

/** The other ends of an interface's edges of some kinds. */
export function endsOf(id: string, { edges }: Graph, kinds: readonly string[]): string[] {
  return edges.flatMap(({ kind, from, to }) =>
    kinds.includes(kind) ? (from === id ? [to] : kind === 'veth' && to === id ? [from] : []) : [],
  );
}
