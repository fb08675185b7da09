/** A task as its executor is to see it: placeholders filled in, and only its own secrets and configs. */
import type { Dependencies } from '@swarmkit/sdk/contracts/executor';
import {
  expandContainer,
  expandPayload,
  type Payloads,
  templateContext,
} from '@swarmkit/sdk/model/template/expand-task';
import { type Kind, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Config, Secret, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** The same object where there is nothing to fill in. */
export function expandedTask(task: Task, description: NodeDescription): Task {
  const runtime = task.spec?.runtime;
  if (task.spec === undefined || runtime?.$case !== 'container') return task;
  try {
    const value = expandContainer(runtime.value, templateContext(task, description));
    if (value === runtime.value) return task;
    return { ...task, spec: { ...task.spec, runtime: { $case: 'container', value } } };
  } catch (error) {
    throw failed('failed-precondition', 'AGENT_TEMPLATE', messageOf(error));
  }
}

/** What the task refers to, expanded where it is a template; everything else is refused by name. */
export function dependenciesFor(
  task: Task,
  all: Payloads,
  description: () => NodeDescription,
): Dependencies {
  const runtime = task.spec?.runtime;
  const container = runtime?.$case === 'container' ? runtime.value : undefined;
  const secrets = new Set(container?.secrets.map(({ secretId }) => secretId));
  const configs = new Set(container?.configs.map(({ configId }) => configId));
  const own: Payloads = {
    secret: (id) => (secrets.has(id) ? all.secret(id) : undefined),
    config: (id) => (configs.has(id) ? all.config(id) : undefined),
  };
  function lookUp<T extends Secret | Config>(
    kind: 'secret' | 'config',
    id: string,
    isOwn: boolean,
    found: T | undefined,
  ): T | undefined {
    if (!isOwn)
      throw failed(
        'permission-denied',
        'AGENT_FOREIGN_DEPENDENCY',
        `task not authorized to access ${kind} ${id}`,
      );
    if (found?.spec?.templating === undefined) return found;
    try {
      const { data } = expandPayload(found, kind, task, description(), own);
      return { ...found, spec: { ...found.spec, data } };
    } catch (error) {
      throw failed('failed-precondition', 'AGENT_TEMPLATE', messageOf(error));
    }
  }
  return {
    secret: (id) => lookUp('secret', id, secrets.has(id), own.secret(id)),
    config: (id) => lookUp('config', id, configs.has(id), own.config(id)),
  };
}

const failed = (kind: Kind, code: string, message: string): SwarmError =>
  new SwarmError(kind, code, message);
