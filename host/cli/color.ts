import { decorated } from './table.js';

/** What is told in colour, where text is decorated. */
export interface Palette {
  error(text: string): string;
  good(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

const ESCAPE = '\u001b';

export function paletteFor(stream: { readonly isTTY?: boolean }, env?: NodeJS.ProcessEnv): Palette {
  const isOn = decorated(stream, env);
  const paint =
    (code: number) =>
    (text: string): string =>
      isOn ? `${ESCAPE}[${code}m${text}${ESCAPE}[0m` : text;
  return { error: paint(31), good: paint(32), faint: paint(2), strong: paint(1) };
}
