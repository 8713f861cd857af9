import { evacuate } from '../../../activities/evacuation/evacuate.ts';
import type { EvacuationDriver } from '../../../activities/evacuation/driver.ts';
import { evacuationConformance } from '../../../driver-kit/conformance/evacuation.ts';

for (const target of ['scheduler', 'spread', 'compute-9'])
  evacuationConformance({
    driver: evacuate as EvacuationDriver,
    options: { target },
    refused: [{ target: '' }, { target: 7 }],
  });
