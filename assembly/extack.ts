import { NODE_END, NODE_LENGTH, NODE_OFFSET, NODE_SIZE, SHAPE_NODES, SHAPE_SIZE } from './layout';

/**
 * The way to the attribute at `offset` of a message (NLMSGERR_ATTR_OFFS points at an attribute's header): writes
 * the numbers of the nodes on it, outermost first, and returns how many there are.
 */
export function locate(shape: usize, offset: u32, out: usize, limit: u32): u32 {
  const nodes = shape + SHAPE_SIZE;
  const count = load<u32>(shape, SHAPE_NODES);
  let depth: u32 = 0;
  let i: u32 = 0;
  while (i < count && depth < limit) {
    const node = nodes + <usize>i * NODE_SIZE;
    const payload = load<u32>(node, NODE_OFFSET);
    if (offset + 4 >= payload && offset < payload + load<u32>(node, NODE_LENGTH)) {
      store<u32>(out + (depth << 2), i);
      depth++;
      if (offset + 4 == payload) break;
      i++;
    } else if (offset + 4 == payload) {
      store<u32>(out + (depth << 2), i);
      depth++;
      break;
    } else i = load<u32>(node, NODE_END);
  }
  return depth;
}
