import { paletteOf } from './colours.js';
import {
  containerPortText,
  type Graph,
  type GraphInterface,
  type GraphNamespace,
  hostPortText,
  kindText,
} from './model.js';
import { type Branch, forestOf } from './tree.js';

/** A line of a card: an interface, or a published port. */
export interface Row {
  readonly id: string;
  /** Of its top, from the first row's. */
  readonly y: number;
  readonly height: number;
  /** Height of its first line, which wires lead to. */
  readonly line: number;
  readonly depth: number;
  readonly name: string;
  readonly kind: string;
  readonly state: 'up' | 'down' | 'none';
  /** What stands in the first line. */
  readonly beside: string;
  /** Lines below. */
  readonly below: readonly string[];
  readonly isPort: boolean;
  /** Rows to which it is connected by a rule on the left: its parent. */
  readonly parent?: string;
}

/** A namespace as a card. */
export interface Card {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly subtitle: string;
  /** Height of the part with the title. */
  readonly header: number;
  readonly colour: string;
  readonly rows: readonly Row[];
  /** Of the first row's top, from the card's. */
  readonly rowsAt: number;
  readonly problem?: string;
}

export const metrics = {
  padding: 14,
  indent: 18,
  line: 24,
  subline: 16,
  header: 46,
  /** Of a card that does without the second line. */
  lowHeader: 28,
  /** Width of a character of the fixed pitch fonts, at 12 and 11 px. */
  name: 7.25,
  address: 6.65,
  badge: 6.1,
  smallest: 230,
  /** Characters of a title. */
  title: 44,
} as const;

/** Cuts what is too long. */
export function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function stateOf({ state, up }: GraphInterface): Row['state'] {
  if (!up) return 'down';
  return state === 'up' || state === 'unknown' ? 'up' : 'down';
}

type Draft = Omit<Row, 'y'>;

function draftsOf({ item, children }: Branch, depth: number, parent: string | undefined): Draft[] {
  const { id, name, addresses, elsewhere } = item;
  const [first, ...others] = addresses;
  const lost = elsewhere === undefined ? [] : [`↔ not found (${elsewhere})`];
  // an address of IPv6 is too long to stand beside the name
  const beside = first !== undefined && first.length <= 18 ? first : '';
  const below = [...(first === undefined || beside !== '' ? [] : [first]), ...others, ...lost];
  const own: Draft = {
    id,
    height: metrics.line + below.length * metrics.subline,
    line: metrics.line,
    depth,
    name,
    kind: kindText(item),
    state: stateOf(item),
    beside,
    below,
    isPort: false,
    ...(parent === undefined ? {} : { parent }),
  };
  return [own, ...children.flatMap((child) => draftsOf(child, depth + 1, id))];
}

function portDrafts(namespace: GraphNamespace, { published }: Graph): Draft[] {
  return published.flatMap((port, at): Draft[] => {
    if (port.at !== namespace.id) return [];
    const target = port.address.includes(':') ? `[${port.address}]` : port.address;
    return [
      {
        id: `port:${at}`,
        height: metrics.line,
        line: metrics.line,
        depth: 0,
        name: hostPortText(port),
        kind: '',
        state: 'none',
        beside: `→ ${port.to === undefined ? `${target}:` : ''}${containerPortText(port)}`,
        below: [],
        isPort: true,
      },
    ];
  });
}

/** Width of a row's text. */
function widthOf({ depth, name, kind, beside, below }: Draft): number {
  const badge = kind === '' ? 0 : kind.length * metrics.badge + 22;
  const side = beside === '' ? 0 : beside.length * metrics.address + 14;
  const first = 16 + name.length * metrics.name + badge + side;
  const others = below.map((text) => 16 + text.length * metrics.address);
  return depth * metrics.indent + Math.max(first, ...others);
}

/** The card of a namespace: its interfaces, each below what it belongs to, and its published ports. */
export function cardOf(namespace: GraphNamespace, graph: Graph, owner: string, low: boolean): Card {
  const drafts = [
    ...forestOf(namespace, graph).flatMap((branch) => draftsOf(branch, 0, undefined)),
    ...portDrafts(namespace, graph),
  ];
  let y = 0;
  const rows = drafts.map((draft, at): Row => {
    // a little room before the published ports
    if (draft.isPort && drafts[at - 1]?.isPort === false) y += 10;
    const row = { ...draft, y };
    y += draft.height;
    return row;
  });
  const title = cut(namespace.name, metrics.title);
  const about = owner === '-' || owner === namespace.name ? 'network namespace' : owner;
  const others = namespace.processes === 1 ? '1 process' : `${namespace.processes} processes`;
  const subtitle = cut(`${about} · ${others}`, metrics.title + 12);
  const problem = namespace.problem === undefined ? undefined : cut(namespace.problem, 60);
  const width = Math.max(
    metrics.smallest,
    metrics.padding * 2 + title.length * 7.9,
    low ? 0 : metrics.padding * 2 + subtitle.length * 6.1,
    ...drafts.map((draft) => metrics.padding * 2 + widthOf(draft)),
    problem === undefined ? 0 : metrics.padding * 2 + problem.length * metrics.address,
  );
  const header = low ? metrics.lowHeader : metrics.header;
  const rowsAt = header + (low ? 4 : 8);
  const body = problem === undefined ? y : metrics.line;
  return {
    id: namespace.id,
    width: Math.ceil(width),
    height: rowsAt + Math.max(body, 4) + (low ? 6 : 10),
    header,
    title,
    subtitle,
    colour: paletteOf(namespace.owner),
    rows,
    rowsAt,
    ...(problem === undefined ? {} : { problem }),
  };
}
