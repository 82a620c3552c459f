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
  /** What must be there on the host. */
  readonly prepare?: readonly (readonly string[])[];
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
