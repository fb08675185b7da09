import { X509Certificate } from 'node:crypto';
import { isRetryable, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { GetClusterRequest, ListNodesRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Cluster, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { hostnameOf } from '../find.js';
import type { Session } from '../session.js';
import { type Progress, progressView, silent } from './view.js';

/** Watches a root rotation until the new certificate is in force. It only looks. */

const pollMs = 500;
/** So long may the manager be away: it renews its own certificate too, and another may be elected. */
const absenceMs = 30_000;

export async function watchRootRotation(
  session: Session,
  begun: Cluster,
  quiet: boolean,
): Promise<void> {
  const target = begun.rootCa?.rootRotation?.caCert;
  if (target === undefined) return;
  const publicKey = new X509Certificate(target).publicKey.export({ type: 'spki', format: 'der' });
  const { io } = session;
  const view = quiet || session.json ? silent : progressView(io, 'nodes moved');
  const interrupt = new AbortController();
  const stopListening = io.onInterrupt(() => interrupt.abort());
  let goneSince: number | undefined;
  try {
    for (;;) {
      try {
        const { cluster, nodes } = await look(session, begun.id, interrupt.signal);
        goneSince = undefined;
        if (!isUnderWay(cluster, target)) {
          refuseOtherEnd(cluster, target);
          view.show({ running: nodes.length, wanted: nodes.length, leaving: 0, reason: '' });
          view.note('The new root certificate is in force');
          return;
        }
        view.show(progress(nodes, publicKey));
      } catch (error) {
        if (interrupt.signal.aborted) throw interrupted();
        goneSince ??= io.monotonic();
        if (!isRetryable(error) || io.monotonic() - goneSince > absenceMs) throw error;
      }
      await io.sleep(pollMs, interrupt.signal);
      if (interrupt.signal.aborted) throw interrupted();
    }
  } finally {
    view.end();
    stopListening();
  }
}

async function look({ control }: Session, clusterId: string, signal: AbortSignal) {
  const [{ cluster }, { nodes }] = await Promise.all([
    control.getCluster(GetClusterRequest.create({ clusterId }), { signal }),
    control.listNodes(ListNodesRequest.create(), { signal }),
  ]);
  return { cluster, nodes };
}

const isUnderWay = (cluster: Cluster | undefined, target: Buffer): boolean =>
  cluster?.rootCa?.rootRotation?.caCert.equals(target) === true;

function refuseOtherEnd(cluster: Cluster | undefined, target: Buffer): void {
  if (cluster?.rootCa?.caCert.equals(target) === true) return;
  throw new SwarmError(
    'failed-precondition',
    'CTL_ROTATION_ENDED',
    'the rotation was given up, or replaced by another one; swarmctl cluster inspect shows what holds now',
  );
}

function progress(nodes: readonly Node[], publicKey: Buffer): Progress {
  const left = nodes.filter(
    ({ description }) => description?.tlsInfo?.certIssuerPublicKey.equals(publicKey) !== true,
  );
  const away = left.filter(({ status }) => status?.state !== NodeStatus_State.READY);
  const names = away.map((node) => hostnameOf(node) || node.id);
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return {
    running: nodes.length - left.length,
    wanted: nodes.length,
    leaving: 0,
    reason: names.length === 0 ? '' : `not connected: ${names.slice(0, 3).join(', ')}${more}`,
  };
}

const interrupted = (): SwarmError =>
  new SwarmError(
    'cancelled',
    'CTL_INTERRUPTED',
    'no longer watching; the rotation goes on by itself, look at it with swarmctl cluster inspect',
  );
