/** Rows of netloom monitor against `ip monitor all-nsid`, under the same events at the same time. */
import { spawnSync } from 'node:child_process';
import { execPath } from 'node:process';
import { root } from '../peers.js';
import type { Table } from '../table.js';
import type { MonitorRow, MonitorRun } from './run.js';

const RATE = 10_000;
const SECONDS = 10;
const NAMESPACES = 100;
/** Memory at the end, of that after half of the events: what grows with events would be above. */
const FLAT = 1.2;

const rival = 'ip monitor all-nsid';

function measure(): MonitorRun {
  const args = [`${root}dist/bench/monitor/run.js`, RATE, SECONDS, NAMESPACES, '--json'].map(String);
  const { status, stdout, stderr } = spawnSync(execPath, args, { encoding: 'utf8', timeout: 300_000 });
  if (status !== 0) throw new Error(`the bench of the monitor failed: ${stderr}`);
  return JSON.parse(stdout) as MonitorRun;
}

/** Fills the table with what monitors heard, lost and took. */
export function compareMonitor(table: Table, wanted: (title: string) => boolean): void {
  const titles = ['monitor', 'monitor --json'];
  if (!titles.some(wanted)) return;
  process.stderr.write(`monitor: ${RATE} events a second in ${NAMESPACES} namespaces …\n`);
  const { made, rate, lateMade, rows } = measure();
  const theirs = rows.find(({ title }) => title === rival) as MonitorRow;
  for (const title of titles) {
    const ours = rows.find((row) => row.title === `netloom ${title}`) as MonitorRow;
    // fewer than wanted where the machine has no time for them
    const of = `of ${made.toLocaleString('en')} at ${rate.toLocaleString('en')}/s`;
    table.addNumbers(
      `${title}: lost`,
      rival,
      [`${ours.lost} ${of}`, `${theirs.lost} ${of}`],
      ours.lost / made,
      0,
    );
    const late = `of ${lateMade.toLocaleString('en')}`;
    const losses = [`${ours.lostWhenLate} ${late}`, `${theirs.lostWhenLate} ${late}`] as const;
    table.addNumbers(
      `${title}: lost when stopped for 500 ms`,
      rival,
      losses,
      ours.lostWhenLate / lateMade,
      0,
    );
    table.add({
      bench: `${title}: processor time`,
      rival,
      ours: [ours.microsecondsPerEvent * 1000],
      theirs: [theirs.microsecondsPerEvent * 1000],
      target: undefined,
    });
    const [, middle = 1, last = 0] = ours.residentMiB;
    const memory = [`${last} MiB`, `${middle} MiB`] as const;
    table.addNumbers(`${title}: memory`, 'itself, at half time', memory, last / middle, FLAT);
  }
}
