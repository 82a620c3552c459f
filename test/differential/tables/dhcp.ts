import type { Json } from '../../plugins/support/host.js';
import type { Row, Step, Table } from '../row.js';

/** Where the daemon of a side listens. Not below `$DIR`, whose files are compared. */
const SOCKET = '/tmp/$HOST-dhcp.sock';

/** One address, as the server chooses by hardware addresses, which are drawn. */
const server = (options: readonly string[]): string =>
  [
    'interface br0',
    'start 10.62.0.7',
    'end 10.62.0.7',
    'lease_file /dev/null',
    'pidfile /tmp/$HOST-udhcpd.pid',
    'option subnet 255.255.255.0',
    'option lease 3600',
    ...options,
  ].join('\\n');

/** A bridge with a server, and the daemon of who adds. */
const services = (...options: string[]): Step[] => [
  'host: ip link add br0 type bridge && ip address add 10.62.0.1/24 dev br0 && ip link set br0 up',
  `host: printf '${server(options)}\\n' > /tmp/$HOST-udhcpd.conf && busybox udhcpd -S /tmp/$HOST-udhcpd.conf`,
  `host: $PLUGINS/dhcp daemon -socketpath ${SOCKET} >/dev/null 2>&1 & echo $! > /tmp/$HOST-dhcp.pid; for i in $(seq 100); do [ -S ${SOCKET} ] && break; sleep 0.1; done`,
];

const ended: Step[] = [
  'host: kill $(cat /tmp/$HOST-udhcpd.pid /tmp/$HOST-dhcp.pid) 2>/dev/null; rm -rf /tmp/$HOST-*; true',
];

const net = (ipam: Json = {}, extra: Json = {}): Json[] => [
  { type: 'bridge', bridge: 'br0', ...extra, ipam: { type: 'dhcp', daemonSocketPath: SOCKET, ...ipam } },
];

const row = (one: Omit<Row, 'prepare' | 'finally'>, ...options: string[]): Row => ({
  ...one,
  prepare: services(...options),
  finally: ended,
});

const ROUTER = 'option router 10.62.0.1';

export const dhcp: Table = {
  plugin: 'dhcp',
  rows: [
    row({ id: 'a router', plugins: net(), versions: ['0.3.1', '1.0.0'] }, ROUTER),
    row({ id: 'no router', plugins: net() }),
    row(
      { id: 'classless routes', plugins: net({ request: [{ option: '121' }] }) },
      ROUTER,
      'option staticroutes 10.5.0.0/16 10.62.0.9',
    ),
    row(
      {
        id: 'no default options',
        plugins: net({ request: [{ option: 'subnet-mask', skipDefault: true }] }),
      },
      ROUTER,
    ),
    row(
      {
        id: 'an option to send',
        plugins: net({
          provide: [
            { option: 'host-name', value: 'web' },
            { option: '60', value: 'cni' },
          ],
        }),
      },
      ROUTER,
    ),
    row(
      {
        id: 'gateway and masquerade',
        plugins: net({}, { isDefaultGateway: true, ipMasq: true, ipMasqBackend: 'iptables' }),
      },
      ROUTER,
    ),
    row(
      {
        id: 'CHECK: address lost',
        plugins: net(),
        beforeCheck: ['pod: ip address flush dev eth0'],
        checkFails: /10\.62\.0\.7/,
      },
      ROUTER,
    ),
    row(
      { id: 'namespace gone before DEL', plugins: net(), beforeDelete: ['host: ip netns delete $POD'] },
      ROUTER,
    ),
    { id: 'no daemon', plugins: net(), fails: /dhcp\.sock/ },
    row(
      {
        id: 'an option without name',
        plugins: net({ provide: [{ value: 'web' }] }),
        fails: /Can not parse option/,
      },
      ROUTER,
    ),
  ],
};
