import type { Json } from '../../plugins/support/host.js';
import type { Table } from '../row.js';
import { allVersions, dualStack, local } from './common.js';

const hostLocalNet = (ipam: Json, extra: Json = {}): Json[] => [{ type: 'host-local', ipam, ...extra }];
const range = (extra: Json): Json => ({ type: 'host-local', dataDir: '$DIR/leases', ...extra });
const sets = (...ranges: Json[][]): Json => range({ ranges });

export const hostLocal: Table = {
  plugin: 'host-local',
  withoutNetwork: true,
  rows: [
    { id: 'a subnet', plugins: hostLocalNet(local()), versions: allVersions, containers: 2, exchange: true },
    { id: 'both families', plugins: hostLocalNet(dualStack()), versions: allVersions },
    {
      id: 'start, end and gateway',
      plugins: hostLocalNet(
        local({ rangeStart: '10.62.1.10', rangeEnd: '10.62.1.20', gateway: '10.62.9.9' }),
      ),
      containers: 2,
    },
    {
      id: 'gateway inside of the range',
      plugins: hostLocalNet(
        local({ rangeStart: '10.62.1.10', rangeEnd: '10.62.1.20', gateway: '10.62.1.10' }),
      ),
    },
    {
      id: 'several ranges of a set',
      plugins: hostLocalNet(sets([{ subnet: '10.62.0.0/30' }, { subnet: '10.63.0.0/24' }])),
      containers: 2,
    },
    { id: 'subnet beside ranges', plugins: hostLocalNet(local({ ranges: [[{ subnet: 'fd00:62::/64' }]] })) },
    {
      id: 'ranges of runtimeConfig',
      plugins: hostLocalNet(range({}), { runtimeConfig: { ipRanges: [[{ subnet: '10.70.0.0/24' }]] } }),
    },
    {
      id: 'ranges of runtimeConfig first',
      plugins: hostLocalNet(local({ subnet: 'fd00:62::/64' }), {
        runtimeConfig: { ipRanges: [[{ Subnet: '10.70.0.0/24', RangeStart: '10.70.0.9' }]] },
      }),
    },
    { id: 'address of CNI_ARGS', plugins: hostLocalNet(local()), environment: { CNI_ARGS: 'IP=10.62.3.4' } },
    {
      id: 'address with prefix of CNI_ARGS',
      plugins: hostLocalNet(local()),
      environment: { CNI_ARGS: 'IP=10.62.3.4/24' },
    },
    { id: 'address of args', plugins: hostLocalNet(local(), { args: { cni: { ips: ['10.62.3.5'] } } }) },
    {
      id: 'addresses of runtimeConfig',
      plugins: hostLocalNet(dualStack(), { runtimeConfig: { ips: ['10.62.0.77', 'fd00:62::77/64'] } }),
    },
    {
      id: 'resolv.conf',
      plugins: hostLocalNet(local({ resolvConf: '$DIR/resolv.conf' })),
      files: {
        'resolv.conf':
          '# comment\nnameserver 10.1.1.1\nnameserver 10.1.1.2\n; other\ndomain a.b\nsearch c.d e.f\noptions ndots:5 timeout:1\n',
      },
      versions: ['0.2.0', '0.4.0', '1.0.0'],
    },
    {
      id: 'routes with every key',
      plugins: hostLocalNet(
        local({ routes: [{ dst: '10.1.0.0/16', gw: '10.62.0.9' }, { dst: '10.2.0.0/16' }] }),
      ),
      versions: ['0.2.0', '1.0.0'],
    },
    {
      id: 'one container after the other',
      plugins: hostLocalNet(local()),
      files: { 'leases/net/last_reserved_ip.0': '10.62.0.9', 'leases/net/10.62.0.10': 'other\r\neth0' },
    },
    {
      id: 'a lease of the old form',
      plugins: hostLocalNet(local()),
      files: { 'leases/net/10.62.0.2': 'another' },
    },
    {
      id: 'wraps around',
      plugins: hostLocalNet(local({ subnet: '10.62.0.0/29' })),
      files: { 'leases/net/last_reserved_ip.0': '10.62.0.6' },
    },
    {
      id: 'lease given back: the next one',
      plugins: hostLocalNet(local()),
      files: { 'leases/net/last_reserved_ip.0': '10.62.0.2\n' },
    },
    {
      id: 'keys in other case',
      plugins: hostLocalNet({
        TYPE: 'host-local',
        type: 'host-local',
        Subnet: '10.62.0.0/16',
        datadir: '$DIR/leases',
        RANGESTART: '10.62.0.50',
      }),
    },
    { id: 'DEL without namespace', plugins: hostLocalNet(local()), deleteEnvironment: { CNI_NETNS: '' } },
    {
      id: 'asked for the gateway',
      plugins: hostLocalNet(local()),
      environment: { CNI_ARGS: 'IP=10.62.0.1' },
      fails: /failed to allocate for range 0: requested ip 10\.62\.0\.1 is subnet's gateway/,
    },
    {
      id: 'asked for a taken address',
      plugins: hostLocalNet(local()),
      files: { 'leases/net/10.62.0.50': 'other\r\neth0' },
      environment: { CNI_ARGS: 'IP=10.62.0.50' },
      fails:
        /failed to allocate for range 0: requested IP address 10\.62\.0\.50 is not available in range set 10\.62\.0\.1-10\.62\.255\.254/,
    },
    {
      id: 'asked for an address outside',
      plugins: hostLocalNet(local()),
      environment: { CNI_ARGS: 'IP=10.99.0.1' },
      fails: /failed to allocate all requested IPs: 10\.99\.0\.1/,
    },
    {
      id: 'asked for no address',
      plugins: hostLocalNet(local()),
      environment: { CNI_ARGS: 'IP=nonsense' },
      fails: /nonsense/,
    },
    {
      id: 'already allocated',
      plugins: hostLocalNet(local()),
      files: { 'leases/net/10.62.0.9': '$CONTAINER\r\neth0' },
      fails: /duplicate allocation is not allowed/,
    },
    {
      id: 'range full',
      plugins: hostLocalNet(local({ subnet: '10.62.0.0/30' })),
      containers: 2,
      files: { 'leases/net/10.62.0.3': 'x' },
      fails: /no IP addresses available in range set: 10\.62\.0\.1-10\.62\.0\.2/,
    },
    {
      id: 'second range full',
      plugins: hostLocalNet(sets([{ subnet: '10.62.0.0/24' }], [{ subnet: '10.63.0.0/30' }])),
      containers: 2,
      fails:
        /failed to allocate for range 1: no IP addresses available in range set: 10\.63\.0\.1-10\.63\.0\.2/,
    },
    { id: 'no ipam', plugins: [{ type: 'host-local' }], fails: /IPAM config missing 'ipam' key/ },
    { id: 'no ranges', plugins: hostLocalNet(range({})), fails: /no IP ranges specified/ },
    { id: 'an empty set', plugins: hostLocalNet(sets([])), fails: /invalid range set 0: empty range set/ },
    { id: 'a range without subnet', plugins: hostLocalNet(sets([{}])), fails: /range set 0|subnet/ },
    {
      id: 'a subnet that is none',
      plugins: hostLocalNet(local({ subnet: 'nonsense' })),
      fails: /invalid CIDR address: nonsense/,
    },
    {
      id: 'host bits set',
      plugins: hostLocalNet(local({ subnet: '10.62.1.2/24' })),
      fails:
        /invalid range set 0: Network has host bits set\. For a subnet mask of length 24 the network address is 10\.62\.1\.0/,
    },
    {
      id: 'too small',
      plugins: hostLocalNet(local({ subnet: '10.62.0.0/31' })),
      fails: /invalid range set 0: Network 10\.62\.0\.0\/31 too small to allocate from/,
    },
    {
      id: 'start outside',
      plugins: hostLocalNet(local({ subnet: '10.62.0.0/24', rangeStart: '10.63.0.1' })),
      fails: /invalid range set 0: RangeStart 10\.63\.0\.1 not in network 10\.62\.0\.0\/24/,
    },
    {
      id: 'end outside',
      plugins: hostLocalNet(local({ subnet: '10.62.0.0/24', rangeEnd: '10.63.0.1' })),
      fails: /invalid range set 0: RangeEnd 10\.63\.0\.1 not in network 10\.62\.0\.0\/24/,
    },
    {
      id: 'start after end',
      plugins: hostLocalNet(
        local({ subnet: '10.62.0.0/24', rangeStart: '10.62.0.9', rangeEnd: '10.62.0.5' }),
      ),
      fails: /invalid range set 0: RangeStart 10\.62\.0\.9 not in network 10\.62\.0\.0\/24/,
    },
    {
      id: 'families mixed in a set',
      plugins: hostLocalNet(sets([{ subnet: '10.62.0.0/24' }, { subnet: 'fd00:62::/64' }])),
      fails: /invalid range set 0: mixed address families/,
    },
    {
      id: 'ranges of a set overlap',
      plugins: hostLocalNet(sets([{ subnet: '10.62.0.0/24' }, { subnet: '10.62.0.0/24' }])),
      fails:
        /invalid range set 0: subnets 10\.62\.0\.1-10\.62\.0\.254 and 10\.62\.0\.1-10\.62\.0\.254 overlap/,
    },
    {
      id: 'sets overlap',
      plugins: hostLocalNet(sets([{ subnet: '10.62.0.0/16' }], [{ subnet: '10.62.5.0/24' }])),
      fails: /range set 0 overlaps with 1/,
    },
    {
      id: 'two addresses of a family in 0.2.0',
      versions: ['0.2.0'],
      plugins: hostLocalNet(sets([{ subnet: '10.62.0.0/24' }], [{ subnet: '10.63.0.0/24' }])),
      fails: /CNI version 0\.2\.0 does not support more than 1 address per family/,
    },
    {
      id: 'no resolv.conf',
      plugins: hostLocalNet(local({ resolvConf: '$DIR/no-such' })),
      fails: /no-such: no such file or directory/,
    },
    {
      id: 'CHECK: lease gone',
      plugins: hostLocalNet(local()),
      beforeCheck: ['host: rm $DIR/leases/net/10.62.0.2'],
      checkFails: /host-local: Failed to find address added by container c/,
    },
  ],
};

