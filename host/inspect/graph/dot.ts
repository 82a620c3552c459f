import { ownerText } from '../owner-text.js';
import { colours, paletteOf } from './colours.js';
import { containerPortText, type Graph, type GraphInterface, hostPortText, kindText } from './model.js';
import { shownInterfaces } from './tree.js';

const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', ' ')}"`;

/** A label of several lines. */
const label = (...rows: readonly string[]): string =>
  `"${rows.map((row) => quoted(row).slice(1, -1)).join('\\n')}"`;

function node(item: GraphInterface): string {
  const { id, name, addresses, up } = item;
  const title = kindText(item);
  const style = up ? '' : ', style="filled,rounded,dashed", fontcolor="#64748b"';
  return `    ${quoted(id)} [label=${label(name, title, ...addresses)}${style}];`;
}

const styles = {
  veth: `dir=none, color="${colours.veth}", penwidth=1.6`,
  port: `arrowhead=dot, arrowsize=0.6, color="${colours.port}"`,
  lower: `style=dashed, arrowhead=vee, color="${colours.lower}"`,
} as const;

/** The graph in Graphviz' language: a cluster for each namespace. */
export function graphDot(graph: Graph): string {
  const out = [
    'digraph netloom {',
    '  graph [rankdir=LR, compound=true, fontname="Helvetica", splines=true, nodesep=0.15, ranksep=1.1];',
    '  node [shape=box, style="filled,rounded", fillcolor=white, color="#cbd5e1", fontname="Helvetica", fontsize=10];',
    '  edge [fontname="Helvetica", fontsize=9];',
  ];
  graph.namespaces.forEach((namespace, at) => {
    const owner = ownerText(namespace.owner);
    const title = owner === '-' || owner === namespace.name ? [namespace.name] : [namespace.name, owner];
    out.push(
      `  subgraph cluster_${at} {`,
      `    label=${label(...title)}; style="rounded,filled"; fillcolor="#f8fafc"; color="${paletteOf(namespace.owner)}"; fontsize=12;`,
      ...shownInterfaces(namespace).map(node),
      ...(namespace.interfaces.length === 0
        ? [`    ${quoted(`empty:${namespace.id}`)} [label="", style=invis];`]
        : []),
      '  }',
    );
  });
  const shown = new Set(graph.namespaces.flatMap((one) => shownInterfaces(one).map(({ id }) => id)));
  for (const { kind, from, to } of graph.edges) {
    if (!shown.has(from) || !shown.has(to)) continue;
    // a bridge stands before its ports
    const [first, second] = kind === 'port' ? [to, from] : [from, to];
    out.push(`  ${quoted(first)} -> ${quoted(second)} [${styles[kind]}];`);
  }
  graph.published.forEach((port, at) => {
    const id = quoted(`port:${at}`);
    out.push(
      `  ${id} [label=${label(hostPortText(port))}, shape=cds, fillcolor="#fff7ed", color="${colours.published}"];`,
    );
    if (port.to !== undefined && shown.has(port.to)) {
      out.push(
        `  ${id} -> ${quoted(port.to)} [label=${quoted(containerPortText(port))}, style=dashed, color="${colours.published}"];`,
      );
    }
  });
  return [...out, '}'].join('\n');
}
