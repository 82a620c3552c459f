import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { Lab } from '../../support/lab.js';
import type { Driver, Json } from './driver.js';

/** What a real Docker has asked, and what our driver answered. */
export interface RecordedCall {
  readonly path: string;
  readonly body: string;
  readonly answer: Json;
}

/** `bridge`, `macvlan`: see record.ts. */
export function recording(name: string): RecordedCall[] {
  const path = fileURLToPath(new URL(`../../../../test/docker/fixtures/${name}.json`, import.meta.url));
  return JSON.parse(readFileSync(path, 'utf8')) as RecordedCall[];
}

/** The same network with other options. */
export function withOptions(
  calls: readonly RecordedCall[],
  generic: Json,
  options: Json = {},
): RecordedCall[] {
  return calls.map((call) => {
    if (!call.path.endsWith('.CreateNetwork')) return call;
    const body = JSON.parse(call.body) as { Options: Json };
    const Options = { ...body.Options, 'com.docker.network.generic': generic, ...options };
    return { ...call, body: `${JSON.stringify({ ...body, Options })}\n` };
  });
}

/** Of several containers' calls those of the first, and the network's. */
export function firstContainer(calls: readonly RecordedCall[]): RecordedCall[] {
  const first = calls.find(({ path }) => path.endsWith('.CreateEndpoint'));
  const { EndpointID = '' } = JSON.parse(first?.body ?? '{}') as { EndpointID?: string };
  return calls.filter(({ body }) => !body.includes('"EndpointID"') || body.includes(EndpointID));
}

/** Hardware addresses and ports that are chosen differ every time. */
function comparable(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll(/"MacAddress":"[^"]+"/g, '"MacAddress":"…"')
    .replaceAll(/"HostPort":(\d{5}),"HostPortEnd":\1/g, '"HostPort":0');
}

interface Attached {
  readonly lab: Lab;
  readonly source: string;
}

interface JoinAnswer {
  readonly InterfaceName: { readonly SrcName: string };
  readonly Gateway?: string;
  readonly GatewayIPv6?: string;
  readonly StaticRoutes?: readonly { readonly Destination: string; readonly RouteType: number }[];
}

export interface ReplayOptions {
  /** Sends each call of NetworkDriver twice, as Docker does when it has lost the answer. */
  readonly twice?: boolean;
  /** Are answers those that were recorded? */
  readonly sameAnswers?: boolean;
  /** Called when all containers are connected. */
  readonly connected: (containers: readonly Lab[]) => Promise<void>;
}

/** Asks a driver what was recorded, and does to interfaces what Docker does between the calls. */
export async function replay(
  t: Test,
  driver: Driver,
  host: Lab,
  calls: readonly RecordedCall[],
  { twice = false, sameAnswers = true, connected }: ReplayOptions,
): Promise<void> {
  const endpoints = new Map<string, { addresses: string[]; mac: string }>();
  const attached = new Map<string, Attached>();
  let seen = false;
  for (const { path, body, answer } of calls) {
    const request = JSON.parse(body.trim() === '' ? '{}' : body) as {
      EndpointID?: string;
      Interface?: { Address: string; AddressIPv6: string; MacAddress: string };
    };
    const id = request.EndpointID ?? '';
    if (path.endsWith('.RevokeExternalConnectivity') && !seen) {
      seen = true;
      await connected([...attached.values()].map(({ lab }) => lab));
    }
    let reply = await driver.send(path, body);
    if (twice && path.startsWith('/NetworkDriver.')) {
      const again = await driver.send(path, body);
      t.same(again, reply, `${path} twice`);
      reply = again;
    }
    t.equal(reply.status, 200, `${path}: ${String(reply.body.Err)}`);
    if (sameAnswers) t.equal(comparable(reply.body), comparable(answer), path);
    if (path.endsWith('.CreateEndpoint')) {
      const made = reply.body.Interface as { MacAddress?: string };
      const { Address = '', AddressIPv6 = '', MacAddress = '' } = request.Interface ?? {};
      endpoints.set(id, {
        addresses: [Address, AddressIPv6].filter((address) => address !== ''),
        mac: MacAddress || (made.MacAddress ?? ''),
      });
    }
    if (path.endsWith('.Join')) {
      const joined = reply.body as unknown as JoinAnswer;
      const lab = new Lab(t, 'box');
      connect(lab, host, joined, endpoints.get(id) ?? { addresses: [], mac: '' });
      attached.set(id, { lab, source: joined.InterfaceName.SrcName });
    }
    if (path.endsWith('.Leave')) {
      const { lab, source } = attached.get(id) as Attached;
      lab.run('ip', 'link', 'set', 'eth0', 'down');
      lab.run('ip', 'link', 'set', 'eth0', 'name', source, 'netns', host.name);
    }
  }
}

/** libnetwork's AddInterface: https://github.com/moby/moby/blob/master/daemon/libnetwork/osl/interface_linux.go */
function connect(
  lab: Lab,
  host: Lab,
  { InterfaceName: { SrcName }, Gateway, GatewayIPv6, StaticRoutes = [] }: JoinAnswer,
  { addresses, mac }: { readonly addresses: readonly string[]; readonly mac: string },
): void {
  lab.run('ip', 'link', 'set', 'lo', 'up');
  host.run('ip', 'link', 'set', SrcName, 'netns', lab.name);
  lab.run('ip', 'link', 'set', SrcName, 'name', 'eth0');
  if (mac !== '') lab.run('ip', 'link', 'set', 'eth0', 'address', mac);
  for (const address of addresses) {
    lab.run('ip', 'address', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
  }
  lab.run('ip', 'link', 'set', 'eth0', 'up');
  for (const { Destination } of StaticRoutes) lab.run('ip', 'route', 'add', Destination, 'dev', 'eth0');
  if (Gateway !== undefined) lab.run('ip', 'route', 'add', 'default', 'via', Gateway);
  if (GatewayIPv6 !== undefined) lab.run('ip', '-6', 'route', 'add', 'default', 'via', GatewayIPv6);
}

/** Another machine, on a link of the host's: 192.0.2.1 is the host. */
export function outside(t: Test, lab: Lab): Lab {
  const other = new Lab(t, 'out');
  lab.run('ip', 'link', 'add', 'out0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', other.name);
  for (const [where, device, number] of [
    [lab, 'out0', 1],
    [other, 'eth0', 2],
  ] as const) {
    where.run('ip', 'address', 'add', `192.0.2.${number}/24`, 'dev', device);
    where.run('ip', 'address', 'add', `2001:db8::${number}/64`, 'dev', device, 'nodad');
    where.run('ip', 'link', 'set', device, 'up');
  }
  return other;
}
