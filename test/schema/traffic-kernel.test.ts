import { readFileSync } from 'node:fs';
import t from 'tap';
import { decodeMessages } from '../../host/codec/decode.js';
import { encode } from '../../host/codec/encode.js';
import { registry } from '../../host/codec/registry.js';
import { trafficAction } from '../../host/schema/traffic/action.js';
import {
  packPeditKeys,
  packU32Keys,
  unpackPeditKeys,
  unpackU32Keys,
} from '../../host/schema/traffic/keys.js';
import { tc } from '../../host/schema/traffic/tc.js';
import { datagrams, namespaceShell } from './support/kernel.js';

interface Recording {
  readonly devices: { left: number; right: number };
  readonly records: readonly {
    setup: string;
    message: keyof typeof tc.messages;
    hex: string[];
  }[];
}

registry().register(tc);
registry().register(trafficAction);

// recorded by fixtures/capture-traffic.mjs on a kernel that has them all
const { devices, records } = JSON.parse(
  readFileSync(new URL('../../../test/schema/fixtures/traffic.json', import.meta.url), 'utf8'),
) as Recording;

const TICKS = 15.625; // of 64 ns, in a microsecond
const percent = (part: number) => Math.round((part / 100) * 0xffff_ffff);
/** A number that tc rounds. */
class Near {
  constructor(
    readonly number: number,
    readonly tolerance: number,
  ) {}
}
const near = (number: number, tolerance = 4) => new Near(number, tolerance);
/** What is wanted, with the found number wherever it is near enough. */
function settled(pattern: unknown, found: unknown): unknown {
  if (pattern instanceof Near) {
    return Math.abs((found as number) - pattern.number) <= pattern.tolerance ? found : pattern.number;
  }
  if (typeof pattern !== 'object' || pattern === null || pattern instanceof Uint8Array) return pattern;
  if (Array.isArray(pattern))
    return pattern.map((one, i) => settled(one, (found as unknown[] | undefined)?.[i]));
  return Object.fromEntries(
    Object.entries(pattern).map(([name, one]) => [
      name,
      settled(one, (found as Record<string, unknown> | undefined)?.[name]),
    ]),
  );
}
const gact = (action: string) => [{ kind: 'gact', options: { parms: { action, index: 1 } } }];

