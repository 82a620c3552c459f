import type { Attachment } from './attachment.js';
import { RuntimeError } from './errors.js';

/** A port of the host that leads to one of the container. */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  /** `tcp`, `udp` or `sctp` */
  readonly protocol: string;
  /** Only for packets to this address of the host. */
  readonly hostIP?: string | undefined;
}

/** Limits of what a container receives (ingress) and sends (egress). 0: none. */
export interface Bandwidth {
  /** bits/s */
  readonly ingressRate?: number | undefined;
  /** bits */
  readonly ingressBurst?: number | undefined;
  /** bits/s */
  readonly egressRate?: number | undefined;
  /** bits */
  readonly egressBurst?: number | undefined;
}

/** Addresses to choose the container's from. */
export interface IpRange {
  readonly subnet: string;
  readonly rangeStart?: string | undefined;
  readonly rangeEnd?: string | undefined;
  readonly gateway?: string | undefined;
}

/** What a container wants of its networks. All but `id` and `netns` is optional. */
export interface Container {
  readonly id: string;
  /** Path of the network namespace; empty where it is gone, for `remove`. */
  readonly netns: string;
  readonly portMappings?: readonly PortMapping[] | undefined;
  readonly bandwidth?: Bandwidth | undefined;
  /** What the container's resolver is to be told. */
  readonly dns?:
    | {
        readonly servers?: readonly string[] | undefined;
        readonly searches?: readonly string[] | undefined;
        readonly options?: readonly string[] | undefined;
      }
    | undefined;
  /** A range each gives an address; of those in an inner list one gives an address. */
  readonly ipRanges?: readonly (IpRange | readonly IpRange[])[] | undefined;
  readonly cgroupPath?: string | undefined;
  /** Capabilities by name, as `ips`, `mac`, `aliases`, `deviceID`. CONVENTIONS.md, "Well-known Capabilities" */
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined;
  /** Told to plugins as CNI_ARGS; those that know none of them ignore them. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** CNI_ARGS. A plugin that reads them refuses names that it does not know, unless `IgnoreUnknown` is `1`. */
  readonly args?: Readonly<Record<string, string>> | undefined;
}

function capabilitiesOf(container: Container): Record<string, unknown> {
  const { portMappings, bandwidth, dns, ipRanges, cgroupPath, capabilities } = container;
  const given = {
    portMappings,
    bandwidth,
    dns,
    // host-local knows no other form
    ipRanges: ipRanges?.map((range) => (Array.isArray(range) ? range : [range])),
    cgroupPath,
    ...capabilities,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function argsOf({ labels = {}, args = {} }: Container): [key: string, value: string][] {
  const pairs = new Map<string, string>();
  // a label is for whom it may concern
  if (Object.keys(labels).length > 0) pairs.set('IgnoreUnknown', '1');
  for (const [key, value] of [...Object.entries(labels), ...Object.entries(args)]) {
    if (key === '' || /[=;\0]/.test(key + value)) {
      const pair = JSON.stringify(`${key}=${value}`);
      throw new RuntimeError(
        'ERR_INVALID_ARGUMENT',
        `CNI_ARGS cannot hold ${pair}: no =, no ; and no empty key`,
      );
    }
    pairs.set(key, value);
  }
  return [...pairs];
}

/** A container's attachment by one interface. Throws RuntimeError `ERR_INVALID_ARGUMENT`. */
export function attachmentOf(container: Container, ifname: string): Attachment {
  const { id, netns } = container;
  const capabilities = capabilitiesOf(container);
  return { containerId: id, netns, ifname, args: argsOf(container), capabilities };
}

/** The same, with what `cached` knows where the caller says nothing. */
export function attachmentAgain(
  container: Container,
  ifname: string,
  cached: Attachment | undefined,
): Attachment {
  const given = attachmentOf(container, ifname);
  const { args = [], capabilities = {} } = cached ?? {};
  return {
    ...given,
    args: given.args?.length === 0 ? args : (given.args ?? []),
    capabilities:
      Object.keys(given.capabilities ?? {}).length === 0 ? capabilities : (given.capabilities ?? {}),
  };
}
