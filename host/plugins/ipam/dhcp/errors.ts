import { NetloomError } from '../../../netlink/errors.js';

/**
 * What goes wrong between a DHCP client and its server, or between the plugin and its daemon. Codes:
 * `ERR_DHCP_MALFORMED` (bytes that are no DHCP message, or no packet around one), `ERR_DHCP_OPTION` (an option that the
 * config names cannot be sent), `ERR_DHCP_TIMEOUT` (no server answered in time), `ERR_DHCP_NAK` (a server refused),
 * `ERR_DHCP_LEASE` (what a server grants cannot be used), `ERR_DHCP_LINK` (the interface is not what it was),
 * `ERR_DHCP_STATE` (the file of leases), `ERR_DHCP_FLAG` (the daemon's command line).
 */
export class DhcpError extends NetloomError {
  override readonly name = 'DhcpError';
}
