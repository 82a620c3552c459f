#!/usr/bin/env node
/**
 * Turns the facts of a YNL specification (names, numbers, types) into a schema file:
 *
 *     node scripts/import-ynl.mjs nftables.yaml > host/schema/netfilter/nftables.ts
 *
 * Options: --definition MODULE, from where the schema language is imported ('../definition.js'); --only a,b to keep
 * the attribute sets, structs and enumerations that these operations need.
 */
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { camel, key, readSpecification } from './lib/ynl.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    definition: { type: 'string', default: '../definition.js' },
    only: { type: 'string' },
  },
});
if (positionals.length !== 1) {
  console.error('usage: import-ynl.mjs [--definition MODULE] [--only operation,…] FILE.yaml');
  process.exit(2);
}
const specification = readSpecification(positionals[0]);

const generic = (specification.protocol ?? 'genetlink').startsWith('genetlink');

const used = new Set();
const need = (...words) => {
  for (const word of words) used.add(word);
};

/* Names: enumerations and flags */

const definitions = new Map((specification.definitions ?? []).map((one) => [one.name, one]));
const taken = new Set();
function identifier(name, suffix) {
  let wanted = camel(name);
  if (taken.has(wanted)) wanted += suffix;
  taken.add(wanted);
  return wanted;
}
const identifiers = new Map();
for (const one of definitions.values()) {
  if (one.type !== 'const')
    identifiers.set(
      `definition ${one.name}`,
      identifier(one.name, one.type === 'struct' ? 'Struct' : 'Names'),
    );
}

function members({ type, entries, 'value-start': start }) {
  let next = start ?? 0;
  return entries.map((entry) => {
    const { name, value } = typeof entry === 'object' ? entry : { name: entry };
    const number = value ?? next;
    next = number + 1;
    return [name, type === 'flags' ? 2 ** number : number];
  });
}

const emitted = new Map();
const order = [];
function emit(id, make) {
  if (emitted.has(id)) return emitted.get(id);
  emitted.set(id, undefined);
  const text = make();
  emitted.set(id, text);
  order.push(text);
  return text;
}

function namesOf(name) {
  const one = definitions.get(name);
  const id = identifiers.get(`definition ${name}`);
  emit(`definition ${name}`, () => {
    const lines = members(one).map(([member, number]) => `  ${key(String(member))}: ${number},`);
    return `export const ${id} = {\n${lines.join('\n')}\n} as const;\n`;
  });
  return id;
}

/** The names of a flag word's bits: those of an enumeration count bits. */
function masksOf(name) {
  const one = definitions.get(name);
  if (one.type === 'flags') return namesOf(name);
  const id = `${identifiers.get(`definition ${name}`)}Flags`;
  emit(`flags ${name}`, () => {
    const lines = members(one).map(([member, number]) => `  ${key(String(member))}: ${2 ** number},`);
    return `export const ${id} = {\n${lines.join('\n')}\n} as const;\n`;
  });
  return id;
}

/* Types */

const integers = { u8: 1, u16: 1, u32: 1, u64: 1, s8: 1, s16: 1, s32: 1, s64: 1 };

function integer(type, bigEndian) {
  const word = bigEndian && type.length > 2 ? `be${type.slice(1)}` : type;
  need(word);
  return word;
}

function named(base, fact) {
  const one = definitions.get(fact.enum);
  if (one === undefined || base === 'uint' || base === 'sint') return base;
  const isFlags = one.type === 'flags' || fact['enum-as-flags'];
  if (base.endsWith('64')) {
    // the language names numbers of up to 32 bits; no flags beyond them are known
    if (!isFlags || base !== 'u64') return base;
    need('flags', 'u32', 'mask64');
    return `flags(mask64, ${masksOf(fact.enum)})`;
  }
  const as = isFlags ? 'flags' : 'enumeration';
  need(as);
  if (as === 'flags') return `flags(${base}, ${masksOf(fact.enum)})`;
  return `${as}(${base}, ${namesOf(fact.enum)})`;
}

