/** Plugins and lists that are timed against the reference's. */

export type Json = Record<string, unknown>;

/** What a config needs to know of its place. */
export interface Place {
  /** Directory for leases. */
  readonly dataDir: string;
}

export interface CniCase {
  readonly title: string;
  /** Of specification version 0.4.0, which Debian's older plugins know too. */
  readonly plugins: (place: Place) => readonly Json[];
  /** Of the first plugins of the list: attached before each ADD, detached after each DEL, not timed. */
  readonly untimed?: number;
  readonly ifname?: string;
  /** What must be there on the host: arguments of `ip`. */
  readonly prepare?: readonly (readonly string[])[];
  /** Makes a link of the kind that is needed, to see whether this kernel has it: arguments of `ip`, after `prepare`. */
  readonly probe?: readonly string[];
  /** Is one more container attached beforehand and stays? It is, unless there is but one of what it takes. */
  readonly alone?: boolean;
  /** Highest ratio of our one-shot ADD to the reference's that meets the target. */
  readonly target?: number;
  /** Name of the file of the one-shot ADD's plot. */
  readonly plot?: string;
  /** Is there a C program that sends the same messages? */
  readonly floor?: boolean;
}

const range = ({ dataDir }: Place, routes: readonly Json[] = [{ dst: '0.0.0.0/0' }]): Json => ({
  type: 'host-local',
  subnet: '10.62.0.0/16',
  dataDir,
  routes,
});

const bridge = (place: Place): Json => ({
  type: 'bridge',
  bridge: 'bench0',
  isGateway: true,
  ipMasq: true,
  ipam: range(place),
});

export const portmap: Json = {
  type: 'portmap',
  capabilities: { portMappings: true },
  runtimeConfig: {
    portMappings: [8080, 8081, 8082, 8083].map((port) => ({
      hostPort: port,
      containerPort: port,
      protocol: 'tcp',
    })),
  },
};

export const bandwidth: Json = { type: 'bandwidth', ingressRate: 10_000_000, ingressBurst: 10_000_000 };

const uplink = [
  ['link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1'],
  ['link', 'set', 'up0', 'up'],
  ['link', 'set', 'up1', 'up'],
] as const;

export const cniCases: readonly CniCase[] = [
  {
    title: 'bridge + host-local + ipMasq',
    plugins: (place) => [bridge(place)],
    target: 1,
    floor: true,
  },
  {
    title: 'openfaas list: bridge + firewall',
    plot: 'one-shot-openfaas-add',
    plugins: (place) => [bridge(place), { type: 'firewall' }],
    target: 1,
  },
  {
    title: 'ptp + host-local + ipMasq',
    plugins: (place) => [{ type: 'ptp', ipMasq: true, ipam: range(place) }],
    target: 1,
  },
  {
    title: 'macvlan + host-local',
    prepare: uplink,
    plugins: (place) => [{ type: 'macvlan', master: 'up0', ipam: range(place, []) }],
    target: 1,
  },
  {
    title: 'firewall',
    plugins: (place) => [bridge(place), { type: 'firewall', backend: 'iptables' }],
    untimed: 1,
    target: 1,
  },
  { title: 'sbr', plugins: (place) => [bridge(place), { type: 'sbr' }], untimed: 1, target: 1 },
  {
    title: 'portmap, 4 ports',
    plugins: (place) => [bridge(place), portmap],
    untimed: 1,
    target: 1,
  },
  {
    title: 'bandwidth',
    plugins: (place) => [bridge(place), bandwidth],
    untimed: 1,
    target: 1,
  },
  {
    title: 'tuning',
    plugins: (place) => [
      bridge(place),
      { type: 'tuning', mtu: 1400, sysctl: { 'net.ipv4.conf.all.log_martians': '1' } },
    ],
    untimed: 1,
    target: 1,
  },
  {
    title: 'vlan + host-local',
    prepare: uplink,
    probe: ['link', 'add', 'link', 'up0', 'name', 'probe0', 'type', 'vlan', 'id', '5'],
    plugins: (place) => [{ type: 'vlan', master: 'up0', vlanId: 7, ipam: range(place, []) }],
    alone: true,
    target: 1,
  },
  {
    title: 'ipvlan + host-local',
    prepare: uplink,
    probe: ['link', 'add', 'link', 'up0', 'name', 'probe0', 'type', 'ipvlan', 'mode', 'l2'],
    plugins: (place) => [{ type: 'ipvlan', master: 'up0', ipam: range(place, []) }],
    target: 1,
  },
  {
    title: 'dummy + host-local',
    probe: ['link', 'add', 'probe0', 'type', 'dummy'],
    plugins: (place) => [{ type: 'dummy', ipam: range(place, []) }],
    target: 1,
  },
  {
    title: 'vrf',
    probe: ['link', 'add', 'probe0', 'type', 'vrf', 'table', '5'],
    plugins: (place) => [bridge(place), { type: 'vrf', vrfname: 'blue' }],
    untimed: 1,
    target: 1,
  },
  {
    title: 'tap + host-local',
    plugins: (place) => [{ type: 'tap', ipam: range(place, []) }],
    target: 1,
  },
  {
    title: 'host-device',
    prepare: uplink,
    plugins: () => [{ type: 'host-device', device: 'up0' }],
    alone: true,
    target: 1,
  },
  { title: 'host-local', plugins: (place) => [{ type: 'host-local', ipam: range(place) }], target: 1 },
  {
    title: 'static',
    plugins: () => [{ type: 'static', ipam: { type: 'static', addresses: [{ address: '10.62.0.9/16' }] } }],
    target: 1,
  },
  { title: 'loopback', ifname: 'lo', plugins: () => [{ type: 'loopback' }], target: 1 },
];

/** The configs of a case with what a runtime adds to them. */
export function configsOf(one: CniCase, place: Place): readonly Json[] {
  return one.plugins(place).map((config) => ({ cniVersion: '0.4.0', name: 'bench', ...config }));
}
