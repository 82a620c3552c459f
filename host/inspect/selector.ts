import { idOf } from './discover.js';
import { InspectError } from './errors.js';
import { type FoundNamespace, type Inventory, type InventoryOptions, inventory } from './inventory.js';

/** What a selector says, before it is looked up. */
export type Selector =
  /** `host`, `self` */
  | { readonly kind: 'host' | 'self' }
  /** `/run/netns/blue` */
  | { readonly kind: 'path'; readonly path: string }
  /** `pid:123` */
  | { readonly kind: 'pid'; readonly pid: number }
  /** `net:[4026532281]` */
  | { readonly kind: 'inode'; readonly inode: number }
  /** `docker:web`, `pod:default/nginx`, `netns:blue`, … */
  | { readonly kind: 'named'; readonly word: string; readonly name: string }
  /** `blu`: the beginning of a name, of a container's id, or of an inode. */
  | { readonly kind: 'prefix'; readonly prefix: string };

/** Words that may stand before a name. */
export const selectorWords = [
  'docker',
  'podman',
  'containerd',
  'cri-o',
  'container',
  'pod',
  'compose',
  'cni',
  'machine',
  'unit',
  'netns',
  'docker-netns',
] as const;

function invalid(text: string, why: string): InspectError {
  return new InspectError('ERR_INVALID_SELECTOR', `${JSON.stringify(text)} selects no namespace: ${why}`);
}

function wholeNumber(text: string, digits: string, what: string): number {
  const number = Number(digits);
  if (!/^\d+$/.test(digits) || !Number.isSafeInteger(number) || number === 0)
    throw invalid(text, `${what} is a number above 0`);
  return number;
}

/** Reads a selector. Throws InspectError `ERR_INVALID_SELECTOR`. */
export function parseSelector(text: string): Selector {
  if (text === '' || text.includes('\0')) throw invalid(text, 'it is empty or no text');
  if (text.startsWith('/')) return { kind: 'path', path: text };
  if (text === 'host' || text === 'self') return { kind: text };
  const colon = text.indexOf(':');
  if (colon < 0) return { kind: 'prefix', prefix: text };
  const word = text.slice(0, colon);
  const name = text.slice(colon + 1);
  if (word === 'net') {
    const digits = /^\[(\d+)\]$/.exec(name)?.[1] ?? name;
    return { kind: 'inode', inode: wholeNumber(text, digits, 'the inode in net:[…]') };
  }
  if (word === 'pid') return { kind: 'pid', pid: wholeNumber(text, name, 'a process') };
  if (!(selectorWords as readonly string[]).includes(word))
    throw invalid(text, `before the colon stands one of net, pid, ${selectorWords.join(', ')}`);
  if (name === '') throw invalid(text, `after ${word}: a name is missing`);
  return { kind: 'named', word, name };
}

function missing(text: string, hint = ''): InspectError {
  return new InspectError('ERR_NAMESPACE_NOT_FOUND', `there is no network namespace ${text}${hint}`);
}

function only(text: string, found: readonly FoundNamespace[], hint?: string): FoundNamespace {
  const [first, ...others] = found;
  if (first === undefined) throw missing(text, hint);
  if (others.length > 0) {
    const names = found.map(({ names: [name], id }) => `${name} (net:[${id.inode}])`);
    throw new InspectError('ERR_AMBIGUOUS', `${text} may be any of ${names.join(', ')}`);
  }
  return first;
}

const afterColon = (name: string): string => name.slice(name.indexOf(':') + 1);

function named(text: string, word: string, name: string, all: Inventory): FoundNamespace {
  const wanted = `${word}:${name}`;
  const exact = all.namespaces.filter(({ names }) => names.includes(wanted));
  if (exact.length > 0) return only(text, exact);
  const byId = all.namespaces.filter(({ owner: { container, engine } }) => {
    const kind = word === 'container' || word === engine;
    return kind && name.length >= 3 && container?.startsWith(name);
  });
  if (byId.length > 0) return only(text, byId);
  return only(
    text,
    all.namespaces.filter(({ names }) => names.some((one) => one.startsWith(wanted))),
  );
}

