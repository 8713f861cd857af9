// Temporal: does it answer, can runs be found by attributes, who works, does the watch watch this very cloud?
import { SEARCH_ATTRIBUTES } from '../../workflows/contract.ts';
import { OtherCloudError, refuseOtherCloud } from '../../workers/keep-watch.ts';
import { openNow } from '../cli/start-run.ts';
import { pollersOf, ROLE_OF, settingsOf, startHint, withTemporal, type Temporal } from '../cli/temporal.ts';
import { probe, some, type Probing, type Row } from './row.ts';

const part = 'temporal';
/** temporal.api.enums.v1.IndexedValueType */
const KEYWORD = 2;

export async function checkTemporal(probing: Probing): Promise<Row[]> {
  const { config } = probing;
  const todo = 'TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, or temporal.profile in the configuration';
  let inner: Row[] = [];
  const row = await probe(probing, { part, what: 'server', todo }, async () => {
    const { namespace, options } = settingsOf(config);
    inner = await withTemporal(config, (temporal) => within(probing, temporal));
    return `${options.address} answers for the namespace ${namespace}`;
  });
  return [row, ...inner];
}

async function within(probing: Probing, temporal: Temporal): Promise<Row[]> {
  const queues = Object.keys(ROLE_OF) as (keyof typeof ROLE_OF)[];
  return Promise.all([
    searchAttributes(probing, temporal),
    watch(probing, temporal),
    ...queues.map((queue) => workers(probing, temporal, queue)),
  ]);
}

function searchAttributes(probing: Probing, { connection, namespace }: Temporal): Promise<Row> {
  const names = Object.values(SEARCH_ATTRIBUTES).map((key) => key.name);
  const todo = `a worker registers them at its start; where it may not: temporal operator search-attribute create ${names.map((n) => `--name ${n} --type Keyword`).join(' ')}. Runs do without them`;
  return probe(probing, { part, what: 'search attributes', todo, failsAs: 'warn' }, async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const wrong = names.filter((name) => customAttributes?.[name] !== KEYWORD);
    return wrong.length === 0
      ? `${names.join(', ')} are registered`
      : { verdict: 'warn', says: `missing or not of type Keyword: ${wrong.join(', ')}` };
  });
}

function workers(probing: Probing, temporal: Temporal, queue: keyof typeof ROLE_OF): Promise<Row> {
  const role = ROLE_OF[queue];
  const todo = startHint(probing.config, role);
  return probe(probing, { part, what: `workers, ${queue}`, todo }, async () => {
    const { name, workers: there } = await pollersOf(temporal, queue);
    return there.length > 0
      ? `${there.length} (${some(there, 4)}) poll ${name}`
      : { verdict: 'fail', says: `no worker polls ${name} (role ${role})` };
  });
}

function watch(probing: Probing, temporal: Temporal): Promise<Row> {
  const { config, source } = probing;
  return probe(probing, { part, what: 'watch', todo: startHint(config, 'monitor') }, async () => {
    const open = await openNow(temporal, config.cloud);
    if (!open) return { verdict: 'fail', says: `no watch of ${config.cloud} runs: nobody watches its nodes` };
    const { identityUrl, region } = await source.get('openstack');
    const identity = { keystone: identityUrl, region: region ?? '' };
    try {
      await refuseOtherCloud({ client: temporal.client, identity, config });
    } catch (error) {
      if (!(error instanceof OtherCloudError)) throw error;
      return {
        verdict: 'fail',
        says: error.message,
        todo: 'another cloud under this name has the watch: choose another cloud:',
      };
    }
    return `runs, for ${identityUrl}${region ? `, region ${region}` : ''}`;
  });
}
