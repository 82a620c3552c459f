/** The results: for people a table and plots, for programs rows. */
import { plotSamples } from './plot.js';

export interface Comparison {
  readonly bench: string;
  readonly rival: string;
  /** ns an item, one a round. */
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly target: number | undefined;
  /** Name of the plot's file, without its ending. */
  readonly plot?: string | undefined;
}

export interface Row {
  readonly bench: string;
  readonly subject: 'netloom';
  readonly rival: string;
  /** Ours to theirs, lower is better. */
  readonly ratio: number;
}

export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

function time(ns: number): string {
  if (ns < 100) return `${ns.toFixed(1)} ns`;
  if (ns < 10_000) return `${ns.toFixed(0)} ns`;
  return ns < 10_000_000 ? `${(ns / 1000).toFixed(1)} µs` : `${(ns / 1e6).toFixed(1)} ms`;
}

/** The median, and the middle half of the samples as percentages of it. */
function spread(samples: readonly number[]): string {
  const middle = median(samples);
  const below = ((quantile(samples, 0.25) / middle - 1) * 100).toFixed(0);
  const above = ((quantile(samples, 0.75) / middle - 1) * 100).toFixed(0);
  return `${time(middle)} (${below.startsWith('-') ? below : `-${below}`}…+${above}%)`;
}

export class Table {
  readonly #lines: (readonly string[])[] = [];
  readonly #rows: Row[] = [];
  readonly #plots = new Map<string, string>();
  #met = 0;
  #missed = 0;

  add({ bench, rival, ours, theirs, target, plot }: Comparison): void {
    const ratio = median(ours) / median(theirs);
    if (plot !== undefined) {
      const wanted = target === undefined ? 'no target' : `target at most ${target}`;
      const lanes = [
        { name: 'netloom', samples: ours.map((ns) => ns / 1e6) },
        { name: rival.length > 18 ? 'theirs' : rival, samples: theirs.map((ns) => ns / 1e6) },
      ];
      const note = `against ${rival}: ratio of the medians ${ratio.toFixed(3)}, ${wanted}`;
      this.draw(plot, plotSamples(bench, note, 'ms, logarithmic', lanes));
    }
    this.#rows.push({ bench, subject: 'netloom', rival, ratio });
    this.#lines.push([
      bench,
      rival,
      spread(ours),
      spread(theirs),
      ratio.toFixed(3),
      ...this.#judge(ratio, target),
    ]);
  }

  /** A plot under the name of its file, without the ending. */
  draw(name: string, svg: string): void {
    this.#plots.set(name, svg);
  }

  /** Plots by name. */
  plots(): ReadonlyMap<string, string> {
    return this.#plots;
  }

  /** Times in ns against a limit. */
  addTimes(bench: string, ours: readonly number[], limit: number, plot?: string): void {
    this.add({ bench, rival: `${limit / 1e6} ms`, ours, theirs: [limit], target: 1, plot });
  }

  /** A ratio of something that is no time. */
  addRatio(bench: string, rival: string, ratio: number, target: number): void {
    this.#rows.push({ bench, subject: 'netloom', rival, ratio });
    this.#lines.push([bench, rival, '', '', ratio.toFixed(3), ...this.#judge(ratio, target)]);
  }

  /** A size against its limit, in bytes. */
  addSize(bench: string, bytes: number, limit: number): void {
    this.addNumbers(bench, `${limit / 1024} KiB`, [`${bytes} B`, `${limit} B`], bytes / limit, 1);
  }

  /** Numbers that are no times of items: ours and theirs as text, and what is judged of them. */
  addNumbers(
    bench: string,
    rival: string,
    [ours, theirs]: readonly [string, string],
    ratio: number,
    target?: number,
  ): void {
    this.#rows.push({ bench, subject: 'netloom', rival, ratio });
    this.#lines.push([bench, rival, ours, theirs, ratio.toFixed(3), ...this.#judge(ratio, target)]);
  }

  /** A comparison that could not be made. */
  skip(bench: string, rival: string, reason: string): void {
    this.#lines.push([bench, rival, '', '', '', '', `not measured: ${reason}`]);
  }

  #judge(ratio: number, target: number | undefined): [string, string] {
    if (target === undefined) return ['', ''];
    const met = ratio <= target;
    if (met) this.#met++;
    else this.#missed++;
    return [`<= ${target}`, met ? 'met' : 'NOT MET'];
  }

  rows(): readonly Row[] {
    return this.#rows;
  }

  print(): string {
    const head = ['bench', 'rival', 'netloom', 'theirs', 'ratio', 'target', ''];
    const all = [head, ...this.#lines];
    const widths = head.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
    const text = all.map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
    return [
      ...text,
      '',
      'Times are for one item: the median of all rounds, and where the middle half of them lies.',
      `${this.#met} targets met, ${this.#missed} not met.`,
      '',
    ].join('\n');
  }
}
