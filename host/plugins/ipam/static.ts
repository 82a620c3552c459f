import { knownArgs } from '../../cni/arguments.js';
import { array, dnsShape, object, optional, type Read, string } from '../../cni/config.js';
import { CniError, errorCodes } from '../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type Request } from '../../cni/plugin.js';
import { type Dns, type IpConfig, type Result, routeShape } from '../../cni/result.js';
import {
  type Address,
  type Cidr,
  contains,
  formatAddress,
  formatCidr,
  ipAddress,
  isEqual,
  parseAddress,
  parseCidr,
} from '../common/address.js';

const shape = object({
  ipam: optional(
    object({
      addresses: optional(array(object({ address: optional(string, ''), gateway: optional(ipAddress) })), []),
      routes: optional(array(routeShape), []),
      dns: optional(dnsShape),
    }),
  ),
  runtimeConfig: optional(object({ ips: optional(array(string), []) })),
  args: optional(object({ cni: optional(object({ ips: optional(array(string), []) })) })),
});
type StaticConfig = Read<typeof shape>;

interface Assignment {
  readonly cidr: Cidr;
  readonly gateway: Address | undefined;
}

function invalid(msg: string): CniError {
  return new CniError(errorCodes.invalidNetworkConfig, msg);
}

function read(text: string, field: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw invalid(`${field} in CIDR notation, got: '${text}'`);
  return cidr;
}

const words = (text: string | undefined): string[] =>
  text ? text.split(',').map((word) => word.trim()) : [];

/** Addresses of CNI_ARGS; a gateway belongs to those whose network it is in. */
function fromArguments({ args }: Request<StaticConfig>): Assignment[] {
  const { IP, GATEWAY } = knownArgs(args, ['IP', 'GATEWAY']);
  const cidrs = words(IP).map((text) => read(text, "the 'ip' field is expected to be"));
  const gateways = words(GATEWAY).map((text) => {
    const gateway = parseAddress(text);
    if (gateway === undefined) throw invalid(`invalid gateway address: ${text}`);
    return gateway;
  });
  return cidrs.map((cidr) => ({ cidr, gateway: gateways.findLast((gateway) => contains(cidr, gateway)) }));
}

/** What is to be assigned: the runtime's wish before that of `args`, before the config and CNI_ARGS. */
function assignments(request: Request<StaticConfig>): Assignment[] {
  const { config, cniVersion } = request;
  if (config.ipam === undefined) throw invalid("IPAM config missing 'ipam' key");
  const extra = fromArguments(request);
  const asked = [config.runtimeConfig?.ips ?? [], config.args?.cni?.ips ?? []].map((texts) =>
    texts.map((text) => ({ cidr: read(text, "an entry in the 'ips' field is NOT"), gateway: undefined })),
  );
  const chosen = asked.find((list) => list.length > 0);
  const all = chosen ?? [
    ...config.ipam.addresses.map(({ address, gateway }) => ({
      cidr: read(address, "the 'address' field is expected to be"),
      gateway: gateway === undefined ? undefined : parseAddress(gateway),
    })),
    ...extra,
  ];
  const legacy = cniVersion === '0.1.0' || cniVersion === '0.2.0';
  if (legacy && [32, 128].some((bits) => all.filter(({ cidr }) => cidr.address.bits === bits).length > 1)) {
    throw invalid(`CNI version ${cniVersion} does not support more than 1 address per family`);
  }
  return all;
}

function resultOf(request: Request<StaticConfig>): Result {
  const ips = assignments(request).map(
    ({ cidr, gateway }): IpConfig => ({
      address: formatCidr(cidr),
      ...(gateway === undefined ? {} : { gateway: formatAddress(gateway) }),
    }),
  );
  const { routes = [], dns } = request.config.ipam ?? {};
  return { ips, routes, ...(dns === undefined ? {} : { dns: dns as Dns }) };
}

/** Has the attachment the gateways that the config names? */
function compare(request: AttachmentRequest<StaticConfig>): void {
  if (request.prevResult === undefined)
    throw new CniError(errorCodes.internal, 'Required prevResult missing');
  for (const { cidr, gateway } of assignments(request)) {
    if (gateway === undefined) continue;
    for (const ip of request.prevResult.ips ?? []) {
      const address = parseCidr(ip.address)?.address;
      if (address === undefined || !isEqual(address, cidr.address)) continue;
      if (ip.gateway !== formatAddress(gateway)) {
        const msg = `static: Failed to match addr ${formatAddress(cidr.address)} on interface ${request.ifname}`;
        throw new CniError(errorCodes.internal, msg);
      }
    }
  }
}

/** static: the addresses that the config, or who calls, names. https://www.cni.dev/plugins/current/ipam/static/ */
export const staticAddresses = definePlugin<StaticConfig>({
  type: 'static',
  config: shape,
  usesNetwork: false,
  add: async (request) => resultOf(request),
  delete: async () => undefined,
  check: async (request) => compare(request),
  // who calls for an ADD may name addresses; those of the config must make sense by now
  status: async (request) => {
    assignments(request);
  },
});
