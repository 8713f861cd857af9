// The promises of every notification driver stand where drivers of others find them, too.
export * from '../../../driver-kit/conformance/notification.ts';
