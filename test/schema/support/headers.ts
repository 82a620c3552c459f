import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { layoutOf } from '../../../host/codec/leaves.js';
import type { AttributeSet, Family, Names, Struct } from '../../../host/schema/definition.js';

/*
 * Compares schemas with the kernel headers that are installed. A C program prints what the headers say; names are
 * told by a rule (prefix + the schema's name in capitals), what breaks the rule stands in `except`, and what the
 * headers are too old for in `newer`: a name that is in neither and unknown to the headers fails.
 */

export interface Numbers {
  /** NFTA_CMP_ */
  readonly prefix: string;
  readonly numbers: AttributeSet | Names;
  /** The schema's name to the header's, without prefix when it begins with none of its own (`=NAME`: whole). */
  readonly except?: Readonly<Record<string, string>>;
  /** The schema's names that the installed headers do not know. */
  readonly newer?: readonly string[];
  /** The header's names under the prefix, without it, that the schema leaves out on purpose. */
  readonly without?: readonly string[];
  /** Names under the prefix belong to several enumerations: do not ask for all of them. */
  readonly partial?: boolean;
}

export interface Layout {
  /** struct nfgenmsg */
  readonly type: string;
  readonly struct: Struct;
  /** The schema's field to the header's; an empty string leaves it out. */
  readonly except?: Readonly<Record<string, string>>;
  /** The schema's fields that the installed headers do not have, at the end. */
  readonly newer?: readonly string[];
  /** What the header's fields begin with: tcm_ */
  readonly fieldPrefix?: string;
  /** One arm of a union that another arm is longer than. */
  readonly shorter?: boolean;
}

export interface Facts {
  readonly includes: readonly string[];
  readonly numbers: readonly Numbers[];
  readonly layouts: readonly Layout[];
}

/** The lower bytes of a family's message numbers. */
export function operations(family: Family): Record<string, number> {
  return Object.fromEntries(Object.values(family.messages).map(({ name, number }) => [name, number & 0xff]));
}

/** YNL repeats a prefix that the rule adds: protoNum → NUM. */
export function dropped(prefix: string, rests: readonly string[]): Record<string, string> {
  return Object.fromEntries(rests.map((rest) => [prefix + rest, snake(rest).toUpperCase()]));
}

const snake = (name: string) => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[-.]/g, '_');

function entries(numbers: AttributeSet | Names): [string, number][] {
  if ('attributes' in numbers && typeof numbers.attributes === 'object') {
    return Object.entries((numbers as AttributeSet).attributes).map(([name, [number]]) => [name, number]);
  }
  return Object.entries(numbers as Names);
}

function headerName(table: Numbers, name: string): string {
  const other = table.except?.[name];
  if (other?.startsWith('=')) return other.slice(1);
  return table.prefix + (other ?? snake(name).toUpperCase());
}

/** Asserts every number and layout; one assertion for each table, whose difference shows what is wrong. */
export function checkHeaders(t: Test, facts: Facts): void {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-headers-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const includes = ['stddef.h', 'stdio.h', ...facts.includes].map((name) => `#include <${name}>`).join('\n');
  const text = execFileSync('gcc', ['-E', '-dD', '-'], {
    input: includes,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const known = new Set(text.match(/\b[A-Za-z_]\w*\b/g));

  const wanted = new Set<string>();
  for (const table of facts.numbers) {
    for (const [name] of entries(table.numbers)) {
      const header = headerName(table, name);
      if ((header.match(/[A-Za-z_]\w*/g) ?? []).every((word) => known.has(word))) wanted.add(header);
    }
  }
  const fields = facts.layouts.map(({ type, struct, except, newer, fieldPrefix = '' }) =>
    layoutOf(struct)
      .filter(
        ({ name }) => !name.startsWith('pad') && except?.[name] !== '' && newer?.includes(name) !== true,
      )
      .map((field) => ({
        ...field,
        header: except?.[field.name] ?? fieldPrefix + snake(field.name).toLowerCase(),
        type,
      })),
  );
  const lines = [
    ...[...wanted].map((name) => `printf("${name} %lld\\n", (long long)${name});`),
    ...fields
      .flat()
      .map(({ type, header }) => `printf("${type}.${header} %zu\\n", offsetof(${type}, ${header}));`),
    ...facts.layouts.map(({ type }) => `printf("${type} %zu\\n", sizeof(${type}));`),
  ];
  const source = join(directory, 'facts.c');
  writeFileSync(source, `${includes}\nint main(void)\n{\n${lines.join('\n')}\nreturn 0;\n}\n`);
  execFileSync('gcc', ['-w', '-o', join(directory, 'facts'), source]);
  const printed = new Map(
    execFileSync(join(directory, 'facts'), { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
  );

  const prefixes = facts.numbers.map(({ prefix }) => prefix);
  for (const table of facts.numbers) {
    const schema: Record<string, number | string> = {};
    const header: Record<string, number | string> = {};
    const covered = new Set<string>();
    for (const [name, number] of entries(table.numbers)) {
      const wantedName = headerName(table, name);
      covered.add(wantedName);
      if (table.newer?.includes(name)) {
        if (printed.has(wantedName)) header[name] = 'known, though said to be newer';
        continue;
      }
      schema[name] = number >>> 0;
      header[name] = printed.has(wantedName) ? (printed.get(wantedName) as number) >>> 0 : `no ${wantedName}`;
    }
    if (table.partial !== true) {
      const longer = prefixes.filter((prefix) => prefix !== table.prefix && prefix.startsWith(table.prefix));
      for (const name of known) {
        const rest = name.slice(table.prefix.length);
        if (
          !name.startsWith(table.prefix) ||
          covered.has(name) ||
          longer.some((prefix) => name.startsWith(prefix))
        )
          continue;
        if (/^(UNSPEC|PAD|MAX|MASK|INVALID)$|_(MAX|PAD|MASK)$/.test(rest) || table.without?.includes(rest))
          continue;
        header[rest] = 'is not in the schema';
      }
    }
    t.same(schema, header, `${table.prefix}*`);
  }
  facts.layouts.forEach(({ type, struct, newer, shorter }, i) => {
    const schema: Record<string, number> = {};
    const header: Record<string, number | undefined> = {};
    for (const field of fields[i] ?? []) {
      schema[field.name] = field.at;
      header[field.name] = printed.get(`${type}.${field.header}`);
    }
    const layout = layoutOf(struct);
    if (layout.every(({ size }) => size > 0) && newer === undefined && shorter !== true) {
      schema.size = layout.reduce((sum, { size }) => sum + size, 0);
      header.size = printed.get(type);
    }
    t.same(schema, header, type);
  });
}