function structOf(name) {
  const one = definitions.get(name);
  const id = identifiers.get(`definition ${name}`);
  emit(`definition ${name}`, () => {
    need('struct');
    let pads = 0;
    const bare = one.members.filter((member) => member.type !== 'pad').map((member) => member.name);
    const prefix = bare[0]?.match(/^[a-z0-9]+[-_]/)?.[0] ?? '';
    const drop =
      prefix !== '' &&
      bare.length > 1 &&
      bare.every((member) => member.startsWith(prefix) && /^[a-z]/.test(member.slice(prefix.length)));
    const lines = one.members.map((member) => {
      if (member.type === 'pad') {
        need('pad');
        return `  pad${pads++ || ''}: pad(${member.len}),`;
      }
      return `  ${camel(drop ? member.name.slice(prefix.length) : member.name)}: ${fieldType(member)},`;
    });
    return `/** struct ${name} */\nexport const ${id} = struct('${name}', {\n${lines.join('\n')}\n});\n`;
  });
  return id;
}

function fieldType(member) {
  const bigEndian = member['byte-order'] === 'big-endian';
  if (integers[member.type]) {
    if (member.type === 'u32' && member['display-hint'] === 'ipv4') {
      need('ipv4');
      return 'ipv4';
    }
    return named(integer(member.type, bigEndian), member);
  }
  if (member.struct !== undefined) {
    need('structure');
    return `structure(${structOf(member.struct)})`;
  }
  const hint = member['display-hint'];
  const length = definitions.get(member.len)?.value ?? member.len;
  if (length === undefined) {
    need('binary');
    return 'binary';
  }
  if (hint === 'mac') {
    need('macOf');
    return `macOf(${length})`;
  }
  if ((hint === 'ipv4' && length === 4) || (hint === 'ipv6' && length === 16)) {
    need(hint);
    return hint;
  }
  need('bytes');
  return `bytes(${length})`;
}

const sets = new Map(specification['attribute-sets'].map((set) => [set.name, set]));
const subMessages = new Map((specification['sub-messages'] ?? []).map((one) => [one.name, one]));
/** Sets on the way down: a reference back to one of them closes a circle. */
const open = new Set();
/** The set whose attribute is being described. */
let current;

/** Attributes, times messages that have them, from which a set's type gets a name. */
const MANY = 200;
const usesOf = (root) =>
  specification.operations.list.filter((operation) => {
    const set = operation['attribute-set'];
    return set !== undefined && rootOf(set) === root;
  }).length;

function rootOf(name) {
  const set = sets.get(name);
  return set['subset-of'] === undefined ? name : rootOf(set['subset-of']);
}

function setOf(name) {
  const root = rootOf(name);
  if (!identifiers.has(`set ${root}`)) {
    identifiers.set(`set ${root}`, identifier(`${root.replace(/-attrs$/, '')}-attributes`, 'Set'));
  }
  const id = identifiers.get(`set ${root}`);
  emit(`set ${root}`, () => {
    open.add(root);
    need('attributeSet');
    const lines = [];
    let next = 1;
    for (const fact of sets.get(root).attributes) {
      current = sets.get(root);
      const number = fact.value ?? next;
      next = number + 1;
      if (['pad', 'unused', 'undefined'].includes(fact.type)) continue;
      lines.push(`  ${key(camel(fact.name))}: [${number}, ${attributeType(fact)}],`);
    }
    open.delete(root);
    let values = '';
    if (chooses(root)) {
      need('DecodedSet', 'AcceptedSet');
      values = `export interface ${valueName(id)} extends DecodedSet<typeof ${id}> {}
export interface ${valueName(id)}Input extends AcceptedSet<typeof ${id}> {}
`;
    }
    const text = `attributeSet('${root.replace(/-attrs$/, '')}', {\n${lines.join('\n')}\n});\n`;
    if (lines.length * usesOf(root) < MANY) return `export const ${id} = ${text}${values}`;
    // a name keeps TypeScript from spelling the type out for each message
    const type = id.charAt(0).toUpperCase() + id.slice(1);
    return `const ${id}Described = ${text}
type ${type}Type = typeof ${id}Described;
export interface ${type} extends ${type}Type {}
export const ${id}: ${type} = ${id}Described;
${values}`;
  });
  return id;
}

