import { test } from 'tap';
import { CniHost, type Json } from '../support/host.js';
import { attach, configOf, limited, mustRun, nothing } from './support/bandwidth.js';

test('many containers at once', { timeout: 120_000 }, async (t) => {
  const COUNT = 30;
  const host = new CniHost(t);
  const all = Array.from({ length: COUNT }, () => {
    const container = host.container();
    return { container, config: configOf(attach(host, container)) };
  });
  const each = async (command: string): Promise<void> => {
    const done = await Promise.all(
      all.map(({ container, config }) => host.start('ours', 'bandwidth', command, config, container)),
    );
    t.same(
      done.filter(({ status }) => status !== 0).map(({ stdout, stderr }) => stdout + stderr),
      [],
      command,
    );
  };
  await each('ADD');
  t.equal(new Set(limited(host).devices).size, COUNT);
  await each('DEL');
  t.same(limited(host), nothing);
});

/** Receives until the other end has sent everything, and answers with the number of bytes. */
const receiver = `
const { createServer } = require('node:net');
createServer({ allowHalfOpen: true }, (socket) => {
  let bytes = 0;
  socket.on('data', (part) => { bytes += part.length; });
  socket.on('end', () => { socket.end(String(bytes)); });
}).listen(7777, '::', () => console.log('ready')).unref();
setTimeout(() => {}, 60000);
`;
/** Sends so many bytes; writes how many ms it took until all were received. */
const sender = `
const { connect } = require('node:net');
const [address, size] = process.argv.slice(1);
const start = performance.now();
const socket = connect(7777, address, () => socket.end(Buffer.alloc(Number(size))));
socket.on('data', (text) => console.log(String(text), performance.now() - start));
`;

test('a stream', { timeout: 60_000 }, async (t) => {
  const SIZE = 1_500_000;
  const BURST = 50_000;
  const RATE = 1_000_000; // bytes/s
  const host = new CniHost(t);
  const container = host.container();
  const end = attach(host, container);
  for (const network of ['10.1.0', '10.2.0']) {
    host.lab.run('ip', 'address', 'add', `${network}.1/24`, 'dev', end);
    container.lab.run('ip', 'address', 'add', `${network}.2/24`, 'dev', 'eth0');
  }
  const limit = { rate: RATE * 8, burst: BURST * 8 };
  const config = configOf(end, {
    ingressRate: limit.rate,
    ingressBurst: limit.burst,
    egressRate: limit.rate,
    egressBurst: limit.burst,
    unshapedSubnets: ['10.2.0.0/24'],
  });
  mustRun(t, host, 'ours', 'ADD', config, container);
  const { spawn } = await import('node:child_process');
  const receivers = [host.lab, container.lab].map((lab) =>
    lab.namespace.run(() =>
      spawn(process.execPath, ['-e', receiver], { stdio: ['ignore', 'pipe', 'inherit'] }),
    ),
  );
  t.teardown(() => {
    for (const child of receivers) child.kill();
  });
  await Promise.all(receivers.map((child) => new Promise((resolve) => child.stdout.once('data', resolve))));
  const sent = async (
    from: 'host' | 'container',
    network: string,
  ): Promise<{ bytes: number; took: number }> => {
    const [lab, address] = from === 'host' ? [host.lab, `${network}.2`] : [container.lab, `${network}.1`];
    const { stdout } = await lab.namespace.exec(process.execPath, ['-e', sender, address, String(SIZE)]);
    const [bytes = 0, took = 0] = stdout.split(' ').map(Number);
    return { bytes, took };
  };
  // the least time that is possible: nothing that keeps a machine busy makes it shorter
  const least = ((SIZE - BURST) / RATE) * 1000 * 0.9;
  for (const from of ['host', 'container'] as const) {
    const { bytes, took } = await sent(from, '10.1.0');
    t.equal(bytes, SIZE);
    t.ok(took > least, `${from}: ${took} ms, at least ${least}`);
    const free = await sent(from, '10.2.0');
    t.equal(free.bytes, SIZE);
  }
  // packets of the other network have gone through their own class
  for (const { ifname } of host.lab.ip('link', 'show') as { ifname: string }[]) {
    if (ifname === 'lo') continue;
    const [, bytes] =
      /class htb 1:1 root[^\n]*\n Sent (\d+) bytes/.exec(
        host.lab.run('tc', '-s', 'class', 'show', 'dev', ifname),
      ) ?? [];
    t.ok(Number(bytes) > SIZE, `${ifname}: ${bytes} bytes not limited`);
  }
  const plain: Json = { ...config, unshapedSubnets: [] };
  mustRun(t, host, 'ours', 'DEL', plain, container);
  t.same(limited(host), nothing);
  mustRun(t, host, 'ours', 'ADD', plain, container);
  for (const from of ['host', 'container'] as const) {
    const { bytes, took } = await sent(from, '10.2.0');
    t.equal(bytes, SIZE);
    t.ok(took > least, `${from}: ${took} ms, at least ${least}`);
  }
});
