import { type Problem, printable } from '../inspect/index.js';
import { some } from './table.js';

/** Sources of one complaint that are named. */
const NAMED = 3;

/** Problems in lines: what several have in common is told once. */
export function complaints(problems: readonly Problem[]): string[] {
  const sources = new Map<string, string[]>();
  for (const { source, message } of problems) sources.set(message, [...(sources.get(message) ?? []), source]);
  return [...sources].map(([message, names]) => printable(`${some([...new Set(names)], NAMED)}: ${message}`));
}
