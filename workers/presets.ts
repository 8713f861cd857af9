// Keys that make a selection as its users know it from Masakari or InstanceHA. What the file says for itself wins.
import type { Policy } from '../workflows/defaults.ts';
import type { Matcher } from '../workflows/policy.ts';
import type { ConfigFile } from './config-schema.ts';

export const PRESETS = ['masakari', 'instanceha'] as const;

/** What oslo's bool_from_string takes for true (oslo_utils/strutils.py). */
const TRUE = ['1', 't', 'true', 'on', 'y', 'yes'];

type Keys = Partial<Policy['evacuation']>;

/** To be laid over the defaults and below the file's own keys, but for `only` and `first`, to which the file's own are added. */
export function presetOf(read: ConfigFile['evacuation']): Keys {
  if (read.like === 'masakari') return masakari(read);
  return read.like === 'instanceha' ? instanceHa(read) : {};
}

/** All, those with the key first; only those with `selection: opt-in`. Every state is made movable. (masakari/engine/drivers/taskflow/host_failure.py) */
function masakari({ selection, selectionKey = 'HA_Enabled' }: ConfigFile['evacuation']): Keys {
  const enabled: Matcher[] = [{ metadata: { [selectionKey]: TRUE } }];
  return {
    selectionKey,
    ...(selection === 'opt-in' ? { only: enabled } : { first: enabled }),
    states: { paused: 'reset', suspended: 'reset', rescued: 'reset', resized: 'reset' },
  };
}

/**
 * What is tagged: by its flavor, its image, or an aggregate of its node. A key or tag counts that contains the word, a key where its
 * value is true. (infra-operator, templates/instanceha/bin/instanceha.py)
 */
function instanceHa({ selection = 'opt-in', selectionKey = 'evacuable' }: ConfigFile['evacuation']): Keys {
  const tagged = { [`*${selectionKey}*`]: ['true'] };
  const only: Matcher[] = [
    { flavor: tagged },
    { image: tagged },
    { imageTag: [`*${selectionKey}*`] },
    { aggregateMetadata: tagged },
  ];
  return {
    ...{ selection, selectionKey, priorityKey: 'instanceha:restart_priority', priorityElse: 500 },
    ...(selection === 'opt-in' ? { only } : {}),
  };
}
