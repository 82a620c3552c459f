export { activatedSocket, socketUnit } from './activation.js';
export {
  type DriverOptions,
  defaultSocket,
  defaultStateDirectory,
  type RunningDriver,
  startDriver,
} from './driver.js';
export { DockerError } from './errors.js';
export type { CallReport } from './server.js';