/** What each line asked tc for, in the kernel's units. */
const wanted: Record<string, { options: object } & Record<string, unknown>> = {
  'tbf rate': {
    options: {
      parms: {
        rate: { rate: 125_000, linklayer: 1 },
        peakrate: { rate: 250_000 },
        limit: 125_000 * 0.4 + 32 * 1024,
      },
    },
  },
  'htb default': {
    options: { init: { version: (3 << 16) | 17, rate2quantum: 20, defcls: 0x10 }, directQlen: 1000 },
  },
  'netem delay': {
    options: {
      header: {
        latency: 10_000 * TICKS,
        jitter: 2000 * TICKS,
        limit: 500,
        gap: 1,
        loss: near(percent(1.5)),
        duplicate: near(percent(2)),
      },
      attributes: {
        corr: { delayCorr: near(percent(25)), lossCorr: near(percent(20)), dupCorr: 0 },
        reorder: { probability: near(percent(5)), correlation: near(percent(50)) },
        corrupt: { probability: near(percent(0.5)) },
        rate: { rate: 125_000 },
        latency64: 10_000_000,
        jitter64: 2_000_000,
      },
    },
  },
  'netem loss': {
    options: {
      attributes: {
        loss: {
          ge: { p: near(percent(1)), r: near(percent(10)), h: near(percent(30)), k1: near(percent(0.1)) },
        },
        slot: { minDelay: 800_000, maxDelay: 10_000_000, maxPackets: 20, maxBytes: 3000 },
        latency64: 20_000_000,
      },
    },
  },
  fq_codel: {
    options: {
      limit: 1000,
      flows: 512,
      quantum: 1000,
      ecn: 1,
      target: near(7000, 1),
      interval: near(120_000, 1),
      ceThreshold: near(3000, 1),
      memoryLimit: 4 << 20,
    },
    xstats: { type: 'qdisc', dropOverlimit: 0 },
  },
  'fq limit': {
    options: {
      plimit: 2000,
      flowPlimit: 50,
      quantum: 3028,
      initialQuantum: 15_140,
      flowMaxRate: 1_250_000,
      bucketsLog: 9,
      flowRefillDelay: 50_000,
      horizonDrop: 1,
      priomap: { bands: 3 },
      weights: [589_824, 196_608, 65_536],
    },
    xstats: { flows: 0, bandPktCount: { high: 0, medium: 0, low: 0 } },
  },
  prio: { options: { bands: 4, priomap: Uint8Array.from([1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 3]) } },
  sfq: { options: { v0: { quantum: 1500, perturbPeriod: 10, limit: 100, divisor: 512 }, depth: 20 } },
  pfifo: { options: { limit: 77 } },
  bfifo: { options: { limit: 7700 } },
  'htb class': {
    options: {
      parms: {
        rate: { rate: 1_250_000 },
        ceil: { rate: 2_500_000 },
        buffer: near(((15 * 1024) / 1.25) * TICKS, 20),
        cbuffer: near(((30 * 1024) / 2.5) * TICKS, 20),
        quantum: 3000,
        prio: 3,
      },
    },
    xstats: { lends: 0, borrows: 0 },
  },
  'protocol ip prio 5': {
    options: {
      sel: { nkeys: 2, flags: ['terminal'] },
      classid: 0x1_0002,
      act: [
        {
          kind: 'mirred',
          options: { parms: { eaction: 'egress-redir', ifindex: devices.left, action: 'stolen' } },
        },
      ],
    },
  },
  'protocol 802.1q': {
    options: {
      keyVlanId: 7,
      keyVlanPrio: 3,
      keyVlanEthType: 0x800,
      keyIpv4Dst: '10.0.0.0',
      keyIpv4DstMask: '255.0.0.0',
      keyIpProto: 6,
      keyTcpDst: 80,
      keyTcpFlags: 2,
      keyTcpFlagsMask: 0x3f,
      flags: ['not-in-hw'],
      act: gact('shot'),
    },
  },
  'protocol ipv6': {
    options: {
      keyEthDst: '02:42:ac:11:00:02',
      keyIpv6Src: '2001:db8::',
      keyIpv6SrcMask: 'ffff:ffff::',
      keyIcmpv6Type: 128,
      keyIcmpv6Code: 0,
      flags: ['skip-hw', 'not-in-hw'],
      act: gact('ok'),
    },
  },
  'protocol arp': {
    options: { keyEthType: 0x806, keyArpOp: 1, keyArpSip: '10.1.2.3', keyArpSha: '02:00:00:00:00:01' },
  },
  'protocol ip prio 9': {
    options: {
      keyFlags: ['frag', 'firstfrag'],
      keyFlagsMask: ['frag', 'firstfrag'],
      keyIpTtl: 64,
      keyIpTos: 16,
      keyCtState: ['established', 'tracked'],
      keyCtStateMask: ['established', 'tracked'],
      keyCtZone: 5,
      keyCtMark: 7,
    },
  },
  'protocol ip prio 10': { options: { keyEncKeyId: 33, keyEncIpv4Dst: '1.2.3.4', keyEncUdpDstPort: 4789 } },
  'protocol mpls_uc': { options: { keyMplsLabel: 1234, keyMplsTtl: 9 } },
  'protocol all': {
    options: {
      act: [
        { kind: 'police', options: { tbf: { action: 'shot', rate: { rate: 125_000 } }, result: 'pipe' } },
        {
          kind: 'mirred',
          options: { parms: { eaction: 'ingress-mirror', ifindex: devices.left, action: 'pipe' } },
        },
      ],
    },
  },
  'protocol ip prio 13': { options: { classid: 0x1_0003, mask: 0xff, act: gact('reclassify') } },
  'protocol ip prio 14': { options: { classid: 0x1_0004, act: gact('ok') } },
  'protocol ip prio 15': {
    options: { classid: 0x1_0001, opsLen: 1, ops: Uint8Array.from([6, 0, 0, 0, 255, 255, 255, 255]) },
  },
};

/** Paths of attributes that the schema lacks; padding (TCA_PAD and the like, without payload) is not described. */
function unknown(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  return Object.entries(value).flatMap(([name, one]) => {
    const raw = !Array.isArray(value) && /^\d+$/.test(name);
    if (raw)
      return [one].flat().every((payload) => (payload as Uint8Array).length === 0) ? [] : [`${path}.${name}`];
    return unknown(one, `${path}.${name}`);
  });
}

t.test('what kernels say of traffic control', async (t) => {
  for (const record of records) {
    const key = Object.keys(wanted).find(
      (prefix) => record.setup === prefix || record.setup.startsWith(`${prefix} `),
    );
    t.ok(key !== undefined, `${record.setup} is expected to be something`);
    const messages = record.hex
      .flatMap((line) => decodeMessages('route', Uint8Array.from(Buffer.from(line, 'hex'))))
      .filter(({ name }) => name === record.message);
    // filters: the chain's head comes first; u32: its hash table, too
    const message = messages.findLast(
      ({ attributes }) => (attributes as { options?: unknown }).options !== undefined,
    );
    t.match(message?.attributes, settled(wanted[key as string], message?.attributes), record.setup);
    if (message === undefined) continue;
    t.same(unknown(message.attributes), [], 'no attribute of it is unknown');
    const again = encode(tc.messages[record.message], {
      header: message.header,
      attributes: message.attributes,
    } as never);
    const [{ header, attributes }] = decodeMessages('route', again) as [typeof message];
    t.same(
      { header, attributes },
      { header: message.header, attributes: message.attributes },
      'and encodes again',
    );
  }
});

