import type { Card } from './card.js';
import type { Graph, GraphNamespace } from './model.js';

/** Lengths in user units of SVG, which are CSS pixels. */
export const MARGIN = 32;
export const COLUMN_GAP = 150;
export const CARD_GAP = 22;
/** Namespaces from which on the picture is crowded. */
export const CROWD = 10;

/** What is to be drawn as a line: rows of cards, by their ids. */
export interface Link {
  readonly kind: 'veth' | 'lower' | 'published';
  readonly from: string;
  readonly to: string;
}

export const namespaceOf = (rows: ReadonlyMap<string, Card>, id: string): string | undefined =>
  rows.get(id)?.id;

/** How far each namespace is from the first; those that are not connected to it begin anew. */
export function levelsOf(
  order: readonly string[],
  links: readonly Link[],
  rows: ReadonlyMap<string, Card>,
): Map<string, number> {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of links) {
    const [a, b] = [namespaceOf(rows, from), namespaceOf(rows, to)];
    if (a === undefined || b === undefined || a === b) continue;
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      if (!next.has(one)) next.set(one, new Set());
      next.get(one)?.add(other);
    }
  }
  const levels = new Map<string, number>();
  for (const start of order) {
    if (levels.has(start) || !next.has(start)) continue;
    levels.set(start, 0);
    const queue = [start];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      for (const other of next.get(at) ?? []) {
        if (levels.has(other)) continue;
        levels.set(other, (levels.get(at) as number) + 1);
        queue.push(other);
      }
    }
  }
  return levels;
}

/** The host first, then who has most to do with others. */
export function startOrder(graph: Graph, links: readonly Link[], rows: ReadonlyMap<string, Card>): string[] {
  const weight = new Map<string, number>();
  for (const { from, to } of links)
    for (const id of [from, to]) {
      const namespace = namespaceOf(rows, id) as string;
      weight.set(namespace, (weight.get(namespace) ?? 0) + 1);
    }
  const rank = ({ owner, id }: GraphNamespace): number =>
    (owner.kind === 'host' ? 1e9 : 0) + (weight.get(id) ?? 0);
  return [...graph.namespaces].sort((a, b) => rank(b) - rank(a)).map(({ id }) => id);
}

export interface Column {
  readonly cards: Card[];
  /** It is what the others are placed by. */
  readonly root: boolean;
}

export const widest = ({ cards }: Column): number => Math.max(...cards.map(({ width }) => width));

export const heightOf = (cards: readonly Card[]): number =>
  cards.reduce((sum, { height }) => sum + height + CARD_GAP, -CARD_GAP);

/** Where each column begins. */
export function acrossFrom(columns: readonly Column[]): number[] {
  let x = MARGIN;
  return columns.map((column) => {
    const at = x;
    x += widest(column) + COLUMN_GAP;
    return at;
  });
}

/**
 * The columns from left to right: the first level, then those that are farther away. Of many that are directly connected
 * to the first, every other one stands on its left, so that the picture does not become a tower.
 */
export function columnsOf(
  cards: readonly Card[],
  levels: ReadonlyMap<string, number>,
  links: readonly Link[],
  rows: ReadonlyMap<string, Card>,
): Column[] {
  const byLevel: Card[][] = [];
  for (const card of cards) {
    const level = levels.get(card.id);
    if (level === undefined) continue;
    while (byLevel.length <= level) byLevel.push([]);
    byLevel[level]?.push(card);
  }
  const [first, second = [], ...others] = byLevel;
  if (first === undefined) return [];
  const farther = new Set(
    links.flatMap(({ from, to }) => {
      const [a, b] = [namespaceOf(rows, from) as string, namespaceOf(rows, to) as string];
      const deep = [levels.get(a) ?? 0, levels.get(b) ?? 0].some((level) => level > 1);
      return deep ? [a, b] : [];
    }),
  );
  const left: Card[] = [];
  const right: Card[] = [];
  for (const card of byFirstWire(second, links, first, rows)) {
    const side = second.length > CROWD && !farther.has(card.id) && left.length < right.length ? left : right;
    side.push(card);
  }
  const column = (all: Card[], root = false): Column => ({ cards: all, root });
  return [
    ...(left.length > 0 ? [column(left)] : []),
    column(first, true),
    ...[right, ...others].filter((all) => all.length > 0).map((all) => column(all)),
  ];
}

/** In the order in which the rows of other cards lead to them. */
function byFirstWire(
  cards: readonly Card[],
  links: readonly Link[],
  first: readonly Card[],
  rows: ReadonlyMap<string, Card>,
): Card[] {
  const order = new Map(first.flatMap((card) => card.rows).map(({ id }, at) => [id, at]));
  const rank = (card: Card): number =>
    Math.min(
      ...links.flatMap(({ from, to }) =>
        rows.get(from) === card
          ? [order.get(to) ?? 1e9]
          : rows.get(to) === card
            ? [order.get(from) ?? 1e9]
            : [],
      ),
    );
  return cards
    .map((card) => ({ card, at: rank(card) }))
    .sort((a, b) => a.at - b.at)
    .map(({ card }) => card);
}
