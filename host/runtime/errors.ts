import type { Command } from '../cni/arguments.js';
import { CniError } from '../cni/errors.js';
import { NetloomError } from '../netlink/errors.js';
import type { Position } from './json-document.js';

/**
 * `ERR_NETWORK_CONFIG`, `ERR_NETWORK_NOT_FOUND`, `ERR_CACHE`, `ERR_UNSUPPORTED_VERSION`, `ERR_GC`, `ERR_NOT_READY`,
 * `ERR_REMOVE`, `ERR_INVALID_RESULT`
 */
export class RuntimeError extends NetloomError {
  override readonly name: string = 'RuntimeError';
}

/** Where in which text something is wrong. */
export interface Place {
  /** Path of the file; `undefined` for a text that comes from none. */
  readonly file: string | undefined;
  /** The whole text. */
  readonly text: string;
  readonly position: Position;
}

/** A network's config cannot be read. Code `ERR_NETWORK_CONFIG`; the message begins with file, line and column. */
export class NetworkConfigError extends RuntimeError {
  override readonly name = 'NetworkConfigError';
  readonly file: string | undefined;
  /** The message without the place. */
  readonly reason: string;
  /** `undefined` when the file itself cannot be read. */
  readonly place: Place | undefined;

  constructor(reason: string, file: string | undefined, place?: Place, options?: ErrorOptions) {
    const { line, column } = place?.position ?? {};
    const where = file === undefined ? '' : line === undefined ? `${file}: ` : `${file}:${line}:${column}: `;
    super('ERR_NETWORK_CONFIG', `${where}${reason}`, options);
    this.reason = reason;
    this.file = file;
    this.place = place;
  }
}

/** What a plugin of a network answered, with its code. */
export class PluginError extends CniError {
  override readonly name = 'PluginError';
  /** The plugin's type. */
  readonly type: string;
  readonly command: Command;
  /** What the plugin itself said: `msg` may begin with the plugin's name. */
  readonly reason: string;
  /** Where the plugin, or the key that it complains of, stands in the network's config. */
  readonly place: Place | undefined;

  constructor(
    { type, command, place, prefix }: PluginErrorDetails,
    { number, msg, details }: Pick<CniError, 'number' | 'msg' | 'details'>,
    options?: ErrorOptions,
  ) {
    super(number, `${prefix}${msg}`, details, options);
    this.type = type;
    this.command = command;
    this.reason = details === '' ? msg : `${msg}; ${details}`;
    this.place = place;
  }
}

interface PluginErrorDetails {
  readonly type: string;
  readonly command: Command;
  readonly place: Place | undefined;
  /** Put before the message. */
  readonly prefix: string;
}

/** Where an error points to, when it points into a config. */
export function placeOf(error: unknown): Place | undefined {
  return error instanceof NetworkConfigError || error instanceof PluginError ? error.place : undefined;
}

/** The line that a place is in, and a mark below the column. */
export function excerpt({ text, position: { line, column } }: Place): string {
  const shown = (text.split('\n')[line - 1] ?? '').replaceAll('\r', '');
  const characters = [...shown];
  // a long line, as of a config without line ends, is shown around the column
  const from =
    characters.length <= WIDEST ? 0 : Math.max(0, Math.min(column - 31, characters.length - WIDEST));
  const part = characters
    .slice(from, from + WIDEST)
    .map((character) => (character === '\t' ? ' ' : character));
  const number = String(line);
  const gap = ' '.repeat(number.length);
  return `${number} | ${part.join('')}\n${gap} | ${' '.repeat(Math.max(0, column - 1 - from))}^`;
}

const WIDEST = 100;
