/**
 * The file with the parts of the plugins' program: the length of an index (4 bytes, little-endian), the index as JSON,
 * then sources and what V8 has compiled of them. It is replaced whole; a program opens it once.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pid } from 'node:process';
import { NetloomError } from '../netlink/errors.js';
import { nodeOptions } from './node-options.js';

/** Where a piece lies behind the index, and its bytes. */
type Place = readonly [at: number, size: number];

interface Index {
  /** What `v8.cachedDataVersionTag()` was where the code was compiled: without options, and with `nodeOptions`. */
  readonly tags: readonly number[];
  /** By name: the source's place, and those of its compiled code, in the order of `tags`. */
  readonly parts: Readonly<Record<string, readonly [at: number, size: number, ...compiled: Place[]]>>;
}

/** Names and sources; sources are ASCII. */
export type Sources = readonly (readonly [name: string, source: string])[];

const FILE = 'parts';
const COMPILER = 'compile.mjs';
const variants: readonly (readonly string[])[] = [[], nodeOptions];

function run(node: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(node, args, { env: {}, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new NetloomError('ERR_NODE', `${node} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** Tags of the compiled code that a Node takes. */
function tagsOf(node: string): number[] {
  const program = 'console.log(process.getBuiltinModule("node:v8").cachedDataVersionTag())';
  return variants.map((options) => Number(run(node, [...options, '--eval', program])));
}

function compile(directory: string, node: string, options: readonly string[], sources: Sources): Buffer[] {
  const draft = join(directory, `.sources.${pid}`);
  try {
    writeFileSync(draft, JSON.stringify(sources.map(([name, source]) => [join(directory, name), source])));
    run(node, [...options, join(directory, COMPILER), draft]);
    return (JSON.parse(readFileSync(draft, 'utf8')) as string[]).map((text) => Buffer.from(text, 'base64'));
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Has `node` compile sources, and writes the file. Throws NetloomError `ERR_NODE`; the system's errors as Node gives them. */
export function writeParts(directory: string, node: string, sources: Sources): void {
  const tags = tagsOf(node);
  const compiled = variants.map((options) => compile(directory, node, options, sources));
  const pieces: Buffer[] = [];
  let end = 0;
  const put = (bytes: Buffer): Place => {
    pieces.push(bytes);
    end += bytes.length;
    return [end - bytes.length, bytes.length];
  };
  const parts = Object.fromEntries(
    sources.map(([name, source], i) => [
      name,
      [...put(Buffer.from(source, 'latin1')), ...compiled.map((of) => put(of[i] as Buffer))] as const,
    ]),
  );
  const index = Buffer.from(JSON.stringify({ tags, parts } satisfies Index));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(index.length);
  const draft = join(directory, `.${FILE}.${pid}`);
  try {
    writeFileSync(draft, Buffer.concat([head, index, ...pieces]));
    renameSync(draft, join(directory, FILE));
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Has `node` compile the parts again if it takes nothing of what is there, as a package's of another version of Node.
 * Where that fails, as in a directory that cannot be written, plugins run all the same, and compile at each call;
 * false then.
 */
export function renewParts(directory: string, node: string): boolean {
  try {
    const content = readFileSync(join(directory, FILE));
    const start = 4 + content.readUInt32LE(0);
    const { tags, parts } = JSON.parse(content.toString('utf8', 4, start)) as Index;
    const wanted = tagsOf(node);
    if (wanted.every((tag, i) => tag === tags[i])) return true;
    const sources = Object.entries(parts).map(
      ([name, [at, size]]) => [name, content.toString('latin1', start + at, start + at + size)] as const,
    );
    writeParts(directory, node, sources);
    return true;
  } catch {
    return false;
  }
}
