// The promises of every monitoring driver stand where drivers of others find them, too.
export * from '../../../driver-kit/conformance/monitoring.ts';
