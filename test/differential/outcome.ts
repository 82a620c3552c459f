import type { Json, Outcome } from '../plugins/support/host.js';
import type { Facts } from './facts.js';
import type { Names } from './names.js';
import type { Picture } from './picture.js';

/** What an operation answered, by the leaves of its result; or its error. `who` names the operation. */
export function outcomeFacts(
  who: string,
  { status, json, stdout, stderr }: Outcome,
  names: Names,
  pictures: Readonly<Record<string, Picture>>,
  places: Readonly<Record<string, string>>,
): Facts {
  const facts: Facts = new Map();
  const said = (text: string): string => {
    let plain = names.text(text);
    for (const [value, name] of Object.entries(places)) plain = plain.replaceAll(value, name);
    return plain;
  };
  facts.set(`${who} status`, String(status));
  if (status !== 0) {
    // without an error of the form that the specification has, what was said instead
    if (typeof json.code !== 'number') facts.set(`${who} without code`, said(stdout + stderr).slice(0, 200));
    for (const key of ['code', 'msg', 'details']) {
      if (json[key] !== undefined) facts.set(`${who} ${key}`, said(String(json[key])));
    }
    return facts;
  }
  if (stdout === '') return facts;
  const walk = (path: string, value: unknown): void => {
    if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value);
      if (entries.length === 0) facts.set(`${who} ${path}`, Array.isArray(value) ? '[]' : '{}');
      for (const [key, part] of entries) {
        walk(
          path === '' ? key : `${path}.${key}`,
          key === 'mac' ? owner(value as Json, pictures, places) : part,
        );
      }
    } else facts.set(`${who} ${path}`, said(String(value)));
  };
  walk('', json);
  return facts;
}

/** Is an address in a result that of the link which the result names? */
function owner(
  told: Json,
  pictures: Readonly<Record<string, Picture>>,
  places: Readonly<Record<string, string>>,
): string {
  const sandbox = String(told.sandbox ?? '');
  const place = sandbox === '' ? 'host' : (places[sandbox] ?? '').replace('NETNS of ', '');
  const link = pictures[place]?.links.find(({ ifname }) => ifname === told.name);
  if (link?.address === told.mac) return 'its own';
  return link === undefined ? 'of no link' : 'not its own';
}
