import type { Row, Table } from '../row.js';
import { local } from './common.js';

const plain = [{ type: 'host-local', ipam: local() }];
const wrong = (id: string, environment: Record<string, string>, fails: RegExp): Row => ({
  id,
  plugins: plain,
  environment,
  fails,
});

/** What every plugin does alike, shown by host-local, which is quick. */
export const protocol: Table = {
  plugin: 'protocol',
  withoutNetwork: true,
  rows: [
    wrong('no container', { CNI_CONTAINERID: '' }, /required env variables \[CNI_CONTAINERID\] missing/),
    wrong(
      'no container and no namespace',
      { CNI_CONTAINERID: '', CNI_NETNS: '' },
      /required env variables \[CNI_CONTAINERID,CNI_NETNS\] missing/,
    ),
    wrong(
      'container of wrong characters',
      { CNI_CONTAINERID: '../etc' },
      /invalid characters in containerID/,
    ),
    wrong('no interface name', { CNI_IFNAME: '' }, /required env variables \[CNI_IFNAME\] missing/),
    wrong('long interface name', { CNI_IFNAME: 'abcdefghijklmnop' }, /interface name is too long/),
    wrong('interface name of dots', { CNI_IFNAME: '..' }, /interface name is \. or \.\./),
    wrong(
      'interface name with a slash',
      { CNI_IFNAME: 'a/b' },
      /interface name contains \/ or : or whitespace characters/,
    ),
    wrong(
      'interface name with a blank',
      { CNI_IFNAME: 'a b' },
      /interface name contains \/ or : or whitespace characters/,
    ),
    {
      id: 'network name of wrong characters',
      plugins: [{ ...plain[0], name: '../net' }],
      fails: /invalid characters found in network name/,
    },
    { id: 'no network name', plugins: [{ ...plain[0], name: '' }], fails: /missing network name/ },
    {
      id: 'a version of the future',
      plugins: [{ ...plain[0], cniVersion: '9.0.0' }],
      fails: /incompatible CNI versions/,
    },
    {
      id: 'no version',
      plugins: [{ ...plain[0], cniVersion: '' }],
      checkFails: /config version does not allow CHECK/,
    },
    {
      id: 'a name of the wrong type',
      plugins: [{ ...plain[0], name: 5 }],
      fails: /error unmarshall network config: .*name/,
    },
    {
      id: 'VERSION',
      plugins: [{ type: 'host-local' }, { type: 'firewall' }, { type: 'sbr' }, { type: 'bridge' }],
      operations: ['VERSION'],
    },
    {
      id: 'STATUS and GC, config too old',
      plugins: [{ type: 'bridge' }],
      versions: ['1.0.0'],
      operations: ['STATUS', 'GC'],
    },
    {
      id: 'STATUS and GC',
      plugins: [
        { type: 'host-local', ipam: local() },
        { type: 'static', ipam: { type: 'static' } },
        { type: 'loopback' },
      ],
      versions: ['1.1.0'],
      operations: ['STATUS', 'GC'],
    },
  ],
};
