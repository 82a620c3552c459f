import { CniError, errorCodes } from '../../../cni/errors.js';
import * as x from '../../../netfilter/expressions.js';
import {
  type Loaded,
  type Match,
  MatchSyntaxError,
  matchAny,
  parseMatches,
} from '../../../netfilter/matches.js';
import { formatAddress, formatCidr, networkOf } from '../../common/address.js';
import {
  type Family,
  isOf,
  lastHostPort,
  type Mapping,
  type Protocol,
  type Published,
  protocolNumbers,
} from './mapping.js';
import { HOSTPORTS, MASQUERADING } from './nftables-rules.js';

/* The rules of an attachment, before they are in a transaction. */

/** Matches that come before those of a mapping. Throws CniError 7. */
export function conditionsOf({ conditions }: Published): Readonly<Record<Family, Match | undefined>> {
  const read = (family: Family, key: string): Match | undefined => {
    if (conditions[family].length === 0) return undefined;
    try {
      return parseMatches(conditions[family].join(' '), family);
    } catch (error) {
      if (!(error instanceof MatchSyntaxError)) throw error;
      throw new CniError(errorCodes.invalidNetworkConfig, `${key}: ${error.message}`, '', { cause: error });
    }
  };
  return { ip: read('ip', 'conditionsV4'), ip6: read('ip6', 'conditionsV6') };
}

/** A rule to be: its expressions are made with the transaction, which also gets the sets that they need. */
export interface Draft {
  readonly chain: typeof HOSTPORTS | typeof MASQUERADING;
  readonly expressions: Match;
}

const PORT_LENGTH = 2;
/** nft's number for the type of a port, for its listings. */
const PORT_TYPE = 13;

/** Ports of the container that are not the host's own come from a map when there are several. */
function translation(mapping: Mapping, address: string): Match {
  const { hostPort, containerPort, range } = mapping;
  if (range === 1) return () => x.destinationTranslation(address, containerPort);
  if (hostPort === containerPort) return () => x.destinationTranslation(address);
  const elements = Array.from({ length: range }, (_, i) => ({
    key: x.portBytes(hostPort + i),
    data: x.portBytes(containerPort + i),
  }));
  return (transaction, table) => {
    const map = transaction.addAnonymousSet(
      {
        ...table,
        keyLength: PORT_LENGTH,
        keyType: PORT_TYPE,
        data: { length: PORT_LENGTH, type: PORT_TYPE },
      },
      elements,
    );
    return x.destinationTranslation(address, map);
  };
}

function hostportDraft(mapping: Mapping, address: string, condition: Match | undefined): Draft {
  const { hostIP, protocol, hostPort } = mapping;
  const translate = translation(mapping, address);
  return {
    chain: HOSTPORTS,
    expressions: (transaction, table) => [
      ...(condition?.(transaction, table) ?? []),
      ...(hostIP === undefined ? [] : x.destination(hostIP)),
      ...x.l4proto(protocolNumbers[protocol]),
      ...x.destinationPort(hostPort, lastHostPort(mapping)),
      ...translate(transaction, table),
    ],
  };
}

/** Published packets to the container, of one protocol, from some sources or all. */
function publishedDraft(
  protocol: Protocol,
  mappings: readonly Mapping[],
  address: string,
  from: string | undefined,
): Draft {
  const spans = mappings.filter((mapping) => mapping.protocol === protocol);
  const ports = originalPorts(spans);
  return {
    chain: MASQUERADING,
    expressions: (transaction, table) => [
      ...x.l4proto(protocolNumbers[protocol]),
      ...x.translated(),
      ...ports(transaction, table),
      ...(from === undefined ? [] : x.source(from)),
      ...x.destination(address),
      x.masquerade(),
    ],
  };
}

const originalPort: Loaded = {
  load: [x.originalDestinationPort()],
  length: PORT_LENGTH,
  type: PORT_TYPE,
};

/** The port that a connection was for before it was translated, as one of those of mappings. */
function originalPorts(mappings: readonly Mapping[]): Match {
  const spans = mappings.map((mapping) => ({
    first: x.portBytes(mapping.hostPort),
    last: x.portBytes(lastHostPort(mapping)),
  }));
  return matchAny(originalPort, 'eq', spans);
}

const LOOPBACK = { ip: '127.0.0.1', ip6: '::1' } as const;

/** The rules of an attachment in one family. Those of the reference have no conditions of their own. */
export function draftsOf(published: Published, family: Family, condition: Match | undefined): Draft[] {
  const { targets, mappings, snat, masqAll } = published;
  const target = targets[family];
  if (target === undefined) return [];
  const own = mappings.filter((mapping) => isOf(mapping, family));
  const address = formatAddress(target.address);
  const drafts = own.map((mapping) => hostportDraft(mapping, address, condition));
  if (!snat) return drafts;
  const used = [...new Set(own.map(({ protocol }) => protocol))];
  if (masqAll)
    return [...drafts, ...used.map((protocol) => publishedDraft(protocol, own, address, undefined))];
  for (const source of [address, LOOPBACK[family]]) {
    drafts.push({
      chain: MASQUERADING,
      expressions: () => [...x.source(source), ...x.destination(address), x.masquerade()],
    });
  }
  // neighbours get answers from the container directly, and would not know them
  if (target.length < target.address.bits) {
    const network = formatCidr(networkOf(target));
    drafts.push(...used.map((protocol) => publishedDraft(protocol, own, address, network)));
  }
  return drafts;
}

/** What the reference would have made: no more than one rule for each mapping, and one or two to masquerade. */
export function legacyDrafts(published: Published, family: Family): Draft[] {
  const drafts = draftsOf({ ...published, masqAll: false }, family, undefined);
  const masquerading = drafts.filter(({ chain }) => chain === MASQUERADING).slice(0, family === 'ip' ? 2 : 1);
  return [...drafts.filter(({ chain }) => chain === HOSTPORTS), ...(published.masqAll ? [] : masquerading)];
}
