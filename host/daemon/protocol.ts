import { type Environment, environmentOf } from '../cni/arguments.js';

/**
 * What the native client and the daemon say to each other: bindings/client/client.c. One call for a connection.
 *
 * A call is `NLM` and the version; the number of bytes that follow (32 bits, the machine's order); texts that end with NUL:
 * name of the plugin, the caller's network namespace as /proc/self/ns/net reads, its directory, CNI's variables, and an
 * empty one; then the config. A descriptor of the container's namespace travels with the first byte (SCM_RIGHTS).
 * An answer is the same four bytes; exit status; lengths of stdout and stderr; both.
 */
const version = 1;
const magic = Buffer.from(['N', 'L', 'M'].map((letter) => letter.charCodeAt(0)).concat(version));

/** Bytes of a call's head. */
export const HEAD = 8;
/** Bytes that a whole call may have: 1 MiB of config, and 256 KiB of environment. */
export const LARGEST_CALL = (1 << 20) + (256 << 10);
/** How deep a config may be nested. */
export const DEEPEST_CONFIG = 100;

/** Exit status that means: the daemon has done nothing, and the client is to do it without. */
const ONE_SHOT = 255;

/** A call as it came. */
export interface Call {
  /** Type of the plugin. */
  readonly plugin: string;
  /** The caller's network namespace: `net:[4026531840]`. */
  readonly namespace: string;
  /** The caller's directory. */
  readonly directory: string;
  readonly environment: Environment;
  readonly config: string;
}

/** What begins a connection. */
export type Opening =
  | { readonly kind: 'call'; readonly length: number }
  /** A client of another version. */
  | { readonly kind: 'other version' }
  | { readonly kind: 'http' }
  | { readonly kind: 'garbage' };

/** Tells what a connection is by its first `HEAD` bytes. */
export function openingOf(bytes: Buffer): Opening {
  if (bytes.subarray(0, 4).equals(magic)) {
    const length = HEAD + bytes.readUInt32LE(4);
    return length > LARGEST_CALL ? { kind: 'garbage' } : { kind: 'call', length };
  }
  if (bytes.subarray(0, 3).equals(magic.subarray(0, 3))) return { kind: 'other version' };
  return /^(GET|HEAD) \//.test(bytes.toString('latin1')) ? { kind: 'http' } : { kind: 'garbage' };
}

/** Reads a whole call; undefined when it is none. */
export function parseCall(bytes: Buffer): Call | undefined {
  const texts: string[] = [];
  for (let at = HEAD; ; ) {
    const end = bytes.indexOf(0, at);
    if (end < 0) return undefined;
    const text = bytes.toString('utf8', at, end);
    at = end + 1;
    // the place of a caller whose namespace or directory cannot be told is empty
    if (text !== '' || texts.length < 3) {
      texts.push(text);
      continue;
    }
    const [plugin, namespace, directory, ...variables] = texts as [string, string, string, ...string[]];
    const pairs = variables.map((pair): [string, string] => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, Math.max(equals, 0)), pair.slice(equals + 1)];
    });
    const environment = environmentOf(Object.fromEntries(pairs));
    return { plugin, namespace, directory, environment, config: bytes.toString('utf8', at) };
  }
}

/** An answer to a call. */
export function formatAnswer(status: number, stdout: string, stderr: string): Buffer {
  const out = Buffer.from(stdout);
  const error = Buffer.from(stderr);
  const head = Buffer.alloc(16);
  magic.copy(head);
  head.writeUInt32LE(status, 4);
  head.writeUInt32LE(out.length, 8);
  head.writeUInt32LE(error.length, 12);
  return Buffer.concat([head, out, error]);
}

/** The answer to who is to do without the daemon, which has done nothing. */
export function refusal(): Buffer {
  return formatAnswer(ONE_SHOT, '', '');
}

/** How deep JSON is nested; texts in it are passed over. Says nothing about whether it is JSON. */
export function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < json.length; i++) {
    switch (json.charCodeAt(i)) {
      case 0x22: // "
        for (i++; i < json.length && json.charCodeAt(i) !== 0x22; i++) if (json.charCodeAt(i) === 0x5c) i++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        deepest = Math.max(deepest, ++depth);
        break;
      case 0x5d:
      case 0x7d:
        depth--;
        break;
    }
  }
  return deepest;
}
