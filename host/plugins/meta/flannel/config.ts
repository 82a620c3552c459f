import { array, object, optional, type Read, record, string } from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Request } from '../../../cni/plugin.js';
import { routeShape } from '../../../cni/result.js';
import { readSubnet, type Subnet } from './subnet-env.js';

type Json = Record<string, unknown>;

const defaultSubnetFile = '/run/flannel/subnet.env';
const defaultDataDir = '/var/lib/cni/flannel';

export const flannelShape = object({
  subnetFile: optional(string, ''),
  /** Where the delegates' configs are kept until DEL. */
  dataDir: optional(string, ''),
  delegate: optional(record, {}),
  ipam: optional(record, {}),
  runtimeConfig: optional(record),
});

export type FlannelConfig = Read<typeof flannelShape>;

export function dataDirOf({ dataDir }: FlannelConfig): string {
  return dataDir === '' ? defaultDataDir : dataDir;
}

/**
 * What flanneld has written. Throws CniError with `number`; by default 11, since flanneld, when it has started, will have
 * written it.
 */
export function subnetOf({ subnetFile }: FlannelConfig, number: number = errorCodes.tryAgainLater): Subnet {
  try {
    return readSubnet(subnetFile === '' ? defaultSubnetFile : subnetFile);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new CniError(
      number,
      `failed to load flannel 'subnet.env' file: ${why}. Check the flannel pod log for this node.`,
      '',
      { cause },
    );
  }
}

/** Throws CniError 7 when a config's `delegate` has what is not its own to say. */
function checkDelegate(delegate: Readonly<Json>): void {
  const invalid = (msg: string): CniError => new CniError(errorCodes.invalidNetworkConfig, msg);
  if (delegate.type !== undefined && typeof delegate.type !== 'string') {
    throw invalid("'delegate' dictionary, if present, must have (string) 'type' field");
  }
  for (const key of ['name', 'ipam']) {
    if (Object.hasOwn(delegate, key)) {
      throw invalid(`'delegate' dictionary must not have '${key}' field, it'll be set by flannel`);
    }
  }
}

/** A config for the plugin that does the work; its keys in their order, as the reference keeps it. */
export type DelegateConfig = Readonly<Json> & { readonly type: string };

const routesShape = optional(array(routeShape), []);

/** The delegate's config, as far as it can be told: without a subnet nothing that comes of it. Throws CniError 7. */
export function delegateConfig(
  { config, name, rawConfig }: Pick<Request<FlannelConfig>, 'config' | 'name' | 'rawConfig'>,
  subnet: Subnet | undefined,
): DelegateConfig {
  const { delegate, ipam, runtimeConfig } = config;
  checkDelegate(delegate);
  const type = (delegate.type as string | undefined) ?? 'bridge';
  const fromSubnet = subnet === undefined ? {} : { ipMasq: !subnet.ipMasq, mtu: subnet.mtu };
  const { cniVersion } = rawConfig;
  return sorted({
    ...fromSubnet,
    ...(type === 'bridge' ? { isGateway: true } : {}),
    ...delegate,
    name,
    type,
    ...(typeof cniVersion === 'string' && cniVersion !== '' ? { cniVersion } : {}),
    ...(runtimeConfig === undefined ? {} : { runtimeConfig }),
    ipam: {
      type: 'host-local',
      ...ipam,
      ...(subnet === undefined
        ? {}
        : {
            ranges: subnet.subnets.map((one) => [{ subnet: one }]),
            routes: [
              ...routesShape.read(ipam.routes, 'ipam.routes'),
              ...subnet.networks.map((dst) => ({ dst })),
            ],
          }),
    },
  }) as DelegateConfig;
}

/** Keys of objects in their order, at every depth. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
