import { Namespace } from '../../namespace/namespace.js';
import { Network } from '../../network/network.js';

/** `netloom ns create`: as `ip netns add`; with `up`, its loopback interface is up. */
export async function createNamespace(name: string, { up = false }: { up?: boolean } = {}): Promise<void> {
  using namespace = Namespace.create({ name });
  if (!up) return;
  await using network = await Network.open({ namespace });
  await network.links.change('lo', { up: true });
}
