import { existsSync } from 'node:fs';
import type { Message, MessageBus } from 'dbus-next';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { unavailable } from '../../common/capability.js';
import { wrong } from '../../common/check.js';
import { type Backend, isIpv6, type Wanted } from './backend.js';

const NAME = 'org.fedoraproject.FirewallD1';
const PATH = '/org/fedoraproject/FirewallD1';
const ZONE = 'org.fedoraproject.FirewallD1.zone';
const SYSTEM_BUS = '/run/dbus/system_bus_socket';

type Bus = { readonly bus: MessageBus; readonly module: typeof import('dbus-next') };

/** Is there a system bus at all? */
function busThere(): boolean {
  const address = process.env.DBUS_SYSTEM_BUS_ADDRESS;
  return (address !== undefined && address !== '') || existsSync(SYSTEM_BUS);
}

async function withBus<T>(use: (bus: Bus) => Promise<T>): Promise<T> {
  // loaded only where it is of use: most hosts have no firewalld
  const module = await import('dbus-next');
  const bus = module.systemBus();
  const broken = new Promise<never>((_, reject) => {
    bus.on('error', reject);
  });
  broken.catch(() => undefined);
  try {
    return await Promise.race([use({ bus, module }), broken]);
  } finally {
    bus.disconnect();
  }
}

async function call(
  { bus, module }: Bus,
  destination: string,
  path: string,
  face: string,
  member: string,
  ...body: string[]
): Promise<unknown> {
  const message = new module.Message({
    destination,
    path,
    interface: face,
    member,
    signature: 's'.repeat(body.length),
    body,
  });
  const reply: Message | null = await bus.call(message);
  return reply?.body[0];
}

/** Has somebody the name of firewalld on the system bus? */
export async function firewalldRuns(): Promise<boolean> {
  if (!busThere()) return false;
  try {
    return await withBus(async (bus) => {
      const face = 'org.freedesktop.DBus';
      return (await call(bus, face, '/org/freedesktop/DBus', face, 'NameHasOwner', NAME)) === true;
    });
  } catch {
    return false; // a socket without a bus behind it
  }
}

function prefixOf(address: string): string {
  return `${address}/${isIpv6(address) ? 128 : 32}`;
}

async function eachSource(
  member: string,
  { addresses, zone }: Wanted,
  failed: (source: string, error: Error) => void,
): Promise<void> {
  if (addresses.length === 0) return;
  await withBus(async (bus) => {
    for (const address of addresses) {
      const source = prefixOf(address);
      try {
        await call(bus, NAME, PATH, ZONE, member, zone, source);
      } catch (error) {
        failed(source, error as Error);
      }
    }
  });
}

/** Addresses as sources of a zone of firewalld, `trusted` by default. */
export const firewalldBackend: Backend = {
  async add(_host, wanted) {
    await eachSource('addSource', wanted, (source, error) => {
      if (error.message.includes('ZONE_ALREADY_SET')) return;
      throw new CniError(
        errorCodes.internal,
        `failed to add the address ${source} to ${wanted.zone} zone: ${error.message}`,
      );
    });
  },
  async remove(_host, wanted) {
    // a zone without the source, or a firewalld that is gone, has nothing to remove
    if (await firewalldRuns()) await eachSource('removeSource', wanted, () => undefined);
  },
  async require() {
    if (!(await firewalldRuns()))
      throw unavailable('firewalld does not run: nobody has its name on the system bus');
  },
  async check(_host, wanted) {
    await withBus(async (bus) => {
      for (const address of wanted.addresses) {
        const source = prefixOf(address);
        const there = await call(bus, NAME, PATH, ZONE, 'querySource', wanted.zone, source).catch(
          (error: Error) => error,
        );
        if (there !== true) throw wrong(`failed to find the address ${source} in ${wanted.zone} zone`);
      }
    });
  },
};
