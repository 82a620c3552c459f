/** What is told in colour: on terminals, unless NO_COLOR is set to anything. https://no-color.org/ */
export interface Palette {
  error(text: string): string;
  good(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

const ESCAPE = '\u001b';

export function usesColor(
  stream: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv = process.env,
): boolean {
  return stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}

export function paletteFor(stream: { readonly isTTY?: boolean }, env?: NodeJS.ProcessEnv): Palette {
  const isOn = usesColor(stream, env);
  const paint =
    (code: number) =>
    (text: string): string =>
      isOn ? `${ESCAPE}[${code}m${text}${ESCAPE}[0m` : text;
  return { error: paint(31), good: paint(32), faint: paint(2), strong: paint(1) };
}
