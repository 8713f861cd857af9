// Between Lifeboat and the nodes' BMCs: passes every datagram on and counts what Lifeboat sends, so that "no power device is asked" can be seen.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { forNode, type LabSettings } from './settings.ts';

export interface BmcTap {
  portOf(node: string): number;
  /** Datagrams sent to any BMC so far. */
  asked(): number;
  end(): void;
}

export async function tapBmcs(lab: LabSettings, nodes: string[]): Promise<BmcTap> {
  const ports = new Map<string, number>();
  const open: Socket[] = [];
  let asked = 0;
  for (const node of nodes) {
    const ours = createSocket('udp4');
    // A BMC keeps its sessions by the port that asks.
    const behalf = new Map<number, Socket>();
    ours.on('message', (datagram, from) => {
      asked += 1;
      const theirs = behalf.get(from.port) ?? createSocket('udp4');
      if (!behalf.has(from.port)) {
        behalf.set(from.port, theirs);
        open.push(theirs);
        theirs.on('message', (answer) => ours.send(answer, from.port, from.address));
      }
      theirs.send(datagram, Number(forNode(lab.bmcport, node)), forNode(lab.bmchost, node));
    });
    open.push(ours);
    ours.bind(0, '127.0.0.1');
    await once(ours, 'listening');
    ports.set(node, ours.address().port);
  }
  return {
    portOf: (node) => ports.get(node)!,
    asked: () => asked,
    end: () => open.forEach((socket) => socket.close()),
  };
}
