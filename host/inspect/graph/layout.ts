import { ownerText } from '../owner-text.js';
import { type Card, cardOf, type Row } from './card.js';
import {
  acrossFrom,
  CARD_GAP,
  COLUMN_GAP,
  type Column,
  CROWD,
  columnsOf,
  heightOf,
  type Link,
  levelsOf,
  MARGIN,
  namespaceOf,
  startOrder,
  widest,
} from './columns.js';
import type { Graph } from './model.js';

/** A card with its place. */
export interface Placed {
  readonly card: Card;
  readonly x: number;
  readonly y: number;
}

/** A line between two rows. */
export interface Wire {
  readonly kind: 'veth' | 'lower' | 'published';
  readonly from: string;
  readonly to: string;
  readonly path: string;
  /** Its ends. */
  readonly ends: readonly (readonly [x: number, y: number])[];
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly cards: readonly Placed[];
  readonly wires: readonly Wire[];
}

/** Cards of those that are connected to nobody stand side by side below. */
const LONER_GAP = 28;
/** From a row's top to where wires lead. */
const LINE_MIDDLE = 12;

/** What is drawn as a line: what rows that stand below each other tell is not. */
function linksOf(graph: Graph, rows: ReadonlyMap<string, Card>): Link[] {
  const wires: Link[] = [];
  for (const { kind, from, to } of graph.edges) {
    if (kind === 'port' || !rows.has(from) || !rows.has(to)) continue;
    if (kind === 'lower' && namespaceOf(rows, from) === namespaceOf(rows, to)) continue;
    wires.push({ kind, from, to });
  }
  graph.published.forEach(({ to }, at) => {
    const from = `port:${at}`;
    if (to !== undefined && rows.has(from) && rows.has(to)) wires.push({ kind: 'published', from, to });
  });
  return wires;
}

const middle = ({ card, y }: Placed, row: Row): number =>
  y + row.y + row.height / 2 - (row.height - row.line) / 2 + card.rowsAt;

/** Places cards in columns by how far they are from the host, each near to what it is connected to. */
export function layOut(graph: Graph): Layout {
  const crowded = graph.namespaces.length > CROWD;
  const cards = graph.namespaces.map((namespace) =>
    cardOf(namespace, graph, ownerText(namespace.owner), crowded && namespace.owner.kind !== 'host'),
  );
  const rows = new Map<string, Card>();
  for (const card of cards) for (const { id } of card.rows) rows.set(id, card);
  const links = linksOf(graph, rows);
  const levels = levelsOf(startOrder(graph, links, rows), links, rows);
  const loners = cards.filter(({ id }) => !levels.has(id));
  const columns = columnsOf(cards, levels, links, rows);
  const placed = new Map<string, Placed>();
  const rootAt = columns.findIndex(({ root }) => root);
  const tallest = Math.max(0, ...columns.map(({ cards: all }) => heightOf(all)));
  const xs = acrossFrom(columns);
  let bottom = MARGIN;
  // from the middle outwards: each column is placed by the one that it is connected to
  const outwards = columns.map((_, at) => at).sort((a, b) => Math.abs(a - rootAt) - Math.abs(b - rootAt));
  for (const at of outwards) {
    const { cards: column, root } = columns[at] as Column;
    const width = Math.max(...column.map((card) => card.width));
    const top = MARGIN + (root ? Math.max(0, Math.round((tallest - heightOf(column)) / 2)) : 0);
    const places = stack(column, top, (card) => (root ? undefined : anchorOf(card, links, rows, placed)));
    for (const { card, y } of places) {
      placed.set(card.id, { card: { ...card, width }, x: xs[at] as number, y });
      bottom = Math.max(bottom, y + card.height);
    }
  }
  const last = columns.at(-1);
  const x = last === undefined ? MARGIN : (xs.at(-1) as number) + widest(last) + COLUMN_GAP;
  const connectedWidth = columns.length === 0 ? 0 : x - COLUMN_GAP + MARGIN;
  const below = placeLoners(
    loners,
    placed,
    columns.length === 0 ? MARGIN : bottom + LONER_GAP,
    connectedWidth,
  );
  return {
    width: Math.max(connectedWidth, below.width),
    height: below.height,
    cards: [...placed.values()],
    wires: links.flatMap((link) => wireOf(link, rows, placed) ?? []),
  };
}

