/** A change to the state in one line, for the trace. */
import type { Change } from '@swarmkit/sdk/contracts/store';
import { describeTask } from '@swarmkit/sdk/testkit/fixtures';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  UpdateConfig_FailureAction,
  UpdateConfig_UpdateOrder,
  UpdateStatus_UpdateState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';

export function describeChange(change: Change): string {
  return `${change.action} ${change.kind} ${describe(change)}`;
}

function describe(change: Change): string {
  switch (change.kind) {
    case 'task': {
      const { object } = change;
      const runtime = object.spec?.runtime;
      const image = runtime?.$case === 'container' ? runtime.value.image : '';
      return `${describeTask(object)} on ${object.nodeId || 'no node'} ${image} ${object.status?.err ?? ''}`;
    }
    case 'service': {
      const { id, spec, updateStatus } = change.object;
      const update = spec?.update;
      const status = UpdateStatus_UpdateState[updateStatus?.state ?? 0];
      const policy =
        update &&
        `parallelism ${update.parallelism} ${UpdateConfig_UpdateOrder[update.order]} ${UpdateConfig_FailureAction[update.failureAction]} ratio ${update.maxFailureRatio}`;
      const mode = JSON.stringify(spec?.mode, (_key, value: unknown) =>
        typeof value === 'bigint' ? Number(value) : value,
      );
      return `${id} ${spec?.annotations?.name} ${mode} ${policy} ${status} ${updateStatus?.message ?? ''}`;
    }
    case 'node': {
      const { id, spec, status } = change.object;
      return `${id} ${NodeStatus_State[status?.state ?? 0]} ${NodeSpec_Availability[spec?.availability ?? 0]}`;
    }
    default:
      return change.id;
  }
}
