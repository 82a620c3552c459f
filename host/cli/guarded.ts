import { CniError } from '../cni/errors.js';
import { printableJson, printableLines } from '../inspect/printable.js';
import { NetloomError } from '../netlink/errors.js';
import { excerpt, NetworkConfigError, type Place, placeOf } from '../runtime/errors.js';
import { paletteFor } from './color.js';

/** What was asked for could not be done. */
const FAILED = 1;

/** A place in a file as `file:line:column`. */
export function shownPlace({ file, position: { line, column } }: Place): string {
  return file === undefined ? `line ${line}, column ${column}` : `${file}:${line}:${column}`;
}

/** An error as it is told to a person: errors without a code with their stack; those of a config with the line at fault. */
export function describe(error: unknown): string {
  const known = error instanceof NetloomError || (error instanceof Error && 'code' in error);
  const text = known || !(error instanceof Error) ? String((error as Error)?.message ?? error) : error.stack;
  const place = placeOf(error);
  if (place === undefined) return text ?? '';
  const lines = excerpt(place).replace(/^/gm, '  ');
  const isSaid = error instanceof NetworkConfigError && place.file !== undefined;
  return isSaid ? `${text}\n${lines}` : `${text}\n  at ${shownPlace(place)}\n${lines}`;
}

/** The same for programs. */
export function describeJson(error: unknown): Record<string, unknown> {
  const { code = 'ERR_UNKNOWN', message } = error as NodeJS.ErrnoException;
  const { file, position } = placeOf(error) ?? {};
  const cni = error instanceof CniError ? { cni: error.output } : {};
  return { code, message, ...cni, ...(position === undefined ? {} : { place: { file, ...position } }) };
}

export interface GuardOptions {
  /** Tell errors as JSON, on stdout: `{ "error": … }`. */
  readonly json?: boolean | undefined;
}

/** Runs a command; tells what goes wrong. The exit code is then 1, or 128 and the signal's number. */
export async function guarded(work: () => Promise<void> | void, { json }: GuardOptions = {}): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (json) process.stdout.write(`${printableJson(JSON.stringify({ error: describeJson(error) }))}\n`);
    else
      process.stderr.write(
        `${paletteFor(process.stderr).error('netloom:')} ${printableLines(describe(error))}\n`,
      );
    process.exitCode = error instanceof Interruption ? error.exitCode : FAILED;
  }
}

/** The user has had enough. */
export class Interruption extends NetloomError {
  override readonly name = 'Interruption';
  readonly exitCode: number;
  constructor(signal: NodeJS.Signals, exitCode: number) {
    super('ERR_INTERRUPTED', `interrupted by ${signal}`);
    this.exitCode = exitCode;
  }
}

/** Set by SIGINT and SIGTERM, so that what was begun can be undone; the second one ends the process. */
export function interruptible(): AbortSignal {
  const controller = new AbortController();
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.once(signal, () => controller.abort(new Interruption(signal, 128 + number)));
  }
  return controller.signal;
}