/** Cards below each other, in the order of their anchors, each as near to its own as the others leave it. */
function stack(
  column: readonly Card[],
  top: number,
  anchor: (card: Card) => number | undefined,
): { card: Card; y: number }[] {
  const wanted = column
    .map((card) => ({ card, at: anchor(card) }))
    .sort((a, b) => (a.at ?? 0) - (b.at ?? 0))
    .map(({ card, at }) => ({ card, y: at === undefined ? top : at - card.rowsAt - LINE_MIDDLE }));
  let free = MARGIN;
  const places = wanted.map(({ card, y }) => {
    const place = { card, y: Math.max(free, Math.round(y)) };
    free = place.y + card.height + CARD_GAP;
    return place;
  });
  // they were pushed down only: half of that back, where there is room above
  const pushed =
    places.reduce((sum, { y }, at) => sum + y - (wanted[at]?.y ?? y), 0) / Math.max(1, places.length);
  const room = (places[0]?.y ?? MARGIN) - MARGIN;
  const back = Math.round(Math.max(0, Math.min(room, pushed)));
  return places.map(({ card, y }) => ({ card, y: y - back }));
}

/** The mean height of what a card is connected to among those that have their place. */
function anchorOf(
  card: Card,
  links: readonly Link[],
  rows: ReadonlyMap<string, Card>,
  placed: ReadonlyMap<string, Placed>,
): number {
  const heights: number[] = [];
  for (const { from, to, kind } of links) {
    if (kind === 'published') continue;
    for (const [own, other] of [
      [from, to],
      [to, from],
    ] as const) {
      if (rows.get(own) !== card) continue;
      const there = placed.get(namespaceOf(rows, other) ?? '');
      const row = there?.card.rows.find(({ id }) => id === other);
      if (there !== undefined && row !== undefined) heights.push(middle(there, row));
    }
  }
  return heights.length === 0 ? MARGIN : heights.reduce((a, b) => a + b) / heights.length;
}

/** Rows of cards; no wider than what is above, where that is wide enough. */
function placeLoners(
  loners: readonly Card[],
  placed: Map<string, Placed>,
  top: number,
  above: number,
): { width: number; height: number } {
  let [x, y, tallest, widest] = [MARGIN, top, 0, 0];
  const limit = Math.max(above, 1100);
  for (const card of loners) {
    if (x > MARGIN && x + card.width + MARGIN > limit) {
      y += tallest + CARD_GAP;
      x = MARGIN;
      tallest = 0;
    }
    placed.set(card.id, { card, x, y });
    x += card.width + LONER_GAP;
    widest = Math.max(widest, x - LONER_GAP + MARGIN);
    tallest = Math.max(tallest, card.height);
  }
  return { width: widest, height: loners.length === 0 ? top - LONER_GAP + MARGIN : y + tallest + MARGIN };
}

const round = (value: number): number => Math.round(value * 10) / 10;

function wireOf(
  { kind, from, to }: Link,
  rows: ReadonlyMap<string, Card>,
  placed: ReadonlyMap<string, Placed>,
): Wire | undefined {
  const [a, b] = [placed.get(namespaceOf(rows, from) ?? ''), placed.get(namespaceOf(rows, to) ?? '')];
  const rowA = a?.card.rows.find(({ id }) => id === from);
  const rowB = b?.card.rows.find(({ id }) => id === to);
  if (a === undefined || b === undefined || rowA === undefined || rowB === undefined) return undefined;
  const [left, leftRow, right, rightRow] = a.x <= b.x ? [a, rowA, b, rowB] : [b, rowB, a, rowA];
  const x1 = left.x + left.card.width;
  const y1 = round(middle(left, leftRow));
  const y2 = round(middle(right, rightRow));
  if (left.x === right.x) {
    // in one column, or one card: around the side
    const bulge = Math.min(70, 22 + Math.abs(y2 - y1) / 6);
    const x2 = right.x + right.card.width;
    const reach = Math.max(x1, x2) + bulge;
    return {
      kind,
      from,
      to,
      path: `M${x1} ${y1}C${reach} ${y1} ${reach} ${y2} ${x2} ${y2}`,
      ends: [
        [x1, y1],
        [x2, y2],
      ],
    };
  }
  const x2 = right.x;
  const bend = Math.max(50, (x2 - x1) / 2);
  return {
    kind,
    from,
    to,
    path: `M${x1} ${y1}C${round(x1 + bend)} ${y1} ${round(x2 - bend)} ${y2} ${x2} ${y2}`,
    ends: [
      [x1, y1],
      [x2, y2],
    ],
  };
}
