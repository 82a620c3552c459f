import { pad, struct, u8 } from '../definition.js';

/** struct genlmsghdr, linux/genetlink.h. The codec fills `cmd` and `version` in where they are not given. */
export const genlmsghdr = struct('genlmsghdr', { cmd: u8, version: u8, padReserved: pad(2) });
