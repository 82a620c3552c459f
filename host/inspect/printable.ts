/**
 * Text for terminals. Names of programs, links and containers may hold control characters, which must not reach a
 * terminal: they would be obeyed.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, '\ufffd');
}
