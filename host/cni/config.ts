import { CniError, errorCodes } from './errors.js';

/**
 * Shapes of configs. Unknown keys pass, `null` means not given, and keys are found whatever their case, as Go's JSON
 * decoder has it and go-cni relies on. A value of the wrong type is a CniError 6 with its path.
 */
export interface Shape<T> {
  /**
   * `value` is `undefined` when the key is not there. With `faults`, what is wrong and optional is collected there and
   * taken as missing. Throws CniError 6.
   */
  read(value: unknown, path: string, faults?: CniError[]): T;
  /** Paths of keys in it that it does not read, where it is a shape that reads keys. */
  strangers?(value: unknown, path: string): readonly string[];
}

export type Read<S> = S extends Shape<infer T> ? T : never;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

export function mismatch(path: string, expected: string, value: unknown): CniError {
  const got = value === undefined ? 'it is missing' : `got ${shown(value)}`;
  return new CniError(errorCodes.decodingFailure, `${path}: expected ${expected}, ${got}`);
}

function leaf<T>(expected: string, is: (value: unknown) => value is T): Shape<T> {
  return {
    read: (value, path) => {
      if (!is(value)) throw mismatch(path, expected, value);
      return value;
    },
  };
}

export const string = leaf('a string', (value): value is string => typeof value === 'string');
export const boolean = leaf('true or false', (value): value is boolean => typeof value === 'boolean');
export const integer = leaf('a whole number', (value): value is number => Number.isSafeInteger(value));
/** A whole number between two others, both allowed. */
export function integerIn(least: number, most: number): Shape<number> {
  return leaf(
    `a whole number from ${least} to ${most}`,
    (value): value is number =>
      Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
  );
}
/** Whatever it is. */
export const anything: Shape<unknown> = { read: (value) => value };
/** An object whose keys mean something to somebody else. */
export const record = leaf(
  'an object',
  (value): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
);

export function array<T>(element: Shape<T>): Shape<T[]> {
  return {
    read: (value, path, faults) => {
      if (!Array.isArray(value)) throw mismatch(path, 'an array', value);
      return value.map((item: unknown, i) => element.read(item, `${path}[${i}]`, faults));
    },
    strangers: (value, path) =>
      Array.isArray(value)
        ? value.flatMap((item: unknown, i) => element.strangers?.(item, `${path}[${i}]`) ?? [])
        : [],
  };
}

/** May be missing, or null. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined>;
export function optional<T>(shape: Shape<T>, otherwise: T): Shape<T>;
export function optional<T>(shape: Shape<T>, otherwise?: T): Shape<T | undefined> {
  return {
    read: (value, path, faults) => {
      if (value === undefined || value === null) return otherwise;
      if (faults === undefined) return shape.read(value, path);
      try {
        return shape.read(value, path, faults);
      } catch (error) {
        if (!(error instanceof CniError)) throw error;
        faults.push(error);
        return otherwise;
      }
    },
    strangers: (value, path) => shape.strangers?.(value, path) ?? [],
  };
}

/** The value of a key whatever its case; of several the last wins, but the exact name first. */
export function valueAt(object: Record<string, unknown>, key: string): unknown {
  if (Object.hasOwn(object, key)) return object[key];
  const lower = key.toLowerCase();
  let found: unknown;
  for (const other in object) if (other.toLowerCase() === lower) found = object[other];
  return found;
}

export function object<S extends Readonly<Record<string, Shape<unknown>>>>(
  shapes: S,
): Shape<{ [K in keyof S]: Read<S[K]> }> {
  const entries = Object.entries(shapes);
  return {
    read: (value, path, faults) => {
      const given = record.read(value, path === '' ? 'config' : path);
      const out: Record<string, unknown> = {};
      for (const [key, shape] of entries) {
        const read = shape.read(valueAt(given, key), path === '' ? key : `${path}.${key}`, faults);
        if (read !== undefined) out[key] = read;
      }
      return out as { [K in keyof S]: Read<S[K]> };
    },
    strangers: (value, path) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
      const known = new Map(entries.map(([key, shape]) => [key.toLowerCase(), shape]));
      return Object.entries(value).flatMap(([key, item]) => {
        const at = path === '' ? key : `${path}.${key}`;
        const shape = known.get(key.toLowerCase());
        return shape === undefined ? [at] : (shape.strangers?.(item, at) ?? []);
      });
    },
  };
}

/** One of a few words. */
export function oneOf<const W extends string>(...words: readonly W[]): Shape<W> {
  return leaf(`one of ${words.join(', ')}`, (value): value is W =>
    (words as readonly unknown[]).includes(value),
  );
}

/** DNS settings, as in results. */
export const dnsShape = object({
  nameservers: optional(array(string)),
  domain: optional(string),
  search: optional(array(string)),
  options: optional(array(string)),
});
