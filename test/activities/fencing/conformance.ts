// The promises of every fencing driver stand where drivers of others find them, too.
export * from '../../../driver-kit/conformance/fencing.ts';
