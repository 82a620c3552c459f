import { parsePairs } from '../../../cni/arguments.js';
import { array, boolean, integerIn, object, optional, type Read, string } from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { optionCodes, optionNames } from './options.js';

/** Where the daemon listens unless `daemonSocketPath` says otherwise. */
export const defaultSocketPath = '/run/cni/dhcp.sock';

export const dhcpShape = object({
  ipam: optional(
    object({
      daemonSocketPath: optional(string, ''),
      priority: optional(integerIn(0, 0xffffffff), 0),
      provide: optional(
        array(
          object({
            option: optional(string, ''),
            value: optional(string, ''),
            fromArg: optional(string, ''),
          }),
        ),
        [],
      ),
      request: optional(
        array(object({ option: optional(string, ''), skipDefault: optional(boolean, false) })),
        [],
      ),
    }),
  ),
});
export type DhcpConfig = Read<typeof dhcpShape>;

/** What a client tells a server of itself, and asks it for. */
export interface ClientOptions {
  /** Values by code; the client's identifier is among them. */
  readonly provided: ReadonlyMap<number, Uint8Array>;
  /** Parameter request list. */
  readonly requested: readonly number[];
}

function invalid(msg: string): CniError {
  return new CniError(errorCodes.invalidNetworkConfig, msg);
}

/** The options of the messages themselves: a config that sets them would make other messages of them. */
const ours: readonly number[] = [
  optionCodes.requestedAddress,
  52,
  optionCodes.messageType,
  optionCodes.serverIdentifier,
  optionCodes.parameterRequestList,
  optionCodes.maximumMessageSize,
];

function codeOf(option: string, path: string): number {
  const named = Object.hasOwn(optionNames, option) ? optionNames[option] : undefined;
  if (named !== undefined) return named;
  const code = /^\d+$/.test(option) ? Number(option) : Number.NaN;
  if (code >= 0 && code <= 255) return code;
  const reason = Number.isNaN(code) ? 'invalid syntax' : 'value out of range';
  throw invalid(
    `Can not parse option "${option}": Can not parse option: strconv.ParseUint: parsing "${option}": ${reason} (${path}: expected a number from 1 to 254, or one of ${Object.keys(optionNames).join(', ')})`,
  );
}

/** Bytes of an option's value, as the reference has it: the text itself. */
function bytesOf(text: string, option: string, from = ''): Uint8Array {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw invalid(`value too long for option "${option}"${from}: "${text}"`);
  return bytes;
}

/** Option 61 unless the config provides one: an unspecified type, and the name of the lease, RFC 2132 section 9.14. */
function identifier(clientId: string): Uint8Array {
  return Uint8Array.of(0, ...Buffer.from(clientId).subarray(0, 254));
}

/**
 * The name of an attachment's lease: container, network, interface.
 */
export function clientIdOf(containerId: string, network: string, ifname: string): string {
  return `${containerId}/${network}/${ifname}`;
}

/** What the config says that the client is to send. `args`: CNI_ARGS. Throws CniError 7 or 999. */
export function clientOptions(config: DhcpConfig, clientId: string, args: string): ClientOptions {
  if (config.ipam === undefined) throw invalid("dhcp: the config has no 'ipam' key");
  const { provide, request } = config.ipam;
  const pairs = new Map(parsePairs(args));
  const provided = new Map([[optionCodes.clientIdentifier as number, identifier(clientId)]]);
  const late: [number, Uint8Array][] = [];
  provide.forEach(({ option, value, fromArg }, i) => {
    const path = `ipam.provide[${i}].option`;
    const code = codeOf(option, path);
    if (code === 0 || code === 255 || ours.includes(code)) {
      throw invalid(`${path}: option ${code} cannot be provided: it is part of the protocol itself`);
    }
    if (value !== '') provided.set(code, bytesOf(value, option));
    const argument = fromArg === '' ? undefined : pairs.get(fromArg);
    if (argument !== undefined) late.push([code, bytesOf(argument, option, ` from CNI_ARGS "${fromArg}"`)]);
  });
  for (const [code, value] of late) {
    // a value that is empty cannot be sent: servers refuse a host name of no bytes
    if (value.length > 0) provided.set(code, value);
  }
  const requested = request.map(({ option }, i) => codeOf(option, `ipam.request[${i}].option`));
  if (!request.some(({ skipDefault }) => skipDefault)) {
    requested.push(optionCodes.routers, optionCodes.subnetMask);
  }
  return { provided, requested: [...new Set(requested)].filter((code) => code !== 0 && code !== 255) };
}
