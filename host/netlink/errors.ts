import { errnoCode, errnoMeaning } from '../codec/errno.js';

/** What every error of the engine and of the layers above is. */
export class NetloomError extends Error {
  override readonly name: string = 'NetloomError';
  constructor(
    /** Stable: an errno's name (`EPERM`) or `ERR_…`. */
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The native addon is not there. Code `ERR_NATIVE_UNAVAILABLE`. */
export class NativeUnavailableError extends NetloomError {
  override readonly name = 'NativeUnavailableError';
  constructor(
    message: string,
    /** Files that were looked for. */
    readonly paths: readonly string[] = [],
    /** The command that builds it. */
    readonly buildCommand?: string,
    options?: ErrorOptions,
  ) {
    super('ERR_NATIVE_UNAVAILABLE', message, options);
  }
}

/** A system call failed. `code` is the errno's name (`ENOENT`). */
export class SystemCallError extends NetloomError {
  override readonly name = 'SystemCallError';
  declare readonly path?: string;
  constructor(
    /** Positive. */
    readonly errno: number,
    readonly syscall: string,
    path?: string,
    hint?: string,
    options?: ErrorOptions,
  ) {
    const where = path === undefined ? '' : ` '${path}'`;
    super(
      errnoCode(errno),
      `${syscall}${where}: ${errnoMeaning(errno)}${hint === undefined ? '' : ` (${hint})`}`,
      options,
    );
    if (path !== undefined) this.path = path;
  }
}

export interface NetlinkErrorDetails {
  /** Positive errno. */
  readonly errno: number;
  /** The request's name, as `newroute`. */
  readonly request: string;
  /** nlmsg_seq of the request. */
  readonly sequence?: number;
  /** What the kernel said about it (NLMSGERR_ATTR_MSG). */
  readonly extendedAck?: string;
  /** Path of the attribute at fault, as `linkinfo.data.mode`. */
  readonly attribute?: string;
  /** Path of the nest, and number or name of the attribute that it lacks. */
  readonly missing?: string;
  /** What the kernel would have accepted for the attribute. */
  readonly policy?: Readonly<Record<string, unknown>>;
}

/** The kernel refused a request. `code` is the errno's name. */
export class NetlinkError extends NetloomError implements NetlinkErrorDetails {
  override readonly name = 'NetlinkError';
  readonly errno: number;
  readonly request: string;
  declare readonly sequence?: number;
  declare readonly extendedAck?: string;
  declare readonly attribute?: string;
  declare readonly missing?: string;
  declare readonly policy?: Readonly<Record<string, unknown>>;

  constructor(details: NetlinkErrorDetails) {
    super(errnoCode(details.errno), describe(details));
    this.errno = details.errno;
    this.request = details.request;
    if (details.sequence !== undefined) this.sequence = details.sequence;
    if (details.extendedAck !== undefined) this.extendedAck = details.extendedAck;
    if (details.attribute !== undefined) this.attribute = details.attribute;
    if (details.missing !== undefined) this.missing = details.missing;
    if (details.policy !== undefined) this.policy = details.policy;
  }
}

function describe({ errno, request, extendedAck, attribute, missing, policy }: NetlinkErrorDetails): string {
  const parts: string[] = [];
  if (attribute !== undefined) parts.push(`attribute ${attribute}`);
  if (missing !== undefined) parts.push(`missing ${missing}`);
  if (policy !== undefined) {
    const limits = Object.entries(policy).map(([name, value]) => `${name} ${String(value)}`);
    parts.push(`the kernel accepts ${limits.join(', ')}`);
  }
  const said = extendedAck === undefined || extendedAck === '' ? '' : `: ${extendedAck}`;
  const where = parts.length === 0 ? '' : ` (${parts.join('; ')})`;
  return `${request}: ${errnoMeaning(errno)}${said}${where}`;
}

/** A call did not come to its end: `ERR_TIMEOUT`, `ERR_CLOSED`, `ERR_SOCKET_BUSY`, `ERR_DUMP_INTERRUPTED`, `ERR_OVERRUN`, `ERR_ABORTED` … */
export class SocketError extends NetloomError {
  override readonly name = 'SocketError';
}
