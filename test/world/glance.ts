// Glance: images by their id, read only (shape of v2). Custom properties stand beside the image's own fields.
import type { Centre } from './centre.ts';
import { tokenOf } from './keystone.ts';
import type { Image } from './model.ts';
import type { Handler } from './web.ts';

const DEFAULT = { id: '88a5aaff-f9b3-479d-a6b2-8fedb94c37e5', name: 'cirros' };

/** By name or id, the one that all are made from where none is named; `make`: a new one where there is none. */
export function imageOf(centre: Centre, idOrName: string = DEFAULT.id, make = false): Image {
  const { images, random } = centre;
  const found = images.get(idOrName) ?? [...images.values()].find((i) => i.name === idOrName);
  if (found) return found;
  if (!make && idOrName !== DEFAULT.id)
    throw new Error(`find image ${idOrName}: the world has none of this id or name`);
  const own = idOrName === DEFAULT.id ? DEFAULT : { id: random.uuid(), name: idOrName };
  const image: Image = { ...own, properties: {}, tags: [], gone: false };
  images.set(image.id, image);
  return image;
}

export function glance(centre: Centre): Handler {
  return (request) => {
    const headers = { 'content-type': 'text/html; charset=UTF-8' };
    if (!tokenOf(centre, request)) return { status: 401, body: '401 Unauthorized', headers };
    const id = /^\/v2\/images\/([^/]+)$/.exec(request.path)?.[1];
    const image = request.method === 'GET' && id ? centre.images.get(id) : undefined;
    if (!image || image.gone)
      return { status: 404, body: `<h1>404 Not Found</h1>No image found with ID ${id}`, headers };
    const { name, tags, properties } = image;
    const own = { id, name, tags, status: 'active', visibility: 'public', min_disk: 0, min_ram: 0, protected: false };
    return { status: 200, body: { ...properties, ...own, size: 21_430_272, schema: '/v2/schemas/image' } };
  };
}
