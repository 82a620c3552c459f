import type { DecodedMessage } from '../../codec/block.js';
import type { AttributesOf } from '../../schema/definition.js';
import type { nftables } from '../../schema/netfilter/nftables.js';

type Messages = typeof nftables.messages;

/** Families as nft writes them. */
const families: Readonly<Record<string, string>> = { ipv4: 'ip', ipv6: 'ip6' };

/** NF_INET_*, NF_NETDEV_*, linux/netfilter.h */
const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress'];
const deviceHooks = ['ingress', 'egress'];

/** Priorities that have names, linux/netfilter_ipv4.h, linux/netfilter_bridge.h. */
const priorities: readonly (readonly [string, number])[] = [
  ['raw', -300],
  ['mangle', -150],
  ['dstnat', -100],
  ['filter', 0],
  ['security', 50],
  ['srcnat', 100],
];
const bridgePriorities: readonly (readonly [string, number])[] = [
  ['dstnat', -300],
  ['filter', -200],
  ['out', 100],
  ['srcnat', 300],
];

/** Within ten of a named priority, nft tells the distance. */
const NEAR = 10;

function priorityText(family: string, hook: string, priority: number): string {
  for (const [name, value] of family === 'bridge' ? bridgePriorities : priorities) {
    if (family === 'netdev' && name !== 'filter') continue;
    if (family === 'arp' && name !== 'filter') continue;
    if (name === 'dstnat' && hook !== 'prerouting' && hook !== 'output') continue;
    if (name === 'srcnat' && hook !== 'postrouting' && hook !== 'input') continue;
    const distance = priority - value;
    if (distance === 0) return name;
    if (Math.abs(distance) <= NEAR) return `${name} ${distance < 0 ? '-' : '+'} ${Math.abs(distance)}`;
  }
  return String(priority);
}

function chainText(family: string, a: AttributesOf<Messages['newchain']>): string {
  const head = `chain ${family} ${a.table} ${a.name}`;
  const { num, priority, dev, devs } = a.hook ?? {};
  if (num === undefined || priority === undefined) return head;
  const hook = (family === 'netdev' ? deviceHooks : hooks)[num] ?? String(num);
  const devices = [...(dev === undefined ? [] : [dev]), ...(devs?.name ?? [])];
  const [first] = devices;
  const on =
    first === undefined
      ? ''
      : devices.length === 1
        ? ` device "${first}"`
        : ` devices = { ${devices.map((one) => `"${one}"`).join(', ')} }`;
  const policy = a.policy === undefined ? '' : ` policy ${a.policy};`;
  return `${head} { type ${a.type} hook ${hook}${on} priority ${priorityText(family, hook, priority)};${policy} }`;
}

const plain = (value: unknown): unknown =>
  typeof value === 'bigint'
    ? String(value)
    : value instanceof Uint8Array
      ? Buffer.from(value).toString('hex')
      : value;

function valueText(value: unknown): string {
  const item = plain(value);
  if (Array.isArray(item)) return item.map(valueText).join(',');
  if (typeof item !== 'object' || item === null) return String(item);
  const entries = Object.entries(item);
  return entries.length === 1
    ? valueText(entries[0]?.[1])
    : `(${entries.map(([key, one]) => `${key} ${valueText(one)}`).join(' ')})`;
}

interface Expression {
  readonly name?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** The kernel's expressions of a rule, as they are: what nft made them of is not in the message. */
function expressionsText(expressions: unknown): string {
  const list = (expressions as { elem?: readonly Expression[] } | undefined)?.elem ?? [];
  return list
    .map(({ name = '?', data = {} }) => {
      const parts = Object.entries(data).map(([key, value]) => `${key} ${valueText(value)}`);
      return `[ ${[name, ...parts].join(' ')} ]`;
    })
    .join(' ');
}

/**
 * A change of the ruleset, as `nft monitor` begins it: `add table inet foo`. Tables, chains, deleted rules and
 * generations are the same; new rules show the kernel's expressions, sets their size.
 */
export function rulesetText({ name, header, attributes }: DecodedMessage): string {
  const number = String((header as { nfgenFamily: unknown }).nfgenFamily);
  const family = families[number] ?? number;
  if (name === 'newgen') {
    const { id, procPid, procName } = attributes as AttributesOf<Messages['newgen']>;
    const by = procPid === undefined ? '' : ` by process ${procPid} (${procName})`;
    return `# new generation ${id}${by}\n`;
  }
  const deleted = name.startsWith('del');
  const verb = deleted ? 'delete' : 'add';
  const a = attributes as Readonly<Record<string, unknown>>;
  switch (name.slice(3)) {
    case 'table':
      return `${verb} table ${family} ${a.name}\n`;
    case 'chain':
      return deleted
        ? `delete chain ${family} ${a.table} ${a.name}\n`
        : `add ${chainText(family, attributes as AttributesOf<Messages['newchain']>)}\n`;
    case 'rule':
      return deleted
        ? `delete rule ${family} ${a.table} ${a.chain} handle ${a.handle}\n`
        : `add rule ${family} ${a.table} ${a.chain} ${expressionsText(a.expressions)} # handle ${a.handle}\n`;
    case 'setelem': {
      const elements = (
        (a.elements as { elem?: readonly { key?: unknown; data?: unknown }[] } | undefined)?.elem ?? []
      ).map(({ key, data }) =>
        data === undefined ? valueText(key) : `${valueText(key)} : ${valueText(data)}`,
      );
      return `${verb} element ${family} ${a.table} ${a.set} { ${elements.join(', ')} }\n`;
    }
    case 'obj':
      return `${verb} ${a.type} ${family} ${a.table} ${a.name}\n`;
    default:
      return `${verb} ${name.slice(3)} ${family} ${a.table} ${a.name}\n`;
  }
}
