import fc from 'fast-check';
import { test } from 'tap';
import { encode } from '../../host/codec/encode.js';
import {
  eventJsonText,
  eventText,
  objectNames,
  parseObjects,
  Recorder,
  readRecording,
} from '../../host/monitor/index.js';
import { objectKinds, registerObjects } from '../../host/monitor/objects.js';
import { messagesIn } from '../../host/monitor/space.js';
import type { Message } from '../../host/schema/definition.js';
import { headerArbitrary, setArbitrary } from '../codec/arbitrary.js';
import { mutate, random } from '../fuzz/mutate.js';

test('words for objects', async (t) => {
  t.same(parseObjects(['link,addr', 'neigh']), ['link', 'address', 'neighbour']);
  t.same(parseObjects(['all']), objectNames);
  t.notOk(parseObjects(['ip']).includes('nftables'));
  t.throws(() => parseObjects(['Link']), { code: 'ERR_INVALID_OBJECT' });
});

const place = {
  name: 'netns:any',
  inode: 1,
  device: (index: number) => `if${index}`,
  deviceFlags: () => undefined,
  deviceType: () => undefined,
  namespace: () => undefined,
};

test('whatever a message says, and however it is broken, it has lines and JSON', {
  timeout: 60_000,
}, async (t) => {
  registerObjects(objectNames);
  const next = random(20_261_126);
  let lines = 0;
  for (const object of objectNames) {
    const { protocol, families } = objectKinds[object];
    for (const family of families) {
      for (const message of Object.values(family.messages) as Message[]) {
        if (/^(get|set)|Request$/.test(message.name)) continue;
        const input = fc.record({
          header: headerArbitrary(message.header),
          attributes: message.attributes === undefined ? fc.constant({}) : setArbitrary(message.attributes),
        });
        fc.assert(
          fc.property(input, fc.boolean(), (values, broken) => {
            const whole = encode(message, {
              ...values,
              header: { ...values.header, ...familyOf(object) },
            } as never);
            const bytes = broken ? mutate([whole], next) : whole;
            for (const one of messagesIn(protocol, bytes)) {
              const event = { event: 'new', object, time: 1, space: place, ...one, found: false } as const;
              const recorded: Uint8Array[] = [];
              new Recorder((part) => recorded.push(part)).record(event);
              for (const again of readRecording(Buffer.concat(recorded), objectNames)) {
                lines += eventText(again).length;
                JSON.parse(eventJsonText(again));
              }
            }
          }),
          { numRuns: 150 },
        );
      }
    }
  }
  t.ok(lines > 10_000);
});

/** Families that tell objects apart which share their messages. */
function familyOf(object: string): object {
  if (object === 'mroute') return { family: 128 };
  if (object === 'fdb') return { family: 7 };
  return object === 'route' ? { family: 2 } : {};
}
