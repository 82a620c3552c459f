import { CniError, errorCodes } from '../../../cni/errors.js';
import { Namespace } from '../../../namespace/namespace.js';
import { Network } from '../../../network/network.js';
import { Undo } from '../../common/undo.js';
import type { Subnets } from './config.js';
import { ingressQdisc, redirection } from './ifb.js';
import { limitLink } from './shaping.js';

const LOOPBACK = 1;

/**
 * Can this kernel limit? Makes what ADD makes, in a namespace of its own that goes away with it: modules are loaded when
 * they are first asked for, so that nothing else would tell. Throws CniError 50.
 */
export async function probe(subnets: Subnets | undefined): Promise<void> {
  const namespace = Namespace.createAnonymous();
  let network: Network | undefined;
  try {
    network = Network.openSync({ namespace });
    const limit = { rate: 1_000_000, burst: 1_000_000, latency: 25 };
    const { index } = await network.links.createAndGet({ ifname: 'ifb0', kind: 'ifb', up: true });
    await limitLink(network, index, limit, { subnets, peer: 'source' }, new Undo());
    await network.qdiscs.add(ingressQdisc(LOOPBACK));
    await network.filters.add(redirection(LOOPBACK, index));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CniError(
      errorCodes.pluginNotAvailable,
      `this kernel does not limit traffic (modules sch_tbf, sch_htb, sch_ingress, cls_u32, act_mirred, ifb): ${reason}`,
      '',
      { cause },
    );
  } finally {
    network?.close();
    namespace.close();
  }
}
