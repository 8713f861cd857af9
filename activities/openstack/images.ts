// Glance: what an image says of itself.
import { z } from 'zod';
import type { Time } from './retry.ts';
import type { Service } from './service.ts';
import type { Image, Images } from './types.ts';

const KEEP_MS = 10 * 60_000;
/** More than any node has; beyond it the oldest is forgotten. */
const KEEP = 2_000;

/** Properties stand beside the image's own fields (glance/api/v2/images.py): all that is text counts. */
const IMAGE = z.looseObject({ tags: z.array(z.string()).default([]) }).transform(({ tags, ...rest }): Image => ({
  tags,
  properties: Object.fromEntries(
    Object.entries(rest).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  ),
}));

export function createImages(glance: Service, time: Time): Images {
  const known = new Map<string, { image: Image | null; until: number }>();
  return {
    image: async (id, o) => {
      const kept = known.get(id);
      if (kept && time.now() < kept.until) return kept.image;
      const image = await glance.find({ method: 'GET', path: `/images/${encodeURIComponent(id)}` }, IMAGE, o);
      known.delete(id);
      known.set(id, { image, until: time.now() + KEEP_MS });
      if (known.size > KEEP) known.delete(known.keys().next().value!);
      return image;
    },
  };
}
