/** `netloom`: netlink sockets, the network API, namespaces and nftables. */
export * from './namespace/index.js';
export * from './netfilter/index.js';
export {
  NativeUnavailableError,
  NetlinkError,
  NetloomError,
  SocketError,
  SystemCallError,
} from './netlink/errors.js';
export {
  type BatchOutcome,
  type CallOptions,
  NetlinkSocket,
  protocolNumbers,
  type SocketOptions,
} from './netlink/socket.js';
export * from './network/index.js';
