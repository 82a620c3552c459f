/** Rows of `netloom ns ls` with thousands of namespaces. */
import { spawnSync } from 'node:child_process';
import { execPath } from 'node:process';
import { root } from '../peers.js';
import type { Table } from '../table.js';

const NAMESPACES = 2000;
/** ns that it may take. */
const LIMIT = 2e9;
const NS = 1e6;

const ours = 'netloom ns ls';
/** Who else tells of namespaces, and less of them. */
const rivals = ['lsns -t net', 'ip -all netns exec ip -j address'];

/** Fills the table with what it takes to list namespaces. */
export function compareNamespaces(table: Table, turns: number, wanted: (title: string) => boolean): void {
  const bench = `ns ls: ${NAMESPACES.toLocaleString('en')} namespaces`;
  if (!wanted(bench)) return;
  process.stderr.write(`${bench} …\n`);
  const args = [`${root}dist/bench/namespaces/run.js`, NAMESPACES, turns, '--json'].map(String);
  const { status, stdout, stderr } = spawnSync(execPath, args, { encoding: 'utf8', timeout: 600_000 });
  if (status !== 0) throw new Error(`the bench of namespaces failed: ${stderr}`);
  const samples = JSON.parse(stdout) as Record<string, number[]>;
  const times = (name: string): number[] => (samples[name] ?? []).map((ms) => ms * NS);
  table.add({ bench, rival: '2 s', ours: times(ours), theirs: [LIMIT], target: 1 });
  for (const rival of rivals) {
    if (times(rival).length === 0) table.skip(bench, rival, 'it is not installed');
    else table.add({ bench, rival, ours: times(ours), theirs: times(rival), target: undefined });
  }
}
