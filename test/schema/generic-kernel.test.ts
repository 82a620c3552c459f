import t from 'tap';
import type { DecodedMessage } from '../../host/codec/block.js';
import { decodeMessages } from '../../host/codec/decode.js';
import { encode } from '../../host/codec/encode.js';
import { registry } from '../../host/codec/registry.js';
import { controller } from '../../host/schema/generic/controller.js';
import { ethtool } from '../../host/schema/generic/ethtool.js';
import { datagrams, hex, namespaceShell } from './support/kernel.js';

registry().register(controller);
const GENERIC = 16;
const DUMP = 0x301;

const all = (output: string): DecodedMessage[] =>
  datagrams(output).flatMap((bytes) => decodeMessages('generic', bytes));

interface FamilyEntry {
  familyName: string;
  familyId: number;
  version: number;
  ops?: { id: number; flags: string[] }[];
  mcastGroups?: { id: number; name: string }[];
}

function families(output: string): FamilyEntry[] {
  return all(output)
    .filter(({ name }) => name === 'newfamily')
    .map(({ attributes }) => attributes as unknown as FamilyEntry);
}
const listFamilies = `"$REQUEST" ${GENERIC} ${hex(encode(controller.messages.getfamily, { flags: DUMP, seq: 1 }))}\n`;

t.test('families read as genl reads them', async (t) => {
  const shell = namespaceShell(t);
  const [bytes = '', listed = ''] = shell(`${listFamilies}echo =====\ngenl ctrl list\n`).split('=====\n');
  const found = families(bytes).map(({ familyName, familyId, version, ops = [], mcastGroups = [] }) => ({
    familyName,
    familyId,
    version,
    ops: ops.map(({ id }) => id),
    groups: mcastGroups.map(({ id, name }) => `${id} ${name}`),
  }));
  const wanted = listed
    .split(/^Name: /m)
    .slice(1)
    .map((text) => {
      const [, groups = ''] = text.split('multicast groups:');
      const [operations = ''] = text.split('multicast groups:');
      return {
        familyName: text.split('\n')[0]?.trim(),
        familyId: Number(/ID: (0x[0-9a-f]+) {2}Version/.exec(text)?.[1]),
        version: Number(/Version: (0x[0-9a-f]+)/.exec(text)?.[1]),
        ops: [...operations.matchAll(/#\d+: {2}ID-(0x[0-9a-f]+)/g)].map(([, id]) => Number(id)),
        groups: [...groups.matchAll(/#\d+: {2}ID-(0x[0-9a-f]+) +name: (\S+)/g)].map(
          ([, id, name]) => `${Number(id)} ${name}`,
        ),
      };
    });
  t.ok(wanted.length >= 2);
  t.same(found, wanted);
});

t.test('features of a device read as ethtool reads them', async (t) => {
  const shell = namespaceShell(t);
  const known = families(shell(listFamilies)).find(({ familyName }) => familyName === 'ethtool');
  if (known === undefined) throw new Error('this kernel has no ethtool family');
  registry().register(ethtool, known.familyId);
  const request = encode(ethtool.messages.featuresGet, {
    type: known.familyId,
    flags: 1 | 4,
    seq: 1,
    attributes: { header: { devName: 'left' } },
  });
  const linkinfo = encode(ethtool.messages.linkinfoGet, {
    type: known.familyId,
    flags: DUMP,
    seq: 2,
    attributes: { header: {} },
  });
  const [bytes = '', json = ''] = shell(
    `ip link add left type veth peer name right\n"$REQUEST" ${GENERIC} ${hex(request)} ${hex(linkinfo)}\necho =====\nethtool --json -k left\n`,
  ).split('=====\n');
  const messages = all(bytes);
  const features = messages.find(({ name }) => name === 'featuresGetReply');
  if (features === undefined) throw new Error('ethtool did not answer');
  const { header, active } = features.attributes as {
    header: { devName: string };
    active: { bits: { bit: { name: string }[] } };
  };
  t.equal(header.devName, 'left');
  const [listed = {}] = JSON.parse(json) as Record<string, { active?: boolean }>[];
  // ethtool has names of its own for some, and adds groups
  const bits = new Set(active.bits.bit.map(({ name }) => name));
  const both = Object.entries(listed).filter(
    ([name]) => /^(tx|rx)-[a-z-]+$/.test(name) && !/^(tx|rx)-(checksumming|vlan-offload)$/.test(name),
  );
  t.ok(both.length > 10);
  t.same(
    Object.fromEntries(both.map(([name]) => [name, bits.has(name)])),
    Object.fromEntries(both.map(([name, { active }]) => [name, active])),
  );
  t.same(
    messages
      .filter(({ name }) => name === 'linkinfoGetReply')
      .map(({ attributes }) => (attributes as { header: { devName: string } }).header.devName)
      .sort(),
    ['left', 'right'],
  );
});
