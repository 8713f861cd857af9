// What a channel says goes into histories as a result, which no interceptor cleans: so it is cleaned where every channel is made.
import type { ChannelCheck, Look, MonitoringChannel } from './driver.ts';

type Redact = (text: string) => string;

/** The same channel; its words go through `redact` first. */
export function withoutSecrets(channel: MonitoringChannel, redact: Redact): MonitoringChannel {
  return {
    look: async (look) => {
      const seen = await cleanly(channel.look(look), redact);
      return new Map([...seen].map(([host, evidence]) => [host, { ...evidence, saw: redact(evidence.saw) }]));
    },
    ...(channel.direct !== undefined && { direct: channel.direct }),
    ...(channel.open && { open: () => channel.open!() }),
    ...(channel.check && { check: (look: Look) => checkCleanly(channel, look, redact) }),
    ...(channel.close && { close: () => channel.close!() }),
  };
}

async function checkCleanly(channel: MonitoringChannel, look: Look, redact: Redact): Promise<ChannelCheck> {
  const check = await cleanly(channel.check!(look), redact);
  return { ...check, says: redact(check.says), ...(check.todo !== undefined && { todo: redact(check.todo) }) };
}

async function cleanly<T>(work: Promise<T>, redact: Redact): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(redact(error instanceof Error ? error.message : String(error)));
  }
}