/** Does one of its attributes depend on another? Such a set has many types, so that its values get a name. */
const chooses = (root) => sets.get(root).attributes.some(({ type }) => type === 'sub-message');
const valueName = (id) => id.charAt(0).toUpperCase() + id.slice(1).replace(/(Attributes)?(Set)?$/, 'Values');

function nestOf(name) {
  if (open.has(rootOf(name))) {
    need('circularNest', 'AttributeSet');
    return `circularNest<Record<string, unknown>>((): AttributeSet => ${setOf(name)})`;
  }
  const id = setOf(name);
  need('nest');
  if (!chooses(rootOf(name))) return `nest(${id})`;
  need('Type', 'NestType');
  const type = valueName(id);
  return `nest(${id}) as Type<${type}, ${type}Input, NestType>`;
}

function attributeType(fact) {
  const type = plainType(fact);
  if (!fact['multi-attr']) return type;
  need('list');
  return `list(${type})`;
}

function binaryType(fact) {
  const hint = fact['display-hint'];
  if (fact.struct !== undefined) {
    need('structure');
    return `structure(${structOf(fact.struct)})`;
  }
  if (hint === 'mac' || hint === 'ipv4' || hint === 'ipv6') {
    const word = hint === 'mac' ? 'mac' : 'ip';
    need(word);
    return word;
  }
  const sub = fact['sub-type'];
  if (sub !== undefined) {
    need('array');
    return `array(${integer(sub, fact['byte-order'] === 'big-endian')})`;
  }
  const exact = fact.checks?.['exact-len'];
  const length = definitions.get(exact)?.value ?? exact;
  if (Number.isInteger(length)) {
    need('bytes');
    return `bytes(${length})`;
  }
  need('binary');
  return 'binary';
}

function plainType(fact) {
  const { type } = fact;
  if (integers[type]) {
    if (type === 'u32' && fact['display-hint'] === 'ipv4') {
      need('ipv4');
      return 'ipv4';
    }
    return named(integer(type, fact['byte-order'] === 'big-endian'), fact);
  }
  switch (type) {
    case 'uint':
    case 'sint':
    case 'string':
    case 'flag':
      need(type);
      return type;
    case 'bitfield32':
      need('bitfield32');
      return `bitfield32(${definitions.has(fact.enum) ? masksOf(fact.enum) : '{}'})`;
    case 'nest':
      return nestOf(fact['nested-attributes']);
    case 'indexed-array': {
      need('indexed');
      const sub = fact['sub-type'];
      const element =
        sub === 'nest'
          ? nestOf(fact['nested-attributes'])
          : plainType({ ...fact, type: sub, 'sub-type': undefined });
      return `indexed(${element})`;
    }
    case 'nest-type-value': {
      need('keyed');
      return fact['type-value'].reduce((inner) => `keyed(${inner})`, nestOf(fact['nested-attributes']));
    }
    case 'sub-message':
      return choiceOf(fact);
    default:
      return binaryType(fact);
  }
}

function choiceOf(fact) {
  if (!current.attributes.some(({ name }) => name === fact.selector)) {
    // the language chooses by an attribute of the same set, not by one of a set around it
    need('binary');
    return 'binary';
  }
  need('choice');
  const variants = [];
  for (const format of subMessages.get(fact['sub-message']).formats) {
    let type;
    if (format['fixed-header'] !== undefined && format['attribute-set'] !== undefined) {
      need('embedded', 'AttributeSet', 'DecodedSet', 'AcceptedSet');
      const set = setOf(format['attribute-set']);
      const struct = structOf(format['fixed-header']);
      type = `embedded<typeof ${struct}, DecodedSet<typeof ${set}>, AcceptedSet<typeof ${set}>>(${struct}, (): AttributeSet => ${set})`;
    } else if (format['fixed-header'] !== undefined) {
      need('structure');
      type = `structure(${structOf(format['fixed-header'])})`;
    } else if (format['attribute-set'] !== undefined) type = nestOf(format['attribute-set']);
    else continue;
    for (const value of [format.value].flat()) variants.push(`    ${key(String(value))}: ${type},`);
  }
  return `choice('${camel(fact.selector)}', {\n${variants.join('\n')}\n  })`;
}

/* Messages */

