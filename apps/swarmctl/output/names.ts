import {
  ContainerSpec_Isolation,
  EndpointSpec_ResolutionMode,
  NodeSpec_Availability,
  NodeSpec_Membership,
  VolumeSpec_VolumeAvailability,
} from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  ExternalCA_CAProtocol,
  IssuanceStatus_State,
  Mount_BindOptions_Propagation,
  Mount_Consistency,
  Mount_Type,
  NodeRole,
  NodeStatus_State,
  PortConfig_Protocol,
  PortConfig_PublishMode,
  Privileges_AppArmorOpts_AppArmorMode,
  Privileges_SeccompOpts_SeccompMode,
  RaftMemberStatus_Reachability,
  RestartPolicy_RestartCondition,
  TaskState,
  UpdateConfig_FailureAction,
  UpdateConfig_UpdateOrder,
  UpdateStatus_UpdateState,
  VolumeAccessMode_Scope,
  VolumeAccessMode_Sharing,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** Enum values as people read and write them. A value that this version does not know is its number. */
export type Namer = (value: number | undefined) => string;

const namer =
  (names: Readonly<Record<number, string>>): Namer =>
  (value) =>
    value === undefined ? '' : (names[value] ?? String(value));

export const taskState = namer(TaskState);
export const nodeState = namer(NodeStatus_State);
export const availability = namer(NodeSpec_Availability);
export const membership = namer(NodeSpec_Membership);
export const nodeRole = namer(NodeRole);
export const protocol = namer(PortConfig_Protocol);
export const publishMode = namer(PortConfig_PublishMode);
export const resolutionMode = namer(EndpointSpec_ResolutionMode);
export const reachability = namer(RaftMemberStatus_Reachability);
export const restartCondition = namer(RestartPolicy_RestartCondition);
export const failureAction = namer(UpdateConfig_FailureAction);
export const updateOrder = namer(UpdateConfig_UpdateOrder);
export const updateState = namer(UpdateStatus_UpdateState);
export const mountType = namer(Mount_Type);
export const mountConsistency = namer(Mount_Consistency);
export const propagation = namer(Mount_BindOptions_Propagation);
export const isolation = namer(ContainerSpec_Isolation);
export const seccompMode = namer(Privileges_SeccompOpts_SeccompMode);
export const appArmorMode = namer(Privileges_AppArmorOpts_AppArmorMode);
export const issuanceState = namer(IssuanceStatus_State);
export const volumeAvailability = namer(VolumeSpec_VolumeAvailability);
export const volumeScope = namer(VolumeAccessMode_Scope);
export const volumeSharing = namer(VolumeAccessMode_Sharing);
export const caProtocol = namer(ExternalCA_CAProtocol);

/** `UPDATING` -> `Updating`, `ROLLBACK_PAUSED` -> `Rollback paused`. */
export const sentence = (name: string): string =>
  name.charAt(0) + name.slice(1).toLowerCase().replaceAll('_', ' ');

/** `ON_FAILURE` -> `on-failure`, as flags have it. */
export const word = (name: string): string => name.toLowerCase().replaceAll('_', '-');
