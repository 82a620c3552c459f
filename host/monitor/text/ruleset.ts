import type { DecodedMessage } from '../../codec/block.js';
import { printable } from '../../inspect/printable.js';
import type { AttributesOf } from '../../schema/definition.js';
import type { nftables } from '../../schema/netfilter/nftables.js';
import { setFlags } from '../../schema/netfilter/nftables-names.js';
import { bits, type Naming } from './names.js';
import { declarationText, entryText, Unknown } from './nft/elements.js';
import { ruleText } from './nft/rule.js';
import { familyOf, type SetAttributes } from './nft/sets.js';
import { commentText } from './nft/types.js';

type Messages = typeof nftables.messages;

const shown = (name: unknown): string => printable(String(name));

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
    if (name === 'dstnat' && hook !== 'prerouting') continue;
    if (name === 'srcnat' && hook !== 'postrouting') continue;
    if (name === 'out' && hook !== 'output') continue;
    const distance = priority - value;
    if (distance === 0) return name;
    if (Math.abs(distance) <= NEAR) return `${name} ${distance < 0 ? '-' : '+'} ${Math.abs(distance)}`;
  }
  return String(priority);
}

function chainText(family: string, a: AttributesOf<Messages['newchain']>): string {
  const head = `chain ${family} ${shown(a.table)} ${shown(a.name)}`;
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

/** NLM_F_CREATE and NLM_F_APPEND: what is created but not appended is put before the others. */
const CREATE = 0x400;
const APPEND = 0x800;

function newRuleText(message: DecodedMessage, family: string, names: Naming): string {
  const a = message.attributes as AttributesOf<Messages['newrule']>;
  const verb = message.flags & CREATE && !(message.flags & APPEND) ? 'insert' : 'add';
  const place = a.position === undefined ? '' : ` handle ${a.position}`;
  const elements = (a.expressions?.elem ?? []) as readonly Expression[];
  const { sets } = names;
  const written = sets === undefined ? undefined : ruleText(elements, family, a.table, { sets, names });
  const text = written === undefined ? expressionsText(a.expressions) : written + commentText(a.userdata, 0);
  return `${verb} rule ${family} ${shown(a.table)} ${shown(a.chain)}${place} ${text} # handle ${a.handle}\n`;
}

/** One line for each element that a message told or completed; an end of an interval alone has none. */
function elementLines(message: DecodedMessage, family: string, names: Naming): string[] {
  const verb = message.name === 'delsetelem' ? 'delete' : 'add';
  const told = names.sets?.entriesOf(message);
  if (told === undefined) return [rawElements(message, `${verb} element ${family}`)];
  const lines: string[] = [];
  for (const { set, entries } of told) {
    // what is in those is told with their rules
    if (set.anonymous) continue;
    for (const entry of entries) {
      try {
        lines.push(
          `${verb} element ${set.family} ${shown(set.table)} ${shown(set.name)} { ${entryText(entry, set)} }\n`,
        );
      } catch (error) {
        if (!(error instanceof Unknown)) throw error;
        return [rawElements(message, `${verb} element ${family}`)];
      }
    }
  }
  return lines;
}

function rawElements({ attributes }: DecodedMessage, head: string): string {
  const a = attributes as AttributesOf<Messages['newsetelem']>;
  const elements = (a.elements?.elem ?? []).map(({ key, data }) =>
    data === undefined ? valueText(key) : `${valueText(key)} : ${valueText(data)}`,
  );
  return `${head} ${shown(a.table)} ${shown(a.set)} { ${elements.join(', ')} }\n`;
}

function setLines({ name, attributes }: DecodedMessage, family: string): string[] {
  const a = attributes as SetAttributes;
  const deleted = name === 'delset';
  const flags = bits(setFlags, a.flags ?? []);
  // the sets of rules come and go with them; nft tells of their going
  if (!deleted && flags & setFlags.anonymous) return [];
  const word = flags & setFlags.map ? 'map' : 'set';
  const head = `${deleted ? 'delete' : 'add'} ${word} ${family} ${shown(a.table)} ${shown(a.name)}`;
  if (deleted) return [`${head}\n`];
  try {
    return [`${head} ${declarationText(a)}\n`];
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
    return [`${head}\n`];
  }
}

function objectText(name: string, a: AttributesOf<Messages['newobj']>, family: string): string {
  const deleted = name === 'delobj';
  const head = `${deleted ? 'delete' : 'add'} ${a.type} ${family} ${shown(a.table)} ${shown(a.name)}`;
  if (deleted || a.type !== 'counter') return `${head}\n`;
  const { packets, bytes } = (a.data ?? {}) as { packets?: bigint; bytes?: bigint };
  return `${head} { packets ${packets ?? 0} bytes ${bytes ?? 0} }\n`;
}

/**
 * The lines of a change of the ruleset, as `nft -a monitor` has them: `add rule inet foo bar tcp dport 80 accept`. Rules
 * of what is not known here show the kernel's expressions.
 */
export function rulesetLines(message: DecodedMessage, names: Naming): string[] {
  const { name, attributes } = message;
  const family = familyOf(message);
  const deleted = name.startsWith('del');
  const verb = deleted ? 'delete' : 'add';
  const a = attributes as Readonly<Record<string, unknown>>;
  switch (name.replace(/^(new|del)/, '')) {
    case 'gen': {
      const { id, procPid, procName } = attributes as AttributesOf<Messages['newgen']>;
      const by = procPid === undefined ? '' : ` by process ${procPid} (${shown(procName)})`;
      // with the generation ends the transaction: what was left open is complete
      const rest = names.sets?.entriesOf(message) === undefined ? [] : elementLines(message, family, names);
      return [...rest, `# new generation ${id}${by}\n`];
    }
    case 'table':
      return [`${verb} table ${family} ${shown(a.name)}\n`];
    case 'chain':
      return [
        deleted
          ? `delete chain ${family} ${shown(a.table)} ${shown(a.name)}\n`
          : `add ${chainText(family, attributes as AttributesOf<Messages['newchain']>)}\n`,
      ];
    case 'rule':
      return [
        deleted
          ? `delete rule ${family} ${shown(a.table)} ${shown(a.chain)} handle ${a.handle}\n`
          : newRuleText(message, family, names),
      ];
    case 'set':
      return setLines(message, family);
    case 'setelem':
      return elementLines(message, family, names);
    case 'obj':
      return [objectText(name, attributes as AttributesOf<Messages['newobj']>, family)];
    default:
      return [`${verb} ${name.slice(3)} ${family} ${shown(a.table)} ${shown(a.name)}\n`];
  }
}
