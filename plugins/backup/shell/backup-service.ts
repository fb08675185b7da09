import type { Consensus } from '@swarmkit/sdk/contracts/consensus';
import type { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { Membership } from '@swarmkit/sdk/contracts/membership';
import type { ServerStreamHandler } from '@swarmkit/sdk/contracts/rpc';
import type { Store } from '@swarmkit/sdk/contracts/store';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { BackupHead, BackupPart } from '@swarmkit/sdk/wire/gen/node/backup';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { slices } from '../core/slices.js';

const APPLY_MS = 5;

export interface BackupParts {
  readonly store: Store;
  readonly consensus: Consensus;
  readonly membership: Membership;
  readonly identity: NodeIdentity;
  readonly clock: Clock;
}

export const takeBackup = (parts: BackupParts): ServerStreamHandler => ({
  serverStream: async (_request, { signal }, send) => {
    const { store, consensus, membership, identity, clock } = parts;
    const wanted = await membership.readIndex();
    while (consensus.appliedIndex < wanted) {
      signal.throwIfAborted();
      await delay(clock, APPLY_MS, signal);
    }
    const pin = store.pin();
    try {
      const [cluster] = pin.find('cluster', { by: 'all' });
      if ((cluster?.rootCa?.caKey.length ?? 0) === 0) throw noRootKey();
      const members = membership
        .members()
        .map(({ raftId, nodeId, address }) => RaftMember.create({ raftId, nodeId, addr: address }));
      const head = BackupHead.create({
        clusterId: identity.current().clusterId,
        nodeId: identity.current().nodeId,
        index: pin.index,
        term: consensus.leadership().term,
        takenAt: timestampFromMs(clock.now()),
        membership: { members, removed: [...membership.removed()] },
      });
      await send(BackupPart.create({ part: { $case: 'head', value: head } }));
      for (const slice of slices(pin)) {
        signal.throwIfAborted();
        await send(BackupPart.create({ part: { $case: 'store', value: Buffer.from(slice) } }));
      }
    } finally {
      pin.release();
    }
  },
});

const noRootKey = (): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'BACKUP_NO_ROOT_KEY',
    "the key of the cluster's root certificate is with an external CA, and a backup without it could not be brought up elsewhere: keep copies of the managers' state folders instead, taken while they are stopped",
  );
