export * from '../../cni/address.js';
