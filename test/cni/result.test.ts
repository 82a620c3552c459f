import fc from 'fast-check';
import t from 'tap';
import { anything, object, optional } from '../../host/cni/config.js';
import { CniError } from '../../host/cni/errors.js';
import { definePlugin } from '../../host/cni/plugin.js';
import { formatResult, parsePrevResult, parseResult, type Result, toJson } from '../../host/cni/result.js';
import { allVersions } from '../../host/cni/version.js';
import {
  comparable,
  environment,
  hasReference,
  referenceVersions,
  runOurs,
  runReference,
} from './support/reference.js';

// portmap without mappings prints its prevResult, after a conversion to the current version and back
const passing = definePlugin({
  type: 'portmap',
  config: object({ runtimeConfig: optional(anything) }),
  add: async ({ prevResult }) => prevResult ?? {},
  delete: async () => undefined,
  check: async () => undefined,
});

const dualStack = {
  interfaces: [
    { name: 'br0', mac: '02:00:00:00:00:01' },
    { name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/run/netns/a' },
    { name: '' },
  ],
  ips: [
    { version: '4', interface: 1, address: '10.1.2.3/24', gateway: '10.1.2.1' },
    { version: '6', interface: 1, address: 'fd00::5/64', gateway: 'fd00::1' },
    { version: '4', address: '10.9.0.7/16' },
    { version: '4', interface: 0, address: '10.9.0.8/16' },
  ],
  routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0', gw: 'fd00::9' }, { dst: '10.77.0.0/16', gw: '10.1.2.9' }],
  dns: {
    nameservers: ['10.1.2.1', 'fd00::1'],
    domain: 'a.example',
    search: ['b', 'c'],
    options: ['ndots:5'],
  },
};
const legacy = {
  ip4: {
    ip: '10.1.2.3/24',
    gateway: '10.1.2.1',
    routes: [{ dst: '0.0.0.0/0' }, { dst: '10.0.0.0/8', gw: '10.1.2.9' }],
  },
  ip6: { ip: 'fd00::5/64', routes: [{ dst: '::/0', gw: 'fd00::1' }] },
  dns: { nameservers: ['10.1.2.1'], search: ['x'] },
};
const prevResults: Record<string, unknown> = {
  'both families, several interfaces': { ...dualStack, ...legacy },
  'one address': { ips: [{ version: '4', address: '10.1.2.3/24' }], ip4: { ip: '10.1.2.3/24' } },
  'IPv6 only': { ips: [{ version: '6', address: 'fd00::5/64' }], ip6: { ip: 'fd00::5/64' } },
  'routes of a family without an address': {
    ips: [{ version: '4', address: '10.1.2.3/24' }],
    routes: [{ dst: 'fd00::/8' }, { dst: '10.0.0.0/8' }],
    ip4: { ip: '10.1.2.3/24', routes: [{ dst: '10.0.0.0/8' }] },
  },
  'nulls and empty lists': {
    interfaces: [],
    ips: [{ version: '4', address: '10.1.2.3/24', gateway: null, interface: null }],
    routes: null,
    dns: { nameservers: [], domain: '' },
    ip4: { ip: '10.1.2.3/24', routes: [] },
    ip6: null,
  },
  'keys in another case, unknown keys': {
    IPs: [{ Version: '4', Address: '10.1.2.3/24', Gateway: '10.1.2.1', what: 1 }],
    Interfaces: [{ Name: 'eth0', MAC: '02:00:00:00:00:02', SandBox: '/x' }],
    Routes: [{ DST: '10.0.0.0/8', GW: '10.1.2.9' }],
    IP4: { IP: '10.1.2.3/24', Routes: [{ Dst: '10.0.0.0/8' }] },
    DNS: { NameServers: ['1.1.1.1'] },
  },
  'addresses in other notations': {
    ips: [{ version: '6', address: 'FD00:0:0::0005/64', gateway: 'FD00::0:1' }],
    ip6: { ip: 'FD00:0:0::0005/64', gateway: 'FD00::0:1' },
    routes: [{ dst: 'FD00:0:0:1::/64' }],
  },
  'prefixes with host bits': {
    ips: [{ version: '4', address: '10.1.2.3/8' }],
    ip4: { ip: '10.1.2.3/8', routes: [{ dst: '10.1.2.3/8' }] },
    routes: [{ dst: '10.1.2.3/8' }],
  },
};

t.test(
  'results of each version, read and printed as the reference does',
  { skip: !hasReference },
  async (t) => {
    for (const [title, prevResult] of Object.entries(prevResults)) {
      for (const cniVersion of referenceVersions) {
        const config = { name: 'n', type: 'portmap', cniVersion, prevResult };
        const theirs = runReference('portmap', environment(), config);
        const ours = await runOurs(passing, environment(), config);
        t.equal(ours.status, theirs.status, `${title}, ${cniVersion}: status; ${theirs.stdout}`);
        if (theirs.status === 0)
          t.same(comparable(ours.output), comparable(theirs.json), `${title}, ${cniVersion}`);
        if (theirs.status === 0 && cniVersion !== '1.0.0') {
          t.equal(ours.text, theirs.stdout, `${title}, ${cniVersion}: text`);
        }
      }
    }
  },
);

const faulty: Record<string, unknown> = {
  'address without length': { ips: [{ version: '4', address: '10.1.2.3' }], ip4: { ip: '10.1.2.3' } },
  'address of nonsense': { ips: [{ version: '4', address: 'x/24' }], ip4: { ip: '10.1.2/24' } },
  'length too long': { ips: [{ version: '4', address: '10.1.2.3/33' }], ip4: { ip: '10.1.2.3/33' } },
  'address a number': { ips: [{ version: '4', address: 5 }], ip4: { ip: 5 } },
  'gateway of nonsense': {
    ips: [{ version: '4', address: '10.1.2.3/24', gateway: '10.1.2' }],
    ip4: { ip: '10.1.2.3/24', gateway: '10.1.2' },
  },
  'interface a text': { ips: [{ version: '4', address: '10.1.2.3/24', interface: '0' }], ip4: 'x' },
  'ips no list': { ips: {}, ip4: [] },
  'route no prefix': {
    routes: [{ dst: '10.0.0.1' }],
    ip4: { ip: '10.1.2.3/24', routes: [{ dst: '10.0.0.1' }] },
  },
  'interface no object': { interfaces: ['eth0'], ip4: 7 },
  'name a number': { interfaces: [{ name: 7 }], dns: 7 },
  'nameservers no list': { dns: { nameservers: '1.1.1.1' } },
  'a list': [],
  'a text': 'x',
};
t.test('results that make no sense are refused by both', { skip: !hasReference }, async (t) => {
  for (const [title, prevResult] of Object.entries(faulty)) {
    for (const cniVersion of ['0.2.0', '0.4.0', '1.0.0']) {
      const config = { name: 'n', type: 'portmap', cniVersion, prevResult };
      const theirs = runReference('portmap', environment(), config);
      const ours = await runOurs(passing, environment(), config);
      t.equal(ours.status, theirs.status, `${title}, ${cniVersion}: ${theirs.stdout} ${ours.text}`);
    }
  }
});

t.test(
  'a prevResult of another shape than the config’s version is refused, one of its kin is not',
  async (t) => {
    for (const own of allVersions) {
      for (const version of allVersions) {
        if (!hasReference || version === '1.1.0' || own === '1.1.0') continue;
        const prevResult = { cniVersion: own, ...legacy, ...dualStack };
        const config = { name: 'n', type: 'portmap', cniVersion: version, prevResult };
        const theirs = runReference('portmap', environment(), config);
        const ours = await runOurs(passing, environment(), config);
        t.equal(ours.status, theirs.status, `${own} in ${version}`);
        if (theirs.status === 0) continue;
        const said = `but unmarshalled CNIVersion is "${own}"`;
        t.ok(theirs.json.msg.endsWith(said) && ours.error?.msg.endsWith(said), `${own} in ${version}`);
      }
    }
  },
);

t.test('conversions between all versions', async (t) => {
  const full: Result = {
    interfaces: [
      { name: 'eth0', mac: '02:00:00:00:00:02', mtu: 1400, sandbox: '/run/netns/a', pciID: '0000:00:01.0' },
    ],
    ips: [
      { address: '10.1.2.3/24', gateway: '10.1.2.1', interface: 0 },
      { address: 'fd00::5/64', interface: 0 },
    ],
    routes: [
      { dst: '0.0.0.0/0', table: 0, scope: 0, priority: 7, mtu: 1300, advmss: 1200 },
      { dst: 'fd01::/16', gw: 'fd00::1' },
    ],
    dns: { nameservers: ['1.1.1.1'] },
  };
  t.test('1.x keeps all, keys in alphabetical order', async (t) => {
    for (const version of ['1.0.0', '1.1.0']) {
      const printed = formatResult(full, version);
      t.same(parseResult(printed, version), full);
      t.same(Object.keys(printed), ['cniVersion', 'dns', 'interfaces', 'ips', 'routes']);
      const [link] = printed.interfaces as object[];
      t.same(Object.keys(link as object), ['mac', 'mtu', 'name', 'pciID', 'sandbox']);
      const [route] = printed.routes as object[];
      t.same(Object.keys(route as object), ['advmss', 'dst', 'mtu', 'priority', 'scope', 'table']);
    }
  });
  t.test('0.3 to 0.4 say the family and have no mtu or pciID of interfaces', async (t) => {
    for (const version of ['0.3.0', '0.3.1', '0.4.0']) {
      const printed = formatResult(full, version);
      t.same(printed.interfaces, [{ name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/run/netns/a' }]);
      t.same(printed.ips, [
        { version: '4', interface: 0, address: '10.1.2.3/24', gateway: '10.1.2.1' },
        { version: '6', interface: 0, address: 'fd00::5/64' },
      ]);
      t.same(printed.routes, full.routes);
    }
  });
  t.test('0.1 and 0.2 keep the first address of a family, with dst and gw of its routes', async (t) => {
    t.same(formatResult(full, '0.2.0'), {
      cniVersion: '0.2.0',
      ip4: { ip: '10.1.2.3/24', gateway: '10.1.2.1', routes: [{ dst: '0.0.0.0/0' }] },
      ip6: { ip: 'fd00::5/64', routes: [{ dst: 'fd01::/16', gw: 'fd00::1' }] },
      dns: { nameservers: ['1.1.1.1'] },
    });
    t.throws(() => formatResult({ interfaces: [{ name: 'lo' }] }, '0.1.0'), {
      message: 'cannot convert: no valid IP addresses',
    });
  });
  t.throws(() => formatResult(full, '7.0.0'), { message: 'unsupported CNI result version "7.0.0"' });
  t.throws(() => parseResult({ cniVersion: '7.0.0' }, '1.0.0'), {
    message: /unsupported CNI result version/,
  });
});

const address = fc.oneof(
  fc.ipV4().map((ip) => `${ip}/24`),
  fc.constantFrom('fd00::5/64', '2001:db8::1/128', '::/0'),
);
const results: fc.Arbitrary<Result> = fc.record(
  {
    interfaces: fc.array(
      fc.record({ name: fc.string(), mac: fc.string({ minLength: 1 }) }, { requiredKeys: ['name'] }),
      { minLength: 1, maxLength: 3 },
    ),
    ips: fc.array(
      fc.record(
        { address, interface: fc.nat({ max: 3 }), gateway: fc.ipV4() },
        { requiredKeys: ['address'] },
      ),
      { minLength: 1, maxLength: 4 },
    ),
    routes: fc.array(
      fc.record(
        {
          dst: address,
          gw: fc.ipV4(),
          table: fc.nat(),
          scope: fc.nat({ max: 255 }),
          mtu: fc.integer({ min: 1, max: 9000 }),
        },
        { requiredKeys: ['dst'] },
      ),
      { minLength: 1, maxLength: 3 },
    ),
    dns: fc.record({ nameservers: fc.array(fc.ipV4(), { minLength: 1 }) }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Result>;

t.test('what is printed is read back the same, from 0.3.0 on', async () => {
  fc.assert(
    fc.property(results, fc.constantFrom('0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'), (result, version) => {
      const text = toJson(formatResult(result, version));
      const back = parseResult(JSON.parse(text), version);
      return (
        toJson(formatResult(back, version)) === text &&
        toJson(back) === toJson(parseResult(formatResult(result, '1.1.0'), '1.1.0'))
      );
    }),
    { numRuns: 300 },
  );
});

t.test('any JSON is a result or a CniError', async () => {
  const keys = ['cniVersion', 'ips', 'ip4', 'ip6', 'interfaces', 'routes', 'dns', 'address', 'gw', 'dst'];
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 4 }),
    ),
  })).value;
  fc.assert(
    fc.property(json, fc.constantFrom(...allVersions), (value, version) => {
      try {
        const result = parsePrevResult(value, version);
        if (result !== undefined) formatResult(result, '1.1.0');
        return true;
      } catch (error) {
        return error instanceof CniError;
      }
    }),
    { numRuns: 1000 },
  );
});
