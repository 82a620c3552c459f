import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, execPath } from 'node:process';
import { Namespace } from '../namespace/namespace.js';
import { NetloomError } from '../netlink/errors.js';
import { bundled } from '../plugins/index.js';
import { type Attachment, parseNetworkList, Runtime } from '../runtime/index.js';

/** The network of openfaas' faasd. */
function conflist(dataDir: string): string {
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: 'openfaas-cni-bridge',
    plugins: [
      {
        type: 'bridge',
        bridge: 'openfaas0',
        isGateway: true,
        ipMasq: true,
        ipam: { type: 'host-local', subnet: '10.62.0.0/16', dataDir, routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'firewall' },
    ],
  });
}

/** What host-local remembers of a network without leases: its lock, and where it went on to next. */
const bookkeeping = /\/(lock|last_reserved_ip\.\d+)$/;

function fail(what: string, details: string): NetloomError {
  return new NetloomError('ERR_DEMO', `${what}\n${details}`);
}

function output(file: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8' });
  if (error !== undefined || status !== 0)
    throw fail(`${file} ${args.join(' ')} failed`, error?.message ?? stderr);
  return stdout;
}

/** The host's links, addresses, routes, rules of nftables and files, as other programs see them. */
function snapshot(directory: string): Record<string, string> {
  return {
    links: output('ip', '-j', '-d', 'link'),
    addresses: output('ip', '-j', 'address'),
    routes:
      output('ip', '-j', 'route', 'show', 'table', 'all') +
      output('ip', '-6', '-j', 'route', 'show', 'table', 'all'),
    nftables: output('nft', '-j', 'list', 'ruleset'),
    files: readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
      .filter((file) => !bookkeeping.test(file))
      .sort()
      .join('\n'),
  };
}

interface Container {
  readonly name: string;
  readonly attachment: Attachment;
  readonly namespace: Namespace;
  address: string;
}

const PORT = 8080;

const client = `
const socket = require('node:net').connect({ host: process.argv[1], port: ${PORT} });
socket.setTimeout(3000, () => socket.destroy(new Error('timeout')));
socket.on('data', (data) => { process.stdout.write(data); socket.end(); });
socket.on('error', (error) => { console.error(error.message); process.exit(1); });`;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs a step and tells how long it took. */
async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  say(`  ${what.padEnd(64)} ${(performance.now() - started).toFixed(1).padStart(7)} ms`);
  return result;
}

async function ping(from: Container, to: string): Promise<void> {
  const { status, stdout, stderr } = await from.namespace.exec('ping', ['-c', '1', '-W', '3', to]);
  if (status !== 0) throw fail(`${from.name} cannot ping ${to}`, stdout + stderr);
}

/** A server that says who it is; its socket is in the namespace where it is opened. */
function serve(name: string, open: (listen: () => void) => void): Promise<() => void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`hello from ${name}`);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => resolve(() => server.close()));
    open(() => server.listen(PORT));
  });
}

async function talk(from: Container, to: string, name: string): Promise<void> {
  const { status, stdout, stderr } = await from.namespace.exec(execPath, ['-e', client, to]);
  if (status !== 0 || stdout !== `hello from ${name}`)
    throw fail(`${from.name} has no TCP connection to ${to}`, stdout + stderr);
}

/** The rules that ADD made, without their comments. */
function showRules(): void {
  const rules = output('nft', 'list', 'ruleset')
    .split('\n')
    .filter((line) => / (saddr|daddr) 10\.62\./.test(line));
  for (const line of rules) say(`    ${line.trim().replace(/ comment .*/, '')}`);
}

async function inside(names: readonly string[], directory: string): Promise<void> {
  const results = join(directory, 'cache');
  const leases = join(directory, 'leases');
  for (const path of [results, leases]) mkdirSync(path);
  const list = parseNetworkList(conflist(leases));
  const runtime = new Runtime({ bundled, cacheDirectory: results });
  const containers: Container[] = names.map((name, i) => ({
    name: `container ${i + 1}`,
    namespace: Namespace.open(name),
    attachment: { containerId: `demo-${name}`, netns: `/run/netns/${name}`, ifname: 'eth0' },
    address: '',
  }));
  const [first, second] = containers as [Container, Container];
  const before = snapshot(directory);
  say(`Network ${list.name}: ${list.plugins.map(({ type }) => type).join(', ')}`);
  for (const container of containers) {
    const outcome = await step(`ADD ${container.name}`, () =>
      runtime.addNetworkList(list, container.attachment, { undoOnFailure: true }),
    );
    const [ip] = outcome.result.ips ?? [];
    container.address = ip?.address.split('/')[0] ?? '';
    say(
      `    eth0 ${ip?.address} gateway ${ip?.gateway}: ${outcome.timings.map(({ type, duration }) => `${type} ${duration.toFixed(1)} ms`).join(', ')}`,
    );
  }
  const gateway = '10.62.0.1';
  await step('each pings the other and the gateway', async () => {
    await ping(first, second.address);
    await ping(second, first.address);
    for (const container of containers) await ping(container, gateway);
  });
  const stops = [
    await serve('gateway', (listen) => listen()),
    ...(await Promise.all(containers.map((one) => serve(one.name, (listen) => one.namespace.run(listen))))),
  ];
  await step('each has TCP connections to the other and to the gateway', async () => {
    await talk(first, second.address, second.name);
    await talk(second, first.address, first.name);
    for (const container of containers) await talk(container, gateway, 'gateway');
  });
  for (const stop of stops) stop();
  say('  rules on the host (nft list ruleset):');
  showRules();
  for (const container of containers)
    await step(`CHECK ${container.name}`, () => runtime.checkNetworkList(list, container.attachment));
  for (const container of containers)
    await step(`DEL ${container.name}`, () => runtime.delNetworkList(list, container.attachment));
  const after = snapshot(directory);
  for (const [what, text] of Object.entries(before)) {
    if (after[what] !== text)
      throw fail(`DEL left something behind: ${what}`, `before: ${text}\nafter: ${after[what]}`);
  }
  say('  nothing is left: links, addresses, routes, nftables and files are as before');
  for (const container of containers) container.namespace.close();
}

const INSIDE = '--inside';

/**
 * The main job, shown: two namespaces as containers on the openfaas network of a third, which stands for the host, so
 * that the machine's own network stays as it is.
 */
export async function demo(args: readonly string[] = argv.slice(3)): Promise<void> {
  if (args[0] === INSIDE) {
    const [, directory = '', ...names] = args;
    await inside(names, directory);
    return;
  }
  const id = randomBytes(3).toString('hex');
  const names = [`netloom-1-${id}`, `netloom-2-${id}`];
  const directory = mkdtempSync(join(tmpdir(), 'netloom-demo-'));
  const made: string[] = [];
  const host = Namespace.createAnonymous();
  try {
    for (const name of names) {
      Namespace.create(name).close();
      made.push(name);
    }
    host.run(() => spawnSync('ip', ['link', 'set', 'lo', 'up']));
    const { status } = host.run(() =>
      spawnSync(execPath, [argv[1] as string, 'demo', INSIDE, directory, ...names], { stdio: 'inherit' }),
    );
    process.exitCode = status ?? 1;
  } finally {
    for (const name of made) Namespace.delete(name);
    host.close();
    rmSync(directory, { recursive: true });
  }
}
