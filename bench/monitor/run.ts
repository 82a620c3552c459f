/**
 * netloom monitor against `ip monitor all-nsid`, both under the same events: 100 namespaces, 10,000 events a second
 * unless told otherwise. run.js [RATE] [SECONDS] [NAMESPACES] [--json]: a table, or one document of JSON.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, execPath, pid } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Namespace } from '../../host/namespace/namespace.js';

const numbers = argv
  .slice(2)
  .filter((word) => /^\d+$/.test(word))
  .map(Number);
const [rate = 10_000, seconds = 10, count = 100] = numbers;
const asJson = argv.includes('--json');
const here = fileURLToPath(new URL('.', import.meta.url));
const cli = join(here, '../../host/cli/main.js');

/** ms that readers are stopped for in the end. */
const LATE = 500;
/** USER_HZ */
const TICKS = 100;

/** What one of them heard, and what it took. */
export interface MonitorRow {
  readonly title: string;
  readonly heard: number;
  readonly lost: number;
  readonly overruns: number;
  readonly lostWhenLate: number;
  readonly cpuSeconds: number;
  readonly microsecondsPerEvent: number;
  /** Before, after half of the events, and after all. */
  readonly residentMiB: readonly number[];
}

/** A run's outcome. */
export interface MonitorRun {
  readonly namespaces: number;
  /** Events. */
  readonly made: number;
  /** While the readers were stopped. */
  readonly lateMade: number;
  /** A second, as far as the machine allowed. */
  readonly rate: number;
  readonly rows: readonly MonitorRow[];
}

interface Usage {
  /** Seconds of processor time. */
  readonly cpu: number;
  /** KiB */
  readonly resident: number;
}

function usageOf(child: ChildProcess): Usage {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) / TICKS,
    resident: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]),
  };
}

/** Lines that tell of a link or a route, and of losses. */
function tally(path: string): { events: number; losses: number } {
  const fd = openSync(path, 'r');
  const buffer = Buffer.alloc(1 << 20);
  let rest = '';
  let events = 0;
  let losses = 0;
  for (;;) {
    const length = readSync(fd, buffer);
    if (length === 0) break;
    const lines = (rest + buffer.toString('latin1', 0, length)).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) {
      if (/\[(LINK|ROUTE)\]/.test(line) || /"object":"(link|route)"/.test(line)) events++;
      if (line.includes('[RESYNC]') || line.includes('"event":"resync"') || line.includes('No buffer space'))
        losses++;
    }
  }
  closeSync(fd);
  return { events, losses };
}

interface Subject {
  readonly title: string;
  readonly path: string;
  readonly child: ChildProcess;
  first: Usage;
  middle: Usage;
  last: Usage;
}

const directory = mkdtempSync(join(tmpdir(), 'netloom-bench-'));
const names = Array.from({ length: count }, (_, i) => `nl-bench-${pid}-${i}`);

function start(title: string, file: string, args: readonly string[]): Subject {
  const path = join(directory, title.replaceAll(/\W/g, '-'));
  const out = openSync(path, 'w');
  const child = spawn(file, args, { stdio: ['ignore', out, out], env: { PATH: process.env.PATH } });
  closeSync(out);
  const none = { cpu: 0, resident: 0 };
  return { title, path, child, first: none, middle: none, last: none };
}

async function quiet(subjects: readonly Subject[]): Promise<void> {
  for (let before = -1, now = 0; before !== now; ) {
    await sleep(1000);
    before = now;
    now = subjects.reduce((all, { path }) => all + statSync(path).size, 0);
  }
}

const selectors = names.map((name) => `netns:${name}`);
const subjects: Subject[] = [];
try {
  for (const name of names) {
    using namespace = Namespace.create(name);
    namespace.execSync('ip', ['link', 'set', 'lo', 'up']);
  }
  subjects.push(
    start('netloom monitor', execPath, [cli, 'monitor', ...selectors, '--objects', 'link,route']),
  );
  subjects.push(
    start('netloom monitor --json', execPath, [
      cli,
      'monitor',
      ...selectors,
      '--objects',
      'link,route',
      '--json',
    ]),
  );
  await sleep(3000);
  // only what has a number is heard of by ip: now all have
  subjects.push(start('ip monitor all-nsid', 'ip', ['monitor', 'label', 'all-nsid', 'link', 'route']));
  await sleep(2000);
  const storm = (duration: number): { made: number; rate: number } => {
    const { stdout, stderr, status } = spawnSync(
      execPath,
      [join(here, 'storm.js'), String(rate), String(duration), ...names],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as { made: number; rate: number };
  };
  storm(2);
  await quiet(subjects);
  const before = subjects.map(({ path }) => tally(path).events);
  for (const one of subjects) one.first = usageOf(one.child);
  const half = storm(seconds / 2);
  for (const one of subjects) one.middle = usageOf(one.child);
  const rest = storm(seconds / 2);
  await quiet(subjects);
  for (const one of subjects) one.last = usageOf(one.child);
  const made = half.made + rest.made;
  const tallies = subjects.map(({ path }) => tally(path));
  // readers that are late, as those of a terminal are that is scrolled back
  const stalling = spawn(execPath, [join(here, 'storm.js'), String(rate), '2', ...names], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let late = '';
  stalling.stdout.setEncoding('utf8').on('data', (text: string) => {
    late += text;
  });
  await sleep(1000);
  for (const { child } of subjects) child.kill('SIGSTOP');
  await sleep(LATE);
  for (const { child } of subjects) child.kill('SIGCONT');
  await new Promise((resolve) => stalling.once('close', resolve));
  await quiet(subjects);
  const lateMade = (JSON.parse(late) as { made: number }).made;
  const rows = subjects.map((one, i): MonitorRow => {
    const { events, losses } = tallies[i] as { events: number; losses: number };
    const after = tally(one.path);
    const cpu = one.last.cpu - one.first.cpu;
    return {
      title: one.title,
      heard: events - (before[i] as number),
      lost: Math.max(0, made - (events - (before[i] as number))),
      overruns: losses,
      lostWhenLate: Math.max(0, lateMade - (after.events - events)),
      cpuSeconds: Number(cpu.toFixed(2)),
      microsecondsPerEvent: Number(((cpu * 1e6) / made).toFixed(1)),
      residentMiB: [one.first, one.middle, one.last].map(({ resident }) => Math.round(resident / 1024)),
    };
  });
  const result: MonitorRun = {
    namespaces: count,
    made,
    lateMade,
    rate: Math.round((half.rate + rest.rate) / 2),
    rows,
  };
  if (asJson) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    process.stdout.write(`${made} events in ${count} namespaces, ${result.rate} a second\n`);
    for (const row of rows) {
      const memory = row.residentMiB.join(' → ');
      process.stdout.write(
        `${row.title.padEnd(24)} heard ${row.heard}, lost ${row.lost}, overruns ${row.overruns}, lost ${row.lostWhenLate} when ${LATE} ms late, ${row.cpuSeconds} s of processor (${row.microsecondsPerEvent} µs an event), ${memory} MiB\n`,
      );
    }
  }
} finally {
  for (const { child } of subjects) child.kill();
  for (const name of names) Namespace.delete(name);
  rmSync(directory, { recursive: true });
}
