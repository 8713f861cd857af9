// os-server-groups (shape of 2.64).
import type { Centre } from './centre.ts';
import type { ServerGroup } from './model.ts';
import { Refusal } from './nova-evacuate.ts';
import { page } from './paging.ts';
import type { Call } from './nova.ts';
import type { Response } from './web.ts';

const show = (centre: Centre, g: ServerGroup, minor: number): object => ({
  id: g.id,
  name: g.name,
  ...(minor >= 64 ? { policy: g.policy, rules: {} } : { policies: [g.policy], metadata: {} }),
  members: g.members.filter((id) => centre.instances.get(id)?.deleted === false),
  project_id: g.projectId,
  user_id: g.userId,
});

export function listGroups(centre: Centre, call: Call): Response {
  const everybody = call.admin && call.request.query.has('all_projects');
  const mine = [...centre.groups.values()].filter((g) => everybody || g.projectId === call.projectId);
  const { rows } = page(
    centre,
    call,
    mine,
    (g) => g.id,
    (m) => `Marker ${m} could not be found.`,
  );
  return { status: 200, list: 'server_groups', body: { server_groups: rows.map((g) => show(centre, g, call.minor)) } };
}

export function showGroup(centre: Centre, id: string, call: Call): Response {
  const group = centre.groups.get(id);
  if (!group || (!call.admin && group.projectId !== call.projectId))
    throw new Refusal(404, `Instance group ${id} could not be found.`);
  return { status: 200, body: { server_group: show(centre, group, call.minor) } };
}