t.test('keys behind a struct', async (t) => {
  const u32 = records.find(({ setup }) => setup.includes('u32')) as (typeof records)[number];
  const message = u32.hex
    .flatMap((line) => decodeMessages('route', Uint8Array.from(Buffer.from(line, 'hex'))))
    .findLast(({ name }) => name === 'newtfilter');
  if (message === undefined) throw new Error('no u32 filter was recorded');
  const { keys } = (message.attributes as { options: { sel: { keys: Uint8Array } } }).options.sel;
  const unpacked = unpackU32Keys(keys);
  t.same(unpacked, [
    { mask: 0xff00_0000, val: 0x0a00_0000, off: 16, offmask: 0 },
    { mask: 0x00ff_0000, val: 0x0006_0000, off: 8, offmask: 0 },
  ]);
  t.same(packU32Keys(unpacked), keys);
  const pedit = [{ mask: 0xffff_ff00, val: 5, off: 8, at: 0, offmask: 1, shift: 2 }];
  t.same(unpackPeditKeys(packPeditKeys(pedit)), pedit);
});

t.test('what is encoded, the kernel does', async (t) => {
  const shell = namespaceShell(t);
  const CREATE = 0x400 | 0x200 | 1 | 4;
  const header = { ifindex: 2 };
  const rate = { linklayer: 1 } as const;
  const hexOf = (...args: Parameters<typeof encode>) => Buffer.from(encode(...args)).toString('hex');
  const tbf = hexOf(tc.messages.newqdisc, {
    flags: CREATE,
    seq: 1,
    header: { ...header, parent: 0xffff_ffff, handle: 0x1_0000 },
    attributes: {
      kind: 'tbf',
      options: {
        parms: { rate: { ...rate, rate: 125_000 }, limit: 60_000, buffer: 32_768 * 8 * TICKS },
        burst: 32_768,
      },
    },
  } as never);
  const ingress = hexOf(tc.messages.newqdisc, {
    flags: CREATE,
    seq: 2,
    header: { ...header, parent: 0xffff_fff1, handle: 0xffff_0000 },
    attributes: { kind: 'ingress', options: {} },
  } as never);
  const filter = hexOf(tc.messages.newtfilter, {
    flags: CREATE,
    seq: 3,
    header: { ...header, parent: 0xffff_0000, info: (5 << 16) | 0x0008 },
    attributes: {
      kind: 'u32',
      options: {
        sel: {
          flags: ['terminal'],
          nkeys: 1,
          keys: packU32Keys([{ mask: 0xff00_0000, val: 0x0a00_0000, off: 16, offmask: 0 }]),
        },
        classid: 0x1_0002,
        act: [
          { kind: 'mirred', options: { parms: { eaction: 'egress-redir', ifindex: 3, action: 'stolen' } } },
        ],
      },
    },
  } as never);
  const [answers = '', qdiscs = '', filters = ''] = shell(
    'ip link add left type veth peer name right\nip link set left up\nip link set right up\n' +
      `"$REQUEST" 0 ${tbf} ${ingress} ${filter}\necho =====\n` +
      'tc -j -d qdisc show dev right\necho =====\ntc -j -d filter show dev right ingress\n',
  ).split('=====\n');
  t.same(
    datagrams(answers)
      .flatMap((bytes) => decodeMessages('route', bytes))
      .filter(({ name }) => name === 'error')
      .map(({ header, attributes }) => [(header as { error?: number }).error, attributes]),
    [
      [0, {}],
      [0, {}],
      [0, {}],
    ],
  );
  t.match(JSON.parse(qdiscs), [
    { kind: 'tbf', handle: '1:', root: true, options: { rate: 125_000, burst: '32Kb/1' } },
    { kind: 'ingress', handle: 'ffff:' },
  ]);
  t.match((JSON.parse(filters) as unknown[]).at(-1), {
    kind: 'u32',
    pref: 5,
    protocol: 'ip',
    options: {
      flowid: '1:2',
      match: { value: 'a000000', mask: 'ff000000', off: 16 },
      actions: [{ kind: 'mirred', mirred_action: 'redirect', direction: 'egress', to_dev: 'left' }],
    },
  });
});
