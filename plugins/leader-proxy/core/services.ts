// Which services a follower passes on, and on which endpoint.
import type { Exposure, StandIn } from '@swarmkit/sdk/contracts/rpc';
import { PlacementService } from '@swarmkit/sdk/wire/gen/node/placement';
import { CAService, NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { DispatcherService } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { LogBrokerService, LogsService } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { RaftMembershipService } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ResourceAllocatorService } from '@swarmkit/sdk/wire/gen/swarmkit/resource';

const BOTH: readonly Exposure[] = ['control', 'remote'];

/**
 * As SwarmKit has it, and Placement, which is ours. Control and Logs are answered by the follower itself on the remote port, Watch,
 * Raft and Health everywhere.
 */
export const PASSED_ON: readonly (readonly [StandIn['definition'], readonly Exposure[]])[] = [
  [CAService, BOTH],
  [NodeCAService, BOTH],
  [DispatcherService, BOTH],
  [LogBrokerService, BOTH],
  [ResourceAllocatorService, BOTH],
  [RaftMembershipService, ['remote']],
  [ControlService, ['control']],
  [LogsService, ['control']],
  [PlacementService, ['control']],
];
