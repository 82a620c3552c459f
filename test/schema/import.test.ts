import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t from 'tap';
import ts from 'typescript';
import { decodeMessages } from '../../host/codec/decode.js';
import { encode } from '../../host/codec/encode.js';
import { registry } from '../../host/codec/registry.js';
import type { AttributeSet, Family, Message } from '../../host/schema/definition.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const fixture = join(root, 'test/schema/fixtures/sample.yaml');

function importer(...args: string[]): string {
  return execFileSync('node', [join(root, 'scripts/import-ynl.mjs'), ...args], { encoding: 'utf8' });
}

/** Type-checks schema files as the project's own are, and writes them as JavaScript; returns what TypeScript says. */
function compile(directory: string): string[] {
  const files = readdirSync(directory)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(directory, name));
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as { config: object };
  const { options } = ts.convertCompilerOptionsFromJson(
    (config as { compilerOptions: object }).compilerOptions,
    root,
  );
  const program = ts.createProgram(files, {
    ...options,
    rootDir: root,
    outDir: join(directory, 'out'),
    incremental: false,
  });
  const found = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
  return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

/** A directory that module resolution reaches the project from. */
function workshop(t: { teardown(clean: () => void): void }): string {
  const directory = mkdtempSync(join(root, 'dist', 'import-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

t.test('a YNL file becomes a schema that compiles, encodes and decodes', async (t) => {
  const directory = workshop(t);
  const text = importer('--definition', join(root, 'host/schema/definition.js'), fixture);
  writeFileSync(join(directory, 'sample.ts'), text);
  writeFileSync(
    join(directory, 'use.ts'),
    `import type { AcceptedSet, DecodedSet } from '${join(root, 'host/schema/definition.js')}';
import { mainAttributes } from './sample.js';
export const given: AcceptedSet<typeof mainAttributes> = { colour: 'green', modes: ['fast'], item: [{ label: 'x' }] };
export function read(found: DecodedSet<typeof mainAttributes>): string | number | undefined {
  const size: number | bigint | undefined = found.item?.[0]?.size;
  return size === undefined ? found.where?.x : found.firstName;
}
// @ts-expect-error: not a colour
export const wrong: AcceptedSet<typeof mainAttributes> = { colour: 'mauve' };
`,
  );
  t.same(compile(directory), []);

  // at run time the schema language is the compiled one
  const file = readdirSync(join(directory, 'out'), { recursive: true })
    .map(String)
    .find((name) => name.endsWith('sample.js')) as string;
  const emitted = join(directory, 'out', file);
  writeFileSync(
    emitted,
    readFileSync(emitted, 'utf8').replaceAll(join(root, 'host/'), join(root, 'dist/host/')),
  );
  const module = (await import(pathToFileURL(emitted).href)) as {
    sample: Family;
    mainAttributes: AttributeSet;
  };
  const { sample, mainAttributes } = module;

  t.equal(sample.protocol, 'generic');
  t.equal(sample.version, 3);
  t.same(
    Object.fromEntries(Object.values(sample.messages).map(({ name, number }) => [name, number])),
    { thingGet: 4, thingGetReply: 7, thingSet: 5, thingNtf: 8 },
    'operations, requests and replies numbered apart',
  );
  t.same(
    Object.fromEntries(Object.entries(mainAttributes.attributes).map(([name, [number]]) => [name, number])),
    {
      firstName: 1,
      colour: 3,
      modes: 4,
      colours: 10,
      wideModes: 11,
      select: 12,
      item: 13,
      list: 14,
      numbers: 15,
      where: 16,
      kind: 17,
      data: 18,
      byId: 19,
      there: 20,
      amount: 21,
      addr: 22,
      key: 23,
      last: 25,
    },
    'attributes count on from the one before; unused ones and padding keep their place',
  );

  registry().register(sample, 77);
  const attributes = {
    firstName: 'a',
    colour: 'light-blue',
    modes: ['fast', 'hw-offload'],
    colours: ['red', 'green'],
    wideModes: ['loud'],
    select: { value: ['green'], selector: ['red', 'green'] },
    item: [{ label: 'one', size: 1 }, { below: { label: 'two' } }],
    list: [{ size: 3 }],
    numbers: [1, 2],
    where: { x: -2, port: 80, mac: '02:00:00:00:00:01', mode: ['loud'] },
    kind: 'both',
    data: { header: { x: 1, port: 2, mac: '00:00:00:00:00:00', mode: [] }, attributes: { doors: 3 } },
    byId: { 9: { doors: 4 } },
    there: true,
    amount: 5,
    addr: '2001:db8::1',
    key: Uint8Array.from([1, 2, 3, 4]),
    last: -1,
  };
  const bytes = encode(
    sample.messages.thingGetReply as Message,
    { type: 77, header: { ifindex: 6 }, attributes } as never,
  );
  const [decoded] = decodeMessages('generic', bytes);
  t.equal(decoded?.name, 'thingGetReply');
  t.match(decoded?.header, { cmd: 7, version: 3, ifindex: 6 });
  t.same(decoded?.attributes, attributes);

  const hex = Buffer.from(bytes).toString('hex');
  t.ok(hex.includes('06000300' + '0600'), 'light-blue is 6, one after green');
  t.ok(hex.includes('08000400' + '00000005'), 'fast and hw-offload, big-endian');
  t.ok(hex.includes('08000a00' + '21000000'), "an enumeration's members as bits: 1 << 0 and 1 << 5");
  t.ok(hex.includes('0c000c00' + '20000000' + '21000000'), 'a bitfield of them');
  t.ok(hex.includes('feff' + '0000' + '0050' + '020000000001' + '02'), 'the struct, its prefix dropped');
});

t.test('--only keeps what some operations need', async (t) => {
  const text = importer('--only', 'thing-set', fixture);
  t.match(text, /thingSet: \{ number: 5/);
  t.notMatch(text, /thingGet/);
});

t.test("no file, or none of YNL's", async (t) => {
  const run = (...args: string[]) =>
    spawnSync('node', [join(root, 'scripts/import-ynl.mjs'), ...args], { encoding: 'utf8' });
  t.match(run(), { status: 2, stdout: '', stderr: /^usage: / });
  t.match(run('/nowhere.yaml'), { status: 1, stdout: '', stderr: /^import-ynl: .*nowhere\.yaml: ENOENT/ });
  t.match(run(join(root, 'package.json')), {
    status: 1,
    stdout: '',
    stderr: /package\.json: not a YNL specification/,
  });
});