function prefixed(text: string, prefix: string, all: Inventory): FoundNamespace {
  const exact = all.namespaces.filter(({ names }) => names.some((name) => afterColon(name) === prefix));
  if (exact.length > 0) return only(text, exact);
  return only(
    text,
    all.namespaces.filter(
      ({ names, id, owner }) =>
        names.some((name) => name.startsWith(prefix) || afterColon(name).startsWith(prefix)) ||
        String(id.inode).startsWith(prefix) ||
        (owner.container?.startsWith(prefix) ?? false),
    ),
  );
}

/** Finds the one namespace that a selector means. Throws InspectError `ERR_NAMESPACE_NOT_FOUND`, `ERR_AMBIGUOUS`. */
export function select(selector: Selector, text: string, all: Inventory): FoundNamespace {
  const { namespaces } = all;
  switch (selector.kind) {
    case 'host':
      return only(
        text,
        namespaces.filter(({ owner }) => owner.kind === 'host'),
      );
    case 'self':
      return only(
        text,
        namespaces.filter(({ id }) => id.inode === all.self.inode),
      );
    case 'inode':
      return only(
        text,
        namespaces.filter(({ id }) => id.inode === selector.inode),
      );
    case 'pid':
    case 'path': {
      const path = selector.kind === 'pid' ? `/proc/${selector.pid}/ns/net` : selector.path;
      const id = idOf(path);
      if (id === undefined) throw missing(text);
      const known = namespaces.find((one) => one.id.inode === id.inode);
      return known === undefined ? throwMissing(text) : { ...known, path };
    }
    case 'named':
      return named(text, selector.word, selector.name, all);
    case 'prefix':
      return prefixed(text, selector.prefix, all);
  }
}

function throwMissing(text: string): never {
  throw missing(text);
}

/** Words whose names are known without any engine. */
const plainWords: readonly string[] = ['netns', 'docker-netns', 'unit', 'machine'];

/** Does nobody but an engine know what a selector means? */
function needsEngines(selector: Selector): boolean {
  if (selector.kind === 'named') return !plainWords.includes(selector.word);
  return selector.kind === 'prefix';
}

export interface ResolveOptions extends InventoryOptions {
  /** Whether engines are asked; by default where a selector, or `all`, needs their names. */
  readonly engines?: boolean;
  /** Every namespace, in place of those that are selected. */
  readonly all?: boolean;
  /** Selectors that mean nothing now are passed over, in place of ERR_NAMESPACE_NOT_FOUND. */
  readonly present?: boolean;
}

/**
 * The namespaces that selectors mean, each once, in the order of the selectors; the caller's own when there are none.
 * Throws InspectError.
 */
export async function resolveSelectors(
  texts: readonly string[],
  options: ResolveOptions = {},
): Promise<readonly FoundNamespace[]> {
  if (options.all && texts.length > 0)
    throw new InspectError('ERR_INVALID_SELECTOR', 'either selectors or all namespaces, not both');
  const selectors = (texts.length === 0 ? ['self'] : texts).map(
    (text) => [parseSelector(text), text] as const,
  );
  const engines =
    options.engines ?? (options.all === true || selectors.some(([selector]) => needsEngines(selector)));
  const found = await inventory({ ...options, engines });
  if (options.all) return found.namespaces;
  const chosen = new Map<number, FoundNamespace>();
  for (const [selector, text] of selectors) {
    try {
      const one = select(selector, text, found);
      if (!chosen.has(one.id.inode)) chosen.set(one.id.inode, one);
    } catch (error) {
      const isAbsent = error instanceof InspectError && error.code === 'ERR_NAMESPACE_NOT_FOUND';
      if (!isAbsent || !options.present) throw error;
    }
  }
  return [...chosen.values()];
}
