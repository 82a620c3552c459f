import { stdout } from 'node:process';
import { printable } from '../inspect/index.js';

/** Is text for people to be decorated? NO_COLOR (no-color.org) and everything but a terminal say no. */
export function decorated(stream: { readonly isTTY?: boolean } = stdout, env = process.env): boolean {
  return stream.isTTY === true && (env.NO_COLOR === undefined || env.NO_COLOR === '') && env.TERM !== 'dumb';
}

/** Lines of columns: each as wide as its longest cell, two blanks between them. */
export function tableText(
  titles: readonly string[],
  cells: readonly (readonly string[])[],
  { bold = decorated() }: { bold?: boolean } = {},
): string {
  const rows = cells.map((row) => row.map(printable));
  const widths = titles.map((title, at) =>
    rows.reduce((most, row) => Math.max(most, row[at]?.length ?? 0), title.length),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  const head = line(titles);
  return [bold ? `\x1b[1m${head}\x1b[0m` : head, ...rows.map(line)].join('\n');
}

/** The first few of many, and how many more there are. */
export function some(items: readonly string[], most: number): string {
  const shown = items.slice(0, most).join(' ');
  return items.length > most ? `${shown} +${items.length - most}` : shown;
}
