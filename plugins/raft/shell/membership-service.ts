/** `RaftMembership`: how a node asks to become a member of the group, or to leave it. The leader answers. */
import type { Call, MountedService, RpcClient } from '@swarmkit/sdk/contracts/rpc';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  type JoinRequest,
  JoinResponse,
  type LeaveRequest,
  type RaftMember,
  RaftMembershipService,
} from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { formatAddress, parseAddress, resolveUnspecified } from './address.js';
import type { Group } from './group.js';
import { checkHealth } from './peer.js';
import { badAddress, notYetMember } from './raft-error.js';

const HEALTH_MS = 5_000;

export interface MembershipServiceOptions {
  readonly group: Group;
  readonly client: RpcClient;
  readonly raftId: () => bigint;
  readonly isLeading: () => boolean;
  readonly members: () => readonly RaftMember[];
}

export function membershipService(options: MembershipServiceOptions): MountedService {
  const { group, client, members } = options;
  const mustLead = (): void => {
    if (options.raftId() === 0n) throw refusal(notYetMember().message);
    if (!options.isLeading()) throw refusal(NOT_LEADING);
  };

  const join = async (
    { addr, features, fresh }: JoinRequest,
    { peer }: Call,
  ): Promise<JoinResponse> => {
    mustLead();
    const parsed = parseAddress(addr);
    const resolved = parsed && resolveUnspecified(parsed, peer.address);
    if (resolved === undefined) throw badAddress(addr);
    const address = formatAddress(resolved);
    await mustServe(client, address);
    mustLead();
    const { raftId } = await group.admit({ nodeId: peer.nodeId, address, features, fresh });
    return JoinResponse.create({ raftId, members: members() });
  };

  const leave = async ({ node }: LeaveRequest): Promise<object> => {
    mustLead();
    await group.remove(node?.raftId ?? 0n);
    return {};
  };

  return {
    definition: RaftMembershipService,
    expose: ['remote'],
    handlers: { join: { unary: join }, leave: { unary: leave } },
  };
}

const NOT_LEADING = 'raft: failed to process the request: node lost leader status';

async function mustServe(client: RpcClient, address: string): Promise<void> {
  const connection = client.connect(address);
  try {
    if (await checkHealth(connection, HEALTH_MS)) return;
    throw new Error('it does not serve Raft');
  } catch (error) {
    throw new SwarmError(
      'unavailable',
      'RAFT_MEMBER_UNREACHABLE',
      `could not connect to prospective new cluster member using its advertised address: ${address}: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    connection.close();
  }
}

const refusal = (text: string): SwarmError =>
  new SwarmError('failed-precondition', 'RAFT_NOT_LEADER', text);
