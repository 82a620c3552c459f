/** The rivals' programs, as scripts/bench-peers.mjs built them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const peerNames = [
  'native',
  'libmnl',
  'vishvananda',
  'mdlayher',
  'cni',
  'packet-route',
  'pyroute2',
  'npm-netlink',
] as const;
export type PeerName = (typeof peerNames)[number];

export interface Peer {
  /** Name for people. */
  readonly title: string;
  /** Program and first arguments; missing when it could not be built. */
  readonly command?: readonly string[];
  /** Why it could not be built. */
  readonly skipped?: string;
}

export type Peers = Readonly<Record<PeerName, Peer>>;

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Reads bench/peers/build/peers.json. Throws when the rivals were never built. */
export function readPeers(): Peers {
  return JSON.parse(readFileSync(`${root}bench/peers/build/peers.json`, 'utf8')) as Record<PeerName, Peer>;
}
