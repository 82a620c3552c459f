import { ownerText } from '../owner-text.js';
import { printable } from '../printable.js';
import { containerPortText, type Graph, type GraphNamespace, hostPortText, kindText } from './model.js';
import { type Branch, endsOf, forestOf, Places } from './tree.js';

/** A line, and those below it. */
interface Twig {
  readonly text: string;
  readonly below: readonly Twig[];
}

function lines(twigs: readonly Twig[], indent: string): string[] {
  return twigs.flatMap(({ text, below }, at) => {
    const last = at === twigs.length - 1;
    return [
      `${indent}${last ? '└─' : '├─'} ${printable(text)}`,
      ...lines(below, `${indent}${last ? '   ' : '│  '}`),
    ];
  });
}

function twigOf({ item, children }: Branch, own: GraphNamespace, graph: Graph, places: Places): Twig {
  const { name, state, addresses, elsewhere, id } = item;
  const ends = endsOf(id, graph, ['veth']).map((end) => `↔ ${place(end, own, places)}`);
  const made = endsOf(id, graph, ['lower']).filter((end) => places.get(end)?.namespace !== own);
  const text = [
    name,
    kindText(item),
    ...(state === 'unknown' || state === 'up' ? [] : [state]),
    ...addresses,
    ...ends,
    ...made.map((end) => `on ${place(end, own, places)}`),
    ...(elsewhere === undefined ? [] : [`↔ a namespace that was not found (${elsewhere})`]),
  ].join('  ');
  return { text, below: children.map((child) => twigOf(child, own, graph, places)) };
}

function place(id: string, own: GraphNamespace, places: Places): string {
  const found = places.get(id);
  if (found === undefined) return '?';
  return found.namespace === own ? found.item.name : `${found.namespace.name} ${found.item.name}`;
}

/** The graph as a tree for terminals: a namespace, its interfaces, what each is connected to. */
export function graphText(graph: Graph): string {
  const places = new Places(graph);
  const blocks = graph.namespaces.map((namespace) => {
    const owner = ownerText(namespace.owner);
    const title =
      owner === '-' || owner === namespace.name ? namespace.name : `${namespace.name}  (${owner})`;
    if (namespace.problem !== undefined)
      return [printable(title), `└─ ${printable(namespace.problem)}`].join('\n');
    const published = graph.published.filter(({ at }) => at === namespace.id);
    const ports = published.map((port): Twig => {
      const to = port.to === undefined ? undefined : places.get(port.to)?.namespace.name;
      const target = `${port.address.includes(':') ? `[${port.address}]` : port.address}:${containerPortText(port)}`;
      return { text: `${hostPortText(port)} → ${to === undefined ? '' : `${to} `}${target}`, below: [] };
    });
    const twigs = [
      ...forestOf(namespace, graph).map((branch) => twigOf(branch, namespace, graph, places)),
      ...(ports.length === 0 ? [] : [{ text: 'published ports', below: ports }]),
    ];
    return [printable(title), ...lines(twigs, '')].join('\n');
  });
  return blocks.join('\n\n');
}
