// Rows of os-services, healthy unless the test says otherwise.
import type { NodeView, Verdict } from '../../workflows/domain.ts';

export const VERDICTS: readonly Verdict[] = ['alive', 'degraded', 'failed', 'unknown'];

export const rowOf = (over: Partial<NodeView> = {}): NodeView => ({
  host: 'compute-1',
  serviceId: '5c0f1e9e-0000-4000-8000-000000000001',
  zone: 'nova',
  status: 'enabled',
  state: 'up',
  forcedDown: false,
  disabledReason: null,
  updatedAt: '2026-01-01T00:00:00.000000',
  hostIp: '127.0.0.1',
  ...over,
});
