/** What a secret driver is told of the task that wants a value, and what becomes of its answer. */
import type { SecretRequest, SecretValue } from '@swarmkit/sdk/contracts/secret-driver';
import type { View } from '@swarmkit/sdk/contracts/store';
import { dataSizeProblem } from '@swarmkit/sdk/model/data-size';
import { observedState, taskName } from '@swarmkit/sdk/model/task';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { SecretSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { Secret, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { dependenciesOf } from './dependencies.js';

/** Those of the task's secrets whose values are fetched; none for one that is over or told to stop. */
export function drivenSecrets(view: View, task: Task): readonly Secret[] {
  if (observedState(task) > TaskState.RUNNING || task.desiredState > TaskState.COMPLETE) return [];
  return dependenciesOf(task).flatMap(({ kind, id }) => {
    const secret = kind === 'secret' ? view.get('secret', id) : undefined;
    return secret?.spec?.driver === undefined ? [] : [secret];
  });
}

export function secretRequest({ spec }: Secret, task: Task): SecretRequest {
  const runtime = task.spec?.runtime;
  const container = runtime?.$case === 'container' ? runtime.value : undefined;
  return {
    driver: spec?.driver?.name ?? '',
    options: spec?.driver?.options ?? {},
    secretName: spec?.annotations?.name ?? '',
    secretLabels: spec?.annotations?.labels ?? {},
    serviceId: task.serviceId,
    serviceName: task.serviceAnnotations?.name ?? '',
    serviceLabels: task.serviceAnnotations?.labels ?? {},
    serviceHostname: container?.hostname ?? '',
    serviceEndpoint: task.endpoint?.spec,
    taskId: task.id,
    taskName: taskName(task),
    taskImage: container?.image ?? '',
    nodeId: task.nodeId,
  };
}

/** The secret as its node is to have it. One for a single task has an id of its own, and agents look for that first. */
export function filledSecret(secret: Secret, task: Task, answer: SecretValue): Secret {
  const problem = dataSizeProblem('secret', answer.value);
  if (problem !== undefined)
    throw new SwarmError('invalid-argument', 'DISPATCHER_SECRET_VALUE', problem);
  const spec = { ...(secret.spec ?? SecretSpec.create()), data: Buffer.from(answer.value) };
  return answer.doNotReuse
    ? { ...secret, id: ownId(secret.id, task.id), internal: true, spec }
    : { ...secret, spec };
}

export const ownId = (secretId: string, taskId: string): string => `${secretId}.${taskId}`;
