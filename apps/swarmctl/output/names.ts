import { NodeSpec_Availability, NodeSpec_Membership } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeRole,
  NodeStatus_State,
  PortConfig_Protocol,
  PortConfig_PublishMode,
  RaftMemberStatus_Reachability,
  TaskState,
  UpdateStatus_UpdateState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** Enum values as people read and write them. A value that this version does not know is its number. */
const namer =
  (names: Readonly<Record<number, string>>) =>
  (value: number | undefined): string =>
    value === undefined ? '' : (names[value] ?? String(value));

export const taskState = namer(TaskState);
export const nodeState = namer(NodeStatus_State);
export const availability = namer(NodeSpec_Availability);
export const membership = namer(NodeSpec_Membership);
export const nodeRole = namer(NodeRole);
export const protocol = namer(PortConfig_Protocol);
export const publishMode = namer(PortConfig_PublishMode);
export const reachability = namer(RaftMemberStatus_Reachability);
export const updateState = namer(UpdateStatus_UpdateState);

/** `UPDATING` -> `Updating`, `ROLLBACK_PAUSED` -> `Rollback paused`. */
export const sentence = (name: string): string =>
  name.charAt(0) + name.slice(1).toLowerCase().replaceAll('_', ' ');
