import * as x from '../../netfilter/expressions.js';
import type { TableReference } from '../../netfilter/transaction.js';
import type { NetworkRecord } from '../networks/record.js';
import type { BridgeSettings, GatewayMode } from '../networks/settings.js';
import type { Binding } from '../ports/binding.js';

export const table: TableReference = { family: 'inet', table: 'netloom_docker' };

/** NFPROTO_*, and what else differs. */
export const protocols = {
  ip: { number: 2, icmp: 1 },
  ip6: { number: 10, icmp: 58 },
} as const;
export type Family = keyof typeof protocols;
export const families: readonly Family[] = ['ip', 'ip6'];

export function familyOf(address: string): Family {
  return address.includes(':') ? 'ip6' : 'ip';
}

/** A bridge network, as its rules need it. */
export type BridgeRecord = NetworkRecord & { readonly settings: BridgeSettings & NetworkRecord['settings'] };

export const isBridge = (record: NetworkRecord): record is BridgeRecord => record.settings.kind === 'bridge';

/** The chain of packets to a bridge's containers. */
export const toChain = ({ settings }: BridgeRecord): string => `to-${settings.bridge}`;
/** The chain of packets from them. */
export const fromChain = ({ settings }: BridgeRecord): string => `from-${settings.bridge}`;

/** The chain of ports that networks without translation have open. */
export const OPEN = 'open';

function modeOf({ settings: { modes, internal } }: BridgeRecord, family: Family): GatewayMode {
  return internal ? 'isolated' : modes[family];
}

/** Which packets get to containers over the bridge: answers, neighbours, published ports, and what the mode lets in. */
export function toRules(network: BridgeRecord): x.Expression[][] {
  const { bridge, trusted } = network.settings;
  const rules: x.Expression[][] = [
    [...x.connectionState('established', 'related'), x.accept()],
    [...x.iifname(bridge), x.accept()],
  ];
  if (!network.settings.internal) {
    for (const name of trusted) rules.push([...x.iifname(name), x.accept()]);
    rules.push([...x.translated(), x.accept()]);
  }
  for (const family of families) {
    const { number, icmp } = protocols[family];
    const mode = modeOf(network, family);
    if (mode === 'nat-unprotected') rules.push([...x.nfproto(number), x.accept()]);
    if (mode === 'routed') {
      rules.push([...x.nfproto(number), ...x.l4proto(icmp), x.accept()]);
      rules.push([...x.nfproto(number), x.jump(OPEN)]);
    }
  }
  rules.push([x.drop()]);
  return rules;
}

/** Which packets containers may send elsewhere. The bridge itself is elsewhere too where bridged frames are filtered. */
export function fromRules({ settings: { internal, bridge } }: BridgeRecord): x.Expression[][] {
  return internal ? [[...x.oifname(bridge, 'neq'), x.drop()]] : [];
}

/** Sources are translated on the way out, and where answers would not come back the way that packets went. */
export function sourceRules(network: BridgeRecord): x.Expression[][] {
  const { bridge, masquerade, sources } = network.settings;
  const rules: x.Expression[][] = [];
  for (const { pool } of network.subnets) {
    const family = familyOf(pool);
    const nfproto = x.nfproto(protocols[family].number);
    const mode = modeOf(network, family);
    if (mode === 'isolated') continue;
    // a neighbour that comes by the host's address
    rules.push([...x.oifname(bridge), ...x.translated(), ...nfproto, ...x.source(pool), x.masquerade()]);
    if (!masquerade || mode === 'routed') continue;
    const out = sources[family] === '' ? [x.masquerade()] : x.sourceTranslation(sources[family]);
    rules.push([...nfproto, ...x.source(pool), ...x.oifname(bridge, 'neq'), ...out]);
  }
  // the host itself, by an address that means something else to the container: 127.0.0.1
  rules.push([...x.oifname(bridge), ...x.translated(), ...x.isLocal('saddr'), x.masquerade()]);
  return rules;
}

/** A published port that leads to an address of the container. */
export interface Published {
  readonly network: BridgeRecord;
  readonly binding: Binding;
  /** Without the length of a prefix, of the binding's family. */
  readonly target: string;
}

const isAny = (address: string): boolean => address === '' || address === '0.0.0.0' || address === '::';

/** The rule that translates a published port; none where the network does no translation. */
export function translationRule({ network, binding, target }: Published): x.Expression[] | undefined {
  const family = familyOf(target);
  const mode = modeOf(network, family);
  if (mode === 'routed' || mode === 'isolated') return undefined;
  return [
    ...x.nfproto(protocols[family].number),
    ...(isAny(binding.HostIP) ? [] : x.destination(binding.HostIP)),
    ...x.l4proto(binding.Proto),
    ...x.destinationPort(binding.HostPort),
    ...x.destinationTranslation(target, binding.Port),
  ];
}

/** The rule that lets packets to a published port in without translation; none where it is translated. */
export function openRule({ network, binding, target }: Published): x.Expression[] | undefined {
  if (modeOf(network, familyOf(target)) !== 'routed') return undefined;
  return [
    ...x.destination(target),
    ...x.l4proto(binding.Proto),
    ...x.destinationPort(binding.Port),
    x.accept(),
  ];
}
