/**
 * What Node is started with for one call of a plugin; the program's compiled code is made for it. Strings keep the hash
 * that they have in Node's snapshot (a random one guards against floods of keys, and a plugin's config comes from
 * root), and young objects have room enough that most calls end before the first garbage collection. Both save about
 * a tenth of a call each (docs/benchmarks.md).
 */
export const nodeOptions: readonly string[] = ['--no-rehash-snapshot', '--min-semi-space-size=8'];
