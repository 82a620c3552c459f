import type { Timing } from '../../runtime/index.js';
import { paletteFor } from '../color.js';

/** Lines of columns, each as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, i) => Math.max(widest[i] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What each plugin took, on stderr: stdout is for the result. */
export function showTimings(timings: readonly Timing[]): void {
  if (timings.length === 0) return;
  const rows = timings.map(({ command, type, duration, inProcess }) => [
    command,
    type,
    `${duration.toFixed(1).padStart(8)} ms`,
    inProcess ? 'in process' : 'executed',
  ]);
  const { faint } = paletteFor(process.stderr);
  for (const line of columns(rows).split('\n')) process.stderr.write(`${faint(line)}\n`);
}
