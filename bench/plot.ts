/** Draws rows of the results as SVG: where every sample lies, ours and theirs. */
import { median, quantile } from './table.js';

export interface Lane {
  readonly name: string;
  /** In the unit of the axis. */
  readonly samples: readonly number[];
}

const WIDTH = 760;
const LEFT = 150;
const RIGHT = 24;
const TOP = 64;
const LANE = 84;
const COLOURS = ['#0b6e99', '#b3541e'];

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const short = (value: number): string => String(Number(value.toPrecision(3)));

function text(x: number, y: number, content: string, more = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped(content)}</text>`;
}

function page(height: number, title: string, note: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    text(16, 24, title, 'font-size="15" font-weight="bold"'),
    text(16, 44, note, 'fill="#555"'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** 1, 2 and 5 times the powers of ten between two values. */
function ticks(low: number, high: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const digit of [1, 2, 5]) {
      const value = digit * 10 ** power;
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found;
}

/** A point for each sample on a logarithmic axis; a line at each median, a bar from the 1st to the 99th percentile. */
export function plotSamples(title: string, note: string, unit: string, lanes: readonly Lane[]): string {
  const all = lanes.flatMap(({ samples }) => samples);
  const [low, high] = [Math.min(...all) * 0.85, Math.max(...all) * 1.15];
  const span = Math.log(high / low);
  const at = (value: number): number => LEFT + (Math.log(value / low) / span) * (WIDTH - LEFT - RIGHT);
  const bottom = TOP + lanes.length * LANE;
  const parts = ticks(low, high).flatMap((value) => [
    `<line x1="${at(value).toFixed(1)}" x2="${at(value).toFixed(1)}" y1="${TOP}" y2="${bottom}" stroke="#ddd"/>`,
    text(at(value), bottom + 18, short(value), 'text-anchor="middle" fill="#555"'),
  ]);
  parts.push(text(WIDTH - RIGHT, bottom + 36, unit, 'text-anchor="end" fill="#555"'));
  for (const [n, { name, samples }] of lanes.entries()) {
    const colour = COLOURS[n % COLOURS.length];
    const middle = TOP + n * LANE + LANE / 2;
    const line = (from: number, to: number, y: number, width: number): string =>
      `<line x1="${at(from).toFixed(1)}" x2="${at(to).toFixed(1)}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="${width}"/>`;
    parts.push(text(16, middle - 4, name, `fill="${colour}" font-weight="bold"`));
    parts.push(text(16, middle + 13, `${samples.length} samples`, 'fill="#555" font-size="11"'));
    parts.push(line(quantile(samples, 0.01), quantile(samples, 0.99), middle + 30, 2));
    parts.push(line(quantile(samples, 0.25), quantile(samples, 0.75), middle + 30, 7));
    for (const [i, sample] of samples.entries()) {
      // spread by the golden ratio, so that points which are near each other in time are not in place
      const y = middle - 28 + ((i * 0.618034) % 1) * 48;
      parts.push(
        `<circle cx="${at(sample).toFixed(1)}" cy="${y.toFixed(1)}" r="2.2" fill="${colour}" fill-opacity="0.45"/>`,
      );
    }
    const x = at(median(samples)).toFixed(1);
    parts.push(
      `<line x1="${x}" x2="${x}" y1="${middle - 32}" y2="${middle + 36}" stroke="${colour}" stroke-width="2"/>`,
      text(Number(x) + 5, middle - 24, short(median(samples)), `fill="${colour}"`),
    );
  }
  return page(bottom + 48, title, note, parts);
}

/** A curve from 0 up: `points` are x and y; `limit` is drawn as a line. */
export function plotCurve(
  title: string,
  note: string,
  [xUnit, yUnit]: readonly [string, string],
  points: readonly (readonly [number, number])[],
  limit: number,
): string {
  const height = 260;
  const right = Math.max(...points.map(([x]) => x));
  const high = Math.max(limit, ...points.map(([, y]) => y)) * 1.1;
  const at = (x: number, y: number): [number, number] => [
    70 + (x / right) * (WIDTH - 70 - RIGHT),
    TOP + height - (y / high) * height,
  ];
  const parts: string[] = [];
  for (let i = 0; i <= 4; i++) {
    const [x, y] = at((right * i) / 4, (high * i) / 4);
    parts.push(
      `<line x1="70" x2="${WIDTH - RIGHT}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" stroke="#ddd"/>`,
    );
    parts.push(text(62, y + 4, short((high * i) / 4), 'text-anchor="end" fill="#555"'));
    parts.push(text(x, TOP + height + 18, short((right * i) / 4), 'text-anchor="middle" fill="#555"'));
  }
  const [, limitY] = at(0, limit);
  parts.push(
    `<line x1="70" x2="${WIDTH - RIGHT}" y1="${limitY.toFixed(1)}" y2="${limitY.toFixed(1)}" stroke="${COLOURS[1]}" stroke-dasharray="6 4"/>`,
    text(
      WIDTH - RIGHT,
      limitY - 6,
      `limit ${short(limit)} ${yUnit}`,
      `text-anchor="end" fill="${COLOURS[1]}"`,
    ),
    `<polyline fill="none" stroke="${COLOURS[0]}" stroke-width="2" points="${points
      .map(([x, y]) =>
        at(x, y)
          .map((value) => value.toFixed(1))
          .join(','),
      )
      .join(' ')}"/>`,
    text(WIDTH - RIGHT, TOP + height + 36, xUnit, 'text-anchor="end" fill="#555"'),
    text(16, TOP - 6, yUnit, 'fill="#555"'),
  );
  return page(TOP + height + 48, title, note, parts);
}
