export * from '../../../driver-kit/conformance/monitoring-rows.ts';
