import { readdirSync, readFileSync } from 'node:fs';

/** Parsed JSON whose shape is not known: every step into it may lead nowhere. */
export type Json = Readonly<Record<string, unknown>>;

export function objectAt(value: unknown, ...keys: readonly string[]): Json | undefined {
  let at: unknown = value;
  for (const key of keys) at = isObject(at) ? at[key] : undefined;
  return isObject(at) ? at : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text that is not empty. */
export function textAt(value: unknown, key: string): string | undefined {
  const found = isObject(value) ? value[key] : undefined;
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** A whole number above 0. */
export function numberAt(value: unknown, key: string): number | undefined {
  const found = isObject(value) ? value[key] : undefined;
  return typeof found === 'number' && Number.isSafeInteger(found) && found > 0 ? found : undefined;
}

export function listAt(value: unknown, key?: string): readonly unknown[] {
  const found = key === undefined ? value : isObject(value) ? value[key] : undefined;
  return Array.isArray(found) ? found : [];
}

/** The JSON in a file; undefined when it is not there, or half written. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Names in a directory; none where there is no such directory, or none that may be read. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
