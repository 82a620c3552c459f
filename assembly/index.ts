/*
 * The codec's machine: framing, attributes, columns, encoding. It knows bytes and tables; what they mean is in
 * the schemas, which host/codec compiles to tables in this module's memory. It allocates nothing: the host
 * decides where everything lies.
 */
export { setArena, forgetShapes } from './shape';
export { scan, survey, position, surveyed } from './scan';
export { columns, columnsPosition, columnsStop, columnsSkipped } from './columns';
export { encode, replicate } from './encode';
export { locate } from './extack';

/** Where free memory begins. */
export function heapBase(): usize {
  return __heap_base;
}
