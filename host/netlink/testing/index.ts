/** `netloom/testing`: a kernel that does as it is told, and faults of the real one, for tests of programs that use Netloom. */
export { type Behaviour, FakeKernel, type Reaction } from './fake-kernel.js';
export { type Fault, type FaultReport, Faults } from './faults.js';
export { ack, answer, datagram, done, requestsIn, sequenceOf } from './messages.js';
