export * from '../../../driver-kit/conformance/monitoring-context.ts';
