/** `netloom/testing`: a kernel that does as it is told, for tests of programs that use Netloom. */
export { type Behaviour, FakeKernel, type Reaction } from './fake-kernel.js';
export { ack, answer, datagram, done, requestsIn, sequenceOf } from './messages.js';
