import { NamespaceLinks } from '../../inspect/index.js';
import { NamespaceError } from '../../namespace/errors.js';
import { Namespace } from '../../namespace/namespace.js';
import { Network } from '../../network/network.js';

/** `netloom ns create`: as `ip netns add`; with `up`, its loopback interface is up. */
export async function createNamespace(name: string, { up = false }: { up?: boolean } = {}): Promise<void> {
  using namespace = Namespace.create({ name });
  if (!up) return;
  await using network = await Network.open({ namespace });
  await network.links.change('lo', { up: true });
}

/** `netloom ns delete`: as `ip netns delete`. Throws NamespaceError `ERR_NAMESPACE_NOT_FOUND` for the first that is not there. */
export function deleteNamespaces(names: readonly string[]): void {
  const links = new NamespaceLinks();
  for (const name of names) {
    const removed = Namespace.delete({ name });
    links.forget(name);
    if (!removed)
      throw new NamespaceError(
        'ERR_NAMESPACE_NOT_FOUND',
        `there is no network namespace ${name} in /run/netns`,
      );
  }
}
