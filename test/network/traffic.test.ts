import { type Test, test } from 'tap';
import { Network } from '../../host/network/network.js';
import { formatHandle, parseHandle } from '../../host/network/traffic.js';
import { Lab } from '../support/lab.js';

interface Tools {
  net: Network;
  text: (...args: string[]) => string;
  tc: (...args: string[]) => { [key: string]: unknown }[];
}

async function lab(t: Test): Promise<Tools> {
  const one = new Lab(t, 'tc');
  const net = await Network.open({ namespace: one.namespace });
  t.teardown(() => net.close());
  await net.links.create({ ifname: 'v0', kind: 'veth', up: true, peer: { ifname: 'v1' } });
  await net.links.change('v1', { up: true });
  const text = (...args: string[]): string => one.run('tc', ...args);
  return { net, text, tc: (...args) => JSON.parse(text('-j', ...args)) };
}

test('handles', async (t) => {
  t.equal(parseHandle('1:10', 'handle'), 0x10010);
  t.equal(parseHandle('ffff:', 'handle'), 0xffff0000);
  t.equal(parseHandle('root', 'parent'), 0xffffffff);
  t.equal(formatHandle(0x10010), '1:10');
  t.equal(formatHandle(0x10000), '1:');
  t.throws(() => parseHandle('x:y:z' as `${string}:${string}`, 'handle'), { code: 'ERR_INVALID_INPUT' });
});

test('a token bucket filter, an ingress qdisc and a redirecting filter', async (t) => {
  const { net, tc } = await lab(t);
  const RATE = 125_000; // bytes/s
  await net.qdiscs.add({
    device: 'v0',
    kind: 'tbf',
    handle: '1:',
    options: {
      parms: { rate: { rate: RATE, linklayer: 1 }, limit: 10_000, buffer: 64_000, mtu: 0 },
      burst: 5000,
    },
  });
  const [tbf] = tc('qdisc', 'show', 'dev', 'v0');
  t.match(tbf, { kind: 'tbf', handle: '1:', root: true, options: { rate: RATE, burst: 5000 } });
  t.match(await net.qdiscs.list({ device: 'v0' }), [{ kind: 'tbf', handle: '1:', parent: 'root' }]);
  await net.qdiscs.add({ device: 'v0', kind: 'ingress', parent: 'ingress', handle: 'ffff:' });
  const peer = (await net.links.get('v1')).index;
  await net.filters.add({
    device: 'v0',
    parent: 'ffff:',
    kind: 'u32',
    priority: 10,
    options: {
      sel: { flags: ['terminal'], nkeys: 1, keys: new Uint8Array(16) },
      act: [{ kind: 'mirred', options: { parms: { action: 4, eaction: 1, ifindex: peer } } }],
    } as never,
  });
  const filters = tc('filter', 'show', 'dev', 'v0', 'parent', 'ffff:');
  t.match(
    filters.find(({ options }) => options !== undefined && 'actions' in (options as object)),
    {
      kind: 'u32',
      pref: 10,
      protocol: 'all',
      options: {
        actions: [{ kind: 'mirred', mirred_action: 'redirect', direction: 'egress', to_dev: 'v1' }],
      },
    },
  );
  const ours = await net.filters.list({ device: 'v0', parent: 'ffff:' });
  t.ok(ours.every(({ kind, priority, protocol }) => kind === 'u32' && priority === 10 && protocol === 3));
  t.ok(await net.qdiscs.delete({ device: 'v0' }));
  t.notOk(await net.qdiscs.delete({ device: 'v0', handle: '1:' }));
});

test('classes', async (t) => {
  const { net, tc, text } = await lab(t);
  await net.qdiscs.add({
    device: 'v0',
    kind: 'htb',
    handle: '2:',
    options: { init: { version: 3, rate2quantum: 10, defcls: 1 } },
  });
  t.equal(tc('qdisc', 'show', 'dev', 'v0')[0]?.kind, 'htb');
  const RATE = 1_250_000; // bytes/s
  await net.classes.add({
    device: 'v0',
    parent: '2:',
    handle: '2:1',
    kind: 'htb',
    options: {
      parms: {
        rate: { rate: RATE, linklayer: 1 },
        ceil: { rate: 2 * RATE, linklayer: 1 },
        buffer: 1000,
        cbuffer: 1000,
        quantum: 1500,
      },
    },
  });
  // this tc knows no JSON for classes
  t.match(text('class', 'show', 'dev', 'v0'), /^class htb 2:1 root prio 0 rate 10Mbit ceil 20Mbit/);
  t.match(await net.classes.list({ device: 'v0' }), [{ handle: '2:1', kind: 'htb' }]);
  t.ok(await net.classes.delete({ device: 'v0', parent: '2:', handle: '2:1' }));
  t.notOk(await net.classes.delete({ device: 'v0', parent: '2:', handle: '2:1' }));
});
