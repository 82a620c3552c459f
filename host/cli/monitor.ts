import { closeSync, openSync, readFileSync } from 'node:fs';
import { printable } from '../inspect/index.js';
import {
  type EventFilter,
  eventJsonText,
  eventText,
  type LineOptions,
  type MonitorEvent,
  parseObjects,
  passes,
  Recorder,
  readRecording,
  usualObjects,
  type Watching,
  watchNamespaces,
} from '../monitor/index.js';
import { calendarText } from '../monitor/text/lines.js';
import { NetloomError } from '../netlink/errors.js';

/** What the command line says. */
export interface MonitorCommandOptions {
  readonly all?: boolean;
  readonly objects?: readonly string[];
  readonly dev?: string;
  readonly inet?: boolean;
  readonly inet6?: boolean;
  readonly json?: boolean;
  readonly timestamp?: boolean;
  readonly tshort?: boolean;
  readonly oneline?: boolean;
  readonly details?: boolean;
  readonly statistics?: boolean;
  readonly label: boolean;
  readonly initial?: boolean;
  readonly follow: boolean;
  readonly record?: string;
  readonly replay?: string;
  readonly quiet?: boolean;
  readonly receiveBuffer?: number;
}

function filterOf({ dev, inet, inet6 }: MonitorCommandOptions): EventFilter {
  return { device: dev, families: [...(inet ? [2] : []), ...(inet6 ? [10] : [])] };
}

function lineOptions(options: MonitorCommandOptions, namespace: boolean): LineOptions {
  return {
    namespace,
    label: options.label,
    timestamp: options.tshort ? 'short' : options.timestamp ? 'long' : undefined,
    oneLine: options.oneline,
    details: options.details,
    statistics: options.statistics,
  };
}

/** What is printed of an event. */
function printer(options: MonitorCommandOptions, namespace: boolean): (event: MonitorEvent) => string {
  if (options.json) return (event) => `${eventJsonText(event)}\n`;
  const lines = lineOptions(options, namespace);
  return (event) => eventText(event, lines);
}

/** As `ip monitor file`: the time on a line of its own whenever it is another. */
function replay(file: string, options: MonitorCommandOptions): void {
  const objects = options.objects === undefined ? undefined : parseObjects(options.objects);
  const print = printer(options, false);
  const printNamed = printer(options, true);
  const filter = filterOf(options);
  const stamped = !options.json && !options.timestamp && !options.tshort;
  let time = -1;
  let text = '';
  for (const event of readRecording(readFileSync(file), objects)) {
    if (!passes(event, filter)) continue;
    if (stamped && event.time !== time && event.time !== 0) {
      text += `Timestamp: ${calendarText(Math.floor(event.time / 1000))} ${event.time % 1_000_000} us\n`;
    }
    time = event.time;
    const named = event.event !== 'resync' && event.space.name !== '';
    text += named ? printNamed(event) : print(event);
    if (text.length > 65_536) {
      process.stdout.write(text);
      text = '';
    }
  }
  process.stdout.write(text);
}

/** Gathers what is printed in a turn of the event loop, and holds the monitor while nobody reads. */
class Output {
  #text = '';
  #watching: Watching | undefined;

  constructor(onClosed: () => void) {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      // who read it has had enough
      if (error.code !== 'EPIPE') process.exitCode = 1;
      onClosed();
    });
    process.stdout.on('drain', () => this.#watching?.monitor.resume());
  }

  hold(watching: Watching): void {
    this.#watching = watching;
  }

  add(text: string): void {
    this.#text += text;
    if (this.#text.length > 65_536) this.flush();
  }

  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    if (!process.stdout.write(text)) this.#watching?.monitor.pause();
  }
}

/** `netloom monitor`: until a signal ends it, or whoever reads it goes. */
export async function monitorCommand(selectors: string[], options: MonitorCommandOptions): Promise<void> {
  if (options.replay !== undefined) {
    if (options.record !== undefined || options.all || selectors.length > 0) {
      throw new NetloomError('ERR_INVALID_OPTIONS', '--replay goes with neither namespaces nor --record');
    }
    replay(options.replay, options);
    return;
  }
  const objects = options.objects === undefined ? usualObjects : parseObjects(options.objects);
  const file = options.record === undefined ? undefined : openSync(options.record, 'w', 0o644);
  const recorder = file === undefined ? undefined : new Recorder(file);
  const several = options.all === true || selectors.length > 1;
  const print = printer(options, several);
  const filter = filterOf(options);
  let begun = options.initial === true;
  let end: (error?: Error) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error));
  });
  const output = new Output(() => end());
  const stop = (): void => end();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  let watching: Watching | undefined;
  try {
    watching = await watchNamespaces({
      selectors,
      all: options.all,
      objects,
      // a recording begins with all that there is, as rtmon's
      initial: begun || recorder !== undefined,
      follow: options.follow && (options.all === true || selectors.length > 0),
      receiveBuffer: options.receiveBuffer,
      onEvent: (event) => {
        if (!passes(event, filter)) return;
        recorder?.record(event);
        if (begun && !options.quiet) output.add(print(event));
      },
      onDrained: () => output.flush(),
      onFailure: (error) => end(error),
      onProblem: (error) => process.stderr.write(`netloom: ${printable(error.message)}\n`),
    });
    begun = true;
    output.hold(watching);
    output.flush();
    await ended;
  } finally {
    output.flush();
    watching?.close();
    if (file !== undefined) closeSync(file);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  }
}
