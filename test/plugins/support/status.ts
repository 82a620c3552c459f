import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { CniHost, Container, Json } from './host.js';

type Outcome = { readonly status: number | null; readonly json: Json; readonly text: string };

/** Programs that a plugin is started by, to spoil what it finds. */
const without = {
  nothing: [],
  // of a view of the files that is the plugin's own
  iptables: [
    'unshare',
    '--mount',
    'sh',
    '-c',
    'mount --bind /dev/null "$(readlink -f "$(command -v iptables-restore)")" && exec "$0"',
  ],
  tun: ['unshare', '--mount', 'sh', '-c', 'mount --bind /dev/null /dev/net/tun && exec "$0"'],
  privileges: ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'],
} as const;

/** A call of our plugin, on a host where something is missing. */
export function run(
  host: CniHost,
  command: string,
  config: Json,
  container: Container,
  missing: keyof typeof without = 'nothing',
): Outcome {
  const env = {
    PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
    CNI_COMMAND: command,
    CNI_CONTAINERID: container.id,
    CNI_NETNS: container.lab.path,
    CNI_IFNAME: 'eth0',
    CNI_PATH: join(host.directory, 'bin'),
  };
  const [file = '', ...args] = [...without[missing], host.file('ours', String(config.type))];
  const { status, stdout, stderr, error } = host.lab.namespace.run(() =>
    spawnSync(file, args, { env, input: JSON.stringify(config), encoding: 'utf8' }),
  );
  if (error !== undefined) throw error;
  let json: Json = {};
  try {
    json = JSON.parse(stdout) as Json;
  } catch {
    // STATUS prints nothing when all is well
  }
  return { status, json, text: `${stdout}${stderr}` };
}

/** What STATUS is asked. */
export interface Case {
  readonly title: string;
  readonly config: Json;
  readonly missing?: keyof typeof without;
  /** What STATUS says; success when left out. */
  readonly wrong?: { readonly code: number; readonly msg: RegExp };
  /** ADD succeeds although STATUS says no, or needs more than a test gives it. */
  readonly withoutAdd?: boolean;
}

/** STATUS says what is expected, and ADD does what STATUS says. */
export function eachCase(t: Test, host: CniHost, cases: readonly Case[]): void {
  for (const { title, config: given, missing, wrong, withoutAdd } of cases) {
    const config = { cniVersion: '1.1.0', name: 'net', ...given };
    const what = `${given.type}: ${title}`;
    const container = host.container();
    const status = run(host, 'STATUS', config, container, missing);
    if (wrong === undefined) t.equal(status.status, 0, `${what}: ${status.text}`);
    else t.match(status.json, wrong, what);
    if (withoutAdd) continue;
    const added = run(host, 'ADD', config, container, missing);
    t.equal(added.status, wrong === undefined ? 0 : 1, `${what}: ADD: ${added.text}`);
    const deleted = run(host, 'DEL', config, container);
    t.equal(deleted.status, 0, `${what}: DEL: ${deleted.text}`);
  }
}

export function ipamOf(host: CniHost, extra: Json = {}): Json {
  return {
    type: 'host-local',
    dataDir: host.dataDir,
    ranges: [[{ subnet: '10.64.0.0/24' }]],
    ...extra,
  };
}
