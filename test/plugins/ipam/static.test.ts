import t from 'tap';
import type { Environment } from '../../../host/cni/arguments.js';
import { staticAddresses } from '../../../host/plugins/ipam/static.js';
import { comparable, environment, hasReference, runOurs, runReference } from '../../cni/support/reference.js';

// biome-ignore lint/suspicious/noExplicitAny: configs are as odd as they like
type Config = Record<string, any>;
interface Case {
  title: string;
  ipam: Config;
  rest?: Config;
  env?: Partial<Environment>;
}

const both = [
  { address: '10.10.0.1/24', gateway: '10.10.0.254' },
  { address: '3FFE:ffff:0:01ff::1/64', gateway: '3ffe:ffff:0::1' },
];
const cases: Case[] = [
  {
    title: 'both families',
    ipam: { addresses: both, routes: [{ dst: '0.0.0.0/0' }, { dst: '192.168.0.0/16', gw: '10.10.5.1' }] },
  },
  {
    title: 'dns',
    ipam: { addresses: both, dns: { nameservers: ['8.8.8.8'], domain: 'a', search: ['b'], options: [] } },
  },
  {
    title: 'routes twice',
    ipam: {
      addresses: both,
      routes: [
        { dst: '10.0.0.0/8', gw: '10.10.0.2' },
        { dst: '10.0.0.0/8', gw: '10.10.0.3' },
      ],
    },
  },
  { title: 'nothing', ipam: {} },
  { title: 'gateway elsewhere', ipam: { addresses: [{ address: '10.10.0.1/24', gateway: '9.9.9.9' }] } },
  {
    title: 'CNI_ARGS',
    ipam: {},
    env: { args: 'IP=10.10.0.1/24, 11.11.0.1/16;GATEWAY=10.10.0.254,11.11.0.254' },
  },
  {
    title: 'CNI_ARGS behind the config',
    ipam: { addresses: both },
    env: { args: 'IP=12.0.0.1/8;GATEWAY=10.10.0.7' },
  },
  { title: 'CNI_ARGS IP without length', ipam: {}, env: { args: 'IP=10.10.0.1' } },
  { title: 'CNI_ARGS gateway of nonsense', ipam: {}, env: { args: 'IP=10.10.0.1/24;GATEWAY=x' } },
  { title: 'CNI_ARGS unknown', ipam: {}, env: { args: 'A=b' } },
  {
    title: 'args',
    ipam: { addresses: both },
    rest: { args: { cni: { ips: ['10.1.2.3/24', 'fd00::1/64'] } } },
  },
  { title: 'args without length', ipam: {}, rest: { args: { cni: { ips: ['10.1.2.3'] } } } },
  {
    title: 'the runtime',
    ipam: { addresses: both },
    rest: { runtimeConfig: { ips: ['10.1.2.9/24'] }, args: { cni: { ips: ['10.1.2.3/24'] } } },
  },
  { title: 'the runtime without length', ipam: {}, rest: { runtimeConfig: { ips: ['10.1.2.3'] } } },
  { title: 'address without length', ipam: { addresses: [{ address: '10.10.0.1' }] } },
  { title: 'no address', ipam: { addresses: [{}] } },
  { title: 'no ipam', ipam: {}, rest: { ipam: undefined } },
  { title: 'two of a family', ipam: { addresses: [{ address: '10.0.0.1/8' }, { address: '11.0.0.1/8' }] } },
];

t.test('as the reference has it', { skip: !hasReference }, async (t) => {
  for (const { title, ipam, rest, env } of cases) {
    for (const cniVersion of ['0.2.0', '0.4.0', '1.0.0']) {
      const config = { cniVersion, name: 'n', type: 'x', ipam: { type: 'static', ...ipam }, ...rest };
      const theirs = runReference('static', environment(env), config);
      const ours = await runOurs(staticAddresses, environment(env), config);
      t.equal(ours.status, theirs.status, `${title}, ${cniVersion}: status; ${theirs.stdout} ${ours.text}`);
      if (theirs.status === 0)
        t.same(comparable(ours.output), comparable(theirs.json), `${title}, ${cniVersion}`);
      else t.equal(ours.error?.msg, theirs.json.msg, `${title}, ${cniVersion}`);
    }
  }
});

t.test('CHECK and DEL', { skip: !hasReference }, async (t) => {
  const prevResults: Config = {
    none: undefined,
    same: { cniVersion: '0.4.0', ips: [{ version: '4', address: '10.10.0.1/24', gateway: '10.10.0.254' }] },
    'another gateway': {
      cniVersion: '0.4.0',
      ips: [{ version: '4', address: '10.10.0.1/24', gateway: '10.10.0.1' }],
    },
    'another address': { cniVersion: '0.4.0', ips: [{ version: '4', address: '10.10.0.2/24' }] },
  };
  for (const [title, prevResult] of Object.entries(prevResults)) {
    const config = {
      cniVersion: '0.4.0',
      name: 'n',
      type: 'x',
      prevResult,
      ipam: { type: 'static', addresses: both },
    };
    for (const command of ['CHECK', 'DEL']) {
      const theirs = runReference('static', environment({ command }), config);
      const ours = await runOurs(staticAddresses, environment({ command }), config);
      t.equal(ours.status, theirs.status, `${title}, ${command}`);
      t.equal(ours.error?.msg, theirs.json?.msg, `${title}, ${command}`);
    }
  }
});