const only = options.only?.split(',');
const messages = new Map();
const directional = specification.operations['enum-model'] === 'directional';
let nextRequest = generic ? 1 : 0;
let nextReply = nextRequest;
const replies = [];
for (const operation of specification.operations.list) {
  const request = operation.do?.request ?? operation.dump?.request;
  const reply = operation.do?.reply ?? operation.dump?.reply;
  let requestNumber;
  let replyNumber;
  if (directional) {
    if (request !== undefined) {
      requestNumber = request.value ?? operation.value ?? nextRequest;
      nextRequest = requestNumber + 1;
    }
    if (reply !== undefined || operation.notify !== undefined || operation.event !== undefined) {
      replyNumber = reply?.value ?? operation.value ?? nextReply;
      nextReply = replyNumber + 1;
    }
  } else {
    requestNumber = operation.value ?? nextRequest;
    nextRequest = requestNumber + 1;
  }
  if (only !== undefined && !only.includes(operation.name)) continue;
  const set =
    operation['attribute-set'] ??
    sets.get(operation.notify)?.name ??
    specification.operations.list.find((other) => other.name === operation.notify)?.['attribute-set'];
  const entry = { set, header: operation['fixed-header'] ?? specification.operations['fixed-header'] };
  if (replyNumber !== undefined && replyNumber !== requestNumber) {
    const name = requestNumber === undefined ? operation.name : `${operation.name}-reply`;
    replies.push([name, { ...entry, number: replyNumber }]);
  }
  if (requestNumber !== undefined) messages.set(operation.name, { ...entry, number: requestNumber });
}
const numbers = new Set([...messages.values()].map(({ number }) => number));
// generic netlink numbers requests and replies apart, and what is decoded are mostly replies
const all = generic
  ? [...replies, ...messages]
  : [...messages, ...replies.filter(([, { number }]) => !numbers.has(number))];

const lines = all.map(([name, { set, header, number }]) => {
  const attributes = set === undefined ? 'noAttributes' : setOf(set);
  if (set === undefined) need('noAttributes', 'attributeSet');
  const struct =
    header === undefined
      ? generic
        ? 'genlmsghdr'
        : 'noHeader'
      : generic
        ? withHeader(header)
        : structOf(header);
  if (struct === 'noHeader') need('struct', 'noHeader');
  if (struct === 'genlmsghdr') need('genlmsghdr');
  return `    ${key(camel(name))}: { number: ${number}, header: ${struct}, attributes: ${attributes} },`;
});

function withHeader(name) {
  need('genlmsghdr', 'struct');
  const id = structOf(name);
  emit(
    `header ${name}`,
    () => `const ${id}Message = struct('${name}', { ...genlmsghdr.fields, ...${id}.fields });\n`,
  );
  return `${id}Message`;
}

need('family');
const protocol = generic ? 'generic' : specification.protonum === 12 ? 'netfilter' : 'route';
const version = specification.version === undefined ? '' : `  version: ${specification.version},\n`;
const extra = [];
if (used.delete('mask64'))
  extra.push(
    '/** 64 bits of which only the lower 32 have names. */\nconst mask64 = u64 as unknown as typeof u32;\n',
  );
if (used.delete('noAttributes')) extra.push("const noAttributes = attributeSet('none', {});\n");
if (used.delete('noHeader')) extra.push("const noHeader = struct('none', {});\n");
const types = ['AcceptedSet', 'AttributeSet', 'DecodedSet', 'NestType', 'Type'].filter((word) =>
  used.delete(word),
);
const genlmsghdr = used.delete('genlmsghdr');
const imports = [...types.map((word) => `type ${word}`), ...[...used].sort()];
console.log(`/** Imported from the facts of the kernel's YNL specification ${basename(positionals[0])} by scripts/import-ynl.mjs. */
import { ${imports.join(', ')} } from '${options.definition}';
${genlmsghdr ? `import { genlmsghdr } from '${options.definition.replace(/definition\.js$/, 'generic/header.js')}';\n` : ''}
${[...extra, ...order].join('\n')}
export const ${camel(specification.name)} = family({
  name: '${specification.name}',
  protocol: '${protocol}',
${version}  messages: {
${lines.join('\n')}
  },
});`);
