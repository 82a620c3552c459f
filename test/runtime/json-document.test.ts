import fc from 'fast-check';
import t from 'tap';
import { JsonSyntaxError, locate, parseJson, pathOf } from '../../host/runtime/json-document.js';

/** What JSON.parse makes of a text, or that it makes nothing of it. */
function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

t.test('what is JSON is what JSON.parse says', async () => {
  const piece = fc.constantFrom(
    ...[
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"a"',
      '"',
      '1',
      '-',
      '0',
      '1e5',
      '.5',
      'true',
      'null',
      ' ',
      '\n',
      '\\',
    ],
    ...['"\\u00e9"', '"\\x"', '"\t"', '\u00a0', '"é"', '\ud800', '"\ud800"', '01', '+1', "'"],
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    fc.json(),
    fc.json().chain((json) => fc.nat(json.length).map((at) => json.slice(0, at))),
  );
  fc.assert(
    fc.property(text, (text) => {
      const expected = parsed(text);
      if (expected === undefined) {
        try {
          parseJson(text);
          return false;
        } catch (error) {
          return error instanceof JsonSyntaxError && locate(text, []) === undefined;
        }
      }
      return (
        locate(text, []) !== undefined && JSON.stringify(parseJson(text)) === JSON.stringify(expected.value)
      );
    }),
    { numRuns: 3000 },
  );
});

t.test('every value is where it is said to be', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 2), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      const lines = text.split('\n');
      const visit = (at: unknown, path: (string | number)[]): boolean => {
        const place = locate(text, path);
        if (place === undefined) return false;
        const rest = [...(lines[place.line - 1] ?? '')].slice(place.column - 1).join('');
        const key = path.at(-1);
        const starts = typeof key === 'string' ? `${JSON.stringify(key)}:` : JSON.stringify(at).slice(0, 1);
        if (!rest.startsWith(starts)) return false;
        if (Array.isArray(at)) return at.every((one, i) => visit(one, [...path, i]));
        if (typeof at !== 'object' || at === null) return true;
        return Object.entries(at).every(([name, one]) => visit(one, [...path, name]));
      };
      return visit(value, []);
    }),
    { numRuns: 500 },
  );
});

t.test('places and faults by hand', async (t) => {
  const text = '{\n  "a": [1,\n    {"B": "ü", "c": 5}],\n  "a": [2]\n}';
  t.same(locate(text, ['a', 0]), { line: 4, column: 9 }, 'of keys that double the last counts');
  t.same(locate(text, ['A']), { line: 4, column: 3 }, 'whatever the case');
  t.same(locate(text, ['a', 7, 'x']), { line: 4, column: 3 }, 'the last that is there');
  t.same(locate('[{"ü😀": 1, "c": 2}]', [0, 'c']), { line: 1, column: 12 }, 'columns are characters');
  for (const [broken, message, line, column] of [
    ['', 'expected a value, the text ends', 1, 1],
    ['{"a": 1,}', 'expected a key in double quotes, found "}"', 1, 9],
    ['{"a" 1}', 'expected a colon, found "1"', 1, 6],
    ['{"a": 1\n "b": 2}', 'expected a comma or }, found "\\""', 2, 2],
    ['[1 2]', 'expected a comma or ], found "2"', 1, 4],
    ['{"a": tru}', 'expected a value, found "t"', 1, 7],
    ['{"a": "x}', 'expected a whole string, found "\\""', 1, 7],
    ['{} x', 'expected the end, found "x"', 1, 4],
    ['['.repeat(5000), 'expected fewer levels, found "["', 1, 1002],
  ] as const) {
    t.throws(() => parseJson(broken), { message, position: { line, column } }, broken.slice(0, 20));
  }
  t.same(pathOf('ipam.ranges[0][12].subnet'), ['ipam', 'ranges', 0, 12, 'subnet']);
});
