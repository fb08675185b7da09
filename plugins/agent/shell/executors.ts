import { machine } from 'node:os';
import type { Dependencies, Executor, TaskController } from '@swarmkit/sdk/contracts/executor';
import { dependenciesFor, expandedTask } from '../core/task-view.js';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { isAttachment } from '@swarmkit/sdk/model/task';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** All executors of this node as one: the first that accepts a task runs it, descriptions are merged. */
export class ExecutorSet {
  private readonly known = new Map<string, NodeDescription>();

  constructor(
    readonly all: readonly Executor[],
    private readonly log: Logger,
    private readonly hostname: string,
  ) {}

  /** The executor sees the task with its placeholders filled in, and of the dependencies only the task's own. */
  controller(task: Task, dependencies: Dependencies): TaskController {
    const executor = this.all.find((one) => one.accepts(task));
    if (executor === undefined)
      throw new SwarmError(
        'failed-precondition',
        'AGENT_NO_EXECUTOR',
        isAttachment(task)
          ? 'a container that is started by hand can only be attached by its own Docker engine, and this node is none'
          : 'exec: unsupported runtime',
        { detail: { task: task.id, executors: this.all.map(({ id }) => id) } },
      );
    const description = (): NodeDescription => this.lastSeen();
    return executor.controller(
      expandedTask(task, description()),
      dependenciesFor(task, dependencies, description),
    );
  }

  /**
   * What the machine offers. An executor whose runtime does not answer is described as it was last
   * seen; a node that nothing is known of cannot run anything and is not announced.
   */
  async describe(): Promise<NodeDescription> {
    let failure: unknown;
    await Promise.all(
      this.all.map(async (executor) => {
        try {
          this.known.set(executor.id, await executor.describe());
        } catch (error) {
          failure = error;
          this.log.debug({ err: error, executor: executor.id }, 'the runtime cannot be described');
        }
      }),
    );
    if (this.known.size === 0)
      throw new SwarmError(
        'unavailable',
        'AGENT_NO_RUNTIME',
        failure === undefined
          ? 'no executor is installed, so this node cannot run tasks: add one'
          : `no runtime of this node answers: ${messageOf(failure)}`,
        { cause: failure },
      );
    return this.lastSeen();
  }

  /** After a restart tasks go on before any runtime was asked: then what this process knows itself. */
  private lastSeen(): NodeDescription {
    const found = this.all.flatMap(({ id }) => this.known.get(id) ?? []);
    const merged = merge(found);
    return {
      ...merged,
      hostname: this.hostname,
      platform: merged.platform ?? { os: 'linux', architecture: machine() },
    };
  }
}

/** In order: the first one's word counts, engine plugins and labels are gathered. */
function merge(descriptions: readonly NodeDescription[]): NodeDescription {
  const [first] = descriptions;
  return NodeDescription.create({
    ...first,
    engine: {
      engineVersion: first?.engine?.engineVersion ?? '',
      labels: Object.assign({}, ...descriptions.map((one) => one.engine?.labels ?? {}).reverse()),
      plugins: unique(descriptions.flatMap((one) => one.engine?.plugins ?? [])),
    },
    csiInfo: descriptions.flatMap((one) => one.csiInfo),
  });
}

const unique = <T extends { readonly type: string; readonly name: string }>(
  plugins: readonly T[],
): T[] => [...new Map(plugins.map((one) => [`${one.type}/${one.name}`, one])).values()];
