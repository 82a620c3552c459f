import type { Json } from '../../plugins/support/host.js';
import type { Table } from '../row.js';
import { chainVersions, dualStack, local } from './common.js';

const map = (portMappings: Json[], extra: Json = {}): Json => ({
  type: 'portmap',
  backend: 'iptables',
  runtimeConfig: { portMappings },
  ...extra,
});
const web: Json = { hostPort: 8080, containerPort: 80, protocol: 'tcp' };
const behind = (...plugins: Json[]): Json[] => [{ type: 'ptp', ipam: local() }, ...plugins];

export const portmap: Table = {
  plugin: 'portmap',
  rows: [
    { id: 'a port', plugins: behind(map([web])), versions: chainVersions, exchange: true },
    {
      id: 'several protocols',
      plugins: behind(
        map([
          web,
          { hostPort: 53, containerPort: 5353, protocol: 'udp' },
          { hostPort: 9, containerPort: 99, protocol: 'sctp' },
        ]),
      ),
    },
    {
      id: 'behind a bridge',
      plugins: [{ type: 'bridge', bridge: 'br-test', isGateway: true, ipam: local() }, map([web])],
      containers: 2,
    },
    {
      id: 'both families',
      plugins: [{ type: 'bridge', bridge: 'br-test', isGateway: true, ipam: dualStack() }, map([web])],
      exchange: true,
    },
    { id: 'an address of the host', plugins: behind(map([{ ...web, hostIP: '192.168.1.1' }])) },
    { id: 'any address of the host', plugins: behind(map([{ ...web, hostIP: '0.0.0.0' }])) },
    { id: 'an address of the other family', plugins: behind(map([{ ...web, hostIP: 'fd00::1' }])) },
    {
      id: 'as go-cni spells it',
      plugins: behind(map([{ HostPort: 8080, ContainerPort: 80, Protocol: 'tcp', HostIP: '' }])),
    },
    { id: 'without snat', plugins: behind(map([web], { snat: false })) },
    { id: 'another bit for marks', plugins: behind(map([web], { markMasqBit: 5 })) },
    {
      id: 'a chain of others for marks',
      plugins: behind(map([web], { externalSetMarkChain: 'KUBE-MARK-MASQ' })),
      prepare: ['host: iptables -t nat -N KUBE-MARK-MASQ'],
    },
    { id: 'conditions', plugins: behind(map([web], { conditionsV4: ['!', '-d', '1.2.3.4'] })) },
    {
      id: 'sixteen ports',
      plugins: behind(
        map(
          Array.from({ length: 16 }, (_, i) => ({ hostPort: 8080 + i, containerPort: 80, protocol: 'tcp' })),
        ),
      ),
    },
    { id: 'no ports', plugins: behind(map([])) },
    {
      id: 'rules there before',
      plugins: behind(map([web])),
      prepare: ['host: iptables -t nat -A PREROUTING -p tcp --dport 99 -j REDIRECT'],
    },
    { id: 'port 0', plugins: behind(map([{ ...web, hostPort: 0 }])), fails: /Invalid host port number: 0/ },
    {
      id: 'port 0 of the container',
      plugins: behind(map([{ ...web, containerPort: 0 }])),
      fails: /Invalid container port number: 0/,
    },
    {
      id: 'bit and chain',
      plugins: behind(map([web], { externalSetMarkChain: 'X', markMasqBit: 5 })),
      fails: /Cannot specify externalSetMarkChain and markMasqBit/,
    },
    {
      id: 'bit out of range',
      plugins: behind(map([web], { markMasqBit: 32 })),
      fails: /MasqMarkBit must be between 0 and 31/,
    },
    { id: 'without a plugin before', plugins: [map([web])], fails: /must be called as (a )?chained plugin/ },
    {
      id: 'DEL without CNI_NETNS',
      plugins: [{ type: 'bridge', bridge: 'br-test', isGateway: true, ipam: local() }, map([web])],
      deleteEnvironment: { CNI_NETNS: '' },
    },
    {
      id: 'CHECK: chain lost',
      plugins: behind(map([web])),
      beforeCheck: ['host: iptables -t nat -F; iptables -t nat -X'],
      checkFails: /could not check ipv4 dnat/,
    },
  ],
};
