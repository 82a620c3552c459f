import type { Link } from '../../network/links.js';

/** JSON as iproute2 prints it. */
export type Json = Record<string, unknown>;

export interface PrintOptions {
  /** As `ip -d`. */
  readonly details?: boolean | undefined;
}

/** Without the keys that are undefined. */
export function compact(json: Json): Json {
  // a new object: one that keys are deleted from is slow to read ever after
  const out: Json = {};
  for (const key in json) if (json[key] !== undefined) out[key] = json[key];
  return out;
}

/** The C library's `%#x`: zero has no prefix. */
export function hex(value: number): string {
  return value === 0 ? '0' : `0x${value.toString(16)}`;
}

/** Of a whole number or a flag: was anything set? */
export function on(value: unknown): boolean | undefined {
  return value === undefined ? undefined : value !== 0 && value !== false;
}

/** The links of a namespace by number, for the names in the other tables. */
export class LinkNames {
  readonly #links: ReadonlyMap<number, Link>;

  constructor(links: readonly Link[]) {
    this.#links = new Map(links.map((link) => [link.index, link]));
  }

  get(index: number): Link | undefined {
    return this.#links.get(index);
  }

  /** The name; of a link that is not there, `if7`. */
  of(index: number): string {
    return this.#links.get(index)?.ifname ?? `if${index}`;
  }
}

/** The prefix as iproute2 writes it: an address alone is not followed by its length. */
export function shortPrefix(prefix: string): string {
  const [address = '', length] = prefix.split('/');
  const whole = address.includes(':') ? '128' : '32';
  return length === whole ? address : prefix;
}
