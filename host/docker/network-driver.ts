import { anything, array, object, optional, record, string } from '../cni/config.js';
import { parseMac } from '../codec/text.js';
import { badRequest } from './errors.js';
import { isBridge } from './firewall/rules.js';
import type { EndpointRecord } from './networks/record.js';
import { type Subnet, settingsOf } from './networks/settings.js';
import { bindingShape } from './ports/binding.js';
import { type Answer, defineCalls } from './protocol.js';
import type { State } from './state.js';

const labels = {
  generic: 'com.docker.network.generic',
  internal: 'com.docker.network.internal',
  ports: 'com.docker.network.portmap',
  exposed: 'com.docker.network.endpoint.exposedports',
  mac: 'com.docker.network.endpoint.macaddress',
} as const;

const MAC_LENGTH = 6;
/** IDs become names of files and links. */
const id = {
  read: (value: unknown, path: string): string => {
    const text = string.read(value, path);
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]{11,127}$/.test(text))
      throw badRequest(`${path}: ${JSON.stringify(text)} is no identifier`);
    return text;
  },
};
const options = optional(record, {});
const subnetShape = object({
  Pool: optional(string, ''),
  Gateway: optional(string, ''),
  AuxAddresses: optional(record, {}),
});
const subnets = optional(array(subnetShape), []);
const networkShape = object({ NetworkID: id });
const endpointShape = object({ NetworkID: id, EndpointID: id, Options: options });
const createNetworkShape = object({ NetworkID: id, Options: options, IPv4Data: subnets, IPv6Data: subnets });
const createEndpointShape = object({
  NetworkID: id,
  EndpointID: id,
  Options: options,
  Interface: optional(
    object({
      Address: optional(string, ''),
      AddressIPv6: optional(string, ''),
      MacAddress: optional(string, ''),
    }),
  ),
});
const joinShape = object({
  NetworkID: id,
  EndpointID: id,
  SandboxKey: optional(string, ''),
  Options: options,
});
const bindings = optional(array(bindingShape), []);
const exposed = optional(array(anything), []);

type CreateNetwork = ReturnType<typeof createNetworkShape.read>;
type CreateEndpoint = ReturnType<typeof createEndpointShape.read>;
type Options = Readonly<Record<string, unknown>>;

function subnetsOf({ IPv4Data, IPv6Data }: CreateNetwork): Subnet[] {
  return [...IPv4Data, ...IPv6Data]
    .filter(({ Pool }) => Pool !== '')
    .map(({ Pool, Gateway, AuxAddresses }) => ({
      pool: Pool,
      gateway: Gateway === '' ? undefined : Gateway,
      auxiliary: Object.values(AuxAddresses).map((address) => String(address).split('/')[0] as string),
    }));
}

