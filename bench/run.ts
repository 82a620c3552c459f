/** Runs the benchmarks: every program in turn, ours and theirs, several times over; prints the ratios of the medians. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { execPath } from 'node:process';
import { parseArgs } from 'node:util';
import { type Case, cases, type Place, type Rival } from './cases.js';
import { comparePlugins } from './cni/compare.js';
import { compareDocker } from './docker/compare.js';
import { compareInProcess } from './in-process.js';
import { type Inputs, makeInputs, ROUTES } from './inputs.js';
import { compareMonitor } from './monitor/compare.js';
import { compareNamespaces } from './namespaces/compare.js';
import { readPeers, root } from './peers.js';
import { Table } from './table.js';
import { verify } from './verify.js';

/** Where the plots belong. */
const PLOTS = `${root}docs/benchmarks`;

const parts = ['codec', 'cni', 'docker', 'monitor', 'namespaces'] as const;
type Part = (typeof parts)[number];

function refuse(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        only: { type: 'string' },
        turns: { type: 'string', default: '3' },
        'no-benny': { type: 'boolean', default: false },
        'no-plots': { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const { values: options, positionals } = readArguments();
const turns = Number(options.turns);
if (!Number.isInteger(turns) || turns < 1) refuse(`--turns ${options.turns}: expected an integer above 0`);
for (const word of positionals) {
  if (!(parts as readonly string[]).includes(word))
    refuse(`There is no part ${word} of the benchmarks: expected ${parts.join(', ')}`);
}
const chosen = (part: Part): boolean => positionals.length === 0 || positionals.includes(part);
const peers = readPeers();
const table = new Table();

interface Measurement {
  readonly samples: number[];
  items: number;
}

interface Output {
  readonly items: number;
  readonly samples: readonly number[];
}

function argumentOf(inputs: Inputs, place: Place): string {
  return place === 'routes' || place === 'links' ? inputs.dumps[place] : '-';
}

/** Lets a program take its turn. Throws when it fails. */
function turn(
  inputs: Inputs,
  place: Place,
  command: readonly string[],
  bench: string,
  rounds: number,
  items: number,
): Output {
  const line = [...command, bench, argumentOf(inputs, place), String(rounds), String(items)];
  const within =
    place === 'full' || place === 'empty' ? ['nsenter', `--net=${inputs.namespaces[place]}`, ...line] : line;
  const [file, ...args] = within as [string, ...string[]];
  const done = spawnSync(file, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
  });
  if (done.status !== 0) {
    throw new Error(
      `${line.join(' ')} failed (${done.signal ?? done.error?.message ?? `status ${done.status}`}): ${done.stderr}`,
    );
  }
  return JSON.parse(done.stdout) as Output;
}

const ourProgram = [execPath, `${root}dist/bench/program.js`];

function commandOf(rival: Rival): readonly string[] | undefined {
  return rival.peer === 'javascript' ? ourProgram : peers[rival.peer].command;
}

function compare(inputs: Inputs, one: Case): void {
  const items = one.items ?? ROUTES;
  const contestants = [
    { rival: undefined, command: ourProgram, bench: one.ours, rounds: one.rounds },
    ...one.rivals.flatMap((rival) => {
      const command = commandOf(rival);
      if (command !== undefined)
        return [{ rival, command, bench: rival.bench, rounds: rival.rounds ?? one.rounds }];
      table.skip(
        one.title,
        rival.title,
        (rival.peer === 'javascript' ? undefined : peers[rival.peer].skipped) ?? 'not built',
      );
      return [];
    }),
  ];
  const measured = contestants.map((): Measurement => ({ samples: [], items: 0 }));
  for (let i = 0; i < turns; i++) {
    for (const [n, { command, bench, rounds }] of contestants.entries()) {
      const { samples, items: done } = turn(inputs, one.place, command, bench, rounds, items);
      const measurement = measured[n] as Measurement;
      measurement.samples.push(...samples);
      measurement.items = done;
    }
  }
  const [ours, ...theirs] = measured as [Measurement, ...Measurement[]];
  for (const [n, measurement] of theirs.entries()) {
    const { rival } = contestants[n + 1] as { rival: Rival };
    table.add({
      bench: one.title,
      rival: rival.title,
      ours: ours.samples.map((sample) => sample / ours.items),
      theirs: measurement.samples.map((sample) => sample / measurement.items),
      target: rival.target,
    });
  }
}

const WASM_LIMIT = 24 * 1024;

const wanted = (title: string): boolean => options.only === undefined || title.includes(options.only);

const { command: native } = peers.native;
if (native === undefined && (chosen('codec') || chosen('cni'))) {
  process.stderr.write(
    `The benchmarks need the C rival, which also makes their input: ${peers.native.skipped}\n`,
  );
  process.exit(1);
}
const [load = 0] = loadavg();

/** Decoding, encoding, dumps and batches. */
async function compareCodec(): Promise<void> {
  process.stderr.write('Making 100,000 routes and 1,000 links …\n');
  const inputs = makeInputs(native?.[0] as string);
  const stop = (): never => {
    inputs.remove();
    process.exit(130);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    verify(inputs, peers);
    for (const one of cases) {
      if (!wanted(one.title)) continue;
      process.stderr.write(`${one.title} …\n`);
      compare(inputs, one);
    }
    if (!options['no-benny'] && wanted('in one process')) await compareInProcess(inputs, table);
    if (wanted('WASM module size')) {
      const { size } = statSync(`${root}assembly/build/netloom.wasm`);
      table.addSize('WASM module size', size, WASM_LIMIT);
    }
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    inputs.remove();
  }
}

const comparisons: Readonly<Record<Part, () => void | Promise<void>>> = {
  codec: compareCodec,
  cni: () => comparePlugins(peers, table, turns, wanted),
  docker: () => compareDocker(table, turns, wanted),
  monitor: () => compareMonitor(table, wanted),
  namespaces: () => compareNamespaces(table, turns, wanted),
};
for (const name of parts) {
  if (!chosen(name)) continue;
  try {
    await comparisons[name]();
  } catch (error) {
    // what was measured before is not lost by it
    process.stderr.write(`${name} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}
process.stdout.write(table.print());
if (load > 0.5) {
  process.stdout.write(
    `The machine was busy before we began (load ${load.toFixed(1)} on ${cpus().length} cores): these figures are rough.\n`,
  );
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(table.rows(), null, 2)}\n`);
if (!options['no-plots'] && table.plots().size > 0) {
  mkdirSync(PLOTS, { recursive: true });
  for (const [name, svg] of table.plots()) writeFileSync(`${PLOTS}/${name}.svg`, svg);
  process.stdout.write(`Plots of ${table.plots().size} rows are in ${PLOTS}.\n`);
}
