/**
 * Text for terminals. Names of programs, links and containers may hold control characters, which must not reach a
 * terminal: they would be obeyed.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, '\ufffd');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const obeyed = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;
const everyObeyed = new RegExp(obeyed, 'g');

/** The same for text of several lines, whose ends and tabs are kept. */
export function printableLines(text: string): string {
  return obeyed.test(text) ? text.replaceAll(everyObeyed, '\ufffd') : text;
}

const beyondAscii = /[\x7f-\x9f]/;

/** JSON with those control characters escaped too that JSON allows as they are. It says the same. */
export function printableJson(json: string): string {
  if (!beyondAscii.test(json)) return json;
  return json.replaceAll(/[\x7f-\x9f]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
