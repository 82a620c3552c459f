import { dnsShape, object, optional, type Read, record, string } from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { defaultDirectory } from './records.js';

export const hostDeviceShape = object({
  device: optional(string, ''),
  hwaddr: optional(string, ''),
  /** Of the device in sysfs, without its `net` directory. */
  kernelpath: optional(string, ''),
  pciBusID: optional(string, ''),
  /** Where it is kept how devices were before they were taken. */
  dataDir: optional(string, defaultDirectory),
  ipam: optional(record),
  dns: optional(dnsShape),
  capabilities: optional(record),
  runtimeConfig: optional(object({ deviceID: optional(string, '') })),
});

export type HostDeviceConfig = Read<typeof hostDeviceShape>;

/** How a config tells a device. */
export type Selector =
  | { readonly by: 'name' | 'address' | 'path' | 'pci'; readonly value: string }
  /** A PCI function, or an auxiliary device. */
  | { readonly by: 'id'; readonly value: string };

/** The first way of a config that tells a device; the runtime's comes in place of `pciBusID`. */
export function selectorOf({
  device,
  hwaddr,
  kernelpath,
  pciBusID,
  runtimeConfig,
}: HostDeviceConfig): Selector | undefined {
  if (device !== '') return { by: 'name', value: device };
  if (hwaddr !== '') return { by: 'address', value: hwaddr };
  if (kernelpath !== '') return { by: 'path', value: kernelpath };
  const id = runtimeConfig?.deviceID ?? '';
  if (id !== '') return { by: 'id', value: id };
  return pciBusID === '' ? undefined : { by: 'pci', value: pciBusID };
}

/** Throws CniError 7 when the config tells no device. */
export function requireSelector(config: HostDeviceConfig): Selector {
  const selector = selectorOf(config);
  if (selector !== undefined) return selector;
  throw new CniError(
    errorCodes.invalidNetworkConfig,
    'specify either "device", "hwaddr", "kernelpath" or "pciBusID"',
  );
}
