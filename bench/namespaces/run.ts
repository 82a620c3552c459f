/**
 * How long `netloom ns ls` takes with many namespaces: node dist/bench/namespaces/run.js [namespaces]
 * [turns] [--json]. Each is named,
 * has a veth pair to this one and an address, and every other one has a process. It works in namespaces of its own, so
 * that nothing of the machine is seen or touched. Beside it lsns(8), which tells neither names of containers nor what is in
 * a namespace, and `ip -all netns exec ip -j address`, which tells of named ones what is in them.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { argv, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { discover, inventory } from '../../host/inspect/index.js';
import { Namespace } from '../../host/namespace/namespace.js';
import { Network } from '../../host/network/network.js';

const INSIDE = 'NETLOOM_BENCH_INSIDE';
const netloom = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));
const count = Number(argv[2] ?? 2000);
const turns = Number(argv[3] ?? 5);
const asJson = argv.includes('--json');

if (process.env[INSIDE] === undefined) {
  const script = 'mount -t tmpfs none /run && mkdir -p /run/netns && ip link set lo up && exec "$@"';
  const isolate = ['-n', '-m', '-p', '-f', '--kill-child', '--mount-proc', '--propagation', 'private'];
  const { status } = spawnSync(
    'unshare',
    [
      ...isolate,
      'sh',
      '-c',
      script,
      'sh',
      execPath,
      fileURLToPath(import.meta.url),
      String(count),
      String(turns),
      ...(asJson ? ['--json'] : []),
    ],
    { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } },
  );
  process.exitCode = status ?? 1;
} else await measure();

async function furnish(): Promise<ChildProcess[]> {
  const processes: ChildProcess[] = [];
  await using network = await Network.open();
  for (let i = 0; i < count; i++) {
    using namespace = Namespace.create(`ns${i}`);
    await network.links.create({
      ifname: `v${i}`,
      kind: 'veth',
      up: true,
      peer: { ifname: 'eth0', namespace },
    });
    await using inside = await Network.open({ namespace });
    await inside.addresses.add({ device: 'eth0', address: `10.${i >> 8}.${i & 255}.2/24` });
    await inside.links.change('eth0', { up: true });
    if (i % 2 === 0) processes.push(namespace.run(() => spawn('sleep', ['1000'], { stdio: 'ignore' })));
  }
  return processes;
}

/** ms of several turns, the median first. */
function summary(samples: readonly number[]): string {
  const sorted = [...samples].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] as number;
  return `${median.toFixed(0)} ms (${sorted.map((one) => one.toFixed(0)).join(', ')})`;
}

function command(file: string, ...args: string[]): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`);
  return performance.now() - started;
}

async function measure(): Promise<void> {
  process.stderr.write(`Making ${count} namespaces …\n`);
  const processes = await furnish();
  try {
    const found = discover().namespaces.length;
    if (found !== count + 1) throw new Error(`found ${found} namespaces, there are ${count + 1}`);
    const contests: Readonly<Record<string, () => number | Promise<number>>> = {
      'netloom ns ls': () => command(execPath, netloom, 'ns', 'ls'),
      'netloom ns ls --json': () => command(execPath, netloom, 'ns', 'ls', '--json'),
      'lsns -t net': () => command('lsns', '-t', 'net'),
      'discover()': async () => {
        const started = performance.now();
        discover();
        return performance.now() - started;
      },
      'inventory()': async () => {
        const started = performance.now();
        await inventory();
        return performance.now() - started;
      },
    };
    const samples = new Map<string, number[]>();
    for (let turn = 0; turn < turns; turn++) {
      for (const [name, run] of Object.entries(contests))
        samples.set(name, [...(samples.get(name) ?? []), await run()]);
    }
    samples.set('ip -all netns exec ip -j address', [
      command('ip', '-all', 'netns', 'exec', 'ip', '-j', 'address'),
    ]);
    if (asJson) process.stdout.write(JSON.stringify(Object.fromEntries(samples)));
    else for (const [name, all] of samples) process.stdout.write(`${name.padEnd(34)} ${summary(all)}\n`);
  } finally {
    for (const child of processes) child.kill('SIGKILL');
  }
}
