/**
 * What differs from run to run for no reason of a plugin's: the one place that says so, for the plugins' own tests and
 * for test/differential.
 */
const randomName = /^veth[0-9a-f]{8}$/;

/** Is this a name that a plugin has drawn? The reference's form, which is ours too. */
export function isRandomName(name: string): boolean {
  return randomName.test(name);
}

/** Routes that IPv6 adds when an address has settled: sooner or later, as the side lets it settle. */
export function isSettling(type: unknown, dst: unknown): boolean {
  return String(dst).includes(':') && (type === 'anycast' || type === 'local');
}

/** Is this a route of link-local or multicast addresses, which come and go with the carrier? */
export function isOfLink(type: unknown, dst: unknown): boolean {
  return /^(fe80|ff00)/.test(String(dst)) || type === 'multicast';
}

/** What iptables or nftables count. */
export function withoutCounts(text: string): string {
  return text.replaceAll(/packets \d+ bytes \d+/g, '').replaceAll(/\[\d+:\d+\]/g, '[]');
}
