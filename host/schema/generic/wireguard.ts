import {
  attributeSet,
  be16,
  binary,
  bytes,
  family,
  flags,
  indexed,
  ip,
  nest,
  s64,
  string,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
} from '../definition.js';
import { genlmsghdr } from './header.js';

/* WireGuard's peers and keys: linux/wireguard.h */

/** enum wgdevice_flag */
export const wireguardDeviceFlags = { 'replace-peers': 1 } as const;

/** enum wgpeer_flag */
export const wireguardPeerFlags = { 'remove-me': 1, 'replace-allowedips': 2, 'update-only': 4 } as const;

/** enum wgallowedip_flag, Linux 6.16 */
export const wireguardAllowedipFlags = { 'remove-me': 1 } as const;

/**
 * struct sockaddr_in or sockaddr_in6 (netinet/in.h), told by the family: behind the port stand 4 bytes of an IPv4 address
 * and 8 zero bytes, or 4 bytes of flow information, 16 of an IPv6 address and 4 of a scope.
 */
export const socketAddress = struct('sockaddr', { family: u16, port: be16, data: binary });

/** struct __kernel_timespec, linux/time_types.h: since 1970. */
export const kernelTimespec = struct('kernel-timespec', { sec: s64, nsec: s64 });

/** enum wgallowedip_attribute */
export const wireguardAllowedipAttributes = attributeSet('wgallowedip', {
  family: [1, u16],
  ipaddr: [2, ip],
  cidrMask: [3, u8],
  flags: [4, flags(u32, wireguardAllowedipFlags)],
});

/** enum wgpeer_attribute; keys of 32 bytes, the keep-alive interval in seconds (0: none). */
export const wireguardPeerAttributes = attributeSet('wgpeer', {
  publicKey: [1, bytes(32)],
  presharedKey: [2, bytes(32)],
  flags: [3, flags(u32, wireguardPeerFlags)],
  endpoint: [4, structure(socketAddress)],
  persistentKeepaliveInterval: [5, u16],
  lastHandshakeTime: [6, structure(kernelTimespec)],
  rxBytes: [7, u64],
  txBytes: [8, u64],
  allowedips: [9, indexed(nest(wireguardAllowedipAttributes), 0)],
  protocolVersion: [10, u32],
});

/** enum wgdevice_attribute; keys of 32 bytes. */
export const wireguardDeviceAttributes = attributeSet('wgdevice', {
  ifindex: [1, u32],
  ifname: [2, string],
  privateKey: [3, bytes(32)],
  publicKey: [4, bytes(32)],
  flags: [5, flags(u32, wireguardDeviceFlags)],
  listenPort: [6, u16],
  fwmark: [7, u32],
  peers: [8, indexed(nest(wireguardPeerAttributes), 0)],
});

/** enum wg_cmd. `getDevice` is a dump; a peer whose allowed IPs do not fit in one message goes on in the next. */
export const wireguard = family({
  name: 'wireguard',
  protocol: 'generic',
  messages: {
    getDevice: { number: 0, header: genlmsghdr, attributes: wireguardDeviceAttributes },
    setDevice: { number: 1, header: genlmsghdr, attributes: wireguardDeviceAttributes },
  },
});
