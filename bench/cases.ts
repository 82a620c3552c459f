/** What is compared with whom, and what it has to come to. */
import type { PeerName } from './peers.js';

/** Where a program works: on a captured dump, in a namespace, or on nothing at all. */
export type Place = 'routes' | 'links' | 'full' | 'empty' | 'nothing';

export interface Rival {
  readonly peer: PeerName | 'javascript';
  readonly bench: string;
  readonly title: string;
  /** Highest ratio of our time to theirs that meets the target. */
  readonly target?: number;
  /** Rounds of one of its turns, when it is much slower than we are. */
  readonly rounds?: number;
  readonly items?: number;
}

export interface Case {
  readonly title: string;
  /** Bench of program.js. */
  readonly ours: string;
  readonly place: Place;
  readonly rounds: number;
  readonly items?: number;
  /** Options of the Node that runs ours, and rivals in JavaScript. */
  readonly nodeOptions?: readonly string[];
  readonly rivals: readonly Rival[];
}

/**
 * 100,000 decoded routes are 20 MB, more than Node's young generation holds (16 MB), so that it copies all of them
 * twice. This one holds them.
 */
const ROOMY = ['--max-semi-space-size=64'];

const ENCODED = 100_000;
const ADDED = 20_000;

const objectRivals = (target: number): readonly Rival[] => [
  {
    peer: 'packet-route',
    bench: 'decode-objects',
    title: 'Rust netlink-packet-route, to its structs',
    target,
  },
];
const otherObjectRivals: readonly Rival[] = [
  { peer: 'mdlayher', bench: 'decode-objects', title: 'Go mdlayher/netlink, to a struct' },
  { peer: 'vishvananda', bench: 'decode-objects', title: 'Go vishvananda/netlink, to its structs' },
  { peer: 'npm-netlink', bench: 'decode-objects', title: 'npm netlink 0.3.0', rounds: 3 },
  { peer: 'pyroute2', bench: 'decode-objects', title: 'Python pyroute2', rounds: 1 },
];
const listRival = (target: number): Rival => ({
  peer: 'vishvananda',
  bench: 'list',
  title: 'Go vishvananda RouteList',
  target,
  rounds: 5,
});

export const cases: readonly Case[] = [
  {
    title: 'decode 100k routes to columns',
    ours: 'decode-columns',
    place: 'routes',
    rounds: 20,
    rivals: [
      { peer: 'native', bench: 'decode-columns', title: 'C by hand, -O3', target: 1.2 },
      { peer: 'native', bench: 'decode-columns-layout', title: 'C by hand, remembering the last layout' },
      { peer: 'libmnl', bench: 'decode-columns-libmnl', title: 'C with libmnl' },
      { peer: 'javascript', bench: 'js-decode-columns', title: 'JavaScript by hand', target: 0.5 },
      {
        peer: 'javascript',
        bench: 'js-decode-columns-layout',
        title: 'JavaScript by hand, remembering the last layout',
        target: 0.5,
      },
    ],
  },
  {
    title: 'decode 100k routes to plain objects',
    ours: 'decode-objects',
    place: 'routes',
    rounds: 8,
    rivals: [
      ...objectRivals(1),
      { peer: 'javascript', bench: 'js-decode-objects', title: 'JavaScript by hand' },
      ...otherObjectRivals,
    ],
  },
  {
    title: 'decode 100k routes to plain objects, node --max-semi-space-size=64',
    ours: 'decode-objects',
    place: 'routes',
    rounds: 8,
    nodeOptions: ROOMY,
    rivals: [
      ...objectRivals(1),
      { peer: 'javascript', bench: 'js-decode-objects', title: 'JavaScript by hand' },
    ],
  },
  {
    title: 'decode 100k routes to views, 3 fields read',
    ours: 'decode-views',
    place: 'routes',
    rounds: 10,
    rivals: objectRivals(0.3),
  },
  {
    title: 'decode 1,000 links to plain objects',
    ours: 'decode-objects',
    place: 'links',
    rounds: 10,
    rivals: [
      { peer: 'packet-route', bench: 'decode-objects', title: 'Rust netlink-packet-route, to its structs' },
      { peer: 'npm-netlink', bench: 'decode-objects', title: 'npm netlink 0.3.0' },
      { peer: 'pyroute2', bench: 'decode-objects', title: 'Python pyroute2', rounds: 2 },
    ],
  },
  {
    title: 'encode an 8-attribute message, addresses as bytes',
    ours: 'encode',
    place: 'nothing',
    rounds: 8,
    items: ENCODED,
    rivals: [
      { peer: 'mdlayher', bench: 'encode', title: 'Go mdlayher/netlink, whole message', target: 1 },
      { peer: 'mdlayher', bench: 'encode-attributes', title: 'Go mdlayher/netlink, its attributes only' },
      { peer: 'native', bench: 'encode', title: 'C by hand, -O3' },
    ],
  },
  {
    title: 'encode an 8-attribute message, addresses as text',
    ours: 'encode-text',
    place: 'nothing',
    rounds: 8,
    items: ENCODED,
    rivals: [{ peer: 'mdlayher', bench: 'encode-text', title: 'Go mdlayher/netlink with net/netip' }],
  },
  {
    title: 'list 100k routes from the kernel, columns',
    ours: 'list-columns',
    place: 'full',
    rounds: 8,
    rivals: [
      { peer: 'native', bench: 'list-drop', title: 'C that only receives and drops', target: 1.3 },
      { peer: 'native', bench: 'list-columns', title: 'C by hand, to the same columns' },
      listRival(0.1),
      { peer: 'npm-netlink', bench: 'list', title: 'npm netlink 0.3.0', rounds: 2 },
      { peer: 'pyroute2', bench: 'list', title: 'Python pyroute2', rounds: 1 },
    ],
  },
  {
    title: 'list 100k routes from the kernel, views, 3 fields read',
    ours: 'list-views',
    place: 'full',
    rounds: 8,
    rivals: [listRival(0.12)],
  },
  {
    title: 'list 100k routes from the kernel, full objects',
    ours: 'list-objects',
    place: 'full',
    rounds: 5,
    rivals: [listRival(0.3)],
  },
  {
    title: 'list 100k routes from the kernel, full objects, node --max-semi-space-size=64',
    ours: 'list-objects',
    place: 'full',
    rounds: 5,
    nodeOptions: ROOMY,
    rivals: [listRival(0.3)],
  },
  {
    title: 'add 20k routes in batches',
    ours: 'add-batched',
    place: 'empty',
    rounds: 5,
    items: ADDED,
    rivals: [
      { peer: 'native', bench: 'add-batched', title: 'C, batched the same way', target: 1.2 },
      {
        peer: 'vishvananda',
        bench: 'add',
        title: 'Go vishvananda RouteAdd, one by one',
        target: 0.06,
        rounds: 1,
      },
    ],
  },
];