const fixedNet = (ipam: Json, extra: Json = {}): Json[] => [
  { type: 'static', ipam: { type: 'static', ...ipam }, ...extra },
];
const one = { addresses: [{ address: '10.10.0.5/24', gateway: '10.10.0.254' }] };

export const fixedAddresses: Table = {
  plugin: 'static',
  withoutNetwork: true,
  rows: [
    { id: 'an address', plugins: fixedNet(one), versions: allVersions },
    {
      id: 'both families, routes, dns',
      plugins: fixedNet({
        addresses: [...one.addresses, { address: '3ffe:ffff:0:01ff::1/64', gateway: '3ffe:ffff:0::1' }],
        routes: [
          { dst: '0.0.0.0/0' },
          { dst: '192.168.0.0/16', gw: '10.10.5.1' },
          { dst: '3ffe:ffff:0:01ff::1/64' },
        ],
        dns: {
          nameservers: ['8.8.8.8'],
          domain: 'example.com',
          search: ['example.com'],
          options: ['ndots:2'],
        },
      }),
      versions: allVersions,
    },
    {
      id: 'two addresses of a family',
      plugins: fixedNet({ addresses: [...one.addresses, { address: '10.20.0.5/24' }] }),
      versions: ['0.3.1', '1.0.0'],
    },
    {
      id: 'the same route twice',
      plugins: fixedNet({
        ...one,
        routes: [
          { dst: '0.0.0.0/0', gw: '10.10.0.1' },
          { dst: '0.0.0.0/0', gw: '10.10.0.2' },
        ],
      }),
    },
    {
      id: 'addresses of CNI_ARGS',
      plugins: fixedNet({}),
      environment: { CNI_ARGS: 'IP=10.10.0.1/24, 11.11.0.1/24;GATEWAY=10.10.0.254' },
    },
    {
      id: 'CNI_ARGS beside the config',
      plugins: fixedNet(one),
      environment: { CNI_ARGS: 'IP=11.11.0.1/24;GATEWAY=11.11.0.254' },
    },
    {
      id: 'addresses of args',
      plugins: fixedNet(one, { args: { cni: { ips: ['10.30.0.1/24', 'fd00::5/64'] } } }),
    },
    {
      id: 'addresses of runtimeConfig before args',
      plugins: fixedNet(one, {
        args: { cni: { ips: ['10.30.0.1/24'] } },
        runtimeConfig: { ips: ['10.40.0.1/24'] },
      }),
    },
    { id: 'no addresses', plugins: fixedNet({}) },
    {
      id: 'no addresses in 0.2.0',
      plugins: fixedNet({}),
      versions: ['0.2.0'],
      fails: /cannot convert: no valid IP addresses/,
    },
    {
      id: 'two addresses of a family in 0.2.0',
      versions: ['0.2.0'],
      plugins: fixedNet({ addresses: [...one.addresses, { address: '10.20.0.5/24' }] }),
      fails: /CNI version 0\.2\.0 does not support more than 1 address per family/,
    },
    {
      id: 'no prefix',
      plugins: fixedNet({ addresses: [{ address: '10.10.0.5' }] }),
      fails: /the 'address' field is expected to be in CIDR notation, got: '10\.10\.0\.5'/,
    },
    {
      id: 'no prefix in CNI_ARGS',
      plugins: fixedNet({}),
      environment: { CNI_ARGS: 'IP=10.10.0.1' },
      fails: /the 'ip' field is expected to be in CIDR notation, got: '10\.10\.0\.1'/,
    },
    {
      id: 'no gateway in CNI_ARGS',
      plugins: fixedNet({}),
      environment: { CNI_ARGS: 'IP=10.10.0.1/24;GATEWAY=nonsense' },
      fails: /invalid gateway address: nonsense/,
    },
    {
      id: 'no prefix in runtimeConfig',
      plugins: fixedNet({}, { runtimeConfig: { ips: ['10.10.0.1'] } }),
      fails: /an entry in the 'ips' field is NOT in CIDR notation, got: '10\.10\.0\.1'/,
    },
    { id: 'no ipam', plugins: [{ type: 'static' }], fails: /IPAM config missing 'ipam' key/ },
  ],
};
