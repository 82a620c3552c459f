import { array, boolean, integer, object, optional, type Read, string } from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { formatAddress, parseAddress } from '../../common/address.js';
import { type Family, type Mapping, type Protocol, protocols } from './mapping.js';

const mappingShape = object({
  hostPort: optional(integer, 0),
  containerPort: optional(integer, 0),
  protocol: optional(string, ''),
  hostIP: optional(string, ''),
  /** How many ports, as in Podman's mappings. */
  range: optional(integer, 1),
});

export const portmapShape = object({
  backend: optional(string, ''),
  snat: optional(boolean, true),
  masqAll: optional(boolean, false),
  conditionsV4: optional(array(string), []),
  conditionsV6: optional(array(string), []),
  markMasqBit: optional(integer),
  externalSetMarkChain: optional(string, ''),
  runtimeConfig: optional(object({ portMappings: optional(array(mappingShape), []) }), { portMappings: [] }),
});
export type PortmapConfig = Read<typeof portmapShape>;

export type BackendName = 'iptables' | 'nftables';

/** Kubernetes has 14 and 15, Calico 20 to 31. */
const DEFAULT_MARK_BIT = 13;
const LAST_MARK_BIT = 31;
const LAST_PORT = 0xffff;

export interface Settings {
  /** undefined: none is asked for, and none needed. */
  readonly backend: BackendName | undefined;
  readonly markBit: number;
  readonly externalSetMarkChain: string | undefined;
  readonly mappings: readonly Mapping[];
}

function invalid(msg: string): CniError {
  return new CniError(errorCodes.invalidNetworkConfig, msg);
}

/** Whose language is it? Matches of iptables begin with an option or a negation, those of nft(8) never do. */
function languageOf([first = '']: readonly string[]): BackendName | undefined {
  if (first.trim() === '') return undefined;
  return /^\s*[-!]/.test(first) ? 'iptables' : 'nftables';
}

function backendOf(config: PortmapConfig): BackendName | undefined {
  const { backend, externalSetMarkChain, conditionsV4, conditionsV6 } = config;
  const specific: Record<BackendName, string[]> = { iptables: [], nftables: [] };
  if (externalSetMarkChain !== '') specific.iptables.push('externalSetMarkChain');
  for (const [key, conditions] of Object.entries({ conditionsV4, conditionsV6 })) {
    const language = languageOf(conditions);
    if (language !== undefined) specific[language].push(key);
  }
  const refuse = (wanted: BackendName, other: BackendName): CniError =>
    invalid(
      `${wanted} backend was requested but configuration contains ${other}-specific options [${specific[other].join(' ')}]`,
    );
  switch (backend) {
    case 'iptables':
      if (specific.nftables.length > 0) throw refuse('iptables', 'nftables');
      return backend;
    case 'nftables':
      if (specific.iptables.length > 0) throw refuse('nftables', 'iptables');
      return backend;
    case '':
      if (specific.iptables.length > 0 && specific.nftables.length > 0) {
        throw invalid(
          `configuration contains iptables-specific options [${specific.iptables.join(' ')}] and nftables-specific options [${specific.nftables.join(' ')}]`,
        );
      }
      return specific.iptables.length > 0
        ? 'iptables'
        : specific.nftables.length > 0
          ? 'nftables'
          : undefined;
    default:
      throw invalid(`unrecognized backend ${JSON.stringify(backend)}`);
  }
}

function isProtocol(text: string): text is Protocol {
  return (protocols as readonly string[]).includes(text);
}

function hostAddress(text: string): { hostIP: string | undefined; family: Family | undefined } {
  if (text === '') return { hostIP: undefined, family: undefined };
  const address = parseAddress(text);
  if (address === undefined) throw invalid(`Invalid host IP: ${text}`);
  const family = address.bits === 32 ? 'ip' : 'ip6';
  return { hostIP: address.value === 0n ? undefined : formatAddress(address), family };
}

type RawMapping = Read<typeof mappingShape>;

function mappingOf({ hostPort, containerPort, protocol, hostIP, range }: RawMapping): Mapping {
  if (!(range >= 1 && range <= LAST_PORT)) throw invalid(`Invalid port range: ${range}`);
  const isPort = (port: number): boolean => port > 0 && port + range - 1 <= LAST_PORT;
  if (!isPort(containerPort)) throw invalid(`Invalid container port number: ${containerPort}`);
  if (!isPort(hostPort)) throw invalid(`Invalid host port number: ${hostPort}`);
  const known = protocol === '' ? 'tcp' : protocol.toLowerCase();
  if (!isProtocol(known)) throw invalid(`Invalid protocol: ${protocol}`);
  return { protocol: known, hostPort, containerPort, range, ...hostAddress(hostIP) };
}

/** The mappings that can be understood: for DEL, which must do its work whatever the config says. */
export function readableMappings({ runtimeConfig }: PortmapConfig): Mapping[] {
  return runtimeConfig.portMappings.flatMap((raw) => {
    try {
      return [mappingOf(raw)];
    } catch (error) {
      if (error instanceof CniError) return [];
      throw error;
    }
  });
}

/** Throws CniError 7. */
export function settingsOf(config: PortmapConfig): Settings {
  const { markMasqBit, externalSetMarkChain, runtimeConfig } = config;
  if (markMasqBit !== undefined && externalSetMarkChain !== '') {
    throw invalid('Cannot specify externalSetMarkChain and markMasqBit');
  }
  const markBit = markMasqBit ?? DEFAULT_MARK_BIT;
  if (markBit < 0 || markBit > LAST_MARK_BIT) throw invalid('MasqMarkBit must be between 0 and 31');
  return {
    backend: backendOf(config),
    markBit,
    externalSetMarkChain: externalSetMarkChain === '' ? undefined : externalSetMarkChain,
    mappings: runtimeConfig.portMappings.map(mappingOf),
  };
}
