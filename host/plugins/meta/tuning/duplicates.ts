/*
 * A parsed config knows no key twice any more: the last value has won. So its text is read once more, for the sysctls only.
 */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;

/** Objects of sysctls: their paths in a config. */
const PATHS = new Set(['sysctl', 'args.cni.sysctl']);

interface Level {
  /** Undefined in an array. */
  readonly keys: Set<string> | undefined;
  readonly path: string;
  /** The key whose value comes. */
  key: string;
  expectsKey: boolean;
}

/** A sysctl that JSON text names twice. The text is known to be JSON. */
export function duplicateKey(text: string): string | undefined {
  const levels: Level[] = [];
  for (const [token] of text.matchAll(TOKEN)) {
    const level = levels.at(-1);
    switch (token) {
      case '{':
      case '[': {
        const path = level === undefined ? '' : level.path === '' ? level.key : `${level.path}.${level.key}`;
        const isObject = token === '{';
        levels.push({ keys: isObject ? new Set() : undefined, path, key: '', expectsKey: isObject });
        break;
      }
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        if (level !== undefined) level.expectsKey = level.keys !== undefined;
        break;
      case ':':
        break;
      default: {
        if (level?.keys === undefined || !level.expectsKey) break;
        const key = JSON.parse(token) as string;
        if (PATHS.has(level.path) && level.keys.has(key)) return key;
        level.keys.add(key);
        level.key = key.toLowerCase();
        level.expectsKey = false;
      }
    }
  }
  return undefined;
}
