import type { ServiceDefinition } from '@grpc/grpc-js';
import { CAService, NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { DispatcherService } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { HealthService } from '@swarmkit/sdk/wire/gen/swarmkit/health';
import { LogBrokerService, LogsService } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { RaftMembershipService, RaftService } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ResourceAllocatorService } from '@swarmkit/sdk/wire/gen/swarmkit/resource';
import { WatchService } from '@swarmkit/sdk/wire/gen/swarmkit/watch';

/** Every service of the wire. They are known from the start, so that an absent one is answered in words. */
export const WIRE_SERVICES: readonly ServiceDefinition[] = [
  CAService,
  NodeCAService,
  ControlService,
  DispatcherService,
  HealthService,
  LogBrokerService,
  LogsService,
  RaftService,
  RaftMembershipService,
  ResourceAllocatorService,
  WatchService,
];