/** Go writes bytes as base64. */
function macOption(given: Options): string {
  const value = given[labels.mac];
  if (typeof value !== 'string' || value === '') return '';
  const bytes = parseMac(value) ?? Buffer.from(value, 'base64');
  if (bytes.length !== MAC_LENGTH)
    throw badRequest(`${labels.mac}: ${JSON.stringify(value)} is no hardware address`);
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The calls of NetworkDriver. https://github.com/moby/moby/blob/master/daemon/libnetwork/docs/remote.md */
export function networkCalls(state: State) {
  return defineCalls((call) => [
    call('NetworkDriver.GetCapabilities', undefined, async () => ({
      Scope: 'local',
      ConnectivityScope: 'local',
      GwAllocChecker: true,
    })),
    call('NetworkDriver.GwAllocCheck', object({ Options: options }), async ({ Options }) =>
      gatewayNeeds(Options),
    ),
    call('NetworkDriver.AllocateNetwork', networkShape, async () => ({ Options: {} })),
    call('NetworkDriver.FreeNetwork', networkShape, async () => ({})),
    call('NetworkDriver.CreateNetwork', createNetworkShape, (request) => createNetwork(state, request)),
    call('NetworkDriver.DeleteNetwork', networkShape, ({ NetworkID }) => state.removeNetwork(NetworkID)),
    call('NetworkDriver.CreateEndpoint', createEndpointShape, (request) => createEndpoint(state, request)),
    call('NetworkDriver.EndpointOperInfo', endpointShape, async (request) => {
      const endpoint = state.endpoints.get(request.EndpointID);
      if (endpoint === undefined) return { Value: {} };
      const { published, exposed: ports } = endpoint;
      return { Value: { [labels.exposed]: ports, [labels.ports]: published } };
    }),
    call('NetworkDriver.DeleteEndpoint', endpointShape, ({ EndpointID }) => state.removeEndpoint(EndpointID)),
    call('NetworkDriver.Join', joinShape, async ({ NetworkID, EndpointID, SandboxKey, Options }) => {
      const ports = bindings.read(Options[labels.ports], labels.ports);
      return await state.withEndpoint(NetworkID, EndpointID, async (network, endpoint, kind) => {
        state.endpoints.put({
          ...endpoint,
          sandbox: SandboxKey,
          bindings: ports.length > 0 ? ports : endpoint.bindings,
        });
        return { ...(await kind.join(network, endpoint)) };
      });
    }),
    call('NetworkDriver.Leave', endpointShape, async ({ EndpointID }) => {
      await state.leave(EndpointID);
      return {};
    }),
    call('NetworkDriver.ProgramExternalConnectivity', endpointShape, async (request) => {
      const ports = bindings.read(request.Options[labels.ports], labels.ports);
      await state.withEndpoint(request.NetworkID, request.EndpointID, async (network, endpoint) => {
        const wanted = ports.length > 0 ? ports : endpoint.bindings;
        // asked for once more; and without ports there is nothing to do
        if (endpoint.published.length > 0 || wanted.length === 0 || !isBridge(network)) return {};
        if (network.settings.internal) return {};
        const published = await state.publisher.publish(network, endpoint, wanted);
        state.endpoints.put({ ...endpoint, bindings: wanted, published });
        return {};
      });
      return {};
    }),
    call('NetworkDriver.RevokeExternalConnectivity', endpointShape, async ({ EndpointID }) => {
      await state.revoke(EndpointID);
      return {};
    }),
    // of a swarm's nodes: what is local needs none of them
    call('NetworkDriver.DiscoverNew', anything, async () => ({})),
    call('NetworkDriver.DiscoverDelete', anything, async () => ({})),
  ]);
}

/** Networks without a gateway of their own need no address for it. */
function gatewayNeeds(given: Options): Answer {
  const generic = record.read(given[labels.generic] ?? {}, labels.generic);
  const settings = settingsOf('0'.repeat(12), generic, given[labels.internal] === true);
  const skip =
    settings.kind === 'cni' ||
    (settings.kind === 'ipvlan' && settings.mode !== 'l2') ||
    (settings.kind !== 'bridge' && settings.internal);
  return { SkipIPv4: skip, SkipIPv6: skip };
}

async function createNetwork(state: State, request: CreateNetwork): Promise<Answer> {
  const { NetworkID, Options } = request;
  const generic = record.read(Options[labels.generic] ?? {}, labels.generic);
  const settings = settingsOf(NetworkID, generic, Options[labels.internal] === true);
  await state.addNetwork({
    id: NetworkID,
    settings,
    subnets: subnetsOf(request),
    adopted: false,
    time: Date.now(),
  });
  return {};
}

async function createEndpoint(state: State, request: CreateEndpoint): Promise<Answer> {
  const { NetworkID, EndpointID, Options, Interface } = request;
  const given = { Address: '', AddressIPv6: '', MacAddress: '', ...Interface };
  const mac = given.MacAddress || macOption(Options);
  if (mac !== '' && parseMac(mac)?.length !== MAC_LENGTH) throw badRequest(`invalid hardware address ${mac}`);
  const wanted: EndpointRecord = {
    id: EndpointID,
    network: NetworkID,
    address: given.Address,
    address6: given.AddressIPv6,
    mac,
    bindings: bindings.read(Options[labels.ports], labels.ports),
    exposed: exposed.read(Options[labels.exposed], labels.exposed),
    published: [],
    time: Date.now(),
  };
  const endpoint = await state.addEndpoint(wanted);
  // Docker refuses an answer to what it has said itself
  const answer = {
    ...(given.Address === '' && endpoint.address !== '' ? { Address: endpoint.address } : {}),
    ...(given.AddressIPv6 === '' && endpoint.address6 !== '' ? { AddressIPv6: endpoint.address6 } : {}),
    ...(given.MacAddress === '' && endpoint.mac !== '' ? { MacAddress: endpoint.mac } : {}),
  };
  return { Interface: answer };
}
