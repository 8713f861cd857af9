// Every monitoring channel looks once, beside what it can tell of itself. One that knows nothing of anybody is found today.
import type { Look } from '../../activities/monitoring/driver.ts';
import type { NamedChannel } from '../../activities/monitoring/sweep.ts';
import { VERDICTS, type NodeView } from '../../workflows/domain.ts';
import { probe, some, type Probing, type Row, type Saying } from './row.ts';

const part = 'monitoring';
const TODO = 'docs/drivers has a page for each channel: what it needs, and when it cannot know';

/** `nodes` null: the fleet is not known, and there is nothing to look at. */
export async function checkMonitoring(probing: Probing, nodes: NodeView[] | null): Promise<Row[]> {
  if (!nodes) {
    const says = 'not tried: the list of nodes could not be read';
    return [{ part, what: 'channels', verdict: 'warn', says, todo: 'mend OpenStack first' }];
  }
  let channels: readonly NamedChannel[] = [];
  const made = await probe(
    probing,
    { part, what: 'configuration', todo: 'docs/configuration.md, Monitoring' },
    async () => {
      channels = await probing.source.get('monitoring');
      return `channels: ${channels.map(({ name }) => name).join(', ')}`;
    },
  );
  return [made, ...(await Promise.all(channels.map((one) => lookOnce(probing, one, nodes))))];
}

function lookOnce(probing: Probing, { name, channel }: NamedChannel, nodes: NodeView[]): Promise<Row> {
  return probe(probing, { part, what: name, todo: TODO }, async (signal) => {
    const look: Look = { nodes, unmovedMs: new Map(), signal };
    return channel.check ? channel.check(look) : judge(await channel.look(look), nodes);
  });
}

/** Unknown is what a channel says that cannot look: of some nodes a warning, of all of them it is no channel. */
export function judge(seen: Awaited<ReturnType<NamedChannel['channel']['look']>>, nodes: readonly NodeView[]): Saying {
  const of = (verdict: string): string[] =>
    nodes.map((n) => n.host).filter((host) => (seen.get(host)?.verdict ?? 'unknown') === verdict);
  const [alive, degraded, failed, unknown] = VERDICTS.map(of) as [string[], string[], string[], string[]];
  const says = `${alive.length} of ${nodes.length} nodes alive`;
  if (nodes.length === 0) return { verdict: 'warn', says };
  const why = unknown[0] === undefined ? '' : (seen.get(unknown[0])?.saw ?? 'nothing was told of it');
  if (unknown.length === nodes.length) return { verdict: 'fail', says: `it knows nothing of any node: ${why}` };
  const parts = [
    says,
    ...(degraded.length > 0 ? [`degraded: ${some(degraded)}`] : []),
    ...(failed.length > 0 ? [`failed: ${some(failed)}`] : []),
    ...(unknown.length > 0 ? [`unknown: ${some(unknown)} (${why})`] : []),
  ];
  return { verdict: alive.length === nodes.length ? 'ok' : 'warn', says: parts.join('; ') };
}
